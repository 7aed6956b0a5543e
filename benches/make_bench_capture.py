"""Write a capture of a given size to measure with; the same size and profile give the same bytes.

    python -m benches.make_bench_capture FILE [--mega-bytes 64] [--profile mixed|small]
    python -m benches.make_bench_capture FILE --profile dns [--queries 2000000]

mixed  pages over HTTP and TLS, names, IPv6, a VLAN, some losses: about 800 bytes a packet
small  names and connections of a few short segments: about 85 bytes a packet, the most work for a byte
dns    DNS alone, half of the queries answered (dns_capture.py); its size is the number of queries

Visits of one round overlap in time; rounds follow each other. A larger capture begins with the smaller one.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benches import dns_capture
from examples import messages
from examples.packets import ACK, Connection, Host, Trace, pcap

START = 1_767_225_600_000_000_000
VISITS = 40
"""Visits of one round, which overlap in time."""
GATEWAY = "02:00:00:00:00:fe"
BLOCKS = [messages.text(size, size) for size in range(200, 24_000, 400)]
"""Bodies of pages."""


def _host(random: Random, number: int) -> Host:
    mac = f"02:00:00:01:{number >> 8 & 255:02x}:{number & 255:02x}"
    if random.random() < 0.2:
        return Host(f"2001:db8::{number & 0xFFFF:x}", mac)
    return Host(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", mac)


def _server(client: Host, number: int) -> Host:
    return Host(f"2001:db8:1::{number:x}" if ":" in client.address else f"198.51.{number >> 8}.{number & 255}", GATEWAY)


def _lookup(trace: Trace, random: Random, client: Host, number: int) -> None:
    resolver = Host("2001:db8:1::53" if ":" in client.address else "10.0.0.53", GATEWAY)
    name, ident, port = f"host{number % 3000}.example", random.randrange(65536), random.randrange(20000, 60000)
    trace.datagram((client, port), (resolver, 53), messages.query(ident, name))
    if random.random() < 0.97:
        found = [(messages.A, f"198.51.100.{number % 250}")]
        trace.datagram((resolver, 53), (client, port), messages.response(ident, name, messages.A, found), 8)


def _visit(trace: Trace, random: Random, number: int) -> None:
    """A name and a page over HTTP or TLS; one segment in a hundred comes twice."""
    client = _host(random, random.randrange(40_000))
    server = _server(client, random.randrange(2_000))
    _lookup(trace, random, client, number)
    tls = random.random() < 0.7
    vlan = 20 if random.random() < 0.1 else None
    ports = (random.randrange(1024, 65535), 443 if tls else 80)
    talk = Connection(trace, (client, ports[0]), (server, ports[1]), seq=random.randrange(2**31), vlan=vlan)
    talk.handshake(random.uniform(2, 40))
    host = f"host{number % 3000}.example"
    talk.data(talk.client, messages.client_hello(host) if tls else messages.get(host, f"/{number}"))
    body = random.choice(BLOCKS)
    whole = messages.server_hello() + messages.record(23, body[:16000]) if tls else messages.page(body)
    for start in range(0, len(whole), 2800):
        talk.data(talk.server, whole[start : start + 2800], after_ms=0.3)
        if random.random() < 0.01:
            again = whole[start : start + 1400]
            at = talk.server.next_seq - len(whole[start : start + 2800])
            talk.segment(talk.server, ACK, seq=at, data=again, after_ms=200)
        talk.ack(talk.client)
    if random.random() < 0.95:
        talk.close(talk.client)


def _short(trace: Trace, random: Random, number: int) -> None:
    """A name and a connection that carries a few bytes."""
    client = _host(random, random.randrange(60_000))
    server = _server(client, random.randrange(4_000))
    _lookup(trace, random, client, number)
    talk = Connection(trace, (client, random.randrange(1024, 65535)), (server, 80), seq=random.randrange(2**31))
    talk.handshake(random.uniform(1, 20))
    talk.data(talk.client, b"ping\n")
    talk.data(talk.server, b"pong\n", after_ms=5)
    talk.close(talk.client)


def records(profile: str, seed: int = 20) -> Iterator[bytes]:
    """Records of a classic capture without end, a round of visits at a time."""
    random = Random(seed)
    one = _visit if profile == "mixed" else _short
    number, clock = 0, START
    while True:
        frames: list[tuple[int, bytes]] = []
        for _ in range(VISITS):
            trace = Trace(clock + random.randrange(300_000_000))
            one(trace, random, number)
            frames += trace.frames
            number += 1
        frames.sort(key=lambda frame: frame[0])
        # A round ends before the next begins, so that time never goes back.
        clock = frames[-1][0] + 1_000_000
        yield pcap(frames)[24:]


def make(path: Path, size: int, profile: str = "mixed", seed: int = 20) -> Path:
    """Write the capture at `path`; the first round that passes `size` bytes is the last."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for part in records(profile, seed):
            file.write(part)
            if file.tell() >= size:
                return path
    raise AssertionError("records never end")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a capture to measure with.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--mega-bytes", type=int, default=64)
    parser.add_argument("--profile", choices=("mixed", "small", "dns"), default="mixed")
    parser.add_argument("--queries", type=int, default=2_000_000, help="of the profile dns")
    options = parser.parse_args()
    if options.profile == "dns":
        made = dns_capture.make(options.file, options.queries)
    else:
        made = make(options.file, options.mega_bytes << 20, options.profile)
    print(f"{made}: {made.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
