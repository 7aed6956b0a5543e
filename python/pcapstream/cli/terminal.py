"""The triage for people: laid out by rich, every text of the capture as data (no markup, no escapes)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    console = Console(
        file=sys.stdout,
        width=None if terminal else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        legacy_windows=False,
    )
    if terminal:
        for part in _parts(result):
            console.print(part)
        return
    with console.capture() as capture:
        for part in _parts(result):
            console.print(part)
    # Cells are padded to the width: nobody wants that in a file.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _parts(result: Mapping[str, Any]) -> Iterable[Any]:
    yield Text(_safe(result["file"]), style="bold")
    yield Text(_safe(result["summary"]))
    coverage = result["coverage"]
    if not coverage["complete"]:
        for note in [*result.get("notes", [])[:1], coverage.get("next_step", "")]:
            yield Text(_safe(note), style="yellow")
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


def heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _of(table: Mapping[str, Any]) -> str:
    total = table.get("total", table.get("total_at_least", 0))
    shown = len(table["rows"])
    if total <= shown:
        return ""
    return f" ({shown} of {'at least ' if 'total_at_least' in table else ''}{total:,})"


def _facts(capture: Mapping[str, Any]) -> Any:
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


def _tcp(tcp: Mapping[str, Any]) -> Any:
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


def _findings(given: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
    if given:
        yield heading("Findings")
        yield findings(given)


def findings(found: Sequence[Mapping[str, Any]]) -> Table:
    """One row each: severity, text, frames and filter."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for one in found:
        text = Text(_safe(one["text"]))
        if one.get("frames"):
            more = " ..." if one["count"] > len(one["frames"]) else ""
            text.append("\nframes " + ", ".join(str(frame) for frame in one["frames"]) + more, style="dim")
        if one.get("filter"):
            text.append(f"\nfilter {_safe(one['filter'])}", style="dim")
        table.add_row(Text(f"  {one['severity']}", style=_STYLES.get(one["severity"], "")), text)
    return table


def _hierarchy(table: Mapping[str, Any]) -> Table:
    found = _empty(("protocol", "frames", "bytes"))
    for path, frames, wire in table["rows"]:
        depth, name = path.count(":"), path.rpartition(":")[2]
        found.add_row(Text("  " * depth + _safe(name)), f"{frames:,}", f"{wire:,}")
    return found


def conversations(table: Mapping[str, Any]) -> Table:
    """Narrower than the columns of the result: both directions in one cell."""
    found = _empty(("kind", "from", "to", "frames -> <-", "bytes -> <-", "seconds"))
    for kind, a, b, frames_ab, bytes_ab, frames_ba, bytes_ba, _, span in table["rows"]:
        both = f"{frames_ab:,} / {frames_ba:,}", f"{bytes_ab:,} / {bytes_ba:,}"
        found.add_row(kind, Text(_safe(a)), Text(_safe(b)), *both, f"{span:,.3f}")
    return found


def cells(table: Mapping[str, Any]) -> Table:
    columns = table["columns"]
    found = _empty(columns)
    for row in table["rows"]:
        found.add_row(*(_cell(value) for value in row))
    return found


def _empty(columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        number = name.startswith(("frames", "bytes", "times", "seconds"))
        table.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    return table


def _cell(value: object) -> Text:
    if isinstance(value, float):
        return Text(f"{value:,.3f}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text(_safe("-" if value is None else str(value), _LONGEST_CELL))


_LAYOUTS = {"hierarchy": _hierarchy, "top_conversations": conversations}


def _timeline(line: Mapping[str, Any]) -> Iterable[Any]:
    most = max(line["bytes"], default=0)
    if most == 0 or len(line["bytes"]) < 2:
        return
    yield heading(f"Bytes over time ({line['step_seconds']:g} s a step, most {size(most)})")
    bars = "".join(
        " " if not one else SPARKS[min(len(SPARKS) - 1, one * len(SPARKS) // (most + 1))] for one in line["bytes"]
    )
    yield Text("  " + bars)


def _notes(result: Mapping[str, Any]) -> Iterable[Any]:
    notes = result.get("notes", [])
    if not result["coverage"]["complete"]:
        notes = notes[1:]
    if notes:
        yield heading("Notes")
        for note in notes:
            yield Text("  " + _safe(note, 500))


def _next(steps: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
    if not steps:
        return
    yield heading("Ask next")
    for step in steps:
        options = "".join(
            f" --{key.replace('_', '-')} {str(value).lower()}" for key, value in step["arguments"].items()
        )
        options = options.replace(" true", "")
        line = Text(f"  pcapstream call {step['tool']} FILE{options}")
        line.append(f"   {step['tells']}", style="dim")
        yield line


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text("  " + name), Text(_safe(value, 500)))
    return table


def _safe(text: object, most: int = 1_000) -> str:
    """Results are clean already; this is the last line of defence before a terminal."""
    return clean(str(text), most)
