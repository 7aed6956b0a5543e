"""ICMP captures on which other tools gave wrong answers, made with scapy, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
)  # fmt: skip
from scapy.packet import Packet, Raw

from tests.regressions.captures import Made
from tests.support.talk import START, in_ethernet, write

HOST, OTHER, THIRD, ROUTER = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.254"
HOST6, OTHER6, ROUTER6 = "2001:db8::1", "2001:db8:1::2", "fe80::1"
DATA = bytes(range(48))
"""As ping fills its packets."""


def at(after: float, packet: Packet) -> Packet:
    """The packet in Ethernet, that many seconds after the start."""
    frame = in_ethernet(packet)
    frame.time = START + after
    return frame


def ping(after: float, source: str, target: str, *, ident: int = 1, seq: int = 1, data: bytes = DATA) -> Packet:
    return at(after, IP(src=source, dst=target) / ICMP(type=8, id=ident, seq=seq) / Raw(data))


def pong(after: float, source: str, target: str, *, ident: int = 1, seq: int = 1, data: bytes = DATA) -> Packet:
    """The reply of `source`."""
    return at(after, IP(src=source, dst=target) / ICMP(type=0, id=ident, seq=seq) / Raw(data))


def both_versions(path: Path) -> Path:
    """Each common type of ICMPv6 beside a ping of IPv4."""
    sent6 = IPv6(src=HOST6, dst=OTHER6) / UDP(sport=5000, dport=33434) / Raw(b"x" * 20)
    tcp6 = IPv6(src=HOST6, dst=OTHER6) / TCP(sport=40000, dport=443, seq=7, flags="A") / Raw(b"y" * 40)
    return write(
        path,
        ping(0, HOST, OTHER),
        pong(0.01, OTHER, HOST),
        at(1, IPv6(src=HOST6, dst=OTHER6) / ICMPv6EchoRequest(id=3, seq=1, data=DATA)),
        at(1.025, IPv6(src=OTHER6, dst=HOST6) / ICMPv6EchoReply(id=3, seq=1, data=DATA)),
        at(2, IPv6(src=OTHER6, dst=HOST6) / ICMPv6DestUnreach(code=4) / sent6),
        at(3, IPv6(src=ROUTER6, dst=HOST6) / ICMPv6TimeExceeded(code=0) / sent6),
        at(4, IPv6(src=ROUTER6, dst=HOST6) / ICMPv6PacketTooBig(mtu=1280) / tcp6),
        at(5, IPv6(src="fe80::2", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=ROUTER6)),
        at(
            5.01,
            IPv6(src=ROUTER6, dst="fe80::2", hlim=255)
            / ICMPv6ND_NA(tgt=ROUTER6)
            / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:01"),
        ),
        at(
            6,
            IPv6(src=ROUTER6, dst="ff02::1", hlim=255)
            / ICMPv6ND_RA(routerlifetime=1800)
            / ICMPv6NDOptPrefixInfo(prefix="2001:db8:9::", prefixlen=64, validlifetime=3600, preferredlifetime=1800)
            / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01"),
        ),
        at(7, IPv6(src="fe80::2", dst="ff02::fb", hlim=1) / ICMPv6MLReport(mladdr="ff02::fb")),
        at(8, IPv6(src=ROUTER6, dst="fe80::2", hlim=255) / ICMPv6ND_Redirect(tgt="fe80::9", dst=OTHER6)),
    )


def same_identifier(path: Path) -> Path:
    """Two hosts ping two others with the same identifier and sequence numbers; one request is lost, one reply doubled,
    one reply carries other data than its request."""
    return write(
        path,
        ping(0, HOST, OTHER, seq=1),
        ping(0.001, THIRD, ROUTER, seq=1),
        pong(0.010, OTHER, HOST, seq=1),
        pong(0.031, ROUTER, THIRD, seq=1),
        ping(1, HOST, OTHER, seq=2),
        ping(1.001, THIRD, ROUTER, seq=2),
        pong(1.020, OTHER, HOST, seq=2),
        pong(1.021, OTHER, HOST, seq=2),
        ping(2, HOST, OTHER, seq=3),
        pong(2.010, OTHER, HOST, seq=3, data=b"other data"),
    )


def traced(path: Path) -> Path:
    """A traceroute over two routers to a host that says its port is closed; the answers come late and out of order."""
    probes = [
        IP(src=HOST, dst="192.0.2.9", ttl=n, id=n) / UDP(sport=5000, dport=33433 + n) / Raw(DATA) for n in (1, 2, 3)
    ]
    # With lengths and checksums, as the routers have it.
    quoted = [IP(bytes(probe)) for probe in probes]
    return write(
        path,
        *[at(number / 1000, probe) for number, probe in enumerate(probes)],
        at(0.021, IP(src="10.9.0.2", dst=HOST) / ICMP(type=11, code=0) / quoted[1]),
        at(0.040, IP(src=ROUTER, dst=HOST) / ICMP(type=11, code=0) / quoted[0]),
        at(0.052, IP(src="192.0.2.9", dst=HOST) / ICMP(type=3, code=3) / quoted[2]),
    )


def refused(path: Path) -> Path:
    """A connection whose packets a filter refuses and a router finds too big; its stream is the second one."""
    first = IP(src=HOST, dst=OTHER) / TCP(sport=40000, dport=80, flags="S", seq=1)
    second = IP(src=HOST, dst=THIRD) / TCP(sport=40001, dport=443, flags="S", seq=1)
    return write(
        path,
        at(0, first),
        at(0.1, second),
        at(0.2, IP(src=ROUTER, dst=HOST) / ICMP(type=3, code=13) / IP(bytes(second))),
        at(0.3, IP(src=ROUTER, dst=HOST) / ICMP(type=3, code=4, nexthopmtu=1400) / IP(bytes(second))),
        at(0.4, IP(src=ROUTER, dst=HOST) / ICMP(type=5, code=1, gw=THIRD) / IP(bytes(second))),
    )


def quoted_in_part(path: Path) -> Path:
    """Two refusals that quote eight bytes of TCP: of a connection of the capture, and of one that is not in it."""
    sent = IP(src=HOST, dst=OTHER) / TCP(sport=40000, dport=80, flags="S", seq=1)
    unseen = IP(src=HOST, dst=THIRD) / TCP(sport=40009, dport=80, flags="S", seq=1)
    later = IP(src=THIRD, dst=OTHER) / TCP(sport=40001, dport=80, flags="S", seq=1)
    refusals = [
        at(1 + n, IP(src=ROUTER, dst=HOST) / ICMP(type=3, code=10) / Raw(bytes(packet)[:28]))
        for n, packet in enumerate((sent, unseen))
    ]
    return write(path, at(0, sent), *refusals, at(5, later))


def trouble(path: Path) -> Path:
    """A sweep, a flood, a tunnel, an oversized ping, two routers, one address with two hardware addresses, neighbour
    discovery through a router, deprecated and unassigned types."""
    frames = [ping(n / 10, HOST, f"10.1.0.{n}", ident=n) for n in range(1, 31)]
    frames += [pong(0.55, "10.1.0.5", HOST, ident=5)]
    frames += [ping(10 + n / 5000, OTHER, THIRD, ident=9, seq=n) for n in range(1500)]
    for n in range(12):
        data = bytes((n * 31 + i * i * 7) % 256 for i in range(300))
        frames += [ping(20 + n, HOST, "192.0.2.66", ident=77, seq=n, data=data)]
        frames += [pong(20.01 + n, "192.0.2.66", HOST, ident=77, seq=n, data=data)]
    frames += [ping(40, HOST, OTHER, data=bytes(1400))]
    for n, router in enumerate(("fe80::1", "fe80::bad")):
        frames += [at(41 + n, IPv6(src=router, dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=1800))]
        frames += [
            at(
                43 + n,
                IPv6(src="fe80::7", dst="ff02::1", hlim=255)
                / ICMPv6ND_NA(tgt="fe80::7", S=0)
                / ICMPv6NDOptDstLLAddr(lladdr=f"02:00:00:00:00:0{n}"),
            )
        ]
    frames += [at(45, IPv6(src="2001:db8::bad", dst="fe80::2", hlim=60) / ICMPv6ND_NA(tgt="fe80::8"))]
    frames += [at(46, IP(src=HOST, dst=OTHER) / ICMP(type=17)), at(47, IP(src=HOST, dst=OTHER) / ICMP(type=99))]
    frames += [at(48, IP(src="224.0.0.1", dst=OTHER) / ICMP(type=8) / Raw(DATA))]
    frames += [at(49, IP(src=HOST, dst="255.255.255.255") / ICMP(type=8) / Raw(DATA))]
    return write(path, *frames)


ICMP_MADE = (
    Made(
        both_versions,
        {
            "icmp": 2, "icmpv6": 10, "icmpv6.type == 1": 1, "icmpv6.type == 3": 1, "icmpv6.mtu == 1280": 1,
            "icmpv6.type == 128": 1, "icmpv6.resptime > 24.9 && icmpv6.resptime < 25.1": 1,
            "icmpv6.opt.prefix == 2001:db8:9::": 1,
        },
        1,
    ),
    Made(
        same_identifier,
        {"icmp.type == 8": 5, "icmp.type == 0": 5, "icmp.resptime": 3, "icmp.resptime > 29 && icmp.resptime < 31": 1},
        0,
    ),
    Made(traced, {"icmp.type == 11": 2, "icmp && udp.dstport == 33434 && ip.src == 10.0.0.254": 1}, 0),
    Made(quoted_in_part, {"icmp.code == 10": 2, "tcp.stream == 0": 1, "tcp.stream == 1": 1}, 2),
    Made(
        refused,
        {
            "icmp && tcp.stream == 1": 2, "icmp.code == 13": 1, "icmp.mtu == 1400": 1,
            "icmp.redir_gw == 10.0.0.3": 1,
        },
        2,
    ),
)  # fmt: skip
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
