"""Counts shared by the views: no view changes them, and they go with their report."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from pcapstream import values
from pcapstream._core import Report, Rows
from pcapstream.cli.run import read
from pcapstream.errors import QueryError
from pcapstream.protocols import ALL
from pcapstream.report import ScanOptions
from pcapstream.settings import Settings
from pcapstream.tools.answer import answer
from pcapstream.tools.registry import TOOLS
from pcapstream.values import KEPT_VALUES, values_of

EXAMPLES = sorted(Path("examples").resolve().glob("*.pcap*"))


def whole(value: Any) -> Any:
    """With lists in place of rows that are made when they are looked at: by slices, one by one, in a loop."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if not isinstance(value, Rows):
        return value
    rows = list(value)
    assert [value[at] for at in range(len(value))] == rows == value[:]
    assert (value[1:3], value[-2:], value[::2]) == (rows[1:3], rows[-2:], rows[::2])
    with pytest.raises(IndexError):
        value[len(rows)]
    return rows


@pytest.mark.parametrize("capture", EXAMPLES, ids=lambda path: path.name)
def test_no_tool_changes_the_counts_it_is_shown(capture: Path) -> None:
    report = read(str(capture), Settings(), ScanOptions(ALL))
    for tool in TOOLS:
        try:
            parameters = tool.bind({"pcap_file": str(capture)})
        except QueryError:
            continue
        if tool.needs and tool.options(ScanOptions(ALL), parameters).key == ScanOptions(ALL).key:
            answer(tool, report, parameters)
    for summary in report.summaries.values():
        if isinstance(getattr(summary, "report", None), Report):
            assert whole(values_of(summary)) == summary.report.value()  # type: ignore[attr-defined,arg-type]


def test_values_are_made_once_and_not_kept_beyond_their_report() -> None:
    class Summary:
        def __init__(self) -> None:
            self.report = Report.empty("dns")

    one = Summary()
    assert values_of(one) is values_of(one)
    key = id(one.report)
    assert key in values._kept
    del one
    gc.collect()
    assert key not in values._kept
    many = [Summary() for _ in range(2 * KEPT_VALUES)]
    for summary in many:
        values_of(summary)
    assert len(values._kept) <= KEPT_VALUES
