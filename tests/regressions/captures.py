"""Captures on which other tools gave wrong answers, made with scapy, and what Wireshark counts in them.

`MADE` is checked against tshark where there is one (test_against_tshark.py): the constants in the tests are tshark's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from tests.support.talk import Talk, in_ethernet, write


def lost_in_front(path: Path) -> Path:
    """The first copy of two segments was lost in front of the capture point; SYNs and a SYN-ACK come more than once.
    What is sent again comes later than the initial round-trip time of 2 s: before that it counts as out of order."""
    one = Talk()
    seq = one.client(flags="S")
    one.client(flags="S", seq=seq, after=1.0)
    answer = one.server(flags="SA")
    one.server(flags="SA", seq=answer, after=1.0)
    one.client()
    one.client(b"request")
    one.server(b"a" * 100)
    lost = one.server(b"b" * 100, lost=True)
    one.server(b"c" * 100)
    one.client(ack=lost)
    one.server(b"b" * 100, seq=lost, after=3.0)
    one.client()
    again = one.client(b"more", lost=True)
    one.client(b"and more")
    one.client(b"more", seq=again, after=3.0)
    one.server()
    one.close()
    two = Talk(client_port=40001, server="10.0.0.3")
    for wait in (0.0, 1.0, 2.0):
        two.client(flags="S", seq=77, after=wait)
    return write(path, one, two)


def keep_alive(path: Path) -> Path:
    """Three keep-alives that carry one byte of old data, as some systems send them."""
    talk = Talk()
    talk.handshake()
    talk.client(b"x" * 50)
    talk.server()
    for _ in range(3):
        talk.client(b"x", seq=talk.next[0] - 1, after=10)
        talk.server()
    return write(path, talk)


def duplicates(path: Path, count: int = 40) -> Path:
    """Every second data segment is recorded twice, its copy 300 ms later."""
    talk = Talk()
    talk.handshake()
    for number in range(count):
        seq = talk.client(bytes([number]) * 200)
        if number % 2:
            talk.client(bytes([number]) * 200, seq=seq, after=0.3)
        talk.server()
    talk.close()
    return write(path, talk)


def reused(path: Path) -> Path:
    """Three connections one after the other with the same addresses and ports."""
    talks = [Talk(start=1_700_000_000.0 + 10 * number, seq=1000 + 50_000 * number) for number in range(3)]
    for talk in talks:
        talk.handshake()
        talk.client(b"request")
        talk.server(b"response")
        talk.close()
    return write(path, *talks)


def in_vxlan(path: Path) -> Path:
    """A connection between 10.0.0.1 and 10.0.0.2 inside VXLAN between 192.168.0.1 and .2."""

    def wrap(packet: IP) -> Ether:
        up = packet.src == "10.0.0.1"
        outer = IP(src="192.168.0.1", dst="192.168.0.2") if up else IP(src="192.168.0.2", dst="192.168.0.1")
        port = 51000 if up else 51001
        return in_ethernet(outer / UDP(sport=port, dport=4789) / VXLAN(vni=7) / in_ethernet(packet))

    return _good(path, wrap)


def in_ipip(path: Path) -> Path:
    """The same inside IP in IP between 1.1.1.1 and 2.2.2.2."""

    def wrap(packet: IP) -> Ether:
        up = packet.src == "10.0.0.1"
        outer = IP(src="1.1.1.1", dst="2.2.2.2") if up else IP(src="2.2.2.2", dst="1.1.1.1")
        return in_ethernet(outer / packet)

    return _good(path, wrap)


def _good(path: Path, wrap: Callable[[IP], Ether]) -> Path:
    talk = Talk(wrap=wrap)
    talk.handshake()
    talk.client(b"request")
    talk.server(b"response")
    talk.close()
    return write(path, talk)


def mid_stream(path: Path) -> Path:
    """The capture begins when the connection is long established."""
    talk = Talk()
    for _ in range(3):
        talk.client(b"question")
        talk.server(b"answer")
    return write(path, talk)


def one_lost_syn(path: Path) -> Path:
    """Three SYNs to one server, two of them answered."""
    talks = [Talk(client_port=40000 + number, start=1_700_000_000.0 + number) for number in range(3)]
    for talk in talks[:2]:
        talk.handshake()
    talks[2].client(flags="S")
    return write(path, *talks)


def one_way(path: Path) -> Path:
    """Only what the client sends is in the capture."""
    talk = Talk()
    for _ in range(5):
        talk.client(b"data")
    return write(path, talk)


def resets(path: Path) -> Path:
    """Two connections are reset by their clients, one by the server."""
    talks = [Talk(client_port=40000 + number, start=1_700_000_000.0 + number) for number in range(3)]
    for talk in talks:
        talk.handshake()
    talks[0].client(flags="RA")
    talks[1].client(flags="RA")
    talks[2].server(flags="RA")
    return write(path, *talks)


def port_7000(path: Path) -> Path:
    """The client's own port is 7000."""
    talk = Talk(client_port=7000)
    talk.handshake()
    talk.client(b"request")
    talk.server(b"r" * 1000)
    talk.close()
    return write(path, talk)


