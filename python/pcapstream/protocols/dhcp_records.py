"""What the DHCP machine found, as frozen records, and the summary that holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pcapstream.protocols.kept import KeepsMessages

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

Family = Literal["dhcp", "dhcpv6"]
"""Wireshark's names of DHCPv4 (with BOOTP) and DHCPv6."""

Outcome = Literal[
    "unanswered", "offered", "not_confirmed", "ack", "nak", "informed", "declined", "released", "answer_only"
]
"""How an exchange stands at the end of the capture. offered: an offer (ADVERTISE) was all there was; not_confirmed: the
client then asked for the address and got no answer; ack: confirmed; answer_only: a server's messages without the
client's. In DHCPv6 REPLY is ack; nak where it, or every
ADVERTISE, has a status that is no success."""

MAX_EVIDENCE = 10
"""Frame numbers kept for each kind of event."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """From a client's first message to the last answer: DISCOVER to ACK, SOLICIT to REPLY, a renewal, an INFORM."""

    family: Family
    client: str
    kind: str
    """Name of its first message, for instance DISCOVER, REQUEST (a renewal or a restart), SOLICIT."""
    xid: int | None
    outcome: Outcome
    address: str | None
    """Address (or prefix) confirmed, else the one offered or asked for last."""
    servers: tuple[str, ...]
    """Servers that answered, in order of their first answer."""
    steps: tuple[str, ...]
    """Names of its first messages."""
    times_ns: tuple[int, ...]
    frames: tuple[int, ...]
    repeats: int
    """Messages the client sent again."""

    @property
    def begin_ns(self) -> int:
        return self.times_ns[0]


@dataclass(frozen=True, slots=True)
class Client:
    """One client: by hardware address, or by its identifier or DUID."""

    family: Family
    key: str
    mac: str | None
    hostname: str | None
    fqdn: str | None
    vendor_class: str | None
    fingerprint: str | None
    """Codes of the options it asks for, in its order: what sorts of clients are told apart by."""
    messages: Mapping[str, int]
    """Message name -> number sent by or to it."""
    asked: int
    """Messages it sent that want an answer."""
    answered: int
    """Messages servers sent to it."""
    confirmed: int
    """Addresses and settings confirmed to it (ACK, REPLY)."""
    peak: int
    """Most messages that want an answer in one of the ten-second spans packet time is divided into."""
    since_ns: int
    until_ns: int
    first_frame: int


@dataclass(frozen=True, slots=True)
class Server:
    """One server: by its identifier (option 54, DUID), else by address."""

    family: Family
    key: str
    addresses: tuple[str, ...]
    """Where its messages came from; with relays between, the relays'."""
    messages: Mapping[str, int]
    times_ns: tuple[int, ...]
    """From a client's message to the answer, the first ones."""
    times: int
    """Answers timed in all."""
    slowest_ns: int
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """An address (or prefix) a client held, from its first confirmation to its end."""

    family: Family
    address: str
    kind: str
    """ "address", "IA_NA", "IA_TA" or "IA_PD"."""
    client: str
    server: str
    from_ns: int
    confirmed_ns: int
    """Last confirmation."""
    until_ns: int | None
    """End of the lease as granted, or when it was given back; None: no end."""
    renewals: int
    end: Literal["granted", "released", "declined", "nak", "withdrawn"]
    frames: tuple[int, int]
    """First and last message that says so."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How often something occurred, and in which frames first."""

    count: int = 0
    frames: tuple[int, ...] = ()

    def plus(self, frame: int) -> Seen:
        return Seen(self.count + 1, (*self.frames, frame) if len(self.frames) < MAX_EVIDENCE else self.frames)

    def merge(self, other: Seen) -> Seen:
        return Seen(self.count + other.count, tuple(sorted((*self.frames, *other.frames))[:MAX_EVIDENCE]))


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages of one family on its ports, counted; bounded, `other` says what found no room."""

    frames: int = 0
    types: Mapping[tuple[int, str], int] = field(default_factory=dict)
    """(code, name) of the message, of relayed ones the relay's -> number."""
    inner_types: Mapping[tuple[int, str], int] = field(default_factory=dict)
    """The same with the messages relays carry."""
    untyped: int = 0
    """BOOTP messages, and those too short to have a type."""
    relayed: int = 0
    malformed: int = 0
    by_content: int = 0
    """Messages on other ports: in no other count."""
    xids: frozenset[int] = frozenset()
    macs: Mapping[str, int] = field(default_factory=dict)
    server_ids: Mapping[str, int] = field(default_factory=dict)
    acked: Mapping[str, int] = field(default_factory=dict)
    """Address in an ACK -> number; 0.0.0.0 where it answers an INFORM."""
    hostnames: Mapping[str, int] = field(default_factory=dict)
    relays: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    """Values that found no room in a table."""

    def merge(self, other: Counts, limit: int) -> Counts:
        lost = 0

        def both(mine: Mapping[str, int], theirs: Mapping[str, int]) -> Mapping[str, int]:
            nonlocal lost
            out = dict(mine)
            for key, number in theirs.items():
                if key in out or len(out) < limit:
                    out[key] = out.get(key, 0) + number
                else:
                    lost += number
            return out

        return Counts(
            self.frames + other.frames,
            Counter(self.types) + Counter(other.types),
            Counter(self.inner_types) + Counter(other.inner_types),
            self.untyped + other.untyped,
            self.relayed + other.relayed,
            self.malformed + other.malformed,
            self.by_content + other.by_content,
            self.xids | other.xids,
            both(self.macs, other.macs),
            both(self.server_ids, other.server_ids),
            both(self.acked, other.acked),
            both(self.hostnames, other.hostnames),
            both(self.relays, other.relays),
            self.other + other.other + lost,
        )


