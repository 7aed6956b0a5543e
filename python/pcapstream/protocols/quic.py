"""QUIC: connections, versions, packet types, and what the handshake says in the clear.

Counted in the core; this is the view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="QUIC: connections, versions, server names, packet types, retries and closes",
    transports=("udp",),
    ports=(443,),
    rfcs=("RFC 8999", "RFC 9000", "RFC 9001", "RFC 9369"),
)

NEEDS = frozenset({"quic"})


@dataclass(frozen=True, slots=True)
class QuicSummary:
    """What was counted. `counts()` gives totals, counters as {"rows": [[key, n], ...], "other": n}, evidence as
    {"count": n, "frames": [...]}, times in ns, the rows of connections and closes, and under "tls" the counts of the
    TLS handshakes inside."""

    report: Report

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("quic"))

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report))

    def counts(self) -> dict[str, Any]:
        return self.report.value()

    def memory_bytes(self) -> Mapping[str, int]:
        counts = self.report.value()
        return {"quic": 200_000 + 2_500 * len(counts["connections"]) + 400 * len(counts["closes"])}


def _view(core: Snapshot) -> QuicSummary:
    report = core.reports.get("quic")
    if report is None:
        raise StateError("not_open", "the decoder ran without its QUIC part")
    return QuicSummary(report)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("quic", NEEDS, _view)


MODULE = Module("quic", SPEC, make, NEEDS)
