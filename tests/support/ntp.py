"""NTP messages (RFC 5905 7.3), byte by byte, with chosen clocks."""

from __future__ import annotations

import struct

from tests.support.pcap import START_NS, Frame, udp

TO_1970 = 2_208_988_800
CLIENT, SERVER = "10.0.0.1", "192.0.2.123"


def stamp(ns: int) -> int:
    """A time as 64 bits of NTP, of era 0, rounded up so that whole microseconds come back as they went in."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return (seconds + TO_1970) << 32 | -(-(rest << 32) // 1_000_000_000)


def message(
    mode: int, *, origin: int = 0, receive: int = 0, transmit: int = 0, stratum: int = 0, leap: int = 0,
    reference: bytes = bytes(4), version: int = 4,
) -> bytes:  # fmt: skip
    """Timestamps in 64 bits, 0: not set."""
    head = bytes([leap << 6 | version << 3 | mode, stratum, 6, 0xE9])
    return head + struct.pack("!II4s4Q", 0x8000, 0x1_0000, reference, receive, origin, receive, transmit)


def request(at_ns: int, *, client: str = CLIENT, port: int = 40_123, server: str = SERVER) -> Frame:
    sent = START_NS + at_ns
    return Frame(sent, udp(client, port, server, 123, message(3, transmit=stamp(sent))))


def response(
    asked_ns: int, at_ns: int, *, offset_ns: int = 0, there_ns: int = 1_000_000, client: str = CLIENT,
    port: int = 40_123, server: str = SERVER, stratum: int = 2, leap: int = 0, reference: bytes = b"\xc6\x33\x64\x01",
) -> Frame:  # fmt: skip
    """The answer seen at `at_ns` to the request of `asked_ns`: both ways take as long, the server takes `there_ns`,
    its clock is ahead by `offset_ns`."""
    way = (at_ns - asked_ns - there_ns) // 2
    came = START_NS + asked_ns + way + offset_ns
    body = message(
        4, origin=stamp(START_NS + asked_ns), receive=stamp(came), transmit=stamp(came + there_ns), stratum=stratum,
        leap=leap, reference=reference,
    )  # fmt: skip
    return Frame(START_NS + at_ns, udp(server, 123, client, port, body))


def ntp_flows() -> list[list[Frame]]:
    """Answered, unanswered, unasked, refused, remote control: each a flow of its own."""
    second = 1_000_000_000
    return [
        [request(0), response(0, 30_000_000), request(second), response(second, second + 40_000_000)],
        [request(5_000, client="10.0.0.2"), request(9_000, client="10.0.0.2")],
        [response(7_000, 8_000_000, client="10.0.0.3", server="192.0.2.124")],
        [
            request(11_000, client="10.0.0.4"),
            response(11_000, 6_000_000, client="10.0.0.4", stratum=0, leap=3, reference=b"RATE"),
        ],
        [Frame(START_NS + 13_000, udp("10.0.0.5", 50_000, SERVER, 123, b"\x17\x00\x03\x2a" + bytes(4)))],
        [Frame(START_NS + 15_000, udp("10.0.0.6", 50_000, SERVER, 123, b"\x23\x00"))],
    ]
