"""TCP connections and their health; the work is the core's, packet by packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pcapstream._core import TcpTable
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="TCP connections: handshakes, closes, retransmissions, losses, windows, round-trip times",
    transports=("ip", "ipv6"),
    rfcs=("RFC 9293", "RFC 7323", "RFC 2018", "RFC 5681"),
)

NEEDS = frozenset({"tcp"})


@dataclass(frozen=True, slots=True)
class TcpSummary:
    """All TCP connections; ask `table` for totals and for the connections worth a look."""

    table: TcpTable

    @classmethod
    def empty(cls) -> Self:
        return cls(TcpTable.empty())

    def merge(self, other: Self, /) -> Self:
        """A connection divided between the two stays two connections: divide by flow."""
        return type(self)(self.table.merge(other.table))

    def memory_bytes(self) -> Mapping[str, int]:
        return memory_of(self.table)


def _view(core: Snapshot) -> TcpSummary:
    return TcpSummary(table_of(core))


def table_of(core: Snapshot) -> TcpTable:
    """The connections in a core snapshot; StateError where the decoder ran without them."""
    if core.tcp is None:
        raise StateError("not_open", "the decoder ran without its TCP part")
    return core.tcp


def memory_of(table: TcpTable) -> Mapping[str, int]:
    """See `Summary.memory_bytes`: about 200 bytes for a connection and its two directions."""
    return {"tcp_table": 200 * len(table)}


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("tcp", NEEDS, _view)


MODULE = Module("tcp", SPEC, make, NEEDS)
