"""QUIC version 1 packets that can be read without a secret: Initial (RFC 9001 section 5), Retry, Version Negotiation.

Nothing but the standard library, so the block cipher is here too, in the form it has in FIPS 197: slow, and enough.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Literal

VERSION_1 = 1
_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_RETRY_KEY = bytes.fromhex("be0c690b9f66575a1d766b54e368c84e")
_RETRY_NONCE = bytes.fromhex("461599d35d632bf2239825bb")

Side = Literal["client", "server"]


@dataclass(frozen=True)
class Ids:
    """Connection ids as an end writes them: of the other end, its own, and the first one the client chose, which the
    keys come from."""

    destination: bytes
    source: bytes
    first: bytes


def initial(side: Side, ids: Ids, number: int, frames: bytes, *, token: bytes = b"", size: int = 1200) -> bytes:
    """One protected Initial packet, padded to `size` bytes in all. number: of the packet, below 65,536."""
    head = bytes([0xC1]) + struct.pack("!I", VERSION_1) + _vector(ids.destination) + _vector(ids.source)
    head += _integer(len(token)) + token
    # A number of two bytes behind a length of two, and a tag of sixteen.
    frames = frames.ljust(size - len(head) - 2 - 2 - 16, b"\0")
    head += struct.pack("!H", 0x4000 | (2 + len(frames) + 16)) + struct.pack("!H", number)
    key, nonce, mask_key = _keys(side, ids.first)
    nonce = (int.from_bytes(nonce, "big") ^ number).to_bytes(12, "big")
    sealed = _seal(key, nonce, frames, head)
    mask = _encrypt(_schedule(mask_key), sealed[2:18])
    first = bytes([head[0] ^ (mask[0] & 0x0F)])
    hidden = bytes(a ^ b for a, b in zip(head[-2:], mask[1:3], strict=True))
    return first + head[1:-2] + hidden + sealed


def retry(ids: Ids, token: bytes) -> bytes:
    """The server asks the client to come again with the token (RFC 9000 17.2.5)."""
    packet = bytes([0xF0]) + struct.pack("!I", VERSION_1) + _vector(ids.destination) + _vector(ids.source) + token
    return packet + _seal(_RETRY_KEY, _RETRY_NONCE, b"", _vector(ids.first) + packet)


def version_negotiation(ids: Ids, versions: list[int]) -> bytes:
    """The server knows these versions only (RFC 9000 17.2.1)."""
    head = bytes([0xC0]) + bytes(4) + _vector(ids.destination) + _vector(ids.source)
    return head + b"".join(struct.pack("!I", version) for version in versions)


def handshake(ids: Ids, sealed: bytes) -> bytes:
    """A Handshake packet: what is in it nobody else can read."""
    head = bytes([0xE1]) + struct.pack("!I", VERSION_1) + _vector(ids.destination) + _vector(ids.source)
    return head + struct.pack("!H", 0x4000 | len(sealed)) + sealed


def one_rtt(destination: bytes, sealed: bytes) -> bytes:
    """A packet with a short header: the application's data."""
    return bytes([0x41]) + destination + sealed


def crypto(data: bytes) -> bytes:
    """A CRYPTO frame with the beginning of the handshake."""
    return b"\x06\x00" + struct.pack("!H", 0x4000 | len(data)) + data


def acknowledge(number: int) -> bytes:
    """An ACK frame of one packet, numbered below 64."""
    return bytes([0x02, number, 0, 0, 0])


def close(error: int, reason: bytes = b"") -> bytes:
    """A CONNECTION_CLOSE frame of the transport."""
    return b"\x1c" + struct.pack("!H", 0x4000 | error) + b"\x06" + _integer(len(reason)) + reason


def client_hello(server_name: str, alpn: str, source: bytes) -> bytes:
    """A TLS 1.3 client hello with the transport parameters of QUIC."""
    host, protocol = server_name.encode(), alpn.encode()
    share = struct.pack("!HH", 29, 32) + bytes(range(32))
    # initial_source_connection_id (15), initial_max_data (4)
    parameters = b"\x0f" + _vector(source) + b"\x04\x04" + struct.pack("!I", 0x80000000 | 65536)
    extensions = b"".join((
        _extension(0, struct.pack("!HBH", len(host) + 3, 0, len(host)) + host),
        _extension(10, struct.pack("!HHH", 4, 29, 23)),
        _extension(13, struct.pack("!HHH", 4, 0x0403, 0x0804)),
        _extension(16, struct.pack("!HB", len(protocol) + 1, len(protocol)) + protocol),
        _extension(43, b"\x02\x03\x04"),
        _extension(51, struct.pack("!H", len(share)) + share),
        _extension(57, parameters),
    ))  # fmt: skip
    suites = struct.pack("!HHHH", 6, 0x1301, 0x1302, 0x1303)
    body = b"\x03\x03" + bytes(32) + b"\x00" + suites + b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    return b"\x01" + len(body).to_bytes(3, "big") + body


