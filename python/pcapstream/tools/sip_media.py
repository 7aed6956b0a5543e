"""Which RTP streams belong to which call, and which way they went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.rtp import RtpSummary, call_ids
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.protocols.sip import Call

Stream = Mapping[str, Any]


@dataclass(slots=True)
class Flow:
    """RTP of one direction of a call."""

    streams: list[Stream] = field(default_factory=list)

    @property
    def packets(self) -> int:
        return sum(one["packets"] for one in self.streams)

    @property
    def missing(self) -> int:
        return sum(one["missing"] for one in self.streams)


@dataclass(slots=True)
class CallMedia:
    """RTP of one call. `unknown`: neither end is one that the call's descriptions name."""

    to_caller: Flow = field(default_factory=Flow)
    to_callee: Flow = field(default_factory=Flow)
    unknown: Flow = field(default_factory=Flow)

    def row(self) -> dict[str, Any]:
        """What a row of calls says of it; directions without packets are told as 0."""
        found: dict[str, Any] = {"to_caller": _brief(self.to_caller), "to_callee": _brief(self.to_callee)}
        if self.unknown.streams:
            found["unknown"] = _brief(self.unknown)
        return found


def _brief(flow: Flow) -> dict[str, Any]:
    return {
        "packets": flow.packets,
        "missing": flow.missing,
        "ssrcs": [f"0x{one['ssrc']:08x}" for one in flow.streams[:8]],
    }


class Media:
    """The streams that announcements of SIP belong to, by Call-ID."""

    def __init__(self, summary: RtpSummary) -> None:
        streams: Iterable[Stream] = values_of(summary)["streams"]
        self._by_call: dict[str, list[Stream]] = defaultdict(list)
        self.any = False
        """The capture holds RTP, announced or found by its pattern."""
        for stream in streams:
            self.any = True
            for call_id in call_ids(stream):
                self._by_call[call_id].append(stream)

    def of_call(self, call: Call) -> CallMedia:
        """Its streams by direction: by the ends that the descriptions name, the receiver's first."""
        found = CallMedia()
        caller = call.invite.tag if call.invite is not None else None
        owner: dict[tuple[str, int], bool] = {}
        for tag, address, port in sorted(call.places):
            owner.setdefault((address, port), tag == caller)
        for stream in self._by_call.get(call.call_id, ()):
            to_caller = owner.get((stream["dst"], stream["dst_port"]))
            if to_caller is None:
                from_caller = owner.get((stream["src"], stream["src_port"]))
                to_caller = None if from_caller is None else not from_caller
            flow = found.unknown if to_caller is None else found.to_caller if to_caller else found.to_callee
            flow.streams.append(stream)
        return found
