"""A capture of DNS alone: two million queries, one million responses, and what has to be found in it.

Everything follows from the number of the query, so that the truth is known by construction: every second query is
answered, 85 answers of a hundred are NOERROR, ten NXDOMAIN, four SERVFAIL, one REFUSED. 20,000 queries a second of
50,000 clients to eight servers for 100,000 names under 2,000 domains; answers come 50 us to 20 ms later, in among
other queries. No client uses a port twice, so no query is a repetition of another.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from examples import messages

START_NS = 1_767_225_600_000_000_000
BETWEEN_NS = 50_000
"""From one query to the next."""
CLIENTS, SERVERS, NAMES, DOMAINS = 50_000, 8, 100_000, 2_000
RCODES = ("NOERROR",) * 85 + ("NXDOMAIN",) * 10 + ("SERVFAIL",) * 4 + ("REFUSED",)
NUMBERS = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
TYPES = (messages.A,) * 7 + (messages.AAAA,) * 3
_ETHERNET = bytes.fromhex("0200000000010200000000fe0800")
_ANSWERS = {
    messages.A: struct.pack("!HHHIH4s", 0xC00C, messages.A, 1, 300, 4, bytes([198, 51, 100, 7])),
    messages.AAAA: struct.pack(
        "!HHHIH16s", 0xC00C, messages.AAAA, 1, 300, 16, bytes.fromhex("20010db8" + "00" * 11 + "07")
    ),
}


def truth(queries: int) -> dict[str, object]:
    """What stands in the capture with that many queries."""
    answered = (queries + 1) // 2
    rcodes = Counter({name: answered // 100 * number for name, number in Counter(RCODES).items()})
    rcodes.update(RCODES[: answered % 100])
    return {
        "queries": queries,
        "responses": answered,
        "unanswered": queries - answered,
        "rcodes": {number: rcodes[name] for name, number in NUMBERS.items() if rcodes[name]},
    }


def _record(time_ns: int, source: bytes, target: bytes, ports: bytes, data: bytes) -> bytes:
    length = len(data) + 28
    # The sum of the header's words: version, length, TTL, protocol and both addresses (RFC 791 3.1).
    total = 0x4500 + length + 0x4011 + sum(struct.unpack("!4H", source + target))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    seconds, rest = divmod(time_ns, 1_000_000_000)
    size = length + 14
    return b"".join(
        (
            struct.pack("<IIII", seconds, rest // 1_000, size, size),
            _ETHERNET,
            struct.pack("!HHHHBBH", 0x4500, length, 0, 0, 64, 17, ~total & 0xFFFF),
            source,
            target,
            ports,
            struct.pack("!HH", length - 20, 0),
            data,
        )
    )


def records(queries: int) -> Iterator[bytes]:
    """Records of a classic capture in time order."""
    domains = [messages.name(f"host{n // DOMAINS}.site{n % DOMAINS}.com") for n in range(NAMES)]
    clients = [bytes((10, n >> 16, n >> 8 & 255, n & 255)) for n in range(1, CLIENTS + 1)]
    servers = [bytes((192, 0, 2, n + 1)) for n in range(SERVERS)]
    port_53 = struct.pack("!H", 53)
    waiting: deque[list[bytes]] = deque([[] for _ in range(400)])
    for number in range(queries + len(waiting)):
        now = START_NS + number * BETWEEN_NS
        # Clients, names and delays by steps that are prime to their numbers.
        if number < queries:
            client, server = clients[number * 7_919 % CLIENTS], servers[number % SERVERS]
            port = struct.pack("!H", 1_024 + number // CLIENTS)
            kind = TYPES[number % len(TYPES)]
            question = domains[number * 611_953 % NAMES] + struct.pack("!HH", kind, 1)
            head = struct.pack("!H", number & 0xFFFF)
            ask = head + b"\x01\x00\0\1\0\0\0\0\0\0" + question
            yield _record(now, client, server, port + port_53, ask)
            if number % 2 == 0:
                code = RCODES[number // 2 % 100]
                found = _ANSWERS[kind] if code == "NOERROR" else b""
                flags = bytes((0x81, 0x80 | NUMBERS[code], 0, 1, 0, 1 if found else 0, 0, 0, 0, 0))
                later = 1 + number * 7 % (len(waiting) - 1)
                waiting[later].append(
                    _record(
                        now + later * BETWEEN_NS + 1_000,
                        server,
                        client,
                        port_53 + port,
                        head + flags + question + found,
                    )
                )
        yield from waiting[0]
        waiting.popleft()
        waiting.append([])


def make(path: Path, queries: int = 2_000_000) -> Path:
    """Write the capture at `path`."""
    with path.open("wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for record in records(queries):
            file.write(record)
    return path
