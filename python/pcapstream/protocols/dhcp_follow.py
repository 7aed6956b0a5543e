"""Exchanges, clients, servers and leases, followed message by message, DHCPv4 and DHCPv6 alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pcapstream.protocols.dhcp_records import (
    MAX_EVIDENCE,
    Client,
    Counts,
    DhcpSummary,
    Exchange,
    Family,
    Lease,
    Outcome,
    Seen,
    Server,
)

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

NS = 1_000_000_000
SLOW_NS = 2 * NS
"""An answer later than this is slow. Servers that ping an address before they offer it need up to a second."""
JOIN_NS = 60 * NS
"""A request this long after an offer belongs to it although its transaction identifier is another: always so in DHCPv6,
and some DHCPv4 clients do it, too."""
SPAN_NS = 10 * NS
"""Spans packet time is divided into to count a client's messages in."""
INFINITE = 0xFFFFFFFF
"""Lease time without end (RFC 2131 3.3, RFC 8415 7.7)."""
MAX_STEPS = 12
MAX_SERVERS = 8

ASKING = frozenset(
    {
        "DISCOVER", "REQUEST", "INFORM", "BOOTREQUEST", "SOLICIT", "CONFIRM", "RENEW", "REBIND", "INFORMATION-REQUEST",
    }
)  # fmt: skip
"""Messages of clients that want an answer."""

GIVING_BACK = frozenset({"DECLINE", "RELEASE"})

_SEEKING = ("DISCOVER", "SOLICIT")
_OFFERS = ("OFFER", "ADVERTISE")
_NO_ADDRESSES = ("NoAddrsAvail", "NoPrefixAvail")
_FAILURES = frozenset({"UnspecFail", "NoAddrsAvail", "NoBinding", "NotOnLink", "UseMulticast", "NoPrefixAvail"})


class Event(NamedTuple):
    """One message, in the words both families share."""

    family: Family
    kind: str
    frame: int
    time_ns: int
    client: str
    xid: int | None
    from_server: bool
    server: str | None
    source: str
    relay: str | None
    addresses: tuple[tuple[str, int | None, str], ...]
    """(address, lifetime in s, kind of lease)."""
    status: str | None
    rapid_commit: bool
    fields: Mapping[str, Any]


class _Exchange:
    """An exchange while it goes on."""

    __slots__ = ("_legs", "address", "answered", "asked_ns", "client", "family", "frames", "kind", "outcome", "repeats",
                 "servers", "steps", "times_ns", "xid")  # fmt: skip

    def __init__(self, event: Event, outcome: Outcome) -> None:
        self.family = event.family
        self.client = event.client
        self.kind = event.kind
        self.xid = event.xid
        self.outcome: Outcome = outcome
        self.address: str | None = None
        self.servers: list[str] = []
        self.steps: list[str] = []
        self.times_ns: list[int] = []
        self.frames: list[int] = []
        self.repeats = 0
        self.asked_ns: int | None = None
        """Time of the client's last message."""
        self.answered: set[tuple[str, str]] = set()
        """(message, server) since then: the copies a relay makes are not timed again."""
        self._legs: set[tuple[str, str | None]] = set()

    def add(self, event: Event) -> None:
        if len(self.steps) < MAX_STEPS:
            self.steps.append(event.kind)
            self.times_ns.append(event.time_ns)
            self.frames.append(event.frame)
        if event.addresses and (event.from_server or self.outcome != "ack"):
            self.address = event.addresses[0][0]
        if not event.from_server:
            leg = (event.kind, event.relay)
            # The same message before and behind a relay is no repetition.
            if leg in self._legs:
                self.repeats += 1
            elif len(self._legs) < MAX_STEPS:
                self._legs.add(leg)
            self.asked_ns = event.time_ns
            self.answered.clear()
        elif event.server is not None and event.server not in self.servers and len(self.servers) < MAX_SERVERS:
            self.servers.append(event.server)

    def settled(self) -> bool:
        if self.outcome == "nak" and self.kind in _SEEKING and "REQUEST" not in self.steps:
            # One server has nothing to give; the client goes on seeking.
            return False
        return self.outcome in ("ack", "nak", "informed")

    def takes(self, event: Event) -> bool:
        """Does the client's message go on with this exchange, rather than begin one?"""
        if self.settled() or self.outcome == "answer_only":
            return False
        if event.kind == "REQUEST":
            return self.kind in (*_SEEKING, "REQUEST")
        return event.kind == self.kind and "REQUEST" not in self.steps

    def freeze(self) -> Exchange:
        return Exchange(
            self.family, self.client, self.kind, self.xid, self.outcome, self.address, tuple(self.servers),
            tuple(self.steps), tuple(self.times_ns), tuple(self.frames), self.repeats,
        )  # fmt: skip


