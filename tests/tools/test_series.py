"""Filters as further lines of the I/O graph: each counts what tshark counts of it, in the same intervals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pcapstream.cli.run import read
from pcapstream.errors import QueryError
from pcapstream.report import ScanOptions
from pcapstream.settings import Settings
from pcapstream.tools.answer import answer
from pcapstream.tools.registry import find_tool
from pcapstream.tools.throughput import MAX_SERIES
from tests.support.ask import rows
from tests.support.wireshark import fields, needs_tshark

WEB = Path(__file__).parents[2] / "examples" / "web-problems.pcapng"
FILTERS = ["dns", "tcp.port in {80, 443}", "tcp.analysis.retransmission", "ip.src == 192.0.2.199"]


def ask(**parameters: Any) -> dict[str, Any]:
    spec = find_tool("generate_throughput_io_graph")
    bound = spec.bind({"pcap_file": str(WEB), **parameters})
    shared = ScanOptions(spec.needs)
    report = read(str(WEB), Settings(), spec.options(shared, bound))
    series = {one: read(str(WEB), Settings(), more) for one, more in spec.series_options(shared, bound).items()}
    return answer(spec, report, bound, budget=None, series=series)


@needs_tshark()
@pytest.mark.tshark
@pytest.mark.parametrize("within", ["", "frame.len < 500"])
def test_lines_are_what_tshark_counts(within: str) -> None:
    result = ask(filters=FILTERS, time_interval=1, display_filter=within)
    begin = int(float(fields(WEB, ["frame.time_epoch"])[0][0]))
    first = rows(result["io_graph_data"])[0]["start_utc"]

    assert first == rows(result["series_data"])[0]["start_utc"]
    for one, name in zip(FILTERS, ("series_1", "series_2", "series_3", "series_4"), strict=True):
        shown = fields(WEB, ["frame.time_epoch", "frame.len"], f"({within}) && ({one})" if within else one)
        bits: dict[int, int] = {}
        for at, length in shown:
            second = int(float(at)) - begin
            bits[second] = bits.get(second, 0) + int(length) * 8
        [told] = [line for line in result["series"] if line["name"] == name]
        assert (told["filter"], told["frames"]) == (one, len(shown))
        assert told["bytes"] * 8 == sum(bits.values())
        assert {row["seconds"]: row[name] for row in rows(result["series_data"]) if row[name]} == bits


def test_without_filters_there_are_no_lines() -> None:
    assert not {"series", "series_data"} & ask().keys()


@pytest.mark.parametrize(
    "filters",
    [["dns", "dns.no_such"], [""], [f"frame.number == {n}" for n in range(MAX_SERIES + 1)]],
)
def test_wrong_and_too_many_filters_are_refused(filters: list[str]) -> None:
    with pytest.raises(QueryError):
        ask(filters=filters)


def test_a_pipe_cannot_be_read_for_each_of_them() -> None:
    command = [sys.executable, "-m", "pcapstream", "call", "generate_throughput_io_graph", "-", "--filters", "dns,tcp"]
    done = subprocess.run(command, input=WEB.read_bytes(), capture_output=True, check=False)

    assert done.returncode == 2
    assert b"a pipe can be read once" in done.stderr
