"""The triage for people: every text of the capture as data (no escapes)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pcapstream.cli.layout import Block, Grid, Line, Span, line, terminal_width
from pcapstream.tools.text import clean, duration, size

_PIPE_WIDTH = 120
_STYLES = {"severe": "bold red", "warning": "yellow", "info": "cyan"}
SPARKS = "▁▂▃▄▅▆▇█"
_LONGEST_CELL = 60


def print_triage(result: Mapping[str, Any]) -> None:
    """To stdout; without colours and 120 wide where that is no terminal."""
    terminal = sys.stdout.isatty()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    width = terminal_width(sys.stdout) if terminal else _PIPE_WIDTH
    colour = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"
    for part in _parts(result):
        for text in part.lines(width, colour):
            print(text)


def _parts(result: Mapping[str, Any]) -> Iterable[Block]:
    yield line(_safe(result["file"]), "bold")
    yield line(_safe(result["summary"]))
    coverage = result["coverage"]
    if not coverage["complete"]:
        for note in [*result.get("notes", [])[:1], coverage.get("next_step", "")]:
            yield line(_safe(note), "yellow")
    yield heading("Capture")
    yield _facts(result["capture"])
    yield from _findings(result.get("findings", []))
    if "tcp" in result and result["tcp"]["connections"]:
        yield heading("TCP")
        yield _tcp(result["tcp"])
    if result.get("applications"):
        yield heading("Applications")
        yield pairs((one["module"], one["summary"]) for one in result["applications"])
    for key, title in (
        ("hierarchy", "Protocols"),
        ("top_talkers", "Top talkers"),
        ("top_conversations", "Top conversations"),
        ("names", "Names seen (text of the capture)"),
    ):
        table = result.get(key)
        if table and table["rows"]:
            yield heading(title + _of(table))
            yield _LAYOUTS.get(key, cells)(table)
    if result.get("timeline"):
        yield from _timeline(result["timeline"])
    yield from _notes(result)
    yield from _next(result.get("next", []))


def heading(text: str) -> Grid:
    """A title with an empty line above it."""
    return Grid((((Span(""), Span(text, "bold")),),))


def _of(table: Mapping[str, Any]) -> str:
    total = table.get("total", table.get("total_at_least", 0))
    shown = len(table["rows"])
    if total <= shown:
        return ""
    return f" ({shown} of {'at least ' if 'total_at_least' in table else ''}{total:,})"


def _facts(capture: Mapping[str, Any]) -> Grid:
    span = capture["capture_duration_seconds"]
    rate = capture["data_rate_bits"]
    rows = [
        ("format", " ".join(str(part) for part in (capture["format"], capture["compression"]) if part)),
        ("link type", capture["file_encapsulation"]),
        ("size", f"{size(capture['file_size_bytes'])} file, {size(capture['data_size_bytes'])} on the wire"),
        ("packets", f"{capture['packet_count']:,}" + _average(capture["average_packet_size_bytes"])),
        ("first", capture["first_packet_time_utc"] or "-"),
        ("last", capture["last_packet_time_utc"] or "-"),
        ("duration", duration(span) + ("" if rate is None else f", {rate / 1e6:,.3g} Mbit/s on average")),
    ]
    return pairs(rows)


def _average(value: float | None) -> str:
    return "" if value is None else f", {value:,.0f} bytes on average"


def _tcp(tcp: Mapping[str, Any]) -> Grid:
    rtt = tcp["initial_rtt_ms"]
    rows = [
        (
            "connections",
            f"{tcp['connections']:,} with {tcp['packets']:,} packets",
        ),
        (
            "handshakes",
            f"{tcp['complete']:,} complete, {tcp['syn_only']:,} unanswered, {tcp['refused']:,} refused, "
            f"{tcp['half_open']:,} half open, {tcp['mid_stream']:,} begun before the capture",
        ),
        (
            "ends",
            f"{tcp['fin']:,} normal, {tcp['reset']:,} reset, {tcp['half_closed']:,} half closed, {tcp['idle']:,} idle, "
            f"{tcp['open']:,} open",
        ),
        (
            "losses",
            f"{tcp['retransmission']:,} retransmissions ({tcp['retransmission_rate'] * 100:.3g} %), "
            f"{tcp['out_of_order']:,} out of order, "
            f"{tcp['duplicate_ack']:,} duplicate ACKs, {tcp['lost_segment']:,} missing, {tcp['zero_window']:,} zero "
            "windows",
        ),
    ]
    if rtt["samples"]:
        rows.append(
            (
                "initial RTT",
                f"median {rtt['median']:.3g} ms, 95 % {rtt['p95']:.3g} ms, longest {rtt['max']:.3g} ms "
                f"({rtt['samples']:,})",
            )
        )
    return pairs(rows)


def _findings(given: Sequence[Mapping[str, Any]]) -> Iterable[Block]:
    if given:
        yield heading("Findings")
        yield findings(given)


def findings(found: Sequence[Mapping[str, Any]]) -> Grid:
    """One row each: severity, text, frames and filter."""
    rows: list[tuple[tuple[Span, ...], ...]] = []
    for one in found:
        says = [Span(_safe(one["text"]))]
        if one.get("frames"):
            more = " ..." if one["count"] > len(one["frames"]) else ""
            says.append(Span("frames " + ", ".join(str(frame) for frame in one["frames"]) + more, "dim"))
        if one.get("filter"):
            says.append(Span(f"filter {_safe(one['filter'])}", "dim"))
        rows.append(((Span(f"  {one['severity']}", _STYLES.get(one["severity"], "")),), tuple(says)))
    return Grid(rows)


def _hierarchy(table: Mapping[str, Any]) -> Grid:
    rows = []
    for path, frames, wire in table["rows"]:
        depth, name = path.count(":"), path.rpartition(":")[2]
        rows.append(("  " * depth + _safe(name), f"{frames:,}", f"{wire:,}"))
    return _grid(("protocol", "frames", "bytes"), rows)


def conversations(table: Mapping[str, Any]) -> Grid:
    """Narrower than the columns of the result: both directions in one cell."""
    rows = []
    for kind, a, b, frames_ab, bytes_ab, frames_ba, bytes_ba, _, span in table["rows"]:
        both = f"{frames_ab:,} / {frames_ba:,}", f"{bytes_ab:,} / {bytes_ba:,}"
        rows.append((kind, _safe(a), _safe(b), *both, f"{span:,.3f}"))
    return _grid(("kind", "from", "to", "frames -> <-", "bytes -> <-", "seconds"), rows)


def cells(table: Mapping[str, Any]) -> Grid:
    """A table of a result as it is."""
    return _grid(table["columns"], [[_cell(value) for value in row] for row in table["rows"]])


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Grid:
    numbers = frozenset(
        index for index, name in enumerate(columns) if name.startswith(("frames", "bytes", "times", "seconds"))
    )
    titles = tuple(name.replace("_", " ") for name in columns)
    return Grid([tuple((Span(text),) for text in row) for row in rows], titles, numbers)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return _safe("-" if value is None else str(value), _LONGEST_CELL)


_LAYOUTS = {"hierarchy": _hierarchy, "top_conversations": conversations}


def _timeline(timeline: Mapping[str, Any]) -> Iterable[Block]:
    most = max(timeline["bytes"], default=0)
    if most == 0 or len(timeline["bytes"]) < 2:
        return
    yield heading(f"Bytes over time ({duration(timeline['step_seconds'])} a step, most {size(most)})")
    bars = "".join(
        " " if not one else SPARKS[min(len(SPARKS) - 1, one * len(SPARKS) // (most + 1))] for one in timeline["bytes"]
    )
    yield line("  " + bars)


def _notes(result: Mapping[str, Any]) -> Iterable[Block]:
    notes = result.get("notes", [])
    if not result["coverage"]["complete"]:
        notes = notes[1:]
    if notes:
        yield heading("Notes")
        for note in notes:
            yield line("  " + _safe(note, 500))


def _next(steps: Sequence[Mapping[str, Any]]) -> Iterable[Block]:
    if not steps:
        return
    yield heading("Ask next")
    for step in steps:
        options = "".join(
            f" --{key.replace('_', '-')} {str(value).lower()}" for key, value in step["arguments"].items()
        )
        options = options.replace(" true", "")
        yield Line((Span(f"  pcapstream call {step['tool']} FILE{options}"), Span(f"   {step['tells']}", "dim")))


def pairs(rows: Iterable[tuple[str, str]]) -> Grid:
    """Names and what they are."""
    return Grid([((Span("  " + name, "dim"),), (Span(_safe(value, 500)),)) for name, value in rows])


def _safe(text: object, most: int = 1_000) -> str:
    """Results are clean already; this is the last line of defence before a terminal."""
    return clean(str(text), most)
