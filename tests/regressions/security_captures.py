"""Captures for the rules of the module security, made with scapy: for each rule one that it is for, and two that only
look like it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_RA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.layers.llmnr import LLMNRResponse
from scapy.packet import Packet, Raw

from tests.regressions.tls_captures import EXPIRED, SHOP, tls12
from tests.support.talk import START, Talk, in_ethernet, write

CLIENT, SERVER, OUTSIDE, OUTSIDE_2 = "10.0.0.1", "10.0.0.2", "8.8.4.4", "9.9.9.9"
OWNER, INTRUDER, OTHER = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
GATEWAY = "10.0.0.254"

Make = Callable[[], Iterable[Talk | Packet]]


def at(after: float, packet: Packet) -> Packet:
    frame = packet if packet.haslayer(Ether) else in_ethernet(packet)
    frame.time = START + after
    return frame


def refused(number: int, server: str, port: int, after: float = 0.0) -> Talk:
    talk = Talk(CLIENT, 20000 + number, server, port, start=START + after, gap=0.001)
    talk.client(flags="S")
    talk.server(flags="RA")
    return talk


def unanswered(number: int, server: str, port: int, after: float, client: str = CLIENT) -> Talk:
    talk = Talk(client, 20000 + number, server, port, start=START + after, gap=0.0)
    talk.client(flags="S")
    return talk


def session(
    number: int, server: str, port: int, after: float, up: bytes = b"x" * 100, down: bytes = b"y" * 100
) -> Talk:
    talk = Talk(CLIENT, 20000 + number, server, port, start=START + after, gap=0.001)
    talk.handshake()
    for start in range(0, len(up), 1400):
        talk.client(up[start : start + 1400], "PA")
    for start in range(0, len(down), 1400):
        talk.server(down[start : start + 1400], "PA")
    talk.close()
    return talk


def arp_says(after: float, mac: str, ip: str, target: str, *, reply: bool = True) -> Packet:
    ether = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
    return at(after, ether / ARP(op=2 if reply else 1, hwsrc=mac, psrc=ip, hwdst="00:00:00:00:00:00", pdst=target))


def asked(after: float, target: str = GATEWAY) -> Packet:
    return arp_says(after, OTHER, CLIENT, target, reply=False)


def neighbour(after: float, mac: str, address: str) -> Packet:
    told = IPv6(src=address, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=address) / ICMPv6NDOptDstLLAddr(lladdr=mac)
    return at(after, told)


def router(after: float, address: str, mac: str, lifetime: int = 1800) -> Packet:
    message = ICMPv6ND_RA(routerlifetime=lifetime) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return at(after, IPv6(src=address, dst="ff02::1", hlim=255) / message)


def answers(after: float, source: str, name: str, address: str | None = None) -> Packet:
    """LLMNR: `source` says that the name is at the address, its own unless told."""
    body = LLMNRResponse(
        id=1, qr=1, qd=DNSQR(qname=name, qtype="A"), an=DNSRR(rrname=name, rdata=address or source, ttl=30)
    )
    return at(after, IP(src=source, dst=CLIENT) / UDP(sport=5355, dport=50000) / body)


def netbios(after: float, source: str, name: str, suffix: int = 0x20) -> Packet:
    """RFC 1002 4.2.13: a positive answer that gives the sender's own address."""
    padded = name.upper().ljust(15).encode() + bytes([suffix])
    coded = bytes(65 + half for byte in padded for half in (byte >> 4, byte & 15))
    head = bytes.fromhex("000385000000000100000000")
    record = b"\x20" + coded + b"\0" + bytes.fromhex("0020 0001 000000a5 0006 0000")
    body = head + record + bytes(int(part) for part in source.split("."))
    return at(after, IP(src=source, dst=CLIENT) / UDP(sport=137, dport=137) / Raw(body))


def dhcp(after: float, kind: str, server: str | None = None, xid: int = 7, address: str = "10.0.0.50") -> Packet:
    ends = (server, "255.255.255.255", 67, 68) if server else ("0.0.0.0", "255.255.255.255", 68, 67)
    options = [("message-type", kind), *([("server_id", server), ("lease_time", 600)] if server else []), "end"]
    body = BOOTP(op=2 if server else 1, xid=xid, chaddr=b"\x02\0\0\0\0\x09", yiaddr=address if server else "0.0.0.0")
    return at(after, IP(src=ends[0], dst=ends[1]) / UDP(sport=ends[2], dport=ends[3]) / body / DHCP(options=options))


def exchange(after: float, server: str, xid: int) -> list[Packet]:
    return [
        dhcp(after, "discover", None, xid),
        dhcp(after + 0.01, "offer", server, xid),
        dhcp(after + 0.02, "request", None, xid),
        dhcp(after + 0.03, "ack", server, xid),
    ]


