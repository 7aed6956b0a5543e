"""RTP and RTCP: the streams of calls, and what their ends report about them.

The counting is done in the core, because a call is thousands of packets; this is the view of it. Streams that
signalling announced are the ones Wireshark shows by default; those found by the pattern of their packets are apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="RTP, RTCP: streams, loss, jitter, gaps, keys pressed, reports",
    transports=("udp",),
    rfcs=("RFC 3550", "RFC 3551", "RFC 2198", "RFC 3389", "RFC 3611", "RFC 3711", "RFC 4733", "RFC 5761", "RFC 8285"),
)

NEEDS = frozenset({"rtp", "sip", "megaco", "tcp"})
"""With the signalling that announces media; its messages come over TCP, too."""


@dataclass(frozen=True, slots=True)
class RtpSummary:
    """What was counted.

    `counts()`: `packets` of announced streams; `shown`, what Wireshark shows as RTP (`malformed` and `quoted` ones
    among them); `heuristic_packets`; `rtcp_packets` on announced ports, `rtcp_by_content` elsewhere; `payload_types` as
    [[type, packets], ...]; `ssrcs` and whether that is exact; `streams` and `reports`, one mapping each, in order of
    appearance; `unlisted_packets`, `unlisted_rtcp_packets` and `announcements_dropped` for what passed the limits.

    A stream: its ends, `ssrc`, `detected_by` ("announced" or "heuristic"), frames, times in ns, `packets`; `expected`,
    `lost` (negative with duplicates), `delta_ms` and `jitter_ms` as Wireshark's list of streams reckons them;
    `missing`, `gaps`, `duplicates`, `late`, `restarts` from the sequence numbers one by one; `types`, `events` (keys
    pressed); `receiver` and `sender`, the announcements of its two ends, each with `call_id`, `frame` and `side`.
    """

    report: Report

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("rtp"))

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report))

    def counts(self) -> dict[str, Any]:
        return self.report.value()

    def memory_bytes(self) -> Mapping[str, int]:
        return {"rtp": self.counts()["memory_bytes"]}


def call_ids(stream: Mapping[str, Any]) -> list[str]:
    """Call-IDs of the messages that announced the ends of a stream, each once."""
    found = [end["call_id"] for end in (stream["receiver"], stream["sender"]) if end is not None and end["call_id"]]
    return list(dict.fromkeys(found))


def reports_about(stream: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the receivers of a stream report about it: entries of `about` from sources that send to its sender."""
    return [
        about
        for source in sources
        if source["dst"] == stream["src"]
        for about in source["about"]
        if about["ssrc"] == stream["ssrc"] and about["reports"]
    ]


def loss_share(stream: Mapping[str, Any]) -> float:
    """Numbers that never came, of those that should have: 0 to 1. Unlike `lost`, duplicates do not make up for loss."""
    came = stream["packets"] - stream["duplicates"]
    whole = came + stream["missing"]
    return stream["missing"] / whole if whole > 0 else 0.0


def _view(core: Snapshot) -> RtpSummary:
    report = core.reports.get("rtp")
    if report is None:
        raise StateError("not_open", "the decoder ran without its RTP part")
    return RtpSummary(report)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("rtp", NEEDS, _view)


MODULE = Module("rtp", SPEC, make, NEEDS)