class _Client:
    """A client while its messages come."""

    __slots__ = ("answered", "asked", "confirmed", "facts", "family", "first_frame", "in_span", "key", "messages",
                 "peak", "seeking", "since_ns", "span", "until_ns")  # fmt: skip

    FACTS = ("mac", "hostname", "fqdn", "vendor_class", "fingerprint")

    def __init__(self, event: Event) -> None:
        self.family = event.family
        self.key = event.client
        self.facts: dict[str, str | None] = dict.fromkeys(self.FACTS)
        self.messages: Counter[str] = Counter()
        self.asked = self.answered = self.confirmed = self.peak = self.in_span = 0
        self.span: int | None = None
        self.since_ns = self.until_ns = event.time_ns
        self.first_frame = event.frame
        self.seeking: _Exchange | None = None
        """Its last DISCOVER or SOLICIT exchange."""

    def add(self, event: Event) -> None:
        self.messages[event.kind] += 1
        self.since_ns = min(self.since_ns, event.time_ns)
        self.until_ns = max(self.until_ns, event.time_ns)
        if event.from_server:
            self.answered += 1
            self.facts["mac"] = self.facts["mac"] or event.fields.get("mac")
            return
        for name in self.FACTS:
            value = event.fields.get(name)
            if value is not None and self.facts[name] is None:
                self.facts[name] = value
        if event.kind in ASKING:
            self.asked += 1
            span = event.time_ns // SPAN_NS
            if span != self.span:
                self.span, self.in_span = span, 0
            self.in_span += 1
            self.peak = max(self.peak, self.in_span)

    def freeze(self) -> Client:
        return Client(
            family=self.family, key=self.key, **self.facts, messages=dict(self.messages), asked=self.asked,
            answered=self.answered, confirmed=self.confirmed, peak=self.peak, since_ns=self.since_ns,
            until_ns=self.until_ns, first_frame=self.first_frame,
        )  # fmt: skip


class _Server:
    """A server while its messages come."""

    __slots__ = ("addresses", "family", "frames", "key", "messages", "slowest_ns", "times", "times_ns")

    def __init__(self, family: Family, key: str) -> None:
        self.family = family
        self.key = key
        self.addresses: list[str] = []
        self.messages: Counter[str] = Counter()
        self.times_ns: list[int] = []
        self.times = self.slowest_ns = 0
        self.frames: list[int] = []

    def freeze(self) -> Server:
        return Server(
            self.family, self.key, tuple(self.addresses), dict(self.messages), tuple(self.times_ns), self.times,
            self.slowest_ns, tuple(self.frames),
        )  # fmt: skip