def query(number: int, name: str, kind: str = "A", after: float | None = None) -> list[Packet]:
    """A query and its answer."""
    when = number * 0.05 if after is None else after
    up = DNS(id=number, rd=1, qd=DNSQR(qname=name, qtype=kind))
    data = b"v=spf1 -all" if kind == "TXT" else "192.0.2.1"
    record = DNSRR(rrname=name, type=kind, rdata=data)
    down = DNS(id=number, qr=1, ra=1, qd=DNSQR(qname=name, qtype=kind), an=record)
    return [
        at(when, IP(src=CLIENT, dst="10.0.0.53") / UDP(sport=30000 + number, dport=53) / up),
        at(when + 0.01, IP(src="10.0.0.53", dst=CLIENT) / UDP(sport=53, dport=30000 + number) / down),
    ]


def secret(number: int, length: int = 60) -> str:
    """Text as a tunnel puts it into names."""
    digest = b"".join(hashlib.sha256(b"%d %d" % (number, part)).digest() for part in range(3))
    return base64.b32encode(digest).decode().lower().rstrip("=")[:length]


def redirect(after: float, gateway: str, destination: str) -> Packet:
    quoted = IP(src=CLIENT, dst=destination) / UDP(sport=5, dport=6)
    return at(after, IP(src=GATEWAY, dst=CLIENT) / ICMP(type=5, code=1, gw=gateway) / quoted)


def sent(after: float, port: int, target: str, to: int, source: str = CLIENT, data: bytes = b"?") -> Packet:
    return at(after, IP(src=source, dst=target) / UDP(sport=port, dport=to) / Raw(data))


def closed(after: float, host: str, port: int) -> Packet:
    """The host says by ICMP that nothing listens there."""
    quoted = IP(src=CLIENT, dst=host) / UDP(sport=40_000, dport=port)
    return at(after + 0.01, IP(src=host, dst=CLIENT) / ICMP(type=3, code=3) / quoted)


def ftp(number: int, after: float, outcome: bytes) -> Talk:
    talk = Talk(CLIENT, 20_000 + number, SERVER, 21, start=START + after, gap=0.001)
    talk.handshake()
    talk.server(b"220 ready\r\n", "PA")
    talk.client(b"USER root\r\n", "PA")
    talk.server(b"331 password\r\n", "PA")
    talk.client(b"PASS x\r\n", "PA")
    talk.server(outcome + b"\r\n", "PA")
    talk.close()
    return talk


def greeting(port: int, server: str, name: str | None, certificate: bytes) -> Talk:
    talk = Talk(CLIENT, 20_000, server, port, gap=0.001)
    talk.handshake()
    tls12(talk, name, certificate)
    return talk


def flood(port: int, *, apart: float, complete: bool = False) -> list[Talk]:
    if complete:
        return [session(number, SERVER, port, number * apart) for number in range(120)]
    return [unanswered(n, SERVER, port, n * apart, f"198.51.100.{n + 1}") for n in range(120)]


def irregular(count: int) -> list[float]:
    """Times whose distances differ as a person's do."""
    times, now = [], 0.0
    for number in range(count):
        times.append(now)
        now += 5 + hashlib.sha256(b"%d" % number).digest()[0]
    return times


class Case(NamedTuple):
    rule: str
    fires: Make
    alike: Make
    alike_too: Make


