"""DNS captures on which other tools gave wrong answers, made with scapy, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRRMX, DNSRRSOA, DNSRRSRV
from scapy.layers.inet import ICMP, IP, UDP, IPerror, UDPerror, fragment
from scapy.packet import Packet, Raw

from tests.regressions.captures import Made
from tests.support.talk import START, Talk, in_ethernet, write

CLIENT, RESOLVER = "10.0.0.1", "10.0.0.53"


def question(number: int, name: str, kind: str = "A") -> DNS:
    return DNS(id=number, rd=1, qd=DNSQR(qname=name, qtype=kind))


def response(number: int, name: str, kind: str = "A", *, rcode: int = 0, **sections: Any) -> DNS:
    return DNS(id=number, qr=1, rd=1, ra=1, rcode=rcode, qd=DNSQR(qname=name, qtype=kind), **sections)


def asked(message: DNS, after: float, *, port: int = 53, client_port: int = 4000, client: str = CLIENT) -> Packet:
    """The message from the client to the resolver, that many seconds after the start."""
    return _at(IP(src=client, dst=RESOLVER) / UDP(sport=client_port, dport=port) / message, after)


def answered(message: DNS, after: float, *, port: int = 53, client_port: int = 4000, client: str = CLIENT) -> Packet:
    """The message from the resolver to the client."""
    return _at(IP(src=RESOLVER, dst=client) / UDP(sport=port, dport=client_port) / message, after)


def _at(packet: Packet, after: float) -> Packet:
    frame = in_ethernet(packet)
    frame.time = START + after
    return frame


def records(path: Path) -> Path:
    """A response for each of CNAME, TXT, MX, SOA and SRV."""
    soa = DNSRRSOA(
        rrname="example.net", mname="ns1.example.net", rname="admin.example.net", serial=2023, refresh=7200, retry=900,
        expire=1209600, minimum=300, ttl=60,
    )  # fmt: skip
    answers = (
        ("www.example.net", "CNAME", DNSRR(rrname="www.example.net", type="CNAME", rdata="e.example.net", ttl=60)),
        ("example.net", "TXT", DNSRR(rrname="example.net", type="TXT", rdata=[b"v=spf1 -all", b"two"], ttl=60)),
        ("example.net", "MX", DNSRRMX(rrname="example.net", preference=10, exchange="mail.example.net", ttl=60)),
        ("example.net", "SOA", soa),
        (
            "_sip._udp.example.net", "SRV",
            DNSRRSRV(rrname="_sip._udp.example.net", priority=1, weight=5, port=5060, target="sip.example.net", ttl=60),
        ),
    )  # fmt: skip
    frames = []
    for number, (name, kind, record) in enumerate(answers):
        frames.append(asked(question(number, name, kind), number))
        frames.append(answered(response(number, name, kind, an=record), number + 0.02))
    return write(path, *frames)


def no_such_name(path: Path) -> Path:
    """NXDOMAIN 50 ms after the query, with the zone's SOA; an empty answer (NODATA) 10 ms after; SERVFAIL after 2 s."""
    soa = DNSRRSOA(rrname="example.net", mname="ns1.example.net", rname="admin.example.net", minimum=300, ttl=60)
    glue = DNSRR(rrname="ns1.example.net", type="A", rdata="192.0.2.53", ttl=60)
    return write(
        path,
        asked(question(1, "missing.example.net"), 0),
        answered(response(1, "missing.example.net", rcode=3, ns=soa, ar=glue), 0.05),
        asked(question(2, "example.net", "AAAA"), 1),
        answered(response(2, "example.net", "AAAA", ns=soa), 1.01),
        asked(question(3, "broken.example.net"), 2),
        answered(response(3, "broken.example.net", rcode=2), 4),
    )


def over_tcp(path: Path) -> Path:
    """One TCP connection: a response in two segments, then two queries in one segment and their responses in one."""
    talk = Talk(server=RESOLVER, server_port=53)
    talk.handshake()
    addresses = [DNSRR(rrname="big.example.net", type="A", rdata=f"192.0.2.{n}", ttl=60) for n in range(1, 101)]
    talk.client(framed(question(1, "big.example.net")), flags="PA")
    whole = framed(response(1, "big.example.net", an=addresses))
    talk.server(whole[:900])
    talk.server(whole[900:], flags="PA")
    talk.client()
    talk.client(framed(question(2, "two.example.net")) + framed(question(3, "three.example.net")), flags="PA")
    both = [framed(response(n, name)) for n, name in ((2, "two.example.net"), (3, "three.example.net"))]
    talk.server(b"".join(both), flags="PA")
    talk.close()
    return write(path, talk)


def framed(message: DNS) -> bytes:
    """With its length in front, as over TCP (RFC 1035 4.2.2)."""
    data = bytes(message)
    if data[:2] != (len(data) - 2).to_bytes(2, "big"):
        data = len(data).to_bytes(2, "big") + data
    return data


def fragmented(path: Path) -> Path:
    """A response with 12 TXT records in three IP fragments."""
    texts = [DNSRR(rrname="example.net", type="TXT", rdata=[bytes([65 + n]) * 80], ttl=60) for n in range(12)]
    message = response(1, "example.net", "TXT", an=texts)
    whole = IP(src=RESOLVER, dst=CLIENT, id=7) / UDP(sport=53, dport=4000) / message
    parts = [_at(part, 0.02 + number / 1000) for number, part in enumerate(fragment(whole, fragsize=480))]
    return write(path, asked(question(1, "example.net", "TXT"), 0), *parts)


