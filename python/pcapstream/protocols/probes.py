"""UDP questions and answers: ports and hosts that did not answer, and who gets far more than it asked for.

Counted in the core for each datagram; this is the view of it. It names no protocol and keeps no payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(title="UDP probes without answer, answers nobody asked for", transports=("udp",))

NEEDS = frozenset({"probes"})


@dataclass(frozen=True, slots=True)
class ProbesSummary:
    """What was counted."""

    report: Report

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("probes"))

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report))

    def missed(self) -> int:
        """Datagrams that found no room in a table."""
        missed: int = self.report.value()["missed"]
        return missed

    def top(self, table: Literal["ports", "hosts", "victims"], limit: int) -> list[dict[str, Any]]:
        """The first rows. ports: source, target and how many ports of it did not answer and did (`unanswered`,
        `answered`), first frames; hosts: source, port and how many hosts; victims: victim, port and what servers of
        that port `sent` it (datagrams, payload bytes) and were `asked` by it, first frames."""
        return self.report.page(table, limit=limit)

    def memory_bytes(self) -> Mapping[str, int]:
        return {"probes": 5_000 + 110 * int(self.report.value()["rows"])}


def _view(core: Snapshot) -> ProbesSummary:
    report = core.reports.get("probes")
    if report is None:
        raise StateError("not_open", "the decoder ran without its part 'probes'")
    return ProbesSummary(report)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("probes", NEEDS, _view)


MODULE = Module("probes", SPEC, make, NEEDS)
