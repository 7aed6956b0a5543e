"""aggregate against tshark: io,stat, and its field values counted."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ask import ask, rows
from tests.support.pcap import mixed, pcap
from tests.support.wireshark import fields, needs_tshark

pytestmark = [pytest.mark.tshark, needs_tshark()]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aggregate") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path


@pytest.mark.parametrize(
    ("names", "where"),
    [
        (["ip.src"], ""),
        (["ip.src", "tcp.dstport"], "tcp"),
        (["tcp.stream"], "tcp.len > 0"),
        (["tcp.flags"], ""),
        (["eth.src", "ip.proto", "ip.ttl"], "ip"),
    ],
)
def test_groups_are_tsharks_values_counted(capture: Path, names: list[str], where: str) -> None:
    expected: Counter[tuple[str, ...]] = Counter()
    wire: Counter[tuple[str, ...]] = Counter()
    for *values, length in fields(capture, [*names, "frame.len"], where):
        expected[tuple(values)] += 1
        wire[tuple(values)] += int(length)

    result = ask("aggregate", capture, group_by=names, display_filter=where, limit=1000)

    found = {tuple(row[name] or "" for name in names): row for row in rows(result["groups"])}
    assert {key: row["count"] for key, row in found.items()} == expected
    assert {key: row["bytes"] for key, row in found.items()} == wire


def test_a_time_series_is_io_stat(capture: Path) -> None:
    """The capture begins at a multiple of the interval, where io,stat begins too."""
    stat = "SUM(tcp.len)tcp.len,MAX(tcp.window_size_value)tcp.window_size_value,COUNT(tcp.len)tcp.len"
    text = subprocess.run(
        ["tshark", "-n", "-q", "-r", str(capture), "-z", f"io,stat,1,FRAMES,BYTES,{stat}"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    lines = [re.findall(r"\d+", line.split("|", 2)[2]) for line in text.splitlines() if re.match(r"\|\s*\d+ <>", line)]
    expected = [[int(number) for number in line] for line in lines]

    result = ask(
        "aggregate",
        capture,
        interval=1,
        metrics=["count", "bytes", "sum(tcp.len)", "max(tcp.window_size_value)", "count(tcp.len)"],
        limit=1000,
    )

    found = [[number or 0 for number in row[1:]] for row in result["groups"]["rows"]]
    assert found == [line for line in expected if line[0]]
