"""Summaries of protocols that the core counts: its report, and the messages it kept for detail rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.kept import KeepsMessages

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

EMPTY_BYTES = 200_000
MESSAGE_BYTES = 200


@dataclass(frozen=True, slots=True)
class CountedSummary(KeepsMessages):
    """What was counted, and the messages kept for detail rows. A subclass names its `family`."""

    report: Report
    parts: tuple[Snapshot, ...]

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty(cls.family), ())

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report), self.parts + other.parts)

    def counts(self) -> dict[str, dict[str, Any]]:
        """The core's report: for each protocol of the family that occurs its totals, counters, tables. Times are ns,
        evidence is {"count": n, "frames": [...]}."""
        return self.report.value()

    def memory_bytes(self) -> Mapping[str, int]:
        return {self.family: EMPTY_BYTES + MESSAGE_BYTES * self.kept()[0]}


def view_of(kind: Callable[[Report, tuple[Snapshot, ...]], CountedSummary], family: str) -> Any:
    """What makes a summary of that kind from a snapshot of the core."""

    def view(core: Snapshot) -> CountedSummary:
        report = core.reports.get(family)
        if report is None:
            raise StateError("not_open", f"the decoder ran without its part {family!r}")
        return kind(report, (core,))

    return view
