"""Write the example captures beside this file; every run writes the same bytes.

    python -m examples.make_examples [FOLDER]

web-problems.pcapng  a small office visits a shop: DNS, HTTP, TLS, IPv6, a VLAN, and what goes wrong with TCP there
office-dhcp.pcap     devices of an office get addresses, one of them from a server nobody set up (office_dhcp.py)
path-trouble.pcap    pings, a traceroute, a packet too big for its way, a sweep (path_trouble.py)
office-calls.pcap    a small telephone system: a good call, one heard on one side only, a scan (office_calls.py)
office-clocks.pcap   a laptop that is 2.4 s slow and its time servers (office_clocks.py)
office-quic.pcap     HTTP/3 with five servers, of which two answer as they should (office_quic.py)
cut-short.pcap       a capture with a damaged place in its middle, cut off in the middle of its last packet
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from examples import messages
from examples.office_calls import office_calls
from examples.office_clocks import office_clocks
from examples.office_dhcp import office_dhcp
from examples.office_quic import office_quic
from examples.packets import ACK, PSH, RST, Connection, Host, Trace, arp_reply, arp_request, icmp, pcap, pcapng
from examples.path_trouble import path_trouble

START = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z"""

GATEWAY = "02:00:00:00:00:fe"
LAPTOP = Host("192.0.2.15", "02:00:00:00:00:15")
LAPTOP6 = Host("2001:db8:1::15", "02:00:00:00:00:15")
PRINTER = Host("192.0.2.77", "02:00:00:00:00:77")
RESOLVER = Host("192.0.2.1", GATEWAY)
SHOP = Host("198.51.100.10", GATEWAY)
SHOP6 = Host("2001:db8:2::10", GATEWAY)
API = Host("198.51.100.20", GATEWAY)
BACKUP = Host("203.0.113.30", GATEWAY)
DATABASE = Host("203.0.113.40", GATEWAY)


def web_problems() -> bytes:
    """The shop visit: each function below adds one thing that happens."""
    trace = Trace(START)
    trace.add(arp_request(LAPTOP, RESOLVER))
    trace.add(arp_reply(RESOLVER, LAPTOP), 0.4)
    names(trace)
    page_with_losses(trace)
    page_over_ipv6(trace)
    api_reset(trace)
    upload_to_slow_server(trace)
    refused(trace)
    unanswered(trace)
    port_used_again(trace)
    printer_in_vlan(trace)
    ping(trace)
    return pcapng(
        trace.frames, interface="lan0", comment="Made example: a shop visit with problems", application="make_examples"
    )


def names(trace: Trace) -> None:
    """Names are looked up: one answer is missing, one name does not exist."""
    asked = [
        ("shop.example", messages.A, [(messages.CNAME, "www.shop.example")], 0),
        ("www.shop.example", messages.A, [(messages.A, SHOP.address)], 0),
        ("www.shop.example", messages.AAAA, [(messages.AAAA, SHOP6.address)], 0),
        ("api.shop.example", messages.A, [(messages.A, API.address)], 0),
        ("wpad.office.example", messages.A, [], 3),
        ("backup.office.example", messages.A, None, 0),
        ("backup.office.example", messages.A, [(messages.A, BACKUP.address)], 0),
    ]
    for number, (domain, kind, answers, rcode) in enumerate(asked):
        client, server = (LAPTOP, 50000 + number), (RESOLVER, 53)
        trace.datagram(client, server, messages.query(0x1000 + number, domain, kind), 1000 if answers is None else 1)
        if answers is not None:
            trace.datagram(server, client, messages.response(0x1000 + number, domain, kind, answers, rcode), 18)


def page_with_losses(trace: Trace) -> None:
    """One page: a segment lost in front of the capture point (fast retransmission), a late one, one sent twice."""
    talk = Connection(trace, (LAPTOP, 40001), (SHOP, 80), seq=100_000)
    talk.handshake()
    talk.data(talk.client, messages.get("shop.example"))
    talk.ack(talk.server, after_ms=12)
    whole = messages.page(messages.text(8300))
    pieces = [whole[start : start + 1200] for start in range(0, len(whole), 1200)]
    talk.data(talk.server, pieces[0])
    talk.ack(talk.client)
    lost = talk.lose(talk.server, pieces[1])
    for piece in pieces[2:5]:
        talk.data(talk.server, piece)
        talk.ack(talk.client, ack=lost)
    talk.segment(talk.server, ACK, seq=lost, data=pieces[1], after_ms=13)
    talk.ack(talk.client)
    first = talk.server.next_seq
    talk.server.next_seq += len(pieces[5])
    talk.data(talk.server, pieces[6])
    talk.segment(talk.server, ACK, seq=first, data=pieces[5], after_ms=0.4)
    talk.ack(talk.client, after_ms=0.3)
    # The acknowledgement is lost behind the capture point: the last piece comes again after the time-out.
    talk.segment(talk.server, ACK | PSH, seq=talk.server.next_seq - len(pieces[6]), data=pieces[6], after_ms=230)
    talk.ack(talk.client)
    talk.close(talk.client)


