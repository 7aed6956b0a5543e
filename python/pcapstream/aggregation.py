"""Groups of frames and what is counted of each, in one pass and bounded memory: what the tool aggregate asks for.

Totals are exact. Groups are exact up to `max_groups`; of more, the largest are kept, and each kept group and every
dropped one comes with the most that may be missing from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Literal, Self

from pcapstream._core import list_fields
from pcapstream.errors import QueryError, shown
from pcapstream.protocols.base import EndsOnce
from pcapstream.selection import checked_fields
from pcapstream.sketches import EXACT_DISTINCT, EXACT_VALUES, Distinct, Values

if TYPE_CHECKING:
    from pcapstream._core import Batch, Row, Snapshot

MAX_GROUPS = 20_000
"""Groups that are surely kept; up to twice as many are held."""
MAX_HEAVY_GROUPS = 1_000
"""The same where each group holds values: distinct, percentiles."""
MAX_COMBINATIONS = 64
"""Groups one frame is counted in where its fields have several values."""
EXACT_DISTINCT_IN_ALL = 65_536
EXACT_VALUES_IN_ALL = 100_000
"""Those of the totals."""

_METRIC = re.compile(r"(?:(count|bytes)|(count|distinct|sum|min|max|avg|p[1-9][0-9]?)\s*[(:]\s*([^()\s]+)\s*\)?)\Z")
_NUMBERS = ("Unsigned integer", "Signed integer", "Floating point", "Time offset", "Frame number", "Boolean")

Key = tuple[Any, ...]
"""Number of the interval, where there are intervals, and a value of each field to group by (None: it has none)."""


@cache
def kind_of(name: str) -> str:
    """Wireshark's type of a field."""
    return next((kind for found, _, kind, _ in list_fields(name) if found == name), "")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is counted of a group. kind: count and bytes of frames; count, distinct, sum, min, max, avg and p1 to p99
    of the values of a field, each occurrence."""

    kind: str
    field: str | None = None

    @property
    def label(self) -> str:
        return self.kind if self.field is None else f"{self.kind}({self.field})"

    @classmethod
    def parse(cls, text: str) -> Metric:
        """ "count", "bytes", "sum(tcp.len)". Raises QueryError(bad_parameter, unknown_field)."""
        match = _METRIC.match(text.strip())
        if match is None:
            raise QueryError(
                "bad_parameter",
                f"'{shown(text)}' is no metric; metrics are count, bytes, and count, distinct, sum, min, max, avg, "
                "p50, p95 of a field, for instance sum(tcp.len)",
            )
        if match[1]:
            return cls(match[1])
        (name,) = checked_fields([match[3]])
        if match[2] not in ("count", "distinct") and not kind_of(name).startswith(_NUMBERS):
            raise QueryError("bad_parameter", f"{match[2]} needs a field with numbers; {name} is a {kind_of(name)}")
        return cls(match[2], name)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What is asked. interval_ns: steps of time, counted from 1970. weight: which groups are kept where there are too
    many, those with most frames or most bytes."""

    group_by: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = (Metric("count"), Metric("bytes"))
    interval_ns: int | None = None
    occurrence: Literal["each", "first"] = "each"
    weight: Literal["count", "bytes"] = "count"

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields a pass reads, those to group by first."""
        return tuple(dict.fromkeys((*self.group_by, *(m.field for m in self.metrics if m.field is not None))))

    @property
    def max_groups(self) -> int:
        return MAX_HEAVY_GROUPS if self.fields_of("distinct") or self.fields_of("p") else MAX_GROUPS

    def fields_of(self, kind: Literal["distinct", "p", "numbers"]) -> tuple[str, ...]:
        """The fields whose different values, whose percentiles, whose numbers are wanted."""
        found = [m.field for m in self.metrics if m.field is not None and _holder(m.kind) == kind]
        return tuple(dict.fromkeys(found))

    def __call__(self) -> AggregateMachine:
        """A machine that answers it: see `selection.RowQuery.machine`."""
        return AggregateMachine(self)


def _holder(kind: str) -> str:
    return kind if kind == "distinct" else "p" if kind[0] == "p" else "numbers"


@dataclass(slots=True)
class Numbers:
    """Number, sum, smallest and largest of the values of a field."""

    number: int = 0
    total: float = 0
    low: float | None = None
    high: float | None = None

    def add(self, value: float) -> None:
        self.number += 1
        self.total += value
        if self.low is None or value < self.low:
            self.low = value
        if self.high is None or value > self.high:
            self.high = value

    def merge(self, other: Numbers) -> None:
        self.number += other.number
        self.total += other.total
        for value in (other.low, other.high):
            if value is not None:
                self.low = value if self.low is None else min(self.low, value)
                self.high = value if self.high is None else max(self.high, value)


@dataclass(slots=True)
class Group:
    """What was counted of some frames; lists are in the order of `Aggregation.fields_of`."""

    texts: tuple[str | None, ...] = ()
    """Of the values to group by, as tshark prints them."""
    count: int = 0
    bytes: int = 0
    numbers: list[Numbers] = field(default_factory=list)
    distinct: list[Distinct] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    missed_count: int = 0
    missed_bytes: int = 0
    """At most so much came before the group was kept."""

    def merge(self, other: Group) -> None:
        self.count += other.count
        self.bytes += other.bytes
        self.missed_count += other.missed_count
        self.missed_bytes += other.missed_bytes
        for mine, theirs in zip(self.numbers, other.numbers, strict=True):
            mine.merge(theirs)
        for set_, further in zip(self.distinct, other.distinct, strict=True):
            set_.merge(further)
        for held, more in zip(self.values, other.values, strict=True):
            held.merge(more)

    def copy(self) -> Group:
        return replace(
            self,
            numbers=[replace(one) for one in self.numbers],
            distinct=[one.copy() for one in self.distinct],
            values=[one.copy() for one in self.values],
        )

    def memory_bytes(self) -> int:
        own = 500 + 150 * len(self.numbers) + sum(len(text or "") for text in self.texts)
        return own + sum(one.memory_bytes() for one in self.distinct) + sum(one.memory_bytes() for one in self.values)


@dataclass(slots=True)
class _Dropped:
    """Groups that had no room."""

    groups: int = 0
    """How often a group was dropped; one that came again and was dropped again counts twice."""
    count: int = 0
    bytes: int = 0
    most_count: int = 0
    most_bytes: int = 0
    """No group lacks more than this."""


@dataclass(frozen=True, slots=True)
class AggregateSummary:
    """The groups of a pass. Nothing in it is to be changed."""

    query: Aggregation | None = None
    groups: Mapping[Key, Group] = field(default_factory=dict)
    total: Group = field(default_factory=Group)
    """Of all frames that passed, each once: exact."""
    dropped: _Dropped = field(default_factory=_Dropped)
    cut_frames: int = 0
    """Frames with more than MAX_COMBINATIONS groups: counted in that many."""

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        if self.query is None or other.query is None:
            return other if self.query is None else self
        if self.query != other.query:
            raise ValueError("summaries of different questions")
        groups = {key: group.copy() for key, group in self.groups.items()}
        for key, group in groups.items():
            if key not in other.groups:
                group.missed_count += other.dropped.most_count
                group.missed_bytes += other.dropped.most_bytes
        for key, group in other.groups.items():
            if key in groups:
                groups[key].merge(group)
            else:
                added = groups[key] = group.copy()
                added.missed_count += self.dropped.most_count
                added.missed_bytes += self.dropped.most_bytes
        total = self.total.copy()
        total.merge(other.total)
        both = zip(_parts(self.dropped), _parts(other.dropped), strict=True)
        dropped = _Dropped(*(a + b for a, b in both))
        if len(groups) > 2 * self.query.max_groups:
            _drop_smallest(groups, dropped, self.query)
        return replace(self, groups=groups, total=total, dropped=dropped, cut_frames=self.cut_frames + other.cut_frames)

    def memory_bytes(self) -> Mapping[str, int]:
        return {"groups": sum(group.memory_bytes() for group in (self.total, *self.groups.values()))}


def _parts(dropped: _Dropped) -> tuple[int, ...]:
    return dropped.groups, dropped.count, dropped.bytes, dropped.most_count, dropped.most_bytes


def _drop_smallest(groups: dict[Key, Group], dropped: _Dropped, query: Aggregation) -> None:
    """Leaves the `max_groups` largest, of equal ones those that came first."""
    by_bytes = query.weight == "bytes"
    ranked = sorted(groups.items(), key=lambda entry: -(entry[1].bytes if by_bytes else entry[1].count))
    gone = ranked[query.max_groups :]
    for key, group in gone:
        del groups[key]
        dropped.count += group.count
        dropped.bytes += group.bytes
    dropped.groups += len(gone)
    dropped.most_count += max(group.count for _, group in gone)
    dropped.most_bytes += max(group.bytes for _, group in gone)


class AggregateMachine(EndsOnce):
    """Counts the rows of a pass as they come; keeps none."""

    name = "aggregate"
    needs: frozenset[str] = frozenset()

    def __init__(self, query: Aggregation) -> None:
        self._query = query
        columns = query.columns
        self._width = len(columns)
        self._keys = tuple(columns.index(name) for name in query.group_by)
        self._number_columns = tuple(columns.index(name) for name in query.fields_of("numbers"))
        self._distinct_columns = tuple(columns.index(name) for name in query.fields_of("distinct"))
        self._value_columns = tuple(columns.index(name) for name in query.fields_of("p"))
        self._grouped = bool(query.group_by) or query.interval_ns is not None
        self._groups: dict[Key, Group] = {}
        self._total = self._new((), EXACT_DISTINCT_IN_ALL, EXACT_VALUES_IN_ALL)
        self._dropped = _Dropped()
        self._cut_frames = 0

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for row in batch.rows:
            self._row(row)

    def expire(self, now_ns: int, /) -> None:
        """Nothing here depends on time."""

    def snapshot(self, core: Snapshot, /) -> AggregateSummary:
        self._going()
        groups = {key: group.copy() for key, group in self._groups.items()}
        return AggregateSummary(self._query, groups, self._total.copy(), replace(self._dropped), self._cut_frames)

    def finish(self, core: Snapshot, /) -> AggregateSummary:
        self._going()
        self._finished = True
        return AggregateSummary(self._query, self._groups, self._total, self._dropped, self._cut_frames)

    def _row(self, row: Row) -> None:
        found: list[list[Any]] = [[] for _ in range(self._width)]
        if self._width:
            for cell in row.cells():
                # A field that is just there has no value.
                found[cell[0]].append(True if cell[1] is None else cell[1])
        self._count(self._total, row, found)
        if not self._grouped:
            return
        for key in self._keys_of(row, found):
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = self._new(self._texts(row, key))
                group.missed_count, group.missed_bytes = self._dropped.most_count, self._dropped.most_bytes
                self._count(group, row, found)
                if len(self._groups) > 2 * self._query.max_groups:
                    _drop_smallest(self._groups, self._dropped, self._query)
            else:
                self._count(group, row, found)

    def _keys_of(self, row: Row, found: list[list[Any]]) -> Sequence[Key]:
        interval = self._query.interval_ns
        first: Key = () if interval is None else (None if row.time_ns is None else row.time_ns // interval,)
        if self._query.occurrence == "first" or all(len(found[column]) < 2 for column in self._keys):
            return ((*first, *(found[column][0] if found[column] else None for column in self._keys)),)
        choices = [tuple(dict.fromkeys(found[column])) or (None,) for column in self._keys]
        keys = [(*first, *values) for values in islice(product(*choices), MAX_COMBINATIONS + 1)]
        if len(keys) > MAX_COMBINATIONS:
            self._cut_frames += 1
            keys.pop()
        return keys

    def _texts(self, row: Row, key: Key) -> tuple[str | None, ...]:
        if not self._keys:
            return ()
        texts: dict[tuple[int, Any], str] = {}
        for cell, (column, text) in zip(row.cells(), row.texts(), strict=True):
            texts.setdefault((column, True if cell[1] is None else cell[1]), text)
        values = key[len(key) - len(self._keys) :]
        return tuple(texts.get((column, value)) for column, value in zip(self._keys, values, strict=True))

    def _count(self, group: Group, row: Row, found: list[list[Any]]) -> None:
        group.count += 1
        group.bytes += row.wire_bytes
        for numbers, column in zip(group.numbers, self._number_columns, strict=True):
            for value in found[column]:
                # What is no number is only counted.
                numbers.add(value if isinstance(value, (int, float)) else 0)
        for distinct, column in zip(group.distinct, self._distinct_columns, strict=True):
            for value in found[column]:
                distinct.add(value)
        for values, column in zip(group.values, self._value_columns, strict=True):
            for value in found[column]:
                values.add(value)

    def _new(self, texts: tuple[str | None, ...], distinct: int = EXACT_DISTINCT, values: int = EXACT_VALUES) -> Group:
        return Group(
            texts,
            numbers=[Numbers() for _ in self._number_columns],
            distinct=[Distinct(distinct) for _ in self._distinct_columns],
            values=[Values(values) for _ in self._value_columns],
        )