def troubled(path: Path) -> Path:
    """Out of order, duplicate ACKs, a closed window, window scaling; a DNS query stands between its frames."""
    talk = Talk()
    scale = [("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]
    talk.handshake(options=scale, answer=scale)
    query = in_ethernet(
        IP(src="10.0.0.1", dst="10.0.0.53") / UDP(sport=5353, dport=53) / DNS(qd=DNSQR(qname="a.example"))
    )
    talk.add(query)
    talk.client(b"request")
    talk.server(b"a" * 100)
    talk.client()
    late = talk.server(b"b" * 100, lost=True)
    talk.server(b"c" * 100)
    talk.server(b"b" * 100, seq=late, after=0.001)
    talk.client()
    missing = talk.server(b"d" * 100, lost=True)
    for _ in range(3):
        talk.server(b"e" * 100)
        talk.client(ack=missing)
    talk.server(b"d" * 100, seq=missing, after=0.005)
    talk.client(window=0)
    talk.client(window=500, after=1.0)
    talk.server(b"f" * 100)
    talk.client()
    talk.close()
    return write(path, talk)


@dataclass(frozen=True)
class Made:
    """A capture and what tshark 4.0 counts in it."""

    make: Callable[[Path], Path]
    counts: dict[str, int]
    """display filter -> frames"""
    streams: int


MADE = (
    Made(
        lost_in_front,
        {"tcp.analysis.retransmission": 6, "tcp.analysis.spurious_retransmission": 0, "tcp.analysis.lost_segment": 2},
        2,
    ),
    Made(
        keep_alive,
        {"tcp.analysis.retransmission": 0, "tcp.analysis.keep_alive": 3, "tcp.analysis.keep_alive_ack": 3},
        1,
    ),
    Made(duplicates, {"tcp.analysis.retransmission": 20}, 1),
    Made(reused, {"tcp.analysis.reused_ports": 2, "tcp.flags.syn==1 && tcp.flags.ack==0": 3}, 3),
    Made(in_vxlan, {"tcp.flags.syn==1": 2}, 1),
    Made(in_ipip, {"tcp.flags.syn==1": 2}, 1),
    Made(mid_stream, {"tcp.flags.syn==1": 0}, 1),
    Made(one_lost_syn, {"tcp.flags.syn==1 && tcp.flags.ack==0": 3, "tcp.flags.syn==1 && tcp.flags.ack==1": 2}, 3),
    Made(one_way, {"ip.src==10.0.0.1": 5, "ip.src==10.0.0.2": 0}, 1),
    Made(resets, {"tcp.flags.reset==1 && ip.src==10.0.0.1": 2, "tcp.flags.reset==1 && ip.src==10.0.0.2": 1}, 3),
    Made(port_7000, {"tcp.srcport==7000": 5, "tcp.dstport==7000": 3}, 1),
    Made(
        troubled,
        {
            "tcp.analysis.out_of_order": 1,
            "tcp.analysis.duplicate_ack": 3,
            "tcp.analysis.fast_retransmission": 1,
            "tcp.analysis.retransmission": 1,
            "tcp.analysis.lost_segment": 2,
            "tcp.analysis.zero_window": 1,
            "tcp.analysis.window_update": 1,
        },
        1,
    ),
)
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
