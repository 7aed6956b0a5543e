"""Facts of the capture file itself: what Wireshark's capinfos prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from pcapstream.model import CaptureFacts
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="facts of the capture file: format, interfaces, packets, sizes, times, damage",
    rfcs=("draft-ietf-opsawg-pcap", "draft-ietf-opsawg-pcapng", "RFC 1761"),
)

_LISTED = 1_000
"""Entries kept of each list by `merge`, so that merging many files stays bounded."""

_EMPTY: CaptureFacts = {
    "format": "",
    "compression": None,
    "byte_order": "",
    "time_precision": "",
    "snaplen": None,
    "sections": 0,
    "interfaces": [],
    "interface_count": 0,
    "link_types": [],
    "file_link_type": None,
    "hardware": "",
    "os": "",
    "application": "",
    "comments": [],
    "section_comments": [],
    "comment_count": 0,
    "packet_comment_count": 0,
    "resolved_names": [],
    "resolved_name_count": 0,
    "secrets_blocks": 0,
    "custom_blocks": 0,
    "other_blocks": 0,
    "frames": 0,
    "packets": 0,
    "recovered_packets": 0,
    "captured_bytes": 0,
    "wire_bytes": 0,
    "truncated_packets": 0,
    "first_ns": None,
    "last_ns": None,
    "earliest_ns": None,
    "latest_ns": None,
    "time_backwards": 0,
    "bytes_in": 0,
    "bytes_decoded": 0,
    "bytes_skipped": 0,
    "damage": [],
    "damage_count": 0,
    "finished": True,
    "stopped_by_max_packets": False,
}

_SAME = ("format", "compression", "byte_order", "time_precision", "hardware", "os", "application")
_SUMS = (
    "sections",
    "interface_count",
    "comment_count",
    "packet_comment_count",
    "resolved_name_count",
    "secrets_blocks",
    "custom_blocks",
    "other_blocks",
    "frames",
    "packets",
    "recovered_packets",
    "captured_bytes",
    "wire_bytes",
    "truncated_packets",
    "time_backwards",
    "bytes_in",
    "bytes_decoded",
    "bytes_skipped",
    "damage_count",
)
_LISTS = ("interfaces", "comments", "section_comments", "resolved_names", "damage")


@dataclass(frozen=True, slots=True)
class CapinfosSummary:
    """The facts of one capture, or of several read one after another.

    `facts` is not to be changed. Of several captures: counts are sums, words that differ become "mixed", lists are
    joined up to 1,000 entries, `time_backwards` is the sum over the files, damage offsets stay those of each file.
    """

    captures: int
    facts: CaptureFacts

    @classmethod
    def empty(cls) -> Self:
        return cls(0, _EMPTY)

    def merge(self, other: Self, /) -> Self:
        if self.captures == 0:
            return other
        if other.captures == 0:
            return self
        return type(self)(self.captures + other.captures, _merged(self.facts, other.facts))

    def memory_bytes(self) -> Mapping[str, int]:
        facts = self.facts
        listed = len(facts["interfaces"]) + len(facts["comments"]) + len(facts["resolved_names"]) + len(facts["damage"])
        return {"capture": 4_000 + 500 * listed}


def _merged(a: CaptureFacts, b: CaptureFacts) -> CaptureFacts:
    one, two = cast("dict[str, object]", a), cast("dict[str, object]", b)
    facts: dict[str, object] = {}
    for key in _SAME:
        facts[key] = one[key] if one[key] == two[key] else "mixed"
    for key in _SUMS:
        facts[key] = cast(int, one[key]) + cast(int, two[key])
    for key in _LISTS:
        facts[key] = [*cast("list[object]", one[key]), *cast("list[object]", two[key])][:_LISTED]
    facts["snaplen"] = max((n for n in (a["snaplen"], b["snaplen"]) if n is not None), default=None)
    facts["file_link_type"] = a["file_link_type"] if a["file_link_type"] == b["file_link_type"] else None
    facts["link_types"] = _link_types(a, b)
    facts["first_ns"] = b["first_ns"] if a["first_ns"] is None else a["first_ns"]
    facts["last_ns"] = a["last_ns"] if b["last_ns"] is None else b["last_ns"]
    facts["earliest_ns"] = min((t for t in (a["earliest_ns"], b["earliest_ns"]) if t is not None), default=None)
    facts["latest_ns"] = max((t for t in (a["latest_ns"], b["latest_ns"]) if t is not None), default=None)
    facts["finished"] = a["finished"] and b["finished"]
    facts["stopped_by_max_packets"] = a["stopped_by_max_packets"] or b["stopped_by_max_packets"]
    return cast(CaptureFacts, facts)


def _link_types(a: CaptureFacts, b: CaptureFacts) -> list[tuple[int, str, int]]:
    packets: dict[tuple[int, str], int] = {}
    for number, name, count in [*a["link_types"], *b["link_types"]]:
        packets[number, name] = packets.get((number, name), 0) + count
    return [(number, name, count) for (number, name), count in sorted(packets.items())]


def _view(core: Snapshot) -> CapinfosSummary:
    return CapinfosSummary(1, core.capture)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("capinfos", frozenset(), _view)


MODULE = Module("capinfos", SPEC, make, frozenset())