LISTED = 50_000
"""Records of each kind that `merge` keeps."""

FAMILIES: tuple[Family, ...] = ("dhcp", "dhcpv6")


@dataclass(frozen=True, slots=True)
class DhcpSummary(KeepsMessages):
    """DHCPv4 and DHCPv6 of a capture. Nothing in it is to be changed."""

    family: ClassVar[str] = "dhcp"

    counts: Mapping[Family, Counts]
    outcomes: Mapping[tuple[Family, str, Outcome], int]
    """(family, first message, outcome) -> exchanges, exact beyond the lists."""
    events: Mapping[tuple[Family, str], Seen]
    """(family, event): nak, declined, released, slow, no_addresses, malformed."""
    clients: tuple[Client, ...]
    servers: tuple[Server, ...]
    exchanges: tuple[Exchange, ...]
    leases: tuple[Lease, ...]
    unlisted: Mapping[str, int]
    """Table -> what found no room in it."""
    parts: tuple[Snapshot, ...]
    """Passes the messages are kept in, in the order merged."""

    @classmethod
    def empty(cls) -> Self:
        return cls({family: Counts() for family in FAMILIES}, {}, {}, (), (), (), (), {}, ())

    def merge(self, other: Self, /) -> Self:
        """A client's messages belong into one of the two: what is cut by time stays two exchanges."""
        outcomes = Counter(self.outcomes)
        outcomes.update(other.outcomes)
        events = dict(self.events)
        for key, seen in other.events.items():
            events[key] = events.get(key, Seen()).merge(seen)
        unlisted = Counter(self.unlisted)
        unlisted.update(other.unlisted)
        lists: dict[str, tuple[object, ...]] = {
            "clients": tuple(_joined((*self.clients, *other.clients))),
            "servers": tuple(_joined_servers((*self.servers, *other.servers))),
            "exchanges": (*self.exchanges, *other.exchanges),
            "leases": (*self.leases, *other.leases),
        }
        for name, rows in lists.items():
            if len(rows) > LISTED:
                unlisted[name] += len(rows) - LISTED
                lists[name] = rows[:LISTED]
        return replace(
            self,
            counts={family: self.counts[family].merge(other.counts[family], LISTED) for family in FAMILIES},
            outcomes=MappingProxyType(dict(outcomes)),
            events=MappingProxyType(events),
            unlisted=MappingProxyType(dict(unlisted)),
            parts=self.parts + other.parts,
            **lists,  # type: ignore[arg-type]
        )

    def memory_bytes(self) -> Mapping[str, int]:
        records = len(self.clients) + len(self.exchanges) + len(self.leases)
        times = sum(len(server.times_ns) for server in self.servers)
        xids = sum(len(counts.xids) + len(counts.macs) for counts in self.counts.values())
        return {"dhcp": 20_000 + 700 * records + 40 * times + 100 * xids + 500 * self.kept()[0]}

    def total(self, outcome: Outcome, family: Family | None = None) -> int:
        """Exchanges with that outcome."""
        return sum(n for (of, _, how), n in self.outcomes.items() if how == outcome and family in (None, of))

    def event(self, name: str, family: Family | None = None) -> Seen:
        """How often, in both families or one."""
        seen = Seen()
        for (of, event), one in self.events.items():
            if event == name and family in (None, of):
                seen = seen.merge(one)
        return seen


def _joined(clients: Iterable[Client]) -> Iterable[Client]:
    """One record for each client."""
    found: dict[tuple[str, str], Client] = {}
    for one in clients:
        key = (one.family, one.key)
        before = found.get(key)
        if before is None:
            found[key] = one
            continue
        found[key] = replace(
            before,
            mac=before.mac or one.mac,
            hostname=before.hostname or one.hostname,
            fqdn=before.fqdn or one.fqdn,
            vendor_class=before.vendor_class or one.vendor_class,
            fingerprint=before.fingerprint or one.fingerprint,
            messages=dict(Counter(before.messages) + Counter(one.messages)),
            asked=before.asked + one.asked,
            answered=before.answered + one.answered,
            confirmed=before.confirmed + one.confirmed,
            peak=max(before.peak, one.peak),
            since_ns=min(before.since_ns, one.since_ns),
            until_ns=max(before.until_ns, one.until_ns),
        )
    return found.values()


def _joined_servers(servers: Iterable[Server]) -> Iterable[Server]:
    """One record for each server; most of its times are kept."""
    found: dict[tuple[str, str], Server] = {}
    for one in servers:
        key = (one.family, one.key)
        before = found.get(key)
        if before is None:
            found[key] = one
            continue
        found[key] = replace(
            before,
            addresses=tuple(dict.fromkeys((*before.addresses, *one.addresses))),
            messages=dict(Counter(before.messages) + Counter(one.messages)),
            times_ns=(*before.times_ns, *one.times_ns)[:LISTED],
            times=before.times + one.times,
            slowest_ns=max(before.slowest_ns, one.slowest_ns),
            frames=(*before.frames, *one.frames)[:MAX_EVIDENCE],
        )
    return found.values()
