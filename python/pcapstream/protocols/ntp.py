"""NTP: who asks which server, whether it answers, how far its clock is off, and how good it says it is.

A request is known again by its transmit timestamp, which the answer carries as its origin (RFC 5905 8). Offset and
delay are computed by the formulas there, with the times of the capture in place of the client's: as the capture point
sees them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pcapstream.protocols.base import EndsOnce, Machine, Module, Spec
from pcapstream.protocols.kept import KeepsMessages

if TYPE_CHECKING:
    from pcapstream._core import Batch, Message, Snapshot

LIMITS: Mapping[str, int] = MappingProxyType(
    {"max_ntp_servers": 5_000, "max_ntp_pending": 20_000, "max_ntp_times": 2_000, "max_ntp_clients": 20_000}
)
"""Servers listed; requests that wait for an answer; offsets and delays kept of each server; clients counted apart."""

SPEC = Spec(
    title="NTP: servers with stratum, offset and delay, requests without an answer",
    transports=("udp",),
    ports=(123,),
    rfcs=("RFC 5905", "RFC 9327"),
    limits=LIMITS,
)

NEEDS = frozenset({"ntp"})

MAX_EVIDENCE = 20
"""Frame numbers kept for each kind of event."""
_ASKING = (1, 3)
_ANSWERING = (2, 4)
_UNSYNCHRONIZED = 16
"""A stratum from here on, and 0, is that of a server without time (RFC 5905 7.3)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How often something happened, and the first frames of it."""

    count: int = 0
    frames: tuple[int, ...] = ()

    def add(self, frame: int) -> Seen:
        frames = (*self.frames, frame) if len(self.frames) < MAX_EVIDENCE else self.frames
        return Seen(self.count + 1, frames)

    def merge(self, other: Seen) -> Seen:
        return Seen(self.count + other.count, tuple(sorted((*self.frames, *other.frames))[:MAX_EVIDENCE]))


@dataclass(frozen=True, slots=True)
class Server:
    """One address that was asked or answered."""

    address: str
    requests: int = 0
    responses: int = 0
    answered: int = 0
    """Requests with an answer."""
    strata: tuple[tuple[int, int], ...] = ()
    """(stratum, responses)."""
    references: tuple[tuple[str, int], ...] = ()
    """(where it has its time from, responses)."""
    offsets_ns: tuple[int, ...] = ()
    """Its clock minus the capture's, of the first answers."""
    delays_ns: tuple[int, ...] = ()
    """From the capture point to the server and back without its own time, of the same answers."""
    measured: int = 0
    """Answers with an offset, those not kept included."""
    first_frame: int = 0

    def merge(self, other: Server) -> Server:
        return Server(
            self.address,
            self.requests + other.requests,
            self.responses + other.responses,
            self.answered + other.answered,
            _added(self.strata, other.strata),
            _added(self.references, other.references)[:MAX_EVIDENCE],
            (*self.offsets_ns, *other.offsets_ns)[: LIMITS["max_ntp_times"]],
            (*self.delays_ns, *other.delays_ns)[: LIMITS["max_ntp_times"]],
            self.measured + other.measured,
            min(self.first_frame, other.first_frame) or self.first_frame or other.first_frame,
        )


def _added(a: tuple[tuple[Any, int], ...], b: tuple[tuple[Any, int], ...]) -> tuple[tuple[Any, int], ...]:
    counted: dict[Any, int] = {}
    for key, number in (*a, *b):
        counted[key] = counted.get(key, 0) + number
    return tuple(sorted(counted.items()))


@dataclass(frozen=True, slots=True)
class NtpSummary(KeepsMessages):
    """NTP of a capture."""

    family: ClassVar[str] = "ntp"

    total: int
    """Messages."""
    modes: Mapping[str, int]
    versions: Mapping[int, int]
    servers: tuple[Server, ...]
    clients: frozenset[str]
    events: Mapping[str, Seen]
    """unanswered, unasked, unsynchronized, kiss, control, private, malformed."""
    unlisted: Mapping[str, int]
    """Table -> what found no room in it."""
    parts: tuple[Snapshot, ...]
    """Passes the messages are kept in, in the order merged."""

    @classmethod
    def empty(cls) -> Self:
        return cls(0, {}, {}, (), frozenset(), {}, {}, ())

    def merge(self, other: Self, /) -> Self:
        """A request and its answer belong into one of the two."""
        servers = {one.address: one for one in self.servers}
        for one in other.servers:
            servers[one.address] = servers[one.address].merge(one) if one.address in servers else one
        events = dict(self.events)
        for name, seen in other.events.items():
            events[name] = events.get(name, Seen()).merge(seen)
        return replace(
            self,
            total=self.total + other.total,
            modes=dict(Counter(self.modes) + Counter(other.modes)),
            versions=dict(Counter(self.versions) + Counter(other.versions)),
            servers=tuple(servers[address] for address in sorted(servers)),
            clients=self.clients | other.clients,
            events=events,
            unlisted=dict(Counter(self.unlisted) + Counter(other.unlisted)),
            parts=self.parts + other.parts,
        )

    def memory_bytes(self) -> Mapping[str, int]:
        times = sum(len(server.offsets_ns) for server in self.servers)
        size = 500 * len(self.servers) + 80 * times + 100 * len(self.clients) + 300 * self.kept()[0]
        return {"ntp": 5_000 + size}

    def event(self, name: str) -> Seen:
        return self.events.get(name, Seen())


