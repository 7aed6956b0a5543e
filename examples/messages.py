"""Application messages for the example captures: DNS, TLS, HTTP."""

from __future__ import annotations

import struct
from ipaddress import ip_address

A, CNAME, AAAA = 1, 5, 28


def name(text: str) -> bytes:
    """A domain name in wire form."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def query(ident: int, domain: str, kind: int = A) -> bytes:
    """A DNS query that asks for recursion."""
    return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + name(domain) + struct.pack("!HH", kind, 1)


def response(ident: int, domain: str, kind: int, answers: list[tuple[int, str]], rcode: int = 0) -> bytes:
    """The response to `query`; answers are (type, address or name), the owner of each is the name asked for."""
    out = (
        struct.pack("!HHHHHH", ident, 0x8180 | rcode, 1, len(answers), 0, 0)
        + name(domain)
        + struct.pack("!HH", kind, 1)
    )
    for number, value in answers:
        data = name(value) if number == CNAME else ip_address(value).packed
        out += struct.pack("!HHHIH", 0xC00C, number, 1, 300, len(data)) + data
    return out


def client_hello(server_name: str) -> bytes:
    """A TLS 1.3 client hello in one record, as a browser without extras would send it."""
    host = server_name.encode()
    sni = struct.pack("!HBH", len(host) + 3, 0, len(host)) + host
    share = struct.pack("!HH", 29, 32) + bytes(range(32))
    extensions = b"".join(
        (
            _extension(0, sni),
            _extension(10, struct.pack("!HHH", 4, 29, 23)),
            _extension(13, struct.pack("!HHH", 4, 0x0403, 0x0804)),
            _extension(43, b"\x04\x03\x04\x03\x03"),
            _extension(51, struct.pack("!H", len(share)) + share),
        )
    )
    suites = struct.pack("!HHHH", 6, 0x1301, 0x1302, 0x1303)
    body = b"\x03\x03" + bytes(32) + b"\x00" + suites + b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    return record(22, _handshake(1, body))


def server_hello() -> bytes:
    """The server's choice of TLS 1.3."""
    extensions = _extension(43, b"\x03\x04") + _extension(51, struct.pack("!HH", 29, 32) + bytes(range(32, 64)))
    body = (
        b"\x03\x03"
        + bytes(range(32))
        + b"\x00"
        + b"\x13\x01"
        + b"\x00"
        + struct.pack("!H", len(extensions))
        + extensions
    )
    return record(22, _handshake(2, body)) + record(20, b"\x01")


def record(kind: int, data: bytes) -> bytes:
    """A TLS record; kind 22 handshake, 23 application data."""
    return struct.pack("!BHH", kind, 0x0303, len(data)) + data


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data


def _handshake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def get(host: str, path: str = "/") -> bytes:
    """An HTTP/1.1 request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: example/1\r\nAccept: */*\r\n\r\n".encode()


def page(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP/1.1 response."""
    return f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def text(length: int, seed: int = 1) -> bytes:
    """Bytes that look like a page, the same for the same seed."""
    words = (b"order", b"basket", b"price", b"parcel", b"invoice", b"return", b"account", b"search")
    out = bytearray()
    state = seed
    while len(out) < length:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out += words[state >> 16 & 7] + b" "
    return bytes(out[:length])
