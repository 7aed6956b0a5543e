"""DNS, multicast DNS, LLMNR and NetBIOS names: queries and answers put together, response times, names, errors.

The counting is done in the core, because a capture can hold millions of messages; this is the view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Message, Snapshot

SPEC = Spec(
    title="DNS, mDNS, LLMNR, NBNS: questions, answers, response times, errors",
    transports=("udp", "tcp"),
    ports=(53, 5353, 5355, 137),
    rfcs=("RFC 1035", "RFC 3596", "RFC 4034", "RFC 6762", "RFC 4795", "RFC 6891", "RFC 7766", "RFC 9460", "RFC 1002"),
)

NEEDS = frozenset({"dns", "tcp"})

FAMILY = ("dns", "mdns", "llmnr", "nbns")
"""Protocols that share the message format, each counted apart."""


@dataclass(frozen=True, slots=True)
class DnsSummary:
    """What was counted, and the messages kept for detail rows.

    `counts()` gives, for each protocol of `FAMILY` that occurs, the keys of the core's report: totals, counters as
    {"rows": [[key, n], ...], "other": n}, evidence as {"count": n, "frames": [...]}, times in ns.
    """

    report: Report
    parts: tuple[Snapshot, ...]
    """Passes the messages are kept in, in the order merged."""

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("dns"), ())

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report), self.parts + other.parts)

    def counts(self) -> dict[str, dict[str, Any]]:
        return self.report.value()

    def kept(self) -> tuple[int, int]:
        """(messages kept, messages that found no room), of all protocols."""
        found = [part.message_count("dns") for part in self.parts]
        return sum(kept for kept, _ in found), sum(dropped for _, dropped in found)

    def messages(self, offset: int, limit: int) -> list[Message]:
        """A page of the kept messages, in frame order of each part."""
        out: list[Message] = []
        for part in self.parts:
            if len(out) >= limit:
                break
            kept = part.message_count("dns")[0]
            if offset < kept:
                out += part.messages("dns", offset=offset, limit=limit - len(out))
            offset = max(0, offset - kept)
        return out

    def memory_bytes(self) -> Mapping[str, int]:
        return {"dns": 200_000 + 250 * self.kept()[0]}


def _view(core: Snapshot) -> DnsSummary:
    report = core.reports.get("dns")
    if report is None:
        raise StateError("not_open", "the decoder ran without its DNS part")
    return DnsSummary(report, (core,))


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("dns", NEEDS, _view)


MODULE = Module("dns", SPEC, make, NEEDS)
