"""ARP and neighbour advertisements: which hardware address claimed which IP address, when, and how often.

RFC 826, RFC 5227 (probes and announcements), RFC 4861 (neighbour advertisements).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from pcapstream.protocols.base import EndsOnce, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Batch, Message, Snapshot

SPEC = Spec(
    title="ARP and IPv6 neighbours: who claimed which address when",
    rfcs=("RFC 826", "RFC 5227", "RFC 4861"),
)

NEEDS = frozenset({"arp"})

MAX_ADDRESSES = 20_000
"""IP addresses followed, and as many of each other table."""
MAX_CLAIMS = 16
"""Hardware addresses kept of one IP address."""
MAX_EVIDENCE = 10
ASKED_NS = 5 * 1_000_000_000
"""A reply answers a request for its address not longer ago than that; hosts ask again after one second."""
SPAN_NS = 10 * 1_000_000_000
"""Announcements are counted by spans of packet time of that length."""
_UNSET = "0.0.0.0"


@dataclass(slots=True)
class Claim:
    """One hardware address that said it has one IP address."""

    mac: str
    packets: int = 0
    unasked: int = 0
    """Replies nobody asked for, announcements apart; for IPv6 0."""
    first_ns: int = 0
    last_ns: int = 0
    first_frame: int = 0
    last_frame: int = 0


@dataclass(slots=True)
class Address:
    """An IP address and who claimed it."""

    family: str
    claims: dict[str, Claim] = field(default_factory=dict)
    current: str = ""
    changes: int = 0
    """Times another hardware address claimed it than the one before."""
    returns: int = 0
    """Changes back to one that had claimed it before."""
    change_frames: tuple[int, ...] = ()
    more_claims: int = 0
    """Packets of hardware addresses beyond MAX_CLAIMS."""


@dataclass(slots=True)
class Announcer:
    """Gratuitous ARP of one hardware address."""

    count: int = 0
    peak: int = 0
    """Most of them in one span of packet time."""
    span: int = -1
    in_span: int = 0
    addresses: set[str] = field(default_factory=set)
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ArpSummary:
    """Nothing in it is to be changed."""

    requests: int = 0
    replies: int = 0
    probes: int = 0
    gratuitous: int = 0
    neighbour_advertisements: int = 0
    foreign_sender: int = 0
    """ARP packets whose sender address is not the one of their Ethernet header."""
    foreign_frames: tuple[int, ...] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)
    announcers: Mapping[str, Announcer] = field(default_factory=dict)
    other: int = 0
    """Packets of addresses that found no room in a table."""

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        """Divide by address: one that both have is taken from the part where it has more changes."""
        addresses = dict(self.addresses)
        for ip, one in other.addresses.items():
            if ip not in addresses or one.changes > addresses[ip].changes:
                addresses[ip] = one
        return replace(
            self,
            requests=self.requests + other.requests,
            replies=self.replies + other.replies,
            probes=self.probes + other.probes,
            gratuitous=self.gratuitous + other.gratuitous,
            neighbour_advertisements=self.neighbour_advertisements + other.neighbour_advertisements,
            foreign_sender=self.foreign_sender + other.foreign_sender,
            foreign_frames=(self.foreign_frames + other.foreign_frames)[:MAX_EVIDENCE],
            addresses=addresses,
            announcers={**other.announcers, **self.announcers},
            other=self.other + other.other,
        )

    def memory_bytes(self) -> Mapping[str, int]:
        claims = sum(len(one.claims) for one in self.addresses.values())
        return {"arp": 1_000 + 400 * len(self.addresses) + 200 * claims + 400 * len(self.announcers)}


class ArpMachine(EndsOnce):
    """See the module."""

    name = "arp"
    needs: frozenset[str] = NEEDS

    def __init__(self) -> None:
        self._numbers = dict.fromkeys(
            ("requests", "replies", "probes", "gratuitous", "neighbour_advertisements", "foreign_sender", "other"), 0
        )
        self._foreign: tuple[int, ...] = ()
        self._addresses: dict[str, Address] = {}
        self._announcers: dict[str, Announcer] = {}
        self._asked: dict[str, int] = {}

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for message in batch.messages:
            if message.protocol == "arp":
                self._message(message, message.fields)

    def expire(self, now_ns: int, /) -> None:
        # Nothing waits here: how long ago a request was is looked at when the reply comes.
        self._going()

    def snapshot(self, core: Snapshot, /) -> ArpSummary:
        self._going()
        return ArpSummary(
            **self._numbers,
            foreign_frames=self._foreign,
            addresses={
                ip: replace(one, claims={mac: replace(claim) for mac, claim in one.claims.items()})
                for ip, one in self._addresses.items()
            },
            announcers={mac: replace(one, addresses=set(one.addresses)) for mac, one in self._announcers.items()},
        )

    def finish(self, core: Snapshot, /) -> ArpSummary:
        summary = self.snapshot(core)
        self._finished = True
        return summary

    def _message(self, message: Message, fields: Mapping[str, Any]) -> None:
        now, frame, mac = message.time_ns, message.frame, fields["mac"]
        if "opcode" in fields:
            self._arp(fields, now, frame)
        else:
            self._numbers["neighbour_advertisements"] += 1
            if mac is not None:
                self._claim("ipv6", fields["advertised"], mac, now, frame, unasked=False)

    def _arp(self, fields: Mapping[str, Any], now: int, frame: int) -> None:
        opcode, mac, ip, target = (fields[name] for name in ("opcode", "mac", "ip", "target"))
        if opcode not in (1, 2):
            return
        self._numbers["requests" if opcode == 1 else "replies"] += 1
        if fields["sender"] not in (None, mac):
            self._numbers["foreign_sender"] += 1
            if len(self._foreign) < MAX_EVIDENCE:
                self._foreign = (*self._foreign, frame)
        if ip == _UNSET:
            self._numbers["probes"] += 1
            return
        gratuitous = ip == target
        if gratuitous:
            self._numbers["gratuitous"] += 1
            self._announced(mac, ip, now, frame)
        elif opcode == 1:
            self._ask(target, now)
        asked = self._asked.get(ip)
        unasked = opcode == 2 and not gratuitous and (asked is None or now - asked > ASKED_NS)
        self._claim("arp", ip, mac, now, frame, unasked=unasked)

    def _ask(self, target: str, now: int) -> None:
        """Behind all others, so that the first one is the oldest."""
        self._asked.pop(target, None)
        if len(self._asked) >= MAX_ADDRESSES:
            del self._asked[next(iter(self._asked))]
        self._asked[target] = now

    def _announced(self, mac: str, ip: str, now: int, frame: int) -> None:
        one = self._announcers.get(mac)
        if one is None:
            if len(self._announcers) >= MAX_ADDRESSES:
                self._numbers["other"] += 1
                return
            one = self._announcers[mac] = Announcer()
        one.count += 1
        if now // SPAN_NS != one.span:
            one.span, one.in_span = now // SPAN_NS, 0
        one.in_span += 1
        one.peak = max(one.peak, one.in_span)
        if len(one.addresses) < MAX_CLAIMS:
            one.addresses.add(ip)
        if len(one.frames) < MAX_EVIDENCE:
            one.frames = (*one.frames, frame)

    def _claim(self, family: str, ip: str, mac: str, now: int, frame: int, *, unasked: bool) -> None:
        one = self._addresses.get(ip)
        if one is None:
            if len(self._addresses) >= MAX_ADDRESSES:
                self._numbers["other"] += 1
                return
            one = self._addresses[ip] = Address(family)
        claim = one.claims.get(mac)
        known = claim is not None
        if claim is None:
            if len(one.claims) >= MAX_CLAIMS:
                one.more_claims += 1
                return
            claim = one.claims[mac] = Claim(mac, first_ns=now, first_frame=frame)
        claim.packets += 1
        claim.unasked += unasked
        claim.last_ns, claim.last_frame = now, frame
        if one.current and one.current != mac:
            one.changes += 1
            one.returns += known
            if len(one.change_frames) < MAX_EVIDENCE:
                one.change_frames = (*one.change_frames, frame)
        one.current = mac


def make(limits: Mapping[str, int]) -> Machine:
    return ArpMachine()


MODULE = Module("arp", SPEC, make, NEEDS)