THREATS = (
    Case(
        "vertical_scan",
        lambda: [refused(n, SERVER, 1000 + n, n * 0.01) for n in range(20)],
        lambda: [refused(n, SERVER, 8080, n * 0.5) for n in range(20)],  # one service that is down
        lambda: [session(n, SERVER, 1000 + n, n * 0.01) for n in range(20)],  # many ports, all of them served
    ),
    Case(
        "horizontal_scan",
        lambda: [unanswered(n, f"10.0.1.{n + 1}", 445, n * 0.01) for n in range(20)],
        lambda: [session(n, f"10.0.1.{n + 1}", 445, n * 0.01) for n in range(20)],  # a server farm that answers
        lambda: [unanswered(n, f"10.0.1.{n % 5 + 1}", 445, n * 1.0) for n in range(20)],  # five dead hosts, retried
    ),
    Case(
        "syn_flood",
        lambda: flood(80, apart=0.01),
        lambda: flood(80, apart=5.0),  # a server that is down for ten minutes
        lambda: flood(80, apart=0.01, complete=True),  # a busy one
    ),
    Case(
        "brute_force",
        lambda: [session(n, SERVER, 22, n * 1.0) for n in range(30)],
        lambda: [session(n, SERVER, 143, n * 60.0) for n in range(30)],  # a mail client that looks each minute
        lambda: [session(n, SERVER, 8080, n * 1.0) for n in range(30)],  # an application, no login port
    ),
    Case(
        "beaconing",
        lambda: [session(n, OUTSIDE, 443, n * 60.0 + n % 3) for n in range(15)],
        lambda: [session(n, OUTSIDE, 443, when) for n, when in enumerate(irregular(15))],  # somebody who reads
        lambda: [session(n, OUTSIDE, 443, n * 0.5) for n in range(15)],  # a page with many parts
    ),
    Case(
        "exfiltration",
        lambda: [session(n, OUTSIDE, 443, n * 1.0, up=b"u" * 200_000) for n in range(3)],
        lambda: [session(n, OUTSIDE, 443, n * 1.0, down=b"d" * 200_000) for n in range(3)],  # a download
        lambda: [session(n, SERVER, 443, n * 1.0, up=b"u" * 200_000) for n in range(3)],  # a backup inside
    ),
    Case(
        "cleartext_protocol",
        lambda: [session(1, SERVER, 23, 0.0)],
        lambda: [refused(1, SERVER, 23)],  # tried, not served
        lambda: [session(1, SERVER, 992, 0.0)],  # Telnet over TLS
    ),
    Case(
        "name_spoofing",
        lambda: [answers(n, "10.0.0.66", name) for n, name in enumerate(("wpad", "fileserver", "printr", "intranett"))],
        lambda: [answers(n, "10.0.0.20", "files") for n in range(8)],  # a host that answers for itself
        lambda: [answers(n, f"10.0.0.2{n}", f"host{n}") for n in range(8)],  # eight that do
    ),
    Case(
        "several_dhcp_servers",
        lambda: [*exchange(0, "10.0.0.1", 7), dhcp(0.015, "offer", "10.0.0.66", 7, "10.0.0.77")],
        lambda: [*exchange(0, "10.0.0.1", 7), dhcp(0.012, "offer", "10.0.0.1", 7)],  # one that repeats itself
        lambda: [*exchange(0, "10.0.0.1", 7), *exchange(90_000, "10.0.0.2", 8)],  # one that replaced another
    ),
    Case(
        "several_routers",
        lambda: [router(0, "fe80::1", OWNER), router(1, "fe80::66", INTRUDER)],
        lambda: [router(n, "fe80::1", OWNER) for n in range(5)],
        lambda: [router(0, "fe80::1", OWNER), router(1, "fe80::2", OTHER, 0)],  # prefixes only, no default router
    ),
    Case(
        "ndp_spoofing",
        lambda: [neighbour(0, OWNER, "fe80::1"), neighbour(1, INTRUDER, "fe80::1")],
        lambda: [neighbour(n, OWNER, "fe80::1") for n in range(5)],
        lambda: [neighbour(n, OWNER, f"2001:db8::{n + 1}") for n in range(5)],  # one host, many addresses
    ),
    Case(
        "redirected_route",
        lambda: [redirect(0, "10.0.0.66", OUTSIDE)],
        lambda: [redirect(0, "10.0.0.9", "10.0.0.9")],  # "it is on your own link"
        lambda: [at(0, IP(src=GATEWAY, dst=CLIENT) / ICMP(type=11) / IP(src=CLIENT, dst=OUTSIDE) / UDP(dport=9))],
    ),
    Case(
        "arp_spoofing",
        lambda: ARP_CASES[0].fires(),
        # A host that answers again and again, and one that answers for its own address in two networks.
        lambda: ARP_CASES[0].alike_too(),
        lambda: [frame for n in range(9) for frame in (asked(n * 9), arp_says(n * 9.0 + 0.1, OTHER, GATEWAY, CLIENT))],
    ),
    Case(
        "gratuitous_arp_flood",
        lambda: ARP_CASES[1].fires(),
        lambda: ARP_CASES[1].alike(),
        lambda: ARP_CASES[1].alike_too(),
    ),
    Case(
        "udp_vertical_scan",
        lambda: [f for n in range(20)
                 for f in (sent(n * 0.1, 40_000, SERVER, 100 + n), closed(n * 0.1, SERVER, 100 + n))],
        # A traceroute; a host whose every service answers.
        lambda: [at(n * 0.1, IP(src=CLIENT, dst=SERVER, ttl=n // 3 + 1) / UDP(sport=40_000, dport=33_434 + n))
                 for n in range(60)],
        lambda: [f for n in range(20) for f in (sent(n * 0.1, 40_000, SERVER, 100 + n),
                                                sent(n * 0.1 + 0.01, 100 + n, CLIENT, 40_000, SERVER))],
    ),
    Case(
        "udp_horizontal_scan",
        lambda: [sent(n * 0.1, 40_000, f"10.0.1.{n + 1}", 161) for n in range(20)],
        # Somebody who asks many name servers, three of which are down; announcements to groups.
        lambda: [f for n in range(20) for f in (sent(n * 0.1, 40_000, f"10.0.1.{n + 1}", 53),
                                                *([sent(n * 0.1 + 0.01, 53, CLIENT, 40_000, f"10.0.1.{n + 1}")]
                                                  if n > 2 else []))],
        lambda: [f for n in range(20) for f in (sent(n * 0.1, 40_000, f"239.0.0.{n + 1}", 161),
                                                sent(n * 0.1, 67, f"10.0.1.{n + 1}", 68))],  # and a DHCP server
    ),
    Case(
        "amplification",
        # Ten open servers send what somebody else asked for.
        lambda: [sent(n * 0.001, 123, CLIENT, 80, f"198.51.100.{n % 10 + 1}", b"m" * 440) for n in range(300)],
        # A transfer that was asked for piece by piece; few answers to few questions.
        lambda: [f for n in range(300) for f in (sent(n * 0.01, 40_000, SERVER, 161, CLIENT, b"q" * 90),
                                                 sent(n * 0.01 + 0.001, 161, CLIENT, 40_000, SERVER, b"a" * 400))],
        lambda: [f for n in range(20) for f in (sent(n * 0.1, 40_000 + n, SERVER, 53, CLIENT, b"q" * 30),
                                                sent(n * 0.1 + 0.01, 53, CLIENT, 40_000 + n, SERVER, b"a" * 480))],
    ),
    Case(
        "refused_logins",
        lambda: [ftp(n, n * 1.0, b"530 no") for n in range(15)],
        lambda: [ftp(n, n * 1.0, b"530 no" if n < 3 else b"230 in") for n in range(15)],  # typed wrongly, then right
        lambda: [ftp(n, n * 60.0, b"530 no") for n in range(15)],  # a program with an old password, each minute
    ),
    Case(
        "suspicious_tls",
        lambda: [greeting(4444, OUTSIDE, None, EXPIRED)],
        lambda: [greeting(443, OUTSIDE, "old.example", EXPIRED)],  # a device's page under its name
        lambda: [greeting(8006, OUTSIDE, "shop.example", SHOP)],  # a service on a port of its own
    ),
)  # fmt: skip

ARP_CASES = (
    # Replies nobody asked for, again and again, while the owner goes on answering.
    Case(
        "arp_spoofing",
        lambda: [asked(0), arp_says(0.01, OWNER, GATEWAY, CLIENT),
                 *(arp_says(60 + n, INTRUDER, GATEWAY, CLIENT) for n in range(8))],
        # A router that fails; the other takes its address over and says so once.
        lambda: [asked(0), arp_says(0.01, OWNER, GATEWAY, CLIENT), arp_says(60, INTRUDER, GATEWAY, GATEWAY),
                 asked(90), arp_says(90.01, INTRUDER, GATEWAY, CLIENT)],
        # A host that answers again and again, with one hardware address.
        lambda: [frame for n in range(9) for frame in (asked(n * 9), arp_says(n * 9.0 + 0.01, OWNER, GATEWAY, CLIENT))],
    ),
    Case(
        "gratuitous_arp_flood",
        lambda: [arp_says(1 + n * 0.1, INTRUDER, f"10.0.0.{n + 1}", f"10.0.0.{n + 1}") for n in range(30)],
        lambda: [arp_says(n * 30.0, OWNER, GATEWAY, GATEWAY) for n in range(30)],  # a router that says so each 30 s
        lambda: [arp_says(1 + n * 0.01, f"02:00:00:00:01:{n:02x}", f"10.0.0.{n + 1}", f"10.0.0.{n + 1}", reply=False)
                 for n in range(30)],  # thirty hosts after a power cut
    ),
)  # fmt: skip

TUNNEL = Case(
    "dns_tunnel_candidate",
    lambda: [f for n in range(80) for f in query(n, f"{secret(n)}.{secret(n + 500, 30)}.t.example.com", "TXT")],
    # A content network: many short names a person or a program gave.
    lambda: [f for n in range(120) for f in query(n, f"img{n}.static.example.com")],
    # A mail gateway: TXT records of many domains.
    lambda: [f for n in range(120) for f in query(n, f"_dmarc.company{n}.com", "TXT")],
)


def made(path: Path, make: Make) -> Path:
    return write(path, *make())
