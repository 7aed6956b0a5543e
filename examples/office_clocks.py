"""The example office-clocks.pcap: a laptop whose clock is off asks three time servers (NTP, RFC 5905)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from examples.packets import Host, Trace, pcap

START = 1_767_430_800_000_000_000
"""2026-01-03T09:00:00Z, by the clock of the laptop, which records"""

TO_1970 = 2_208_988_800
"""Seconds from the beginning of NTP's era 0 to that of Unix time."""

GATEWAY_MAC = "02:00:00:00:00:fe"
LAPTOP = Host("192.0.2.15", "02:00:00:00:00:15")
OFFICE = Host("192.0.2.1", GATEWAY_MAC)
FAR = Host("198.51.100.123", GATEWAY_MAC)
LOST = Host("203.0.113.9", GATEWAY_MAC)
BUSY = Host("203.0.113.123", GATEWAY_MAC)
SCANNER = Host("203.0.113.200", GATEWAY_MAC)


@dataclass(frozen=True)
class Clock:
    """How a server answers."""

    host: Host
    stratum: int
    reference: bytes
    ahead_ms: float
    way_ms: float
    """There, and back again."""


OF_OFFICE = Clock(OFFICE, 2, bytes((198, 51, 100, 123)), 2_400.0, 0.5)
OF_FAR = Clock(FAR, 1, b"GPS\0", 2_403.0, 14.0)
OF_BUSY = Clock(BUSY, 0, b"RATE", 0.0, 20.0)


def office_clocks() -> bytes:
    """Two servers agree that the laptop is 2.4 s slow, one is silent, one wants to be asked less; and somebody from
    outside tries the remote control of old servers on the laptop."""
    trace = Trace(START)
    for _ in range(3):
        asked(trace, OF_OFFICE)
        asked(trace, OF_FAR)
        trace.wait(64_000)
    for _ in range(2):
        request(trace, LOST)
        trace.wait(64_000)
    asked(trace, OF_BUSY)
    # Mode 7, implementation 3 (xntpd), request 42: monlist.
    trace.datagram((SCANNER, 48_123), (LAPTOP, 123), b"\x17\x00\x03\x2a" + bytes(4), 500)
    return pcap(trace.frames)


def asked(trace: Trace, clock: Clock) -> None:
    """A request, and the answer `way_ms` there and back later; the server takes 0.1 ms."""
    sent = request(trace, clock.host)
    came = trace.clock + round((clock.way_ms + clock.ahead_ms) * 1_000_000)
    body = message(
        4, stratum=clock.stratum, reference=clock.reference, leap=0 if clock.stratum else 3, origin=sent,
        receive=stamp(came), transmit=stamp(came + 100_000),
    )  # fmt: skip
    trace.datagram((clock.host, 123), (LAPTOP, 40_123), body, 2 * clock.way_ms + 0.1)


def request(trace: Trace, server: Host) -> int:
    """Gives its transmit timestamp."""
    sent = stamp(trace.clock + 1_000_000)
    trace.datagram((LAPTOP, 40_123), (server, 123), message(3, transmit=sent), 1)
    return sent


def stamp(ns: int) -> int:
    """A time as 64 bits of NTP, rounded up so that whole microseconds come back as they went in."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return (seconds + TO_1970) << 32 | -(-(rest << 32) // 1_000_000_000)


def message(
    mode: int, *, stratum: int = 0, reference: bytes = bytes(4), leap: int = 0, origin: int = 0, receive: int = 0,
    transmit: int = 0,
) -> bytes:  # fmt: skip
    """Version 4, asked every 64 s; the server's own clock was set when it answered last."""
    head = bytes([leap << 6 | 4 << 3 | mode, stratum, 6, 0xE9])
    return head + struct.pack("!II4s4Q", 0x100, 0x80, reference, receive, origin, receive, transmit)
