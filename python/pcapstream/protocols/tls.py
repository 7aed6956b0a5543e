"""TLS over TCP and DTLS over UDP: handshakes with what was offered and chosen, certificates, alerts.

The counting and following is done in the core, because a capture can hold many thousand connections; this is
the view of it.
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
    title="TLS and DTLS: handshakes, versions, ciphers, certificates, alerts, fingerprints",
    transports=("tcp", "udp"),
    ports=(443, 465, 636, 853, 993, 995, 5061, 8883),
    rfcs=(
        "RFC 8446", "RFC 5246", "RFC 4346", "RFC 2246", "RFC 6101", "RFC 6347", "RFC 9147", "RFC 6066", "RFC 7301",
        "RFC 8701", "RFC 5280", "RFC 9525",
    ),
)  # fmt: skip

NEEDS = frozenset({"tls", "tcp"})

FAMILY = ("tls", "dtls")
"""Protocols, each counted apart."""


@dataclass(frozen=True, slots=True)
class TlsSummary:
    """What was counted, and tables of handshakes, alerts and certificates.

    `counts()` gives, for each protocol of `FAMILY`, totals, counters as {"rows": [[key, n], ...], "other": n}, evidence
    as {"count": n, "frames": [...]}, times in ns; `rows` tells how many rows the tables have. Counts are of what
    Wireshark shows; what only putting TCP segments in order finds is in the tables and in `only_in_order`.
    """

    report: Report

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("tls"))

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report))

    def counts(self) -> dict[str, Any]:
        return self.report.value()

    def handshakes(self, offset: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """A page of the handshakes in frame order."""
        return self.report.page("handshakes", offset=offset, limit=limit)

    def table(self, name: str, offset: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """A page of a table: handshakes, mismatches, broken_off, alerts, encrypted_alerts or certificates."""
        return self.report.page(name, offset=offset, limit=limit)

    def memory_bytes(self) -> Mapping[str, int]:
        rows = self.report.value()["rows"]
        return {"tls": 300_000 + 150 * rows["handshakes"] + 150 * rows["alerts"] + 3_000 * rows["certificates"]}


def _view(core: Snapshot) -> TlsSummary:
    report = core.reports.get("tls")
    if report is None:
        raise StateError("not_open", "the decoder ran without its TLS part")
    return TlsSummary(report)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("tls", NEEDS, _view)


MODULE = Module("tls", SPEC, make, NEEDS)
