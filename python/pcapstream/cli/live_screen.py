"""The screen of `pcapstream live`: rewritten in place once a second, in any terminal, tmux included.

All text of the capture goes through `terminal.py`'s cells: escaped, without markup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pcapstream.cli.layout import Block, Grid, Line, Span
from pcapstream.cli.terminal import SPARKS, cells, conversations, findings, heading, pairs
from pcapstream.tools.text import clean, count, duration, size

if TYPE_CHECKING:
    from pcapstream.cli.live import View

_ROWS = 5
_LINES_OF_HEAD = 6
_LINES_OF_FINDING = 3
_LINES_OF_TITLES = 4
_STYLES = {"running": "green", "failed": "red"}


def text_line(view: View) -> str:
    """One line a second where stdout is no terminal."""
    dropped = view.source.dropped
    parts = [
        f"{view.state:8}",
        f"{view.seconds:8.1f} s",
        count(view.packets, "packet"),
        size(view.wire_bytes),
        f"{view.packet_rate:,.0f} packets/s",
        bits(view.bit_rate),
        *([] if dropped is None else [f"{dropped:,} dropped"]),
        *(f"[{one['severity']}] {clean(one['text'], 300)}" for one in view.result.get("findings", [])[:3]),
    ]
    return "  ".join(parts)


def bits(rate: float) -> str:
    """Bits a second for people."""
    for unit in ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"):
        if rate < 1000 or unit == "Gbit/s":
            break
        rate /= 1000
    return f"{rate:,.0f} {unit}" if unit == "bit/s" else f"{rate:,.1f} {unit}"


@contextmanager
def screen() -> Iterator[Callable[[View], None]]:
    """A function that shows a view on the terminal; the last one stays there."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, legacy_windows=False)
    # Drawn when there is something new, not by a thread: the numbers and their time belong together.
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def show(view: View) -> None:
            blocks = parts(view, console.size.height)
            lines = (line for block in blocks for line in block.lines(console.size.width, not console.no_color))
            live.update(Text.from_ansi("\n".join(lines)), refresh=True)

        yield show


def parts(view: View, height: int) -> Iterable[Block]:
    """What fits into `height` lines, the most important first."""
    yield _head(view)
    yield _numbers(view)
    left = height - _LINES_OF_HEAD
    found = view.result.get("findings", [])[: min(_ROWS, max(0, left - 3) // _LINES_OF_FINDING)]
    if found:
        yield heading("Findings")
        yield findings(found)
        left -= 3 + _LINES_OF_FINDING * len(found)
    for key, title, layout in (
        ("top_talkers", "Top talkers", cells),
        ("top_conversations", "Top conversations", conversations),
    ):
        table = view.result.get(key)
        rows = table["rows"][: min(_ROWS, max(0, left - _LINES_OF_TITLES))] if table else []
        if table and rows:
            yield heading(title)
            yield layout({**table, "rows": rows})
            left -= _LINES_OF_TITLES + len(rows)


def _head(view: View) -> Line:
    watch = view.watch
    spans = [Span(clean(watch.interface), "bold")]
    if watch.filter:
        spans.append(Span(f"  {clean(watch.filter, 80)}", "cyan"))
    spans += [Span(f"  {view.state}", _STYLES.get(view.state, "")), Span(f"  {duration(view.seconds)}")]
    if watch.duration and view.state == "running":
        spans.append(Span(f" of {duration(watch.duration)}"))
    if view.state == "running":
        spans.append(Span("  Ctrl-C ends it", "dim"))
    return Line(tuple(spans))


def _numbers(view: View) -> Grid:
    dropped = view.source.dropped
    rows = [
        (
            "packets",
            f"{view.packets:,}, {size(view.wire_bytes)}"
            + ("" if dropped is None else f", {dropped:,} dropped by the kernel"),
        ),
        ("now", f"{view.packet_rate:,.0f} packets/s, {bits(view.bit_rate)}"),
    ]
    most = max(view.history, default=0.0)
    if most > 0:
        top = len(SPARKS) - 1
        line = "".join(" " if not one else SPARKS[min(top, int(one / most * top))] for one in view.history)
        rows.append(("bits/s", f"{line}  most {bits(most)}"))
    tcp = view.result.get("tcp")
    if tcp and tcp["connections"]:
        rows.append(
            (
                "TCP",
                f"{count(tcp['connections'], 'connection')}, {tcp['open']:,} open, {tcp['reset']:,} reset, "
                f"{count(tcp['retransmission'], 'retransmission')}",
            )
        )
    return pairs(rows)