class Follower:
    """All clients of a capture. limits: those of the module, by name."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._clients: dict[tuple[Family, str], _Client] = {}
        self._servers: dict[tuple[Family, str], _Server] = {}
        self._open: dict[tuple[Family, str, int | None], _Exchange] = {}
        self._exchanges: list[_Exchange] = []
        self._leases: list[Lease] = []
        self._held: dict[tuple[Family, str, str], int] = {}
        """(family, client, address) -> index of the lease."""
        self._last_xid: dict[int, int | None] = {}
        """Index of a lease -> transaction that confirmed it last."""
        self._outcomes: Counter[tuple[Family, str, Outcome]] = Counter()
        self._events: dict[tuple[Family, str], Seen] = {}
        self._unlisted: Counter[str] = Counter()
        self._times = 0

    def saw(self, family: Family, event: str, frame: int) -> None:
        self._events[family, event] = self._events.get((family, event), Seen()).plus(frame)

    def event(self, event: Event) -> None:
        """One message, in the order of the capture."""
        client = self._client(event)
        if client is not None:
            client.add(event)
        if event.from_server:
            self._server_message(event, client)
        else:
            self._client_message(event, client)

    def summary(self, counts: Mapping[Family, Counts], core: Snapshot) -> DhcpSummary:
        return DhcpSummary(
            counts=counts,
            outcomes=MappingProxyType({key: number for key, number in self._outcomes.items() if number}),
            events=MappingProxyType(dict(self._events)),
            clients=tuple(one.freeze() for one in self._clients.values()),
            servers=tuple(one.freeze() for one in self._servers.values()),
            exchanges=tuple(one.freeze() for one in self._exchanges),
            leases=tuple(self._leases),
            unlisted=MappingProxyType(dict(self._unlisted)),
            parts=(core,),
        )

    def _client(self, event: Event) -> _Client | None:
        key = (event.family, event.client)
        found = self._clients.get(key)
        if found is None:
            if len(self._clients) >= self._limits["max_dhcp_clients"]:
                self._unlisted["clients"] += 1
                return None
            found = self._clients[key] = _Client(event)
        return found

    def _begin(self, event: Event, outcome: Outcome) -> _Exchange:
        exchange = _Exchange(event, outcome)
        self._outcomes[exchange.family, exchange.kind, outcome] += 1
        if len(self._exchanges) < self._limits["max_dhcp_exchanges"]:
            self._exchanges.append(exchange)
        else:
            self._unlisted["exchanges"] += 1
        self._remember(event, exchange)
        return exchange

    def _remember(self, event: Event, exchange: _Exchange) -> None:
        key = (event.family, event.client, event.xid)
        self._open.pop(key, None)
        if len(self._open) >= self._limits["max_dhcp_open"]:
            # The one that waits longest; an answer to it will count as one without a question.
            del self._open[next(iter(self._open))]
            self._unlisted["open"] += 1
        self._open[key] = exchange

    def _turn(self, exchange: _Exchange, outcome: Outcome) -> None:
        self._outcomes[exchange.family, exchange.kind, exchange.outcome] -= 1
        exchange.outcome = outcome
        self._outcomes[exchange.family, exchange.kind, outcome] += 1

    def _client_message(self, event: Event, client: _Client | None) -> None:
        if event.kind in GIVING_BACK:
            ended: Literal["declined", "released"] = "declined" if event.kind == "DECLINE" else "released"
            self._begin(event, ended).add(event)
            self.saw(event.family, ended, event.frame)
            for address, _, _ in event.addresses:
                self._end(event, address, ended)
            return
        exchange = self._going_on(event, client) or self._begin(event, "unanswered")
        exchange.add(event)
        if event.kind == "REQUEST" and exchange.outcome == "offered":
            self._turn(exchange, "not_confirmed")
        if client is not None and event.kind in _SEEKING:
            client.seeking = exchange

    def _going_on(self, event: Event, client: _Client | None) -> _Exchange | None:
        """The exchange a client's message belongs to, if one goes on."""
        exchange = self._open.get((event.family, event.client, event.xid))
        if exchange is not None:
            return exchange if exchange.takes(event) else None
        if event.kind != "REQUEST" or client is None or client.seeking is None:
            return None
        seeking = client.seeking
        last = seeking.times_ns[-1]
        if seeking.outcome == "offered" and 0 <= event.time_ns - last <= JOIN_NS:
            self._remember(event, seeking)
            return seeking
        return None

    def _server_message(self, event: Event, client: _Client | None) -> None:
        exchange = self._open.get((event.family, event.client, event.xid)) or self._begin(event, "answer_only")
        exchange.add(event)
        self._timed(event, exchange)
        if event.status in _NO_ADDRESSES:
            self.saw(event.family, "no_addresses", event.frame)
        failed = event.status in _FAILURES and not event.addresses
        if exchange.outcome in ("declined", "released"):
            return
        if event.kind in _OFFERS:
            if exchange.outcome in ("unanswered", "nak") and not exchange.settled():
                self._turn(exchange, "nak" if failed else "offered")
        elif event.kind == "NAK" or (event.kind == "REPLY" and failed):
            self.saw(event.family, "nak", event.frame)
            if exchange.outcome not in ("ack", "answer_only"):
                self._turn(exchange, "nak")
            if event.kind == "NAK" and exchange.address is not None:
                self._end(event, exchange.address, "nak")
        elif event.kind in ("ACK", "REPLY", "BOOTREPLY"):
            informs = exchange.kind in ("INFORM", "INFORMATION-REQUEST", "CONFIRM")
            if exchange.outcome != "answer_only":
                self._turn(exchange, "informed" if informs else "ack")
            if client is not None:
                client.confirmed += 1
            if not informs:
                self._confirm(event)

    def _timed(self, event: Event, exchange: _Exchange) -> None:
        """Counts the answer for its server, with the time since the client's last message."""
        assert event.server is not None
        key = (event.family, event.server)
        server = self._servers.get(key)
        if server is None:
            if len(self._servers) >= self._limits["max_dhcp_servers"]:
                self._unlisted["servers"] += 1
                return
            server = self._servers[key] = _Server(*key)
        server.messages[event.kind] += 1
        if event.source not in server.addresses and len(server.addresses) < MAX_SERVERS:
            server.addresses.append(event.source)
        if len(server.frames) < MAX_EVIDENCE:
            server.frames.append(event.frame)
        mark = (event.kind, event.server)
        if exchange.asked_ns is None or mark in exchange.answered or event.time_ns < exchange.asked_ns:
            return
        if len(exchange.answered) < MAX_STEPS:
            exchange.answered.add(mark)
        took = event.time_ns - exchange.asked_ns
        server.times += 1
        server.slowest_ns = max(server.slowest_ns, took)
        if took > SLOW_NS:
            self.saw(event.family, "slow", event.frame)
        if self._times < self._limits["max_dhcp_times"]:
            self._times += 1
            server.times_ns.append(took)

    def _confirm(self, event: Event) -> None:
        """What an ACK or REPLY grants."""
        for address, lifetime, kind in event.addresses:
            if lifetime is None:
                continue
            if lifetime == 0:
                self._end(event, address, "withdrawn")
                continue
            until = None if lifetime == INFINITE else event.time_ns + lifetime * NS
            self._grant(event, address, kind, until)

    def _grant(self, event: Event, address: str, kind: str, until: int | None) -> None:
        key = (event.family, event.client, address)
        at = self._held.get(key)
        server = event.server or ""
        if at is not None:
            lease = self._leases[at]
            if lease.end == "granted" and (lease.until_ns is None or event.time_ns <= lease.until_ns):
                again = self._last_xid.get(at) != event.xid
                self._leases[at] = replace(
                    lease,
                    server=server,
                    confirmed_ns=event.time_ns,
                    until_ns=until,
                    renewals=lease.renewals + again,
                    frames=(lease.frames[0], event.frame),
                )
                self._last_xid[at] = event.xid
                return
        if len(self._leases) >= self._limits["max_dhcp_leases"]:
            self._unlisted["leases"] += 1
            return
        self._held[key] = len(self._leases)
        self._last_xid[len(self._leases)] = event.xid
        frames = (event.frame, event.frame)
        now = event.time_ns
        self._leases.append(
            Lease(event.family, address, kind, event.client, server, now, now, until, 0, "granted", frames)
        )

    def _end(self, event: Event, address: str, how: Literal["released", "declined", "nak", "withdrawn"]) -> None:
        at = self._held.get((event.family, event.client, address))
        if at is None:
            return
        lease = self._leases[at]
        if lease.end == "granted" and (lease.until_ns is None or event.time_ns <= lease.until_ns):
            self._leases[at] = replace(lease, until_ns=event.time_ns, end=how, frames=(lease.frames[0], event.frame))
