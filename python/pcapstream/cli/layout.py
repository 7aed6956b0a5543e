"""Lines and tables of text in a given width, plain or with the colours of a terminal.

A layout library would do it, and costs as much start-up time as all the rest of a first look at a capture.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_LEAST_WIDTH = 8
"""A column is folded no narrower than that."""


class Span(NamedTuple):
    """Text in one style: words out of bold, dim, red, green, yellow, cyan. A span of a cell is a line of it."""

    text: str
    style: str = ""


class Line(NamedTuple):
    """Spans one behind the other; goes on in the next line where the width is over."""

    spans: tuple[Span, ...]

    def lines(self, width: int, colour: bool) -> list[str]:
        out: list[str] = []
        row: list[str] = []
        left = width
        for span in self.spans:
            for number, text in enumerate(fold(span.text, width, first=left)):
                if number:
                    out.append("".join(row))
                    row, left = [], width
                row.append(styled(text, span.style, colour))
                left -= cells(text)
        return [*out, "".join(row)]


class Grid(NamedTuple):
    """Rows of cells, each a tuple of lines. titles: the head; empty for none. right: columns of numbers."""

    rows: Sequence[Sequence[tuple[Span, ...]]]
    titles: tuple[str, ...] = ()
    right: frozenset[int] = frozenset()

    def lines(self, width: int, colour: bool) -> list[str]:
        gap = "   " if self.titles else "  "
        widths = _widths(self.rows, self.titles, width, len(gap))
        out: list[str] = []
        if self.titles:
            head = tuple((Span(title, "bold"),) for title in self.titles)
            out += self._row(head, widths, gap, colour)
            out.append("─" * (sum(widths) + len(gap) * (len(widths) - 1)))
        for row in self.rows:
            out += self._row(row, widths, gap, colour)
        return out

    def _row(self, row: Sequence[tuple[Span, ...]], widths: list[int], gap: str, colour: bool) -> Iterable[str]:
        folded = [
            [(text, span.style) for span in cell for text in fold(span.text, width)]
            for cell, width in zip(row, widths, strict=True)
        ]
        for number in range(max(len(cell) for cell in folded)):
            parts: list[str] = []
            for column, (cell, width) in enumerate(zip(folded, widths, strict=True)):
                text, style = cell[number] if number < len(cell) else ("", "")
                space = " " * (width - cells(text))
                shown = styled(text, style, colour)
                parts.append(space + shown if column in self.right else shown + space)
            yield gap.join(parts).rstrip()


Block = Line | Grid


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal: what COLUMNS says, or what it tells itself; 80 where neither does."""
    told = os.environ.get("COLUMNS", "")
    try:
        return (int(told) if told.isdecimal() else os.get_terminal_size(stream.fileno()).columns) or 80
    except (OSError, ValueError):
        return 80


def line(text: str, style: str = "") -> Line:
    """One line in one style."""
    return Line((Span(text, style),))


def styled(text: str, style: str, colour: bool) -> str:
    """The text between the escape sequences of its style."""
    if not colour or not style or not text:
        return text
    return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m{text}\x1b[0m"


def cells(text: str) -> int:
    """Columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fold(text: str, width: int, *, first: int | None = None) -> list[str]:
    """Lines no wider than that, cut between words where there is a place; first: room in the first line."""
    room = width if first is None else first
    if cells(text) <= room:
        return [text]
    out: list[str] = []
    while cells(text) > room:
        at = _cut(text, room)
        space = text.rfind(" ", 0, at + 1)
        if space > 0 and text[:space].strip():
            out.append(text[:space].rstrip())
            text = text[space + 1 :]
        elif room < width:
            # The rest of a line that others began: go on in the next one.
            out.append("")
        else:
            # A character wider than the page has a line of its own.
            out.append(text[: max(at, 1)])
            text = text[max(at, 1) :]
        room = width
    return [*out, text]


def _cut(text: str, room: int) -> int:
    """Characters that fit."""
    taken = 0
    for index, character in enumerate(text):
        taken += _cells(character)
        if taken > room:
            return index
    return len(text)


def _widths(rows: Iterable[Sequence[tuple[Span, ...]]], titles: Sequence[str], width: int, gap: int) -> list[int]:
    """Widths of the columns; the widest are folded where all together are wider than the page."""
    widths = [cells(title) for title in titles]
    for row in rows:
        widths = widths or [0] * len(row)
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], *(cells(span.text) for span in cell))
    over = sum(widths) + gap * (len(widths) - 1) - width
    while over > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= _LEAST_WIDTH:
            break
        others = sorted(widths)[-2] if len(widths) > 1 else _LEAST_WIDTH
        # Down to the next one, or as far as it has to be; equal ones in turn.
        less = max(1, min(over, widths[widest] - max(others, _LEAST_WIDTH)))
        widths[widest] -= less
        over -= less
    return widths