def quoted(path: Path) -> Path:
    """A query, and the ICMP error of a host that has no resolver, which quotes it."""
    query = question(1, "www.example.net")
    inner = IPerror(src=CLIENT, dst=RESOLVER) / UDPerror(sport=4000, dport=53) / query
    error = IP(src=RESOLVER, dst=CLIENT) / ICMP(type=3, code=3) / Raw(bytes(inner))
    return write(path, asked(query, 0), _at(error, 0.01))


def port_5300(path: Path, port: int = 5300) -> Path:
    """A query and its response on port 53, another pair on port 5300, from another port."""
    address = DNSRR(rrname="www.example.net", type="A", rdata="192.0.2.80", ttl=60)
    return write(
        path,
        asked(question(1, "www.example.net"), 0),
        answered(response(1, "www.example.net", an=address), 0.02),
        asked(question(2, "www.example.net"), 1, port=port, client_port=4001),
        answered(response(2, "www.example.net", an=address), 1.03, port=port, client_port=4001),
    )


def hostile(path: Path) -> Path:
    """A name with an escape sequence, a line break and a text that changes its direction; one that points at itself."""
    name = b"\x05\x1b[2Jx\x08a\nb\xe2\x80\xaec\xff\x07example\x00"
    head = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    loop = head + b"\xc0\x0c\x00\x01\x00\x01"
    both = [Raw(head + name + b"\x00\x01\x00\x01"), Raw(loop)]
    return write(path, *[asked(data, number) for number, data in enumerate(both)])


def cut_and_asked_again(path: Path) -> Path:
    """A response cut for UDP, and the same question again over TCP, with the whole response."""
    addresses = [DNSRR(rrname="big.example.net", type="A", rdata=f"192.0.2.{n}", ttl=60) for n in range(1, 41)]
    talk = Talk(server=RESOLVER, server_port=53, client_port=4001, start=START + 0.03)
    talk.handshake()
    talk.client(framed(question(2, "big.example.net")), flags="PA")
    talk.server(framed(response(2, "big.example.net", an=addresses)), flags="PA")
    talk.close()
    udp = (asked(question(1, "big.example.net"), 0), answered(response(1, "big.example.net", tc=1), 0.02))
    return write(path, *udp, talk)


def answered_twice(path: Path) -> Path:
    """A response in frame 2 and a copy of it in frame 3."""
    message = response(1, "www.example.net", an=DNSRR(rrname="www.example.net", type="A", rdata="192.0.2.80", ttl=60))
    return write(path, asked(question(1, "www.example.net"), 0), answered(message, 0.02), answered(message, 0.03))


def never_asked(path: Path) -> Path:
    """The response in frame 3 has an identification nobody used, the one in frame 4 goes to another port."""
    message = response(1, "www.example.net", an=DNSRR(rrname="www.example.net", type="A", rdata="192.0.2.80", ttl=60))
    other = response(2, "www.example.net", an=DNSRR(rrname="www.example.net", type="A", rdata="203.0.113.9", ttl=60))
    return write(
        path,
        asked(question(1, "www.example.net"), 0),
        answered(message, 0.02),
        answered(other, 0.03),
        answered(message, 0.04, client_port=4009),
    )


def refused(path: Path) -> Path:
    """Responses NOERROR, REFUSED, NOTIMP, FORMERR, NXDOMAIN, of one server."""
    frames = []
    for number, code in enumerate((0, 5, 4, 1, 3)):
        frames.append(asked(question(number, f"n{number}.example.net"), number))
        frames.append(answered(response(number, f"n{number}.example.net", rcode=code), number + 0.02))
    return write(path, *frames)


DNS_MADE = (
    Made(records, {"dns": 10, "dns.cname": 1, "dns.txt": 1, "dns.mx.mail_exchange": 1, "dns.srv.target": 1}, 0),
    Made(
        no_such_name, {"dns.flags.rcode == 3": 1, "dns.flags.rcode == 2": 1, "dns.time > 1": 1, "dns.soa.mname": 2}, 0
    ),
    Made(over_tcp, {"dns": 4, "dns.flags.response == 1": 2}, 1),
    Made(fragmented, {"dns": 2, "dns.count.answers == 12": 1}, 0),
    Made(quoted, {"dns": 2, "dns && !icmp": 1, "dns && icmp": 1}, 0),
    Made(
        cut_and_asked_again,
        {
            "dns": 4,
            "dns.flags.truncated == 1 && dns.flags.response == 1": 1,
            "dns && tcp": 2,
            "dns.count.answers == 40": 1,
        },
        1,
    ),
    Made(answered_twice, {"dns": 3, "dns.retransmit_response": 1, "dns.unsolicited": 0, "dns.response_to": 1}, 0),
    Made(never_asked, {"dns": 4, "dns.unsolicited": 2, "dns.retransmit_response": 0, "dns.response_to": 1}, 0),
    Made(refused, {"dns": 10, "dns.flags.rcode == 5": 1, "dns.flags.rcode != 0 && dns.flags.rcode != 3": 3}, 0),
    Made(port_5300, {"dns": 4, "dns && udp.port == 53": 2}, 0),
)
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
