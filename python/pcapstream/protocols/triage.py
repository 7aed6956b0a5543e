"""The first look at a capture: who talks to whom, in which protocols, when, and how healthy TCP is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pcapstream._core import Tally, TcpTable
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec
from pcapstream.protocols.tcp import memory_of, table_of

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="triage: protocol hierarchy, conversations, endpoints, traffic over time, names, TCP health",
)

NEEDS = frozenset({"tally", "tcp", "names"})


@dataclass(frozen=True, slots=True)
class TriageSummary:
    """Counters of all packets, and the TCP connections (the same table as in `TcpSummary`, not a copy)."""

    tally: Tally
    tcp: TcpTable

    @classmethod
    def empty(cls) -> Self:
        return cls(Tally.empty(), TcpTable.empty())

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.tally.merge(other.tally), self.tcp.merge(other.tcp))

    def memory_bytes(self) -> Mapping[str, int]:
        rows = sum(self.tally.conversation_count(kind)[0] for kind in ("eth", "ip", "ipv6", "tcp", "udp"))
        return {"tally": 1_000_000 + 150 * rows, **memory_of(self.tcp)}


def _view(core: Snapshot) -> TriageSummary:
    if core.tally is None:
        raise StateError("not_open", "the decoder ran without its tally")
    return TriageSummary(core.tally, table_of(core))


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("triage", NEEDS, _view)


MODULE = Module("triage", SPEC, make, NEEDS)
