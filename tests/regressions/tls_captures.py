"""TLS captures on which other tools gave wrong answers, made of records by hand, and what Wireshark counts in them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from tests.regressions.captures import Made
from tests.support.talk import Talk, write

# Ed25519 certificates made with Python's cryptography; what is in them is what they were made with.
AUTHORITY = base64.b64decode(
    "MIHWMIGJoAMCAQICAQEwBQYDK2VwMBUxEzARBgNVBAMMCkV4YW1wbGUgQ0EwHhcNMjAwMTAxMDAwMDAwWhcNNDAwMTAxMDAwMDAw"
    "WjAVMRMwEQYDVQQDDApFeGFtcGxlIENBMCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1wwBQYDK2Vw"
    "A0EA+PKU0QY7QuD4VwBf6R1GS0pnMDmCCJVTD6Re14TWJTow9VEQkRVhqYs0wNQMHKOUw1HDSeYczIeeFgAhCh0EBw=="
)
"""CN=Example CA, issued by itself, 2020 to 2040."""
SHOP = base64.b64decode(
    "MIIBCzCBvqADAgECAgEqMAUGAytlcDAVMRMwEQYDVQQDDApFeGFtcGxlIENBMB4XDTIzMDEwMTAwMDAwMFoXDTI0MDEwMTAwMDAw"
    "MFowFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMCowBQYDK2VwAyEAgTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5SjMTAv"
    "MC0GA1UdEQQmMCSCDiouc2hvcC5leGFtcGxlggxzaG9wLmV4YW1wbGWHBMAAAgcwBQYDK2VwA0EAFheHcRRlBzWJRZjMAstb/VCe"
    "txFP8wayeIYruaFyh33ineJxWOCdNflD+vsWSSJ8fnSMn2IImOkt3M1Y+kFuDg=="
)
"""CN=shop.example for *.shop.example, shop.example and 192.0.2.7, serial 42, issued by AUTHORITY, 2023 to 2024."""
EXPIRED = base64.b64decode(
    "MIH0MIGnoAMCAQICAQcwBQYDK2VwMBYxFDASBgNVBAMMC29sZC5leGFtcGxlMB4XDTE5MDEwMTAwMDAwMFoXDTIwMDEwMTAwMDAw"
    "MFowFjEUMBIGA1UEAwwLb2xkLmV4YW1wbGUwKjAFBgMrZXADIQCBOXcOqH0XX1ajVGbDTH7My42KkbTuN6Jd9g9bj8mzlKMaMBgw"
    "FgYDVR0RBA8wDYILb2xkLmV4YW1wbGUwBQYDK2VwA0EA4p8k+2Y0UCnKlSUmXmrLRaFu9AskVF1K5TN6v0AhEUcBE/We7t8afT5r"
    "LbMyBxw61sagEhuzDZocdPbaIoajCA=="
)
"""CN=old.example for old.example, issued by itself, 2019 to 2020. The captures are of November 2023."""

X25519MLKEM768, X25519, P256 = 4588, 29, 23
HANDSHAKE, ALERT, CHANGE_CIPHER, DATA = 22, 21, 20, 23


def number(value: int, size: int = 2) -> bytes:
    return value.to_bytes(size, "big")


def vector(body: bytes, size: int = 2) -> bytes:
    return number(len(body), size) + body


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + number(version) + vector(body)


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(body, 3)


def extension(kind: int, body: bytes = b"") -> bytes:
    return number(kind) + vector(body)


def client_hello(name: str | None, groups: Iterable[int] = (X25519, P256), *, tls13: bool = False) -> bytes:
    parts = [] if name is None else [extension(0, vector(b"\0" + vector(name.encode())))]
    parts.append(extension(10, vector(b"".join(number(group) for group in groups))))
    if tls13:
        parts.append(extension(43, vector(b"\x03\x04\x03\x03", 1)))
    suites = number(0x1301) + number(0xC02F) + number(0x002F)
    body = number(0x0303) + bytes(range(32)) + b"\0" + vector(suites) + b"\x01\0" + vector(b"".join(parts))
    return message(1, body)


def server_hello(suite: int = 0xC02F, group: int | None = None) -> bytes:
    parts = b""
    if group is not None:
        parts = extension(43, b"\x03\x04") + extension(51, number(group) + vector(bytes(64)))
    return message(2, number(0x0303) + bytes(range(32, 64)) + b"\0" + number(suite) + b"\0" + vector(parts))


def certificate(*chain: bytes) -> bytes:
    return message(11, vector(b"".join(vector(one, 3) for one in chain), 3))


def finished(fill: int) -> bytes:
    """A change of cipher and an encrypted handshake record that Wireshark takes for one."""
    return record(CHANGE_CIPHER, b"\x01") + record(HANDSHAKE, bytes([fill]) * 40)


def connection(client_port: int = 40000, **ends: str) -> Talk:
    talk = Talk(client_port=client_port, server_port=443, **ends)
    talk.handshake()
    return talk


def tls12(talk: Talk, name: str | None, *chain: bytes) -> None:
    """A whole handshake with that chain, 10 ms a packet."""
    talk.client(record(HANDSHAKE, client_hello(name)), flags="PA")
    whole = server_hello() + certificate(*chain) + message(14, b"")
    talk.server(record(HANDSHAKE, whole), flags="PA")
    talk.client(record(HANDSHAKE, message(16, bytes(33))) + finished(200), flags="PA")
    talk.server(finished(201), flags="PA")
    talk.client(record(DATA, bytes(100)), flags="PA")


def post_quantum(path: Path) -> Path:
    """TLS 1.3: one client offers X25519MLKEM768 and gets it, one gets x25519, one does not offer it."""
    talks = []
    for place, (groups, chosen) in enumerate(
        [((X25519MLKEM768, X25519), X25519MLKEM768), ((X25519MLKEM768, X25519), X25519), ((X25519,), X25519)]
    ):
        talk = connection(40000 + place)
        talk.client(record(HANDSHAKE, client_hello("pq.example", groups, tls13=True)), flags="PA")
        talk.server(record(HANDSHAKE, server_hello(0x1301, chosen)) + record(DATA, bytes(300)), flags="PA")
        talk.client(record(DATA, bytes(53)), flags="PA")
        talks.append(talk)
    return write(path, *talks)


def alerts(path: Path) -> Path:
    """A fatal alert of the client in the clear (unknown_ca), a warning of a server, two encrypted ones."""
    refused = connection(40000)
    refused.client(record(HANDSHAKE, client_hello("shop.example")), flags="PA")
    refused.server(record(HANDSHAKE, server_hello() + certificate(SHOP) + message(14, b"")), flags="PA")
    refused.client(record(ALERT, b"\x02\x30"), flags="PA")
    refused.close()
    warned = connection(40001)
    warned.client(record(HANDSHAKE, client_hello("nobody.example")), flags="PA")
    warned.server(record(ALERT, b"\x01\x70") + record(HANDSHAKE, server_hello() + message(14, b"")), flags="PA")
    warned.client(record(HANDSHAKE, message(16, bytes(33))) + finished(200), flags="PA")
    warned.server(finished(201), flags="PA")
    warned.client(record(ALERT, bytes(26)), flags="PA")
    warned.server(record(ALERT, bytes(26)), flags="PA")
    return write(path, refused, warned)


def certificates(path: Path) -> Path:
    """A certificate that fits its name by wildcard, with its authority; one that does not; one that had expired."""
    talks = [connection(40000 + place) for place in range(4)]
    tls12(talks[0], "www.shop.example", SHOP, AUTHORITY)
    tls12(talks[1], "a.b.shop.example", SHOP, AUTHORITY)
    tls12(talks[2], "old.example", EXPIRED)
    tls12(talks[3], "192.0.2.7", SHOP)
    return write(path, *talks)


def ciphers(path: Path) -> Path:
    """Over IPv6: TLS 1.2 with a suite without forward secrecy, the hello in two records and three segments."""
    talk = connection(client="2001:db8::1", server="2001:db8::2")
    hello = client_hello("v6.example")
    both = record(HANDSHAKE, hello[:20], 0x0301) + record(HANDSHAKE, hello[20:], 0x0301)
    for piece in (both[:3], both[3:40], both[40:]):
        talk.client(piece, flags="PA")
    talk.server(record(HANDSHAKE, server_hello(0x002F) + message(14, b"")), flags="PA")
    talk.client(flags="RA")
    return write(path, talk)


TLS_MADE = (
    Made(
        post_quantum,
        {
            "tls.handshake.type == 1": 3,
            "tls.handshake.extensions_supported_group == 4588": 2,
            "tls.handshake.extensions_key_share_group == 4588": 1,
        },
        3,
    ),
    Made(
        alerts,
        {"tls.alert_message.desc == 48": 1, "tls.alert_message.desc == 112": 1, "tls.record.content_type == 21": 4},
        2,
    ),
    Made(
        certificates,
        {"tls.handshake.certificate": 4, 'x509sat.uTF8String == "Example CA"': 3, "tls.handshake.type == 16": 4},
        4,
    ),
    Made(ciphers, {"tls.handshake.type == 1": 1, 'tls.handshake.extensions_server_name == "v6.example"': 1}, 1),
)
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
