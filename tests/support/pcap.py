"""A small builder of captures: frames from header fields, files from frames. Written from the RFCs and the pcap
description, with no help of the code under test."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

START_NS = 1_700_000_000_000_000_000
LINKTYPE_ETHERNET = 1


@dataclass(frozen=True)
class Frame:
    """One packet of a capture; wire_bytes is the length on the wire when it was cut."""

    time_ns: int
    data: bytes
    wire_bytes: int | None = None


def pcap(
    frames: Iterable[Frame], *, order: str = "<", nanoseconds: bool = False, link_type: int = LINKTYPE_ETHERNET
) -> bytes:
    """A classic pcap file. order: struct's sign for the byte order."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)]
    for frame in frames:
        seconds, rest = divmod(frame.time_ns, 1_000_000_000)
        wire = len(frame.data) if frame.wire_bytes is None else frame.wire_bytes
        parts += [struct.pack(order + "IIII", seconds, rest // unit, len(frame.data), wire), frame.data]
    return b"".join(parts)


def pcapng(frames: Iterable[Frame], *, order: str = "<", link_type: int = LINKTYPE_ETHERNET) -> bytes:
    """One section, one interface with nanosecond times, enhanced packet blocks."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))

    options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    parts = [
        block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack(order + "HHI", link_type, 0, 262_144) + options),
    ]
    for frame in frames:
        wire = len(frame.data) if frame.wire_bytes is None else frame.wire_bytes
        head = struct.pack(order + "IIIII", 0, frame.time_ns >> 32, frame.time_ns & 0xFFFFFFFF, len(frame.data), wire)
        parts.append(block(6, head + frame.data))
    return b"".join(parts)


def tcp(
    source: str,
    source_port: int,
    destination: str,
    destination_port: int,
    flags: int,
    *,
    seq: int = 0,
    ack: int = 0,
    payload: bytes = b"",
    window: int = 64_240,
    options: bytes = b"",
) -> bytes:
    """An Ethernet frame with a TCP segment over IPv4 or IPv6, checksums right (RFC 9293 3.1)."""
    options += b"\x01" * (-len(options) % 4)
    offset = (20 + len(options)) // 4
    segment = struct.pack(
        "!HHIIBBHHH", source_port, destination_port, seq % 2**32, ack % 2**32, offset << 4, flags, window, 0, 0
    )
    segment += options + payload
    check = _checksum(_pseudo(source, destination, 6, len(segment)) + segment)
    return _ip(source, destination, 6, segment[:16] + struct.pack("!H", check) + segment[18:])


def udp(
    source: str, source_port: int, destination: str, destination_port: int, payload: bytes = b"", *, ttl: int = 64
) -> bytes:
    """An Ethernet frame with a UDP datagram over IPv4 or IPv6 (RFC 768)."""
    datagram = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    check = _checksum(_pseudo(source, destination, 17, len(datagram)) + datagram) or 0xFFFF
    return _ip(source, destination, 17, datagram[:6] + struct.pack("!H", check) + datagram[8:], ttl=ttl)


def arp(source: str, target: str) -> bytes:
    """A request, in a frame padded to the 60 bytes of Ethernet (RFC 826)."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    body += _mac(source) + ipaddress.ip_address(source).packed + bytes(6) + ipaddress.ip_address(target).packed
    return (b"\xff" * 6 + _mac(source) + b"\x08\x06" + body).ljust(60, b"\0")


def conversation(
    client: str = "10.0.0.1",
    client_port: int = 40_000,
    server: str = "10.0.0.2",
    server_port: int = 80,
    *,
    start_ns: int = START_NS,
    step_ns: int = 1_000_000,
    exchanges: int = 2,
    request: int = 100,
    response: int = 1_000,
    repeat_responses: int = 0,
    close: str = "fin",
) -> list[Frame]:
    """One TCP connection: handshake, exchanges of request and response with an acknowledgement each, close.

    Each step is one frame, step_ns apart. repeat_responses: how many responses are sent a second time, one second
    after the first time, acknowledged only then. close: "fin" (client first), "reset" (by the server) or "open".
    """
    frames: list[Frame] = []
    now = start_ns
    one, two = 1_000, 5_000

    def send(to_server: bool, flags: int, payload: bytes = b"", options: bytes = b"") -> None:
        nonlocal now, one, two
        if to_server:
            data = tcp(
                client,
                client_port,
                server,
                server_port,
                flags,
                seq=one,
                ack=two if flags & ACK else 0,
                payload=payload,
                options=options,
            )
            one += len(payload) + bool(flags & SYN) + bool(flags & FIN)
        else:
            data = tcp(
                server,
                server_port,
                client,
                client_port,
                flags,
                seq=two,
                ack=one if flags & ACK else 0,
                payload=payload,
                options=options,
            )
            two += len(payload) + bool(flags & SYN) + bool(flags & FIN)
        frames.append(Frame(now, data))
        now += step_ns

    mss = struct.pack("!BBH", 2, 4, 1460)
    send(True, SYN, options=mss)
    send(False, SYN | ACK, options=mss)
    send(True, ACK)
    for number in range(exchanges):
        send(True, PSH | ACK, b"q" * request)
        send(False, PSH | ACK, b"a" * response)
        if number < repeat_responses:
            two -= response
            now += 1_000_000_000
            send(False, PSH | ACK, b"a" * response)
        send(True, ACK)
    if close == "fin":
        send(True, FIN | ACK)
        send(False, FIN | ACK)
        send(True, ACK)
    elif close == "reset":
        send(False, RST | ACK)
    return frames


def mixed(connections: int = 20, *, packets_of_udp: int = 30) -> list[Frame]:
    """Some of everything, in order of time: see `flows`."""
    return in_time_order(flows(connections, packets_of_udp=packets_of_udp))


def flows(connections: int = 20, *, packets_of_udp: int = 30) -> list[list[Frame]]:
    """TCP connections over IPv4 and IPv6 that end in all ways, some with retransmissions; three UDP flows, both ways;
    an ARP request. No two frames have the same time."""
    found: list[list[Frame]] = []
    for number in range(connections):
        six = number % 4 == 3
        found.append(
            conversation(
                f"2001:db8::{number + 1:x}" if six else f"10.0.{number // 200}.{number % 200 + 1}",
                40_000 + number,
                "2001:db8:ffff::1" if six else "192.0.2.1",
                (80, 443, 22)[number % 3],
                start_ns=START_NS + number * 351_000,
                exchanges=1 + number % 4,
                response=200 + 50 * number,
                repeat_responses=number % 5 == 0,
                close=("fin", "reset", "open")[number % 3],
            )
        )
    for port in range(3):
        datagrams = []
        for number in range(port, packets_of_udp, 3):
            ends = [("10.1.0.1", 5_000 + port), ("198.51.100.7", 9_000)]
            (a, a_port), (b, b_port) = ends if number % 2 == 0 else ends[::-1]
            datagrams.append(Frame(START_NS + number * 990_001 + 7, udp(a, a_port, b, b_port, bytes(number))))
        found.append(datagrams)
    found.append([Frame(START_NS + 77, arp("10.0.0.1", "10.0.0.2"))])
    return found


def icmp(source: str, destination: str, kind: int, code: int = 0, body: bytes = b"", *, ttl: int = 64) -> bytes:
    """An Ethernet frame with an ICMP or ICMPv6 message, checksum right; body: what follows the checksum."""
    v6 = ":" in source
    message = struct.pack("!BBH", kind, code, 0) + body
    covered = _pseudo(source, destination, 58, len(message)) + message if v6 else message
    message = message[:2] + struct.pack("!H", _checksum(covered)) + message[4:]
    return _ip(source, destination, 58 if v6 else 1, message, ttl=ttl)


def echo(source: str, destination: str, number: int, *, reply: bool = False, ident: int = 7, **more: int) -> bytes:
    """An echo request or reply with 16 bytes of data."""
    request, answer = (128, 129) if ":" in source else (8, 0)
    body = struct.pack("!HH", ident, number) + bytes(range(16))
    return icmp(source, destination, answer if reply else request, 0, body, **more)


def icmp_flows() -> list[list[Frame]]:
    """Echo of both versions, answered, lost and answered twice; a traceroute; an error that quotes TCP; routers and
    neighbours. Each is a flow; no two frames have the same time, no two flows an address that counts by the second."""
    found: list[list[Frame]] = []
    for number, (one, other) in enumerate(
        [("10.3.0.1", "192.0.2.31"), ("10.3.0.2", "192.0.2.32"), ("2001:db8:3::1", "2001:db8:4::1")]
    ):
        frames = []
        for seq in range(4):
            at = START_NS + seq * 2_000_000 + number * 20_011 + 71
            frames.append(Frame(at, echo(one, other, seq)))
            if seq != 3:
                frames.append(Frame(at + 900_001 + number, echo(other, one, seq, reply=True)))
        frames.append(Frame(START_NS + 9_000_000 + number, echo(other, one, 0, reply=True)))
        found.append(frames)
    traced = []
    for hop in (1, 2):
        at = START_NS + hop * 3_000_000 + 83
        probe = udp("10.3.0.9", 40_000, "192.0.2.99", 33_433 + hop, bytes(12), ttl=hop)
        quoted = bytes(4) + probe[14:42]
        traced += [Frame(at, probe), Frame(at + 777_777, icmp(f"203.0.113.{hop}", "10.3.0.9", 11, 0, quoted))]
    found.append(traced)
    syn = tcp("10.3.0.8", 50_000, "192.0.2.80", 443, SYN, seq=1)
    refused = icmp("203.0.113.8", "10.3.0.8", 3, 4, struct.pack("!HH", 0, 1400) + syn[14:54])
    found.append([Frame(START_NS + 91, syn), Frame(START_NS + 5_000_093, refused)])
    router, host = "fe80::1", "fe80::2"
    advertised = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\x01\x01\x02\0\0\0\0\x01"
    target = ipaddress.ip_address(host).packed
    found.append([Frame(START_NS + 97, icmp(router, "ff02::1", 134, 0, advertised, ttl=255))])
    found.append(
        [
            Frame(START_NS + 101, icmp("fe80::3", "ff02::1:ff00:2", 135, 0, bytes(4) + target, ttl=255)),
            Frame(
                START_NS + 80_103,
                icmp(host, "fe80::3", 136, 0, b"\x60\0\0\0" + target + b"\x02\x01\x02\0\0\0\0\x02", ttl=255),
            ),
        ]
    )
    return found


def dns_flows() -> list[list[Frame]]:
    """DNS of three clients with two servers, each a flow: answered, answered NXDOMAIN, asked again, never answered; one
    multicast query; one query on a port that is not DNS's. No two frames have the same time."""
    found: list[list[Frame]] = []
    for client in range(3):
        ends = (f"10.2.0.{client + 1}", 6_000 + client), (f"198.51.100.{53 + client % 2}", 53)
        datagrams = []
        for number in range(5):
            at = START_NS + number * 1_000_000 + client * 10_003 + 31
            question = dns(number, f"host{number % 3}.example{client}.com")
            datagrams.append(Frame(at, udp(*ends[0], *ends[1], question)))
            if number != 4:
                answer = dns(number, f"host{number % 3}.example{client}.com", answered=(0, 3)[number % 2])
                datagrams.append(Frame(at + 700_001 + client, udp(*ends[1], *ends[0], answer)))
        found.append(datagrams)
    found.append([Frame(START_NS + 57, udp("10.2.0.9", 5353, "224.0.0.251", 5353, dns(0, "printer.local")))])
    found.append([Frame(START_NS + 59, udp("10.2.0.9", 7000, "198.51.100.53", 5300, dns(9, "elsewhere.example")))])
    return found


def dns(number: int, name: str, *, answered: int | None = None) -> bytes:
    """A query for A (RFC 1035), or the response with that code: with one address where the code is 0."""
    records = int(answered == 0)
    flags = 0x0100 if answered is None else 0x8180 | answered
    head = struct.pack("!6H", number, flags, 1, records, 0, 0)
    question = (
        b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack("!2H", 1, 1)
    )
    return head + question + records * struct.pack("!3HIH4B", 0xC00C, 1, 1, 60, 4, 192, 0, 2, 80)


def http_flows() -> list[list[Frame]]:
    """HTTP of three clients, each a flow: a page, a login refused, an error in chunks, a request without response; two
    messages of SSDP. No two frames have the same time."""
    chunked = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    found: list[list[Frame]] = []
    for client in range(3):
        host = b" HTTP/1.1\r\nHost: h%d\r\n" % client
        exchanges = [
            [b"GET /a?token=x" + host + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", b"llo"],
            [
                b"GET /b" + host + b"Authorization: Basic QTpi\r\n\r\n",
                b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
            ],
            [b"GET /c" + host + b"\r\n", chunked + b"3\r\nab", b"c\r\n0\r\n\r\n"],
            [b"GET /d" + host + b"\r\n"],
        ]
        ends = (f"10.3.0.{client + 1}", 7_000 + client), (f"198.51.100.{80 + client % 2}", 8080)
        frames, at, sent = [], START_NS + client * 10_007 + 77, [1, 1]
        for exchange in exchanges:
            for number, payload in enumerate(exchange):
                side = int(number > 0)
                (source, port), (target, target_port) = ends[side], ends[1 - side]
                data = tcp(
                    source, port, target, target_port, PSH | ACK, seq=sent[side], ack=sent[1 - side], payload=payload
                )
                frames.append(Frame(at, data))
                sent[side] += len(payload)
                at += 300_001 + client
        found.append(frames)
    search = b'M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMan: "ssdp:discover"\r\n\r\n'
    notify = b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nServer: x\r\n\r\n"
    for number, data in enumerate((search, notify)):
        at = START_NS + 1_000_003 * number + 91
        found.append([Frame(at, udp(f"10.3.1.{number}", 50_000, "239.255.255.250", 1900, data))])
    return found


def rtp_flows() -> list[list[Frame]]:
    """Media that nobody announced, one stream and its receiver reports: a number missing, one twice, one late."""
    numbers = [*range(65_530, 65_536), *range(6), 8, 9, 9, 11, 10]
    media = [
        Frame(
            START_NS + 1_000_037 + place * 20_000_000,
            udp("10.2.0.20", 40_000, "198.51.100.80", 40_002, rtp(number, place * 160)),
        )
        for place, number in enumerate(numbers)
    ]
    report = struct.pack("!BBHIIIIIII", 0x81, 201, 7, 1, 9, 0x10000001, 65_536, 12, 0, 0)
    told = Frame(START_NS + 300_000_041, udp("198.51.100.80", 40_003, "10.2.0.20", 40_001, report))
    return [media, [told]]


def rtp(number: int, timestamp: int, *, payload_type: int = 0, ssrc: int = 9) -> bytes:
    """An RTP packet (RFC 3550) with 160 bytes of silence."""
    return struct.pack("!BBHII", 0x80, payload_type, number, timestamp, ssrc) + b"\xff" * 160


def in_time_order(flows: Sequence[Sequence[Frame]]) -> list[Frame]:
    """One capture of several flows; frames of the same time stay in order of the flows."""
    return sorted((frame for flow in flows for frame in flow), key=lambda frame: frame.time_ns)


def _ip(source: str, destination: str, protocol: int, payload: bytes, *, ttl: int = 64) -> bytes:
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if a.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, ttl, protocol, 0) + a.packed + b.packed
        head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
        kind = b"\x08\x00"
    else:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + a.packed + b.packed
        kind = b"\x86\xdd"
    return _mac(destination) + _mac(source) + kind + head + payload


def _mac(address: str) -> bytes:
    """A locally administered address made of the end of the IP address."""
    return b"\x02\x00" + ipaddress.ip_address(address).packed[-4:]


def _pseudo(source: str, destination: str, protocol: int, length: int) -> bytes:
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    ending = struct.pack("!BBH", 0, protocol, length) if a.version == 4 else struct.pack("!I3xB", length, protocol)
    return a.packed + b.packed + ending


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def sip_flows() -> list[list[Frame]]:
    """A call that is answered and hung up, a registration behind a challenge, a keep-alive that nobody answers; one
    request twice. The media it announces are not there."""
    alice, bob = "10.5.0.1", "10.5.0.2"
    told = b"v=0\r\nc=IN IP4 10.5.0.1\r\nm=audio 49170 RTP/AVP 0 8\r\n"
    call = [
        (0, 0, sip("INVITE sip:bob@example.org", "call", "1 INVITE", body=told)),
        (0, 500, sip("INVITE sip:bob@example.org", "call", "1 INVITE", body=told)),
        (1, 600, sip("SIP/2.0 180 Ringing", "call", "1 INVITE", to_tag="b")),
        (1, 900, sip("SIP/2.0 200 OK", "call", "1 INVITE", to_tag="b", body=told)),
        (0, 910, sip("ACK sip:bob@example.org", "call", "1 ACK", to_tag="b", branch="2")),
        (0, 5_000, sip("BYE sip:bob@example.org", "call", "2 BYE", to_tag="b", branch="3")),
        (1, 5_010, sip("SIP/2.0 200 OK", "call", "2 BYE", to_tag="b", branch="3")),
    ]
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n'
    answer = 'Authorization: Digest username="u", realm="r", response="0123"\r\n'
    registration = [
        (0, 0, sip("REGISTER sip:example.org", "reg", "1 REGISTER", branch="4")),
        (1, 10, sip("SIP/2.0 401 Unauthorized", "reg", "1 REGISTER", branch="4", extra=challenge)),
        (0, 20, sip("REGISTER sip:example.org", "reg", "2 REGISTER", branch="5", extra=answer)),
        (1, 30, sip("SIP/2.0 200 OK", "reg", "2 REGISTER", branch="5", extra="Expires: 3600\r\n")),
    ]
    ping = [(0, 0, sip("OPTIONS sip:example.org", "ping", "1 OPTIONS", branch="6"))]

    def frames(port: int, steps: list[tuple[int, int, bytes]]) -> list[Frame]:
        ends = ((alice, port), (bob, 5060))
        return [
            Frame(START_NS + port + after * 1_000_000, udp(*ends[side], *ends[1 - side], data))
            for side, after, data in steps
        ]

    return [frames(5061, call), frames(5062, registration), frames(5063, ping)]


def sip(
    start: str, call_id: str, cseq: str, *, branch: str = "1", to_tag: str = "", extra: str = "", body: bytes = b""
) -> bytes:
    """A message (RFC 3261); a start line without a version is a request."""
    line = start if start.startswith("SIP/2.0") else f"{start} SIP/2.0"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    tag = f";tag={to_tag}" if to_tag else ""
    head = (
        f"{line}\r\nVia: SIP/2.0/UDP 10.5.0.1;branch=z9hG4bK{call_id}{branch}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>{tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq}\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
