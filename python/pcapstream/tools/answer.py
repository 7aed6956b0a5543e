"""From a report and bound parameters to the finished answer of a tool: the only way results are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pcapstream.tools.paging import MAX_RESULT_CHARS, Ask, Table, finish
from pcapstream.tools.text import clean

if TYPE_CHECKING:
    from pcapstream.model import Coverage, Report
    from pcapstream.tools.spec import ToolSpec

_FILTERED = (
    "Only packets that match display_filter are counted; what a connection is and which of its packets are "
    "retransmissions follows all packets of the capture."
)
_WITH_CURSOR = frozenset(
    {"file", "analysis_timestamp", "analysis_type", "summary", "display_filter", "coverage", "notes"}
)
"""Beside the table a cursor goes on with, what is said again."""


@dataclass(frozen=True, slots=True)
class Illustrated:
    """A result with a picture beside it."""

    result: dict[str, Any]
    png: bytes


def illustrated(
    spec: ToolSpec,
    report: Report,
    parameters: Mapping[str, Any],
    *,
    max_packets: int | None = None,
    geoip_db: Sequence[str] = (),
    series: Mapping[str, Report] | None = None,
) -> dict[str, Any] | Illustrated:
    """`answer`, with a picture where one is asked for and this is no further page of a table."""
    result = answer(spec, report, parameters, max_packets=max_packets, geoip_db=geoip_db, series=series)
    if spec.picture is None or not parameters["image"] or parameters["cursor"]:
        return result
    return Illustrated(result, spec.picture(report, parameters, series or {}))


def answer(
    spec: ToolSpec,
    report: Report,
    parameters: Mapping[str, Any],
    *,
    max_packets: int | None = None,
    budget: int | None = MAX_RESULT_CHARS,
    now: datetime | None = None,
    geoip_db: Sequence[str] = (),
    series: Mapping[str, Report] | None = None,
) -> dict[str, Any]:
    """The result object of one call; `parameters` from `spec.bind`. budget: characters, None for no cap;
    geoip_db: databases that tell whose addresses are; series: reports of the filters that `spec.series` lists.

    Raises QueryError: module_not_run, bad_cursor, expired_cursor.
    """
    ask = Ask(
        spec.name,
        parameters,
        report,
        default_limit=spec.default_limit,
        max_packets=max_packets,
        own_rows=spec.own_rows,
        geoip_db=geoip_db,
        series=series,
    )
    found = spec.view(report, ask)
    ask.check_cursor_used()
    wanted = parameters["display_filter"] if spec.filterable else ""
    stamp = f"{now or datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z"
    result: dict[str, Any] = {
        "summary": found.pop("summary"),
        "file": clean(report.name),
        "analysis_timestamp": stamp,
        **found,
        **({"display_filter": wanted} if wanted else {}),
        "coverage": coverage_object(report.coverage),
    }
    notes = [*([_FILTERED] if wanted else []), *_coverage_notes(report.coverage), *found.get("notes", [])]
    result.pop("notes", None)
    if notes:
        result["notes"] = notes
    if ask.only is not None:
        result = {**_tables_only(result), **{key: result[key] for key in result if key in _WITH_CURSOR}}
    done = finish(result, ask, budget)
    if spec.table_at_top is not None and (table := done.pop(spec.table_at_top, None)) is not None:
        done |= table
    return done


def _tables_only(value: Mapping[str, Any]) -> dict[str, Any]:
    """The tables, where they were; objects without any are left out."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Table):
            kept[key] = item
        elif isinstance(item, Mapping) and (inner := _tables_only(item)):
            kept[key] = inner
    return kept


def coverage_object(coverage: Coverage) -> dict[str, Any]:
    """Coverage as JSON; what is zero or absent is left out."""
    found: dict[str, Any] = {"complete": coverage.complete}
    if coverage.reason is not None:
        found["reason"] = coverage.reason
    if coverage.next_step is not None:
        found["next_step"] = coverage.next_step
    found["bytes_read"] = coverage.bytes_read
    if coverage.bytes_fetched is not None and coverage.bytes_fetched != coverage.bytes_read:
        found["bytes_fetched"] = coverage.bytes_fetched
    if coverage.bytes_total is not None:
        found["bytes_total"] = coverage.bytes_total
    found["packets"] = coverage.packets
    if coverage.damage_count:
        found["recovered_packets"] = coverage.recovered_packets
        found["bytes_skipped"] = coverage.bytes_skipped
        found["damage_count"] = coverage.damage_count
        found["damage"] = [dict(place) for place in coverage.damage[:_MAX_DAMAGE]]
    if coverage.error is not None:
        found["error"] = coverage.error
    if coverage.error_message is not None:
        found["error_message"] = coverage.error_message
    return found


_MAX_DAMAGE = 10
"""Damaged places told in a result; all are counted."""


def _coverage_notes(coverage: Coverage) -> list[str]:
    """What a reader of the numbers must know: they are not of the whole capture."""
    if coverage.complete:
        return []
    part = ""
    if coverage.bytes_total:
        share = min(coverage.bytes_read / coverage.bytes_total, 1.0)
        part = f" ({share:.0%} of {coverage.bytes_total:,} bytes)" if share < 1 else ""
    says = {
        "budget": f"Partial answer: the time for one call was over{part}.",
        "matches": f"Reading stopped after {coverage.packets:,} packets: as many passed as were asked for{part}.",
        "max_packets": f"Partial answer: reading stopped after {coverage.packets:,} packets as asked{part}.",
        "damaged": "The capture is damaged: coverage.damage says where, and what stands behind it may be missing.",
        "cancelled": f"Partial answer: the analysis was stopped{part}.",
        "run_time": f"Partial answer: the analysis ran longer than allowed and was stopped{part}.",
        "live": "The capture is being recorded: these are its packets until now.",
        "not_kept": "Not the whole capture: its earlier packets are no longer kept.",
        "source_error": f"Partial answer: the bytes stopped coming{part}.",
    }
    return [says.get(coverage.reason or "", f"Partial answer{part}.")]
