"""Captures for the tools of the modules diagnostics and performance, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.packet import Raw

from tests.regressions.captures import Made, keep_alive, troubled
from tests.support.talk import Talk, in_ethernet, write

ROUTER = "10.0.0.254"


def reset_stages(path: Path) -> Path:
    """Five connections with an RST: after data; refused; after the handshake; behind a FIN; after data, with the TTL
    and the sequence number of somebody else. A sixth has none."""
    after_data = Talk(client_port=40001)
    after_data.handshake()
    after_data.client(b"request")
    after_data.server(b"response")
    after_data.server(flags="RA")
    refused = Talk(client_port=40002, start=1_700_000_001.0)
    refused.client(flags="S")
    refused.server(flags="RA", seq=0)
    unused = Talk(client_port=40003, start=1_700_000_002.0)
    unused.handshake()
    unused.client(flags="R")
    late = Talk(client_port=40004, start=1_700_000_003.0)
    late.handshake()
    late.client(b"request")
    late.client(flags="FA")
    late.server(flags="RA")
    forged = Talk(client_port=40005, start=1_700_000_004.0)
    forged.handshake()
    forged.client(b"request")
    forged.server(flags="R", seq=forged.next[1] + 5000)
    forged.frames[-1][IP].ttl = 117
    good = Talk(client_port=40006, start=1_700_000_005.0)
    good.handshake()
    good.close()
    return write(path, after_data, refused, unused, late, forged, good)


def silent_servers(path: Path) -> Path:
    """One connection whose SYN is sent three times and gets no answer; three whose SYN is answered by RST."""
    silent = Talk(client_port=40001)
    for wait in (0.0, 1.0, 2.0):
        silent.client(flags="S", seq=77, after=wait)
    refused = []
    for number in range(3):
        talk = Talk(client_port=40010 + number, server_port=81, start=1_700_000_010.0 + number)
        talk.client(flags="S")
        talk.server(flags="RA", seq=0)
        refused.append(talk)
    return write(path, silent, *refused)


def errors(path: Path) -> Path:
    """Errors of both IP versions about packets of other addresses; three UDP datagrams in IPv4 fragments."""
    lost = IP(src="10.0.0.1", dst="10.9.9.9") / UDP(sport=5000, dport=33434) / b"probe"
    big = IPv6(src="2001:db8::1", dst="2001:db8::9") / UDP(sport=5000, dport=443) / Raw(b"x" * 1200)
    gone = IPv6(src="2001:db8::1", dst="2001:db8::8") / UDP(sport=5000, dport=53) / b"q"
    packets = [
        IP(src=ROUTER, dst="10.0.0.1") / ICMP(type=11, code=0) / lost,
        IP(src=ROUTER, dst="10.0.0.1") / ICMP(type=3, code=1) / lost,
        IP(src=ROUTER, dst="10.0.0.1") / ICMP(type=3, code=4, nexthopmtu=1400) / lost,
        IPv6(src="2001:db8::fe", dst="2001:db8::1") / ICMPv6PacketTooBig(mtu=1280) / big,
        IPv6(src="2001:db8::fe", dst="2001:db8::1") / ICMPv6DestUnreach(code=3) / gone,
        *fragment(IP(src="10.0.0.1", dst="10.0.0.2", id=7) / UDP(sport=1, dport=9) / Raw(b"y" * 3000), 1400),
        IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / UDP(sport=1, dport=9) / Raw(b"z" * 1000),
    ]
    frames = []
    for at, packet in enumerate(packets):
        frame = in_ethernet(packet)
        frame.time = 1_700_000_000.0 + at
        frames.append(frame)
    return write(path, *frames)


def slow_server(path: Path) -> Path:
    """Two servers. The first is 10 ms away and answers three requests after 10, 60 and 210 ms; the second, over IPv6,
    answers one after 30 ms."""
    first = Talk(gap=0.0)
    first.client(flags="S")
    first.server(flags="SA", after=0.010)
    first.client(after=0.001)
    for wait in (0.010, 0.060, 0.210):
        first.client(b"request", after=0.5)
        first.server(b"response", after=wait)
        first.client(after=0.001)
    first.close()
    second = Talk(
        client="2001:db8::1", server="2001:db8::2", client_port=40001, server_port=8080, gap=0.0, start=1_700_000_010.0
    )
    second.client(flags="S")
    second.server(flags="SA", after=0.020)
    second.client(after=0.001)
    second.client(b"ask", after=0.1)
    second.server(b"answer", after=0.030)
    second.close()
    return write(path, first, second)


def congested(path: Path) -> Path:
    """ECN: two packets marked by a router, the receiver echoes it in two segments, the sender reduces its window."""
    talk = Talk()
    talk.client(flags="SEC")
    talk.server(flags="SAE")
    talk.client()
    for number in range(4):
        talk.client(b"x" * 100)
        talk.frames[-1][IP].tos = 3 if number in (1, 2) else 2
    talk.server(flags="AE")
    talk.server(flags="AE")
    talk.client(b"y", flags="AC")
    talk.server()
    talk.close()
    return write(path, talk)


DIAGNOSIS_MADE = (
    Made(
        reset_stages,
        {
            "tcp.flags.reset == 1": 5,
            "tcp.flags.reset == 1 && ip.ttl == 117": 1,
            "tcp.stream == 0 && tcp.flags.reset == 1": 1,
        },
        6,
    ),
    Made(
        silent_servers,
        {
            "tcp.flags.syn == 1": 6,
            "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.analysis.retransmission": 2,
            "tcp.flags.reset == 1": 3,
        },
        4,
    ),
    Made(
        errors,
        {
            "icmp.type == 3 || icmp.type == 4 || icmp.type == 5 || icmp.type == 11 || icmp.type == 12": 3,
            "icmpv6.type >= 1 && icmpv6.type <= 4": 2,
            "ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr": 3,
            "ip.flags.df == 1": 1,
            "icmp.mtu == 1400": 1,
            "icmpv6.mtu == 1280": 1,
        },
        0,
    ),
    Made(slow_server, {"tcp.len > 0": 8}, 2),
    Made(
        congested,
        {
            "ip.dsfield.ecn == 3": 2,
            "ip.dsfield.ecn > 0": 4,
            "tcp.flags.ece == 1 && tcp.flags.syn == 0": 2,
            "tcp.flags.cwr == 1 && tcp.flags.syn == 0": 1,
        },
        1,
    ),
    Made(keep_alive, {"tcp.analysis.keep_alive": 3}, 1),
    Made(
        troubled,
        {
            "tcp.analysis.zero_window": 1,
            "tcp.analysis.out_of_order": 1,
            "tcp.analysis.duplicate_ack": 3,
            "tcp.flags.syn == 1 && !tcp.options.wscale.shift": 0,
        },
        1,
    ),
)
