"""The example path-trouble.pcap: why a host cannot be reached well, as ICMP tells it."""

from __future__ import annotations

import struct

from examples import messages
from examples.packets import Connection, Host, Trace, ethernet, icmp, ip, pcap, udp

START = 1_767_326_400_000_000_000
"""2026-01-02T04:00:00Z"""

GATEWAY_MAC = "02:00:00:00:00:fe"
ADMIN = Host("192.0.2.15", "02:00:00:00:00:15")
GATEWAY = Host("192.0.2.1", GATEWAY_MAC)
CORE = Host("198.51.100.1", GATEWAY_MAC)
FILES = Host("203.0.113.40", GATEWAY_MAC)

ECHO_DATA = bytes(8) + bytes(range(0x10, 0x38))


def path_trouble() -> bytes:
    """Pings with a loss, a traceroute of three hops, an upload stopped by a small MTU, a sweep of the office."""
    trace = Trace(START)
    pings(trace)
    traceroute(trace)
    too_big(trace)
    sweep(trace)
    return pcap(trace.frames)


def pings(trace: Trace) -> None:
    """Four echo requests, the third without a reply."""
    for number in range(1, 5):
        rest = struct.pack("!HH", 0x2A, number)
        trace.send(ADMIN, FILES, icmp(8, 0, rest, ECHO_DATA), 1000)
        if number != 3:
            trace.send(FILES, ADMIN, icmp(0, 0, rest, ECHO_DATA), 30 + 2 * number)


def traceroute(trace: Trace) -> None:
    """UDP probes with a TTL of 1, 2, 3; the file server says that the port is closed."""
    for hop, router in enumerate((GATEWAY, CORE, FILES), 1):
        probe = ip(ADMIN, FILES, *udp(51000, 33433 + hop, bytes(12)), ident=hop, ttl=hop)
        trace.add(ethernet(ADMIN, FILES, probe), 500)
        kind, code = (3, 3) if router is FILES else (11, 0)
        trace.send(router, ADMIN, icmp(kind, code, bytes(4), probe), 4 * hop * hop)


def too_big(trace: Trace) -> None:
    """The admin sends a large segment; the core router says that 1400 bytes are the most it can pass on."""
    talk = Connection(trace, (ADMIN, 52000), (FILES, 445), seq=7_000)
    talk.handshake(36)
    talk.data(talk.client, messages.text(1448), size=1448)
    sent = trace.frames[-1][1][14:]
    trace.send(CORE, ADMIN, icmp(3, 4, struct.pack("!HH", 0, 1400), sent[:28]), 16)


def sweep(trace: Trace) -> None:
    """One echo request to each of 24 addresses of the office; two answer."""
    for number in range(100, 124):
        target = Host(f"192.0.2.{number}", f"02:00:00:00:01:{number:02x}")
        rest = struct.pack("!HH", 0x51, number)
        trace.send(ADMIN, target, icmp(8, 0, rest, ECHO_DATA), 10)
        if number in (101, 117):
            trace.send(target, ADMIN, icmp(0, 0, rest, ECHO_DATA), 0.5)
