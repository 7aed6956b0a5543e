"""What was found of SIP in a capture: a frozen value that can be merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pcapstream.protocols.kept import KeepsMessages
from pcapstream.protocols.sip.calls import Call
from pcapstream.protocols.sip.events import Evidence
from pcapstream.protocols.sip.parties import Login, Ping, Registration, Sender

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

DIALOG_EARLY, DIALOG_CONFIRMED, DIALOG_ENDED = 1, 2, 4

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Totals:
    """Counts of messages. Those that Wireshark does not show are in `hidden` and `only_in_order` alone."""

    frames: int = 0
    """Frames with SIP in them."""
    requests: int = 0
    responses: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    transports: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    """Headers User-Agent and Server."""
    call_ids: set[str] = field(default_factory=set)
    call_ids_left_out: int = 0
    """Messages whose Call-ID found no room in `call_ids`."""
    malformed: int = 0
    compressed: int = 0
    continuations: int = 0
    """Segments on SIP's port that begin no message."""
    hidden: int = 0
    """Messages over TCP behind a keep-alive in the same segment."""
    only_in_order: int = 0
    with_sdp: int = 0
    basic_credentials: Evidence = field(default_factory=Evidence)
    """Requests whose password can be read (scheme Basic)."""
    keys_in_clear: Evidence = field(default_factory=Evidence)
    """Session descriptions with keys of encrypted media in them (RFC 4568)."""
    retransmitted_requests: Evidence = field(default_factory=Evidence)
    retransmitted_responses: Evidence = field(default_factory=Evidence)
    unmatched_responses: Evidence = field(default_factory=Evidence)
    """Their request is not in the capture."""
    transactions: Counter[str] = field(default_factory=Counter)
    """By method; ACK has none of its own."""
    unanswered: Evidence = field(default_factory=Evidence)
    """Transactions without any response."""
    no_final: Evidence = field(default_factory=Evidence)
    """Transactions with provisional responses only."""
    forgotten: int = 0
    calls_left_out: int = 0
    rows_left_out: int = 0
    """Messages whose registration, sender or ping found no room."""
    first_response_ns: dict[str, list[int]] = field(default_factory=dict)
    """Method -> times from requests to their first response."""
    times_left_out: int = 0

    def merge(self, other: Totals) -> Totals:
        out = Totals()
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            value: Any
            if isinstance(mine, Evidence):
                value = mine.merge(theirs)
            elif isinstance(mine, set):
                value = mine | theirs
            elif isinstance(mine, dict) and not isinstance(mine, Counter):
                value = {method: mine.get(method, []) + theirs.get(method, []) for method in {**mine, **theirs}}
            else:
                value = mine + theirs
            setattr(out, one.name, value)
        return out

    def copy(self) -> Totals:
        return self.merge(Totals())


@dataclass(frozen=True, slots=True)
class SipSummary(KeepsMessages):
    """Counts, tables, and the messages kept for detail rows. Nothing in it is to be changed.

    Attributes: totals; calls by Call-ID; registrations by (address of record, client, registrar); pings by (source,
    destination); senders by address; dialogs: (Call-ID, two tags in order) -> sum of DIALOG_ values; logins by (user,
    scheme, client, server).
    """

    family: ClassVar[str] = "sip"

    totals: Totals
    calls: Mapping[str, Call]
    registrations: Mapping[tuple[str, str, str], Registration]
    pings: Mapping[tuple[str, str], Ping]
    senders: Mapping[str, Sender]
    dialogs: Mapping[tuple[str, str, str], int]
    logins: Mapping[tuple[str, str, str, str], Login]
    parts: tuple[Snapshot, ...]
    """Passes the messages are kept in, in the order merged."""

    @classmethod
    def empty(cls) -> Self:
        return cls(Totals(), {}, {}, {}, {}, {}, {}, ())

    def merge(self, other: Self, /) -> Self:
        return type(self)(
            self.totals.merge(other.totals),
            _both(self.calls, other.calls, Call.merge),
            _both(self.registrations, other.registrations, Registration.merge),
            _both(self.pings, other.pings, Ping.merge),
            _both(self.senders, other.senders, Sender.merge),
            _both(self.dialogs, other.dialogs, int.__or__),
            _both(self.logins, other.logins, Login.merge),
            self.parts + other.parts,
        )

    def memory_bytes(self) -> Mapping[str, int]:
        rows = len(self.registrations) + len(self.pings) + len(self.senders) + len(self.logins)
        sizes = 3_000 * len(self.calls) + 1_500 * rows + 300 * len(self.dialogs) + 150 * len(self.totals.call_ids)
        return {"sip": 10_000 + sizes, "sip_messages": 1 + 900 * self.kept()[0]}


def _both(one: Mapping[K, V], other: Mapping[K, V], merge: Callable[[V, V], V]) -> dict[K, V]:
    out = dict(one)
    for key, value in other.items():
        out[key] = merge(out[key], value) if key in out else value
    return out
