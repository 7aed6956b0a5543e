"""search_packet_content in TCP streams: against all matches in the followed bytes, which are tshark's (see
test_packets.py), and on traffic made so that matches lie across borders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from pcapstream.errors import QueryError
from tests.support.ask import ask, rows
from tests.support.pcap import mixed, pcap

EXAMPLE = Path(__file__).parents[2] / "examples" / "web-problems.pcapng"
CLIENT, SERVER = ("192.0.2.1", 50000), ("198.51.100.2", 80)


def segment(from_client: bool, seq: int, data: bytes, ack: int = 0, flags: str = "PA") -> Packet:
    (src, sport), (dst, dport) = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    header = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=src, dst=dst)
    packet = header / TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags)
    return packet / Raw(data) if data else packet


def write(path: Path, *packets: Packet) -> Path:
    wrpcap(str(path), list(packets))
    return path


def matches(path: Path, pattern: str, **more: Any) -> list[dict[str, Any]]:
    found = ask("search_packet_content", path, search_pattern=pattern, where="stream", limit=1_000, **more)
    assert "total" in found["matches"]
    return rows(found["matches"])


def followed(path: Path, stream: int, direction: str) -> bytes:
    table = ask("follow_tcp_stream", path, stream_index=stream, format="hex", direction=direction, limit=1_000)
    assert not table["missing_bytes"]
    return b"".join(bytes.fromhex(row["data"]) for row in rows(table["segments"]))


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path


@pytest.mark.parametrize(
    ("kind", "pattern", "expression"),
    [
        ("text", "o", rb"(?i)o"),
        ("text", "http/1.1", rb"(?i)http/1\.1"),
        ("hex", "0d 0a 0d 0a", rb"\r\n\r\n"),
        ("regex", "[a-z]{3} [a-z]{2}", rb"(?i)[a-z]{3} [a-z]{2}"),
    ],
)
def test_all_matches_of_every_stream(kind: str, pattern: str, expression: bytes) -> None:
    expected = []
    for stream in range(5):
        for direction in ("to_server", "to_client"):
            data = followed(EXAMPLE, stream, direction)
            expected += [(stream, direction, m.start(), len(m[0])) for m in re.finditer(expression, data, re.S)]

    found: list[dict[str, Any]] = []
    cursor = None
    # Ends: the last page has no cursor.
    while True:
        table = ask(
            "search_packet_content",
            EXAMPLE,
            search_pattern=pattern,
            kind=kind,
            where="stream",
            limit=700,
            cursor=cursor,
        )["matches"]
        found += rows(table)
        cursor = table["next_cursor"]
        if cursor is None or not table["rows"]:
            break

    got = [(row["stream"], row["direction"], row["offset"], row["match_length"]) for row in found]
    assert expected
    assert sorted(row for row in got if row[0] < 5) == sorted(expected)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 11])
def test_a_match_across_borders(size: int, tmp_path: Path) -> None:
    text = b"first line\r\nX-Secret: a b c\r\nlast"
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    path = write(tmp_path / "cut.pcap", *(segment(True, 1_000 + at * size, part) for at, part in enumerate(parts)))
    at = text.index(b"X-Secret")

    (row,) = matches(path, "x-secret: a")

    assert (row["offset"], row["match_length"], row["match"]) == (at, 11, "X-Secret: a")
    assert row["frame"] == (at + 10) // size + 1
    assert row["first_frame"] == at // size + 1
    assert row["before"].endswith("\\x0d\\x0a")
    # Only the segment that holds all of it, if any, has it for a search in frames.
    alone = [part for part in parts if b"X-Secret: a" in part]
    assert len(ask("search_packet_content", path, search_pattern="x-secret: a")["matches"]["rows"]) == len(alone)
    assert [row["offset"] for row in matches(path, "582d536563726574", kind="hex")] == [at]
    assert [row["offset"] for row in matches(path, r"x-\w+: . .", kind="regex")] == [at]
    assert not matches(path, "x-secret", case_sensitive=True)


def test_disorder_repetition_and_the_other_direction(tmp_path: Path) -> None:
    path = write(
        tmp_path / "disorder.pcap",
        segment(True, 1_003, b"dle"),
        segment(False, 1, b"nee"),
        segment(True, 1_000, b"nee"),
        segment(True, 1_000, b"needle"),
        segment(False, 4, b"dle"),
    )

    # The first segment of a direction is its start, as long as nothing says otherwise: what comes before it is old.
    assert [(row["direction"], row["frame"], row["first_frame"]) for row in matches(path, "needle")] == [
        ("to_client", 5, 2)
    ]

    path = write(
        tmp_path / "syn.pcap",
        segment(True, 999, b"", flags="S"),
        segment(False, 0, b"", 1_000, flags="SA"),
        segment(True, 1_003, b"dle"),
        segment(True, 1_000, b"nee"),
        segment(True, 1_000, b"needle"),
    )
    assert [(row["frame"], row["first_frame"], row["offset"]) for row in matches(path, "needle")] == [(3, 4, 0)]


def test_no_match_over_missing_bytes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gap.pcap",
        segment(True, 1_000, b"nee"),
        segment(True, 1_004, b"dle needle"),
        segment(False, 1, b"", 1_014, flags="A"),
        segment(True, 1_020, b"behind: needle"),
    )

    assert [(row["frame"], row["offset"]) for row in matches(path, "nee.?dle", kind="regex")] == [(2, 8), (4, 28)]


def test_reading_stops_with_the_last_match_wanted(capture: Path) -> None:
    whole = ask("search_packet_content", capture, search_pattern="a", where="stream", limit=1_000)
    first = ask("search_packet_content", capture, search_pattern="a", where="stream", limit=3)

    assert first["matches"]["rows"] == whole["matches"]["rows"][:3]
    assert first["matches"]["total_at_least"] == 3
    assert first["coverage"]["packets"] == whole["matches"]["rows"][2][0]


@pytest.mark.parametrize(("pattern", "kind", "code"), [("(", "regex", "bad_filter"), ("zz", "hex", "bad_parameter")])
def test_a_pattern_that_is_none_is_refused(capture: Path, pattern: str, kind: str, code: str) -> None:
    with pytest.raises(QueryError) as refused:
        matches(capture, pattern, kind=kind)
    assert refused.value.code == code


@pytest.mark.parametrize("pattern", ['x" or tcp or "', "\\", "a)(", "${frame}", "(?x)", "[", "a{2,1}"])
def test_a_text_is_never_an_expression(capture: Path, pattern: str) -> None:
    assert matches(capture, pattern) == []
