"""What a pass with a display filter counts, beside what tshark shows in the frames that pass.

Protocols in TCP streams, and those whose datagrams depend on earlier ones. Captures of the folder that
PCAPSTREAM_CAPTURES names, one run of tshark each.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pcapstream._core import Decoder, FormatError
from tests.support import wireshark

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]

MAX_BYTES = 300_000
FIELDS = [
    "frame.number",
    "tcp.stream",
    "http.request.method",
    "http.response.code",
    "tls.handshake.type",
    "sip.CSeq.method",
    "quic.connection.number",
    "icmp.type",
    "icmpv6.type",
]
NOTIFICATIONS = {"NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"}


@dataclass(frozen=True)
class Frame:
    """What tshark shows in a frame, each value as often as it occurs."""

    number: int
    stream: str
    methods: list[str]
    codes: list[str]
    handshakes: list[str]
    sip: list[str]
    quic: list[str]
    icmp: list[str]
    icmpv6: list[str]


def captures() -> Iterator[Path]:
    folder = os.environ.get("PCAPSTREAM_CAPTURES")
    for name in ("http", "tls", "sip", "quic", "tcp", "other") if folder else ():
        for path in sorted((Path(folder or "") / name).glob("*")):
            if path.suffix not in (".json", ".md", ".xz") and path.stat().st_size <= MAX_BYTES:
                yield path


def theirs(path: Path) -> list[Frame]:
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    rows = (line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return [
        Frame(int(number), stream, *([v for v in values.split(",") if v] for values in rest))
        for number, stream, *rest in (row for row in rows if len(row) == len(FIELDS))
    ]


def counted(path: Path, text: str) -> dict[str, int]:
    """The totals of a pass with that filter."""
    decoder = Decoder(tally=False, resync=False, apps=["http", "tls", "sip", "quic"], display_filter=text)
    batches = [decoder.feed(path.read_bytes()), decoder.finish()]
    reports = decoder.snapshot().reports
    value: Mapping[str, Any] = {name: report.value() for name, report in reports.items()}
    http = value["http"].get("http", {})
    tls = dict(value["tls"]["tls"]["messages"]["rows"])
    return {
        "requests": http.get("requests", 0),
        "responses": http.get("responses", 0),
        "client_hellos": tls.get(1, 0),
        "certificates": tls.get(11, 0),
        "sip": sum(m.protocol == "sip" and "cseq" in m.fields for b in batches for m in b.messages),
        "quic": value["quic"]["connection_count"],
    }


def expected(frames: list[Frame]) -> dict[str, int]:
    tcp = [frame for frame in frames if frame.stream]
    return {
        "requests": sum(method not in NOTIFICATIONS for frame in tcp for method in frame.methods),
        "responses": sum(len(frame.codes) for frame in tcp),
        "client_hellos": sum(frame.handshakes.count("1") for frame in tcp),
        "certificates": sum(frame.handshakes.count("11") for frame in tcp),
        "sip": sum(len(frame.sip) for frame in frames),
        "quic": len({number for frame in frames if not frame.icmp + frame.icmpv6 for number in frame.quic}),
    }


@pytest.mark.parametrize("path", list(captures()), ids=lambda path: path.name)
def test_filtered_counts(path: Path) -> None:
    frames = theirs(path)
    if not frames:
        pytest.skip("tshark reads none of it")
    streams = sorted({frame.stream for frame in frames if frame.stream.isdigit()}, key=int)
    passing = {
        "": frames,
        f"frame.number < {len(frames) // 2}": frames[: max(len(frames) // 2 - 1, 0)],
        f"frame.number > {len(frames) // 2}": frames[len(frames) // 2 :],
        "http.request": [frame for frame in frames if frame.methods],
        "tls.handshake.type == 1": [frame for frame in frames if "1" in frame.handshakes],
        "not tcp": [frame for frame in frames if not frame.stream],
    }
    for stream in {*streams[:1], *streams[len(streams) // 2 :][:1]}:
        passing[f"tcp.stream == {stream}"] = [frame for frame in frames if frame.stream == stream]
    for text, those in passing.items():
        try:
            assert counted(path, text) == expected(those), text
        except FormatError:
            pytest.skip("no capture")
