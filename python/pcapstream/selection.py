"""Which frames a pass is about: a display filter, frame numbers, and the rows it gives of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from pcapstream._core import FilterError, check_fields, check_filter
from pcapstream.errors import QueryError, StateError

if TYPE_CHECKING:
    from pcapstream._core import Batch, Row, Snapshot
    from pcapstream.protocols.base import Machine

MAX_ROWS = 100_000
"""Most rows one pass keeps; matches beyond are counted."""


def checked_filter(text: str) -> str:
    """The filter without blanks around it. Raises QueryError(bad_filter), which says where and what was expected."""
    try:
        check_filter(text)
    except FilterError as error:
        raise _refused("bad_filter", error) from None
    return text.strip()


def checked_fields(names: Sequence[str]) -> tuple[str, ...]:
    """Raises QueryError(unknown_field)."""
    try:
        check_fields(list(names))
    except FilterError as error:
        raise _refused("unknown_field", error) from None
    return tuple(names)


def _refused(code: str, error: FilterError) -> QueryError:
    _, position, message, hint = error.args
    where = f"display filter, character {position + 1}: " if code == "bad_filter" else ""
    return QueryError(code, f"{where}{message}" + (f"; {hint}" if hint else ""))


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What rows of a pass hold. Raises QueryError(unknown_field, bad_parameter)."""

    columns: tuple[str, ...] = ()
    """Fields whose values are wanted."""
    summaries: bool = False
    """Header values, for a line of a packet list."""
    data: bool = False
    """The captured bytes."""
    skip: int = 0
    """Rows of that many frames that pass are left out."""
    max_matches: int | None = None
    """The pass ends with that many frames that passed, the skipped ones included. None: all are counted, and rows of at
    most MAX_ROWS kept."""
    search: tuple[str, int] | None = None
    """A regular expression looked for in TCP streams, and how many bytes of a match may lie in front of the segment
    that completes it (at most 1,024). Each match is a row then, and filter and frames do not count."""
    machine: Callable[[], Machine] | None = None
    """Makes the machine that takes the rows as they come and keeps its own summary of them: a class, or a frozen value
    whose `repr` tells it from others. None: they are kept."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", checked_fields(self.columns))
        if self.skip < 0 or (self.max_matches is not None and self.max_matches < 1):
            raise QueryError("bad_parameter", "skip must be at least 0 and max_matches at least 1")


@dataclass(frozen=True, slots=True)
class Selection:
    """The frames a pass is about. Raises QueryError(bad_filter).

    frames: ranges of frame numbers, both ends in; None: any. Without `rows` everything that a pass counts is counted of
    these frames; connections, TCP analysis and reassembly follow all frames in any case.
    """

    display_filter: str = ""
    frames: tuple[tuple[int, int], ...] | None = None
    rows: RowQuery | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "display_filter", checked_filter(self.display_filter))

    def arguments(self) -> dict[str, Any]:
        """Those of the decoder."""
        rows = self.rows or RowQuery()
        return {
            "display_filter": self.display_filter,
            "frames": None if self.frames is None else list(self.frames),
            "rows": self.rows is not None,
            "columns": list(rows.columns),
            "summaries": rows.summaries,
            "row_bytes": rows.data,
            "skip_matches": rows.skip,
            "max_matches": rows.max_matches,
            "search": rows.search,
        }


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class RowsSummary:
    """Rows of the frames that passed."""

    rows: tuple[Row, ...] = ()
    matched: int = 0
    """Frames that passed, also those without a row; a lower bound when `enough`."""
    enough: bool = False
    """The pass ended because it had as many as were asked for."""
    searches_let_go: int = 0
    """Connections whose search began anew, for want of room."""
    unnumbered: int = 0
    """Datagrams whose UDP stream got no number."""

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        """Those of a capture that comes behind. Frame numbers stay those of each capture."""
        return replace(
            self,
            rows=self.rows + other.rows,
            matched=self.matched + other.matched,
            enough=self.enough or other.enough,
            searches_let_go=self.searches_let_go + other.searches_let_go,
            unnumbered=self.unnumbered + other.unnumbered,
        )

    def memory_bytes(self) -> Mapping[str, int]:
        return {"rows": sum(400 + (row.captured_bytes if row.data else 0) for row in self.rows)}


class RowsMachine:
    """Collects the rows of a pass."""

    name = "rows"
    needs: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._finished = False

    def feed(self, batch: Batch, /) -> None:
        if self._finished:
            raise StateError("finished", "the machine 'rows' has finished")
        rows = batch.rows
        if rows:
            self._rows.extend(rows[: MAX_ROWS - len(self._rows)])

    def expire(self, now_ns: int, /) -> None:
        """Nothing here depends on time."""

    def snapshot(self, core: Snapshot, /) -> RowsSummary:
        if self._finished:
            raise StateError("finished", "the machine 'rows' has finished")
        return RowsSummary(
            tuple(self._rows),
            core.matched or 0,
            core.stopped_by_matches,
            core.searches_let_go,
            core.unnumbered_datagrams,
        )

    def finish(self, core: Snapshot, /) -> RowsSummary:
        summary = self.snapshot(core)
        self._finished = True
        return summary
