"""Tools asked in this process: the same checks, scan and view as behind the server, without a cap on the answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcapstream.cli.run import read
from pcapstream.report import ScanOptions
from pcapstream.settings import Settings
from pcapstream.tools.answer import answer
from pcapstream.tools.registry import find_tool


def ask(
    tool: str,
    path: Path,
    *,
    max_packets: int | None = None,
    resync: bool = True,
    geoip_db: Sequence[str] = (),
    **parameters: Any,
) -> dict[str, Any]:
    """The result object of a tool about the capture at `path`."""
    spec = find_tool(tool)
    bound = spec.bind({"pcap_file": str(path), **parameters})
    options = spec.options(ScanOptions(spec.needs, max_packets, resync), bound)
    report = read(str(path), Settings(), options)
    return answer(spec, report, bound, max_packets=max_packets, budget=None, geoip_db=geoip_db)


def rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a result table as objects."""
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def pattern(result: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The pattern of that name in a result of analyze_tcp_anomalies."""
    found = [one for one in result["patterns"] if one["pattern"] == name]
    return found[0] if found else None


def events(result: dict[str, Any]) -> dict[str, int]:
    """Counts of tcp.analysis events in a result of analyze_tcp_anomalies."""
    counted: dict[str, int] = result["statistics"]["events"]
    return counted
