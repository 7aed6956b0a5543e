"""Calls whose streams show how loss, delay, jitter and kinds of datagrams are counted, and what tshark 4.0.17 counts.

Every stream is announced by an INVITE of its own, the way Wireshark learns of it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.pcap import Frame, pcap, udp

CALLER, CALLED = "10.0.0.1", "10.0.0.2"
START_NS = 1_700_000_000_000_000_000
MEDIA_PORT = 6000
MS = 1_000_000

Sent = tuple[float, int, int, int, int]
"""ms since the start of the stream, payload type, sequence number, timestamp, marker bit."""


def invite(
    number: int, port: int, maps: dict[int, str] | None = None, *, more: str = "", proto: str = "RTP/AVP"
) -> bytes:
    """An INVITE of the called end for media to itself; each has its own Call-ID."""
    lines = [
        "v=0", f"o=- 1 1 IN IP4 {CALLED}", "s=-", f"c=IN IP4 {CALLED}", "t=0 0",
        f"m=audio {port} {proto} 0 8 18 {' '.join(map(str, maps or {}))}".rstrip(),
        *(f"a=rtpmap:{kind} {name}" for kind, name in (maps or {}).items()),
    ]  # fmt: skip
    body = "".join(f"{line}\r\n" for line in lines) + more
    head = [
        f"INVITE sip:a@{CALLER} SIP/2.0",
        f"Via: SIP/2.0/UDP {CALLED}:5060;branch=z9hG4bK{number}",
        f"From: <sip:b@{CALLED}>;tag={number}",
        f"To: <sip:a@{CALLER}>",
        f"Call-ID: call{number}@example.com",
        "CSeq: 1 INVITE",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def rtp(kind: int, sequence: int, timestamp: int, ssrc: int, *, marker: int = 0, payload: bytes = bytes(160)) -> bytes:
    return struct.pack(
        "!BBHII", 0x80, marker << 7 | kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    ) + payload  # fmt: skip


def flow(
    dice: random.Random,
    number: int,
    *,
    kind: int = 0,
    first: int = 100,
    timestamp: int = 1000,
    step: int = 160,
    every_ms: float = 20.0,
    drop: float = 0.0,
    twice: float = 0.0,
    swap: float = 0.0,
    marker_every: int = 0,
) -> list[Sent]:
    """Packets in a row, some dropped, sent twice or swapped with their neighbour."""
    out: list[Sent] = []
    for n in range(number):
        at = n * every_ms + round(dice.uniform(0, 3), 3)
        if dice.random() < drop:
            continue
        marker = int(marker_every > 0 and n % marker_every == 0)
        out.append((at, kind, first + n, timestamp + n * step, marker))
        if dice.random() < twice:
            out.append((at + 1, kind, first + n, timestamp + n * step, 0))
    for n in range(1, len(out)):
        if dice.random() < swap:
            (a, *one), (b, *two) = out[n - 1], out[n]
            out[n - 1], out[n] = (a, *two), (b, *one)  # type: ignore[assignment]
    return out


def row(
    number: int, kind: int, at_ms: float, first: int, timestamp: int, step: int = 160, every_ms: float = 20
) -> list[Sent]:
    """Packets in a row without any deviation."""
    return [(at_ms + n * every_ms, kind, first + n, timestamp + n * step, 0) for n in range(number)]


def streams(path: Path) -> Path:
    """One call for each way in which a stream can be."""
    dice = random.Random(7)
    wide = {96: "AMR-WB/16000", 97: "opus/48000/2", 98: "foo/22050", 101: "telephone-event/8000"}
    cases: list[list[Sent]] = [
        flow(dice, 40),
        flow(dice, 200, drop=0.1),
        flow(dice, 200, twice=0.1),
        flow(dice, 200, swap=0.1),
        flow(dice, 200, drop=0.1, twice=0.1, swap=0.1),
        flow(dice, 100, first=65500),
        flow(dice, 100, first=65500, drop=0.1, twice=0.1, swap=0.1),
        flow(dice, 100, timestamp=0xFFFFFFFF - 160 * 50),
        flow(dice, 100, timestamp=0xFFFFFFFF - 160 * 50, first=65500, swap=0.2),
        flow(dice, 100, first=0),
        flow(dice, 100, kind=97, step=960),
        flow(dice, 100, kind=99, step=960),
        flow(dice, 100, kind=96, step=320, drop=0.05, marker_every=10),
        flow(dice, 50, kind=98),
        # Events: their timestamp stands still.
        [
            *flow(dice, 50),
            *((1020 + n * 20, 101, 150 + n, 9000, int(n == 0)) for n in range(10)),
            *row(30, 0, 1300, 160, 11400),
        ],
        # Comfort noise, then speech again.
        [
            *flow(dice, 50),
            *((1020 + n * 200, 13, 150 + n, 9000 + n * 1600, 0) for n in range(5)),
            *row(30, 0, 2020, 155, 17000),
        ],
        [*flow(dice, 50), *row(30, 8, 1020, 150, 9000)],
        flow(dice, 100, kind=34, step=3000, every_ms=33, marker_every=5),
        # Timestamps that jump back and forward, numbers that jump back and forward.
        [*flow(dice, 50, timestamp=500_000), *row(50, 0, 1020, 150, 1000)],
        [*flow(dice, 50), *row(50, 0, 1020, 150, 0x90000000)],
        [*flow(dice, 50, first=30000), *row(50, 0, 1020, 5, 9000)],
        [*flow(dice, 50, first=60), *row(50, 0, 1020, 60000, 9000)],
        # Around the clock several times.
        [(n * 2, 0, n * 37 & 0xFFFF, n * 160 * 37, 0) for n in range(4000)],
        [(n * 2, 0, 100 + n * 37 & 0xFFFF, n * 160 * 37, 0) for n in range(4000)],
        # Packets older than the first one.
        [(0, 0, 100, 16000, 0), (20, 0, 99, 15840, 0), (40, 0, 101, 16160, 0), (60, 0, 98, 15680, 0)],
        [(0, 0, 0, 16000, 0), (20, 0, 65535, 15840, 0), (40, 0, 1, 16160, 0)],
        [(0, 0, 5, 0, 0)],
        flow(dice, 10, kind=77),
        flow(dice, 10, kind=72),
        flow(dice, 10, kind=25),
        [(0, 8, 1, 0, 0), (20, 0, 2, 160, 0), (40, 97, 3, 320, 0), (60, 8, 4, 480, 0), (80, 111, 5, 640, 0)],
    ]
    frames: list[Frame] = []
    for number, sent in enumerate(cases):
        at, port = START_NS + number * 1000 * MS, 20000 + 2 * number
        frames.append(Frame(at, udp(CALLED, 5060, CALLER, 5060, invite(number, port, wide))))
        for ms, kind, sequence, timestamp, marker in sent:
            data = rtp(kind, sequence, timestamp, port, marker=marker)
            frames.append(Frame(at + 500 * MS + round(ms * MS), udp(CALLER, MEDIA_PORT, CALLED, port, data)))
    return _write(path, frames)


Row = tuple[str, int, int, str, str, str, str, str, str, str]
"""Payload names, packets, lost, delta min, mean and max, jitter min, mean and max in ms, "X" for problems."""

STREAMS: list[Row] = [
    ("g711U", 40, 0, "18.166", "20.035", "22.226", "0.047", "0.536", "0.784", ""),
    ("g711U", 184, 16, "17.106", "21.743", "59.488", "0.135", "0.995", "1.309", "X"),
    ("g711U", 224, -24, "1.000", "17.851", "22.699", "0.146", "0.887", "1.247", "X"),
    ("g711U", 200, 0, "17.219", "19.998", "22.715", "0.071", "8.490", "15.151", "X"),
    ("g711U", 196, 3, "1.000", "20.413", "60.527", "0.937", "9.826", "23.586", "X"),
    ("g711U", 100, 0, "17.436", "19.999", "22.646", "0.038", "0.935", "1.270", ""),
    ("g711U", 96, 3, "1.000", "20.846", "62.326", "0.996", "8.744", "19.195", "X"),
    ("g711U", 100, 0, "17.080", "20.010", "22.468", "0.015", "0.906", "1.220", ""),
    ("g711U", 100, 65536, "17.377", "20.001", "22.631", "1.247", "12.609", "20.690", "X"),
    ("g711U", 100, 0, "17.438", "20.007", "22.549", "0.115", "0.886", "1.193", ""),
    ("opus", 100, 0, "17.615", "19.996", "22.216", "0.139", "0.903", "1.237", ""),
    ("RTPType-99", 100, 0, "17.403", "20.005", "22.810", "-1.000", "0.000", "0.000", ""),
    ("AMR-WB", 93, 7, "17.223", "21.136", "41.034", "0.114", "0.713", "1.121", "X"),
    ("foo", 50, 0, "17.477", "19.993", "22.390", "0.736", "8.999", "12.158", ""),
    ("g711U, telephone-event", 90, 0, "17.193", "20.922", "100.000", "0.018", "2.810", "14.687", ""),
    ("g711U, CN", 85, 0, "17.292", "19.992", "22.763", "0.023", "0.782", "1.572", ""),
    ("g711U, g711A", 80, 0, "17.079", "20.218", "38.087", "0.014", "0.965", "2.181", ""),
    ("h263", 100, 0, "30.390", "33.040", "35.748", "0.128", "0.860", "1.313", ""),
    ("g711U", 100, 0, "17.402", "19.972", "22.665", "0.045", "0.620", "0.876", "X"),
    ("g711U", 100, 0, "17.066", "20.045", "22.535", "0.097", "0.817", "1.346", "X"),
    ("g711U", 100, 35491, "17.735", "20.202", "38.280", "0.079", "0.644", "1.872", "X"),
    ("g711U", 100, 59890, "17.830", "20.198", "38.753", "0.075", "0.546", "1.770", "X"),
    ("g711U", 4000, 12892, "2.000", "2.000", "2.000", "46.125", "735.232", "738.000", "X"),
    ("g711U", 4000, 143964, "2.000", "2.000", "2.000", "46.125", "735.232", "738.000", "X"),
    ("g711U", 4, -5, "40.000", "20.000", "40.000", "1.250", "0.625", "1.250", "X"),
    ("g711U", 3, -1, "40.000", "20.000", "40.000", "1.250", "0.625", "1.250", "X"),
    ("g711U", 1, 0, "-1.000", "0.000", "0.000", "-1.000", "0.000", "0.000", ""),
    ("Unassigned", 10, 0, "18.231", "19.904", "21.956", "-1.000", "0.000", "0.000", ""),
    ("Reserved for RTCP conflict avoidance", 10, 0, "17.720", "19.918", "21.992", "-1.000", "0.000", "0.000", ""),
    ("CellB", 10, 0, "17.949", "19.905", "21.158", "1.054", "4.818", "7.986", ""),
    ("g711U, g711A, opus, RTPType-111", 5, 0, "20.000", "20.000", "20.000", "0.000", "2.040", "4.036", ""),
]
"""`tshark -q -z rtp,streams` of `streams`, by port."""


STUN = bytes.fromhex("000100002112a442") + bytes(12)
SDES = struct.pack("!BBHI", 0x80, 202, 1, 77)
SR = struct.pack("!BBHIIIIII", 0x80, 200, 6, 77, 1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Shown:
    """A datagram, and the protocols of calls that tshark shows in its frame."""

    data: bytes
    names: str
    port: int = 0
    """Beside the port announced."""
    source_port: int = MEDIA_PORT
    back: bool = False
    """From the announced end."""


def _media(first: int = 0x80, second: int = 0, payload: bytes = bytes(20)) -> bytes:
    return struct.pack("!BBHII", first, second, 1, 0, 9) + payload


KINDS: dict[str, tuple[str, Sequence[Shown]]] = {
    "rtp": ("", [Shown(_media(), "rtp"), Shown(_media(), "rtp", back=True), Shown(_media(), "rtp", source_port=7)]),
    "other versions": ("", [Shown(_media(first), "") for first in (0, 4, 20, 64, 80, 192, 255)]),
    "zrtp": ("", [Shown(b"\x10\0\0\1ZRTP" + bytes(30), "rtp")]),
    "cut": ("", [Shown(_media()[:size], "rtp") for size in (1, 2, 4, 11, 12, 13)]),
    "marker and a type of RTCP": (
        "",
        [
            *(Shown(_media(second=0x80 | kind), "rtp:rtcp") for kind in (64, 72, 77, 82)),
            *(Shown(_media(second=0x80 | kind), "") for kind in (83, 95)),
            Shown(_media(second=0x80 | 63), "rtp"),
            Shown(_media(second=72), "rtp"),
        ],
    ),
    "reports beside": ("", [Shown(SDES, "rtcp", port=1), Shown(SR, "rtcp", port=1), Shown(SDES, "rtp:rtcp")]),
    "reports of any type": (
        "",
        [
            Shown(bytes([0x80, kind, 0, 1]) + bytes(12), "rtcp" if 192 <= kind <= 210 else "", port=1)
            for kind in (191, 192, 199, 210, 211, 255)
        ],
    ),
    "no media among reports": ("", [Shown(_media(), "", port=1)]),
    "reports on a port named": ("a=rtcp:{port+9}\r\n", [Shown(SDES, "rtcp", port=9), Shown(SDES, "", port=1)]),
    "reports on a port and address": (
        "a=rtcp:{port+9} IN IP4 10.0.0.9\r\n", [Shown(SDES, "", port=9), Shown(SDES, "rtcp", port=1)],
    ),
    "reports on one port": ("a=rtcp-mux\r\n", [Shown(SDES, "rtp:rtcp"), Shown(SDES, "rtcp", port=1)]),
    "reports on one port, named": ("a=rtcp:{port}\r\n", [Shown(SDES, "rtp:rtcp"), Shown(SDES, "", port=1)]),
    "reports anywhere": ("", [Shown(SR, "rtcp", port=50), Shown(SDES, "", port=50), Shown(SR + b"\0", "", port=50)]),
    "stun takes the port": (
        "", [Shown(_media(), "rtp"), Shown(STUN, "stun"), Shown(_media(), ""), Shown(_media(), "", source_port=7)],
    ),
    "over TCP": ("TCP/RTP/AVP", [Shown(_media(), "")]),
    "not quite stun": ("", [Shown(STUN + b"\0", ""), Shown(_media(), "rtp")]),
}  # fmt: skip
"""More lines of the description, or another transport; then datagrams in order."""


def kinds(path: Path) -> tuple[Path, list[str]]:
    """One announced port for each of KINDS; what tshark shows in each frame."""
    frames: list[Frame] = []
    names: list[str] = []

    def add(data: bytes, shown: str) -> None:
        frames.append(Frame(START_NS + len(frames) * 10 * MS, data))
        names.append(shown)

    for number, (more, datagrams) in enumerate(KINDS.values()):
        port = 30_000 + 100 * number
        lines, proto = ("", more) if "/" in more else (more, "RTP/AVP")
        lines = lines.replace("{port+9}", str(port + 9)).replace("{port}", str(port))
        add(udp(CALLED, 5060, CALLER, 5060, invite(number, port, more=lines, proto=proto)), "sip:sdp")
        for one in datagrams:
            ends = (CALLER, one.source_port), (CALLED, port + one.port)
            (a, a_port), (b, b_port) = ends[::-1] if one.back else ends
            add(udp(a, a_port, b, b_port, one.data), one.names)
    return _write(path, frames), names


def reported(path: Path) -> Path:
    """A stream of 100 packets, three of them missing, keys pressed, and RTCP of both ends: the round trip is 60 ms."""
    frames = [Frame(START_NS, udp(CALLED, 5060, CALLER, 5060, invite(1, 20000, {101: "telephone-event/8000"})))]

    def add(ms: float, data: bytes, *, port: int = 0, back: bool = False) -> None:
        ends = (CALLER, MEDIA_PORT + port), (CALLED, 20000 + port)
        (a, a_port), (b, b_port) = ends[::-1] if back else ends
        frames.append(Frame(START_NS + round(ms * MS), udp(a, a_port, b, b_port, data)))

    for n in range(100):
        if n not in (50, 51, 70):
            add(100 + 20 * n, rtp(8, 1000 + n, 160 * n, 0xCAFE))
    for place, key in enumerate((1, 2, 11)):
        for n in range(5):
            duration, end = 160 * (n + 1), 0x80 if n == 4 else 0
            event = bytes([key, end | 10]) + struct.pack("!H", duration)
            number = 1100 + 5 * place + n
            add(
                2200 + 200 * place + 20 * n,
                rtp(101, number, 17000 + 1600 * place, 0xCAFE, marker=int(n == 0), payload=event),
            )
    # NTP time 0x11112222.33334444: its middle 32 bits come back in the report, with 1.5 s held.
    add(1000, struct.pack("!BBHIIIIII", 0x80, 200, 6, 0xCAFE, 0x11112222, 0x33334444, 7200, 45, 7200), port=1)
    block = struct.pack("!IIIIII", 0xCAFE, 5 << 24 | 3, 1075, 40, 0x22223333, 3 << 15)
    name = bytes([1, 5]) + b"b@c.d" + bytes(1)
    sdes = struct.pack("!BBHI", 0x81, 202, 3, 0xBEEF) + name
    bye = struct.pack("!BBHI", 0x81, 203, 3, 0xBEEF) + bytes([4]) + b"done" + bytes(3)
    add(2560, struct.pack("!BBHI", 0x81, 201, 7, 0xBEEF) + block + sdes + bye, port=1, back=True)
    return _write(path, frames)


def nobody_announced(path: Path) -> Path:
    """RTP without a call; four packets in a row, which are too few; numbers that do not follow each other."""
    frames = [
        Frame(START_NS + n * 20 * MS, udp(CALLER, 40000, CALLED, 40002, rtp(0, 65530 + n, 160 * n, 5)))
        for n in range(60)
        if n not in (20, 21)
    ]
    frames += [
        Frame(START_NS + n * 20 * MS + 1, udp(CALLER, 40004, CALLED, 40006, rtp(0, n, 160 * n, 6))) for n in range(4)
    ]
    frames += [
        Frame(START_NS + n * 20 * MS + 2, udp(CALLER, 40008, CALLED, 40010, rtp(0, 7 * n, 160 * n, 7)))
        for n in range(60)
    ]
    return _write(path, frames)


def _write(path: Path, frames: Iterable[Frame]) -> Path:
    path.write_bytes(pcap(sorted(frames, key=lambda frame: frame.time_ns), nanoseconds=True))
    return path


Maker = Callable[[Path], Path]