def page_over_ipv6(trace: Trace) -> None:
    """The same shop over IPv6, without a fault."""
    talk = Connection(trace, (LAPTOP6, 40002), (SHOP6, 80), seq=200_000)
    talk.handshake(9)
    talk.data(talk.client, messages.get("www.shop.example", "/basket"))
    talk.data(talk.server, messages.page(messages.text(3000, 2)), after_ms=9)
    talk.ack(talk.client)
    talk.close(talk.server)


def api_reset(trace: Trace) -> None:
    """An encrypted call that the server breaks off."""
    talk = Connection(trace, (LAPTOP, 40003), (API, 443), seq=300_000)
    talk.handshake(25)
    talk.data(talk.client, messages.client_hello("api.shop.example"))
    talk.data(talk.server, messages.server_hello() + messages.record(23, messages.text(1800, 3)), after_ms=25)
    talk.ack(talk.client)
    talk.data(talk.client, messages.record(23, messages.text(500, 4)))
    talk.segment(talk.server, RST | ACK, window=0, after_ms=26)


def upload_to_slow_server(trace: Trace) -> None:
    """A backup fills the window of its server, which opens it two seconds later."""
    talk = Connection(trace, (LAPTOP, 40004), (BACKUP, 873), seq=400_000)
    talk.handshake(30)
    for block in range(5):
        talk.data(talk.client, messages.text(1400, 10 + block))
        talk.ack(talk.server, window=max(0, 40 - 10 * block), after_ms=15)
    probe = talk.client.next_seq
    for wait in (300, 600, 1100):
        talk.segment(talk.client, ACK, seq=probe, data=b"o", after_ms=wait)
        talk.ack(talk.server, ack=probe, window=0, after_ms=30)
    talk.ack(talk.server, window=400, after_ms=20)
    talk.data(talk.client, messages.text(1400, 20))
    talk.ack(talk.server, after_ms=30)
    talk.close(talk.client)


def refused(trace: Trace) -> None:
    """Nobody listens on port 8443."""
    for attempt in range(3):
        talk = Connection(trace, (LAPTOP, 40010 + attempt), (SHOP, 8443), seq=500_000 + attempt)
        talk.syn(after_ms=200)
        talk.segment(talk.server, RST | ACK, seq=0, window=0, after_ms=12)


def unanswered(trace: Trace) -> None:
    """A firewall swallows what goes to the database: the SYN is sent again and again."""
    talk = Connection(trace, (LAPTOP, 40020), (DATABASE, 5432), seq=600_000)
    for wait in (5, 1000, 2000):
        talk.syn(seq=600_000, after_ms=wait)


def port_used_again(trace: Trace) -> None:
    """Two connections with the same addresses and ports, one after the other."""
    for seq in (700_000, 900_000):
        talk = Connection(trace, (LAPTOP, 40030), (API, 8080), seq=seq)
        talk.handshake(25)
        talk.data(talk.client, messages.get("api.shop.example", "/status"))
        talk.data(talk.server, messages.page(b"ok"), after_ms=25)
        talk.ack(talk.client)
        talk.close(talk.client)
        trace.wait(500)


def printer_in_vlan(trace: Trace) -> None:
    """A print job inside VLAN 20, silent for a while and kept alive."""
    talk = Connection(trace, (LAPTOP, 40040), (PRINTER, 9100), seq=800_000, vlan=20)
    talk.handshake(1)
    talk.data(talk.client, messages.text(900, 30))
    talk.ack(talk.server, after_ms=2)
    for _ in range(2):
        talk.segment(talk.client, ACK, seq=talk.client.next_seq - 1, data=b"\0", after_ms=2000)
        talk.ack(talk.server, after_ms=1)


def ping(trace: Trace) -> None:
    """Three echo requests, the second without a reply."""
    for number in range(1, 4):
        rest = struct.pack("!HH", 0x77, number)
        trace.send(LAPTOP, SHOP, icmp(8, 0, rest, messages.text(32)), 1000)
        if number != 2:
            trace.send(SHOP, LAPTOP, icmp(0, 0, rest, messages.text(32)), 12)


def cut_short() -> bytes:
    """Three pages; in the middle of the second the file is overwritten, and its end is missing."""
    trace = Trace(START)
    sizes = []
    for number in range(3):
        talk = Connection(trace, (LAPTOP, 41000 + number), (SHOP, 80), seq=10_000 * (number + 1))
        talk.handshake()
        talk.data(talk.client, messages.get("shop.example", f"/{number}"))
        talk.data(talk.server, messages.page(messages.text(6000, number)), after_ms=12)
        talk.ack(talk.client)
        talk.close(talk.client)
        sizes.append(len(trace.frames))
    whole = bytearray(pcap(trace.frames))
    # The record header of the sixth frame of the second page, and all bytes from there to the middle of the next.
    start = 24 + sum(16 + len(frame) for _, frame in trace.frames[: sizes[0] + 5])
    whole[start : start + 1600] = bytes((7 * i + 0x91) & 0xFF for i in range(1600))
    return bytes(whole[:-21])


CAPTURES = {
    "web-problems.pcapng": web_problems,
    "office-dhcp.pcap": office_dhcp,
    "path-trouble.pcap": path_trouble,
    "office-calls.pcap": office_calls,
    "office-clocks.pcap": office_clocks,
    "office-quic.pcap": office_quic,
    "cut-short.pcap": cut_short,
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, make in CAPTURES.items():
        (folder / name).write_bytes(make())
        print(folder / name)


if __name__ == "__main__":
    main()
