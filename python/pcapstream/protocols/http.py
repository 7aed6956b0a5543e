"""HTTP: requests and responses put together, response times by server, errors, logins; HTTP/2, WebSocket, SSDP.

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
    title="HTTP/1, HTTP/2 in the clear, WebSocket, SSDP: requests, responses, response times, errors, logins",
    transports=("tcp", "udp"),
    ports=(80, 631, 1900, 2710, 2869, 3128, 3132, 3689, 5985, 8080, 8088, 11371),
    rfcs=("RFC 9110", "RFC 9112", "RFC 9113", "RFC 7541", "RFC 6455", "RFC 7617", "RFC 7616"),
)

NEEDS = frozenset({"http", "tcp"})

FAMILY = ("http", "http2", "ssdp", "websocket")
"""What is counted apart."""


@dataclass(frozen=True, slots=True)
class HttpSummary:
    """What was counted, and the requests kept for detail rows, each with its response.

    `counts()` gives, for each of `FAMILY` that occurs, the keys of the core's report: totals, counters as
    {"rows": [[key, n], ...], "other": n}, evidence as {"count": n, "frames": [...]}, times in ns. Passwords, tokens and
    cookies are in none of them: the core does not store any.
    """

    report: Report
    parts: tuple[Snapshot, ...]
    """Passes the requests are kept in, in the order merged."""

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("http"), ())

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report), self.parts + other.parts)

    def counts(self) -> dict[str, dict[str, Any]]:
        return self.report.value()

    def kept(self) -> tuple[int, int]:
        """(requests kept, requests that found no room), of HTTP/1, HTTP/2 and SSDP."""
        found = [part.message_count("http") for part in self.parts]
        return sum(kept for kept, _ in found), sum(dropped for _, dropped in found)

    def requests(self, offset: int, limit: int) -> list[Message]:
        """A page of the kept requests, in frame order of each part."""
        out: list[Message] = []
        for part in self.parts:
            if len(out) >= limit:
                break
            kept = part.message_count("http")[0]
            if offset < kept:
                out += part.messages("http", offset=offset, limit=limit - len(out))
            offset = max(0, offset - kept)
        return out

    def memory_bytes(self) -> Mapping[str, int]:
        return {"http": 500_000 + 500 * self.kept()[0]}


def _view(core: Snapshot) -> HttpSummary:
    report = core.reports.get("http")
    if report is None:
        raise StateError("not_open", "the decoder ran without its HTTP part")
    return HttpSummary(report, (core,))


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("http", NEEDS, _view)


MODULE = Module("http", SPEC, make, NEEDS)