class _Server:
    """A server while it is counted."""

    __slots__ = ("answered", "delays", "first_frame", "measured", "offsets", "references", "requests", "responses",
                 "strata")  # fmt: skip

    def __init__(self, frame: int) -> None:
        self.requests = self.responses = self.answered = self.measured = 0
        self.strata: Counter[int] = Counter()
        self.references: Counter[str] = Counter()
        self.offsets: list[int] = []
        self.delays: list[int] = []
        self.first_frame = frame

    def freeze(self, address: str) -> Server:
        return Server(
            address, self.requests, self.responses, self.answered, tuple(sorted(self.strata.items())),
            tuple(sorted(self.references.items())), tuple(self.offsets), tuple(self.delays), self.measured,
            self.first_frame,
        )  # fmt: skip


_Key = tuple[str, int, str, int, int]
"""Client, its port, server, its port, transmit timestamp."""


class NtpMachine(EndsOnce):
    """See the module."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = {**LIMITS, **{name: limits[name] for name in LIMITS if name in limits}}
        self._messages = 0
        self._modes: Counter[str] = Counter()
        self._versions: Counter[int] = Counter()
        self._servers: dict[str, _Server] = {}
        self._clients: set[str] = set()
        self._events: dict[str, Seen] = {}
        self._unlisted: Counter[str] = Counter()
        self._waiting: OrderedDict[_Key, tuple[int, int]] = OrderedDict()
        """-> (frame, time), oldest first."""

    @property
    def name(self) -> str:
        return "ntp"

    @property
    def needs(self) -> frozenset[str]:
        return NEEDS

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for message in batch.messages:
            if message.protocol == "ntp":
                self._message(message, message.fields)

    def expire(self, now_ns: int, /) -> None:
        self._going()

    def snapshot(self, core: Snapshot, /) -> NtpSummary:
        self._going()
        events = dict(self._events)
        for frame, _ in self._waiting.values():
            events["unanswered"] = events.get("unanswered", Seen()).add(frame)
        return NtpSummary(
            self._messages,
            dict(self._modes),
            dict(self._versions),
            tuple(self._servers[address].freeze(address) for address in sorted(self._servers)),
            frozenset(self._clients),
            events,
            dict(self._unlisted),
            (core,),
        )

    def finish(self, core: Snapshot, /) -> NtpSummary:
        found = self.snapshot(core)
        self._finished = True
        return found

    def _saw(self, event: str, frame: int) -> None:
        self._events[event] = self._events.get(event, Seen()).add(frame)

    def _server(self, address: str, frame: int) -> _Server | None:
        found = self._servers.get(address)
        if found is None:
            if len(self._servers) >= self._limits["max_ntp_servers"]:
                self._unlisted["servers"] += 1
                return None
            found = self._servers[address] = _Server(frame)
        return found

    def _message(self, message: Message, fields: Mapping[str, Any]) -> None:
        self._messages += 1
        self._modes[fields["mode_name"]] += 1
        self._versions[fields["version"]] += 1
        if fields["mode_name"] in ("control", "private"):
            self._saw(fields["mode_name"], message.frame)
        elif fields.get("malformed"):
            self._saw("malformed", message.frame)
        elif fields["mode"] in _ASKING:
            self._request(message, fields)
        elif fields["mode"] in _ANSWERING:
            self._response(message, fields)

    def _request(self, message: Message, fields: Mapping[str, Any]) -> None:
        server = self._server(message.dst, message.frame)
        if server is not None:
            server.requests += 1
        if message.src in self._clients or len(self._clients) < self._limits["max_ntp_clients"]:
            self._clients.add(message.src)
        else:
            self._unlisted["clients"] += 1
        key = (message.src, message.src_port, message.dst, message.dst_port, fields["transmit_bits"])
        before = self._waiting.pop(key, None)
        if before is not None:
            self._saw("unanswered", before[0])
        elif len(self._waiting) >= self._limits["max_ntp_pending"]:
            _, (frame, _) = self._waiting.popitem(last=False)
            self._saw("unanswered", frame)
            self._unlisted["waiting"] += 1
        self._waiting[key] = (message.frame, message.time_ns)

    def _response(self, message: Message, fields: Mapping[str, Any]) -> None:
        server = self._server(message.src, message.frame)
        stratum = fields["stratum"]
        if stratum == 0:
            self._saw("kiss", message.frame)
        elif stratum >= _UNSYNCHRONIZED or fields["leap"] == "unsynchronized":
            self._saw("unsynchronized", message.frame)
        if server is not None:
            server.responses += 1
            server.strata[stratum] += 1
            if fields["reference_id"] in server.references or len(server.references) < MAX_EVIDENCE:
                server.references[fields["reference_id"]] += 1
        key = (message.dst, message.dst_port, message.src, message.src_port, fields["origin_bits"])
        asked = self._waiting.pop(key, None)
        if asked is None:
            self._saw("unasked", message.frame)
            return
        if server is None:
            return
        server.answered += 1
        came, went = fields["receive_ns"], fields["transmit_ns"]
        if stratum == 0 or came is None or went is None:
            return
        server.measured += 1
        if len(server.offsets) < self._limits["max_ntp_times"]:
            # RFC 5905 8: theta and delta; integer ns.
            server.offsets.append(((came - asked[1]) + (went - message.time_ns)) // 2)
            server.delays.append((message.time_ns - asked[1]) - (went - came))


def make(limits: Mapping[str, int]) -> Machine:
    return NtpMachine(limits)


MODULE = Module("ntp", SPEC, make, NEEDS)