def server_hello() -> bytes:
    """The server's choice: TLS 1.3, AES-128-GCM, x25519."""
    extensions = _extension(43, b"\x03\x04") + _extension(51, struct.pack("!HH", 29, 32) + bytes(range(32, 64)))
    body = b"\x03\x03" + bytes(range(32)) + b"\x00\x13\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    return b"\x02" + len(body).to_bytes(3, "big") + body


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data


def _vector(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _integer(value: int) -> bytes:
    """A number of QUIC, below 16,384."""
    return bytes([value]) if value < 64 else struct.pack("!H", 0x4000 | value)


def _keys(side: Side, first: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, nonce and key of the header protection (RFC 9001 5.2)."""
    secret = hmac.digest(_SALT, first, "sha256")
    own = _expand(secret, f"{side} in", 32)
    return _expand(own, "quic key", 16), _expand(own, "quic iv", 12), _expand(own, "quic hp", 16)


def _expand(secret: bytes, label: str, length: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3 with SHA-256, up to one block."""
    name = b"tls13 " + label.encode()
    return hmac.new(secret, struct.pack("!H", length) + _vector(name) + b"\0\x01", hashlib.sha256).digest()[:length]


# AES-128 (FIPS 197) in Galois/Counter mode (NIST SP 800-38D).


def _times(a: int, b: int) -> int:
    """Product in the field of AES."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _make_box() -> bytes:
    box = bytearray(256)
    for value in range(256):
        inverse = next((other for other in range(256) if _times(value, other) == 1), 0)
        box[value] = 0x63
        for turn in range(5):
            box[value] ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
    return bytes(box)


_BOX = _make_box()


def _schedule(key: bytes) -> list[bytes]:
    """Eleven round keys."""
    words = [key[i : i + 4] for i in range(0, 16, 4)]
    constant = 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            turned = bytes(_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes([turned[0] ^ constant]) + turned[1:]
            constant = _times(constant, 2)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word, strict=True)))
    return [b"".join(words[i : i + 4]) for i in range(0, 44, 4)]


def _encrypt(schedule: list[bytes], block: bytes) -> bytes:
    state = bytes(a ^ b for a, b in zip(block, schedule[0], strict=True))
    for number, key in enumerate(schedule[1:], 1):
        # Substitute, and shift row r to the left by r; columns lie one behind the other.
        state = bytes(_BOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16))
        if number < 10:
            state = b"".join(_mixed(state[i : i + 4]) for i in range(0, 16, 4))
        state = bytes(a ^ b for a, b in zip(state, key, strict=True))
    return state


def _mixed(column: bytes) -> bytes:
    a, b, c, d = column
    return bytes(
        _times(one, 2) ^ _times(two, 3) ^ three ^ four
        for one, two, three, four in ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))
    )


def _seal(key: bytes, nonce: bytes, data: bytes, beside: bytes) -> bytes:
    """Ciphertext and tag; `beside` is authenticated only."""
    schedule = _schedule(key)
    stream = b"".join(
        _encrypt(schedule, nonce + struct.pack("!I", 2 + number)) for number in range((len(data) + 15) // 16)
    )
    sealed = bytes(a ^ b for a, b in zip(data, stream, strict=False))
    hash_key = int.from_bytes(_encrypt(schedule, bytes(16)), "big")
    tag = 0
    sizes = struct.pack("!QQ", 8 * len(beside), 8 * len(sealed))
    for part in (beside, sealed, sizes):
        for at in range(0, len(part), 16):
            tag = _hash_times(tag ^ int.from_bytes(part[at : at + 16].ljust(16, b"\0"), "big"), hash_key)
    return sealed + (tag ^ int.from_bytes(_encrypt(schedule, nonce + b"\0\0\0\x01"), "big")).to_bytes(16, "big")


def _hash_times(a: int, b: int) -> int:
    """Product in the field of GHASH, bits in its order."""
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = (b >> 1) ^ (0xE1 << 120 if b & 1 else 0)
    return product
