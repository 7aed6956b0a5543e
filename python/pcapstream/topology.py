"""Hosts, MAC addresses and what stands between them, from the headers of every packet: what a map of a network needs.

Counts the rows of a pass as they come. Bounded: hosts and MAC addresses beyond the limits are counted, not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pcapstream.protocols.base import EndsOnce

if TYPE_CHECKING:
    from pcapstream._core import Batch, Packet, Row, Snapshot

K = TypeVar("K")

MAX_HOSTS = 20_000
MAX_MACS = 20_000
MAX_VALUES = 64
"""Addresses kept of one MAC address, MAC addresses and times to live kept of one host."""
MAX_PREFIXES = 1_000

COLUMNS = (
    "arp.src.hw_mac",
    "arp.src.proto_ipv4",
    "icmpv6.type",
    "icmpv6.nd.na.target_address",
    "icmpv6.opt.prefix",
    "icmpv6.opt.prefix.length",
)
"""Fields of a pass beside the headers."""
_ARP_MAC, _ARP_IP, _ICMPV6_TYPE, _ND_TARGET, _PREFIX, _PREFIX_LENGTH = range(6)
_ROUTER_ADVERTISEMENT = 134

INITIAL_TTLS = (64, 128, 255)
"""Times to live that systems send with."""


def distance_of(ttl: int) -> int:
    """Routers a packet has passed, if it was sent with the nearest usual time to live."""
    return next(initial for initial in INITIAL_TTLS if ttl <= initial) - ttl


@dataclass(slots=True)
class Host:
    """One IP address."""

    frames_sent: int = 0
    bytes_sent: int = 0
    frames_received: int = 0
    bytes_received: int = 0
    first_frame: int = 0
    macs: dict[str, int] = field(default_factory=dict)
    """MAC address its packets came from -> packets."""
    ttls: dict[int, int] = field(default_factory=dict)
    """Of packets to one receiver, not to a group."""

    @property
    def ttl(self) -> int | None:
        """The most frequent; the largest of those."""
        return max(self.ttls, key=lambda ttl: (self.ttls[ttl], ttl)) if self.ttls else None

    @property
    def distance(self) -> int | None:
        return None if self.ttl is None else distance_of(self.ttl)

    def merge(self, other: Host) -> Host:
        return Host(
            self.frames_sent + other.frames_sent,
            self.bytes_sent + other.bytes_sent,
            self.frames_received + other.frames_received,
            self.bytes_received + other.bytes_received,
            min(self.first_frame, other.first_frame),
            _sum(self.macs, other.macs),
            _sum(self.ttls, other.ttls),
        )

    def copy(self) -> Host:
        return replace(self, macs=dict(self.macs), ttls=dict(self.ttls))


@dataclass(slots=True)
class Mac:
    """One MAC address that sent."""

    frames: int = 0
    first_frame: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    """IP address of packets it sent -> packets."""
    claims: dict[str, int] = field(default_factory=dict)
    """IP address it says it has, in ARP or neighbour advertisements -> how often."""
    advertisements: int = 0
    """Router advertisements it sent."""

    def merge(self, other: Mac) -> Mac:
        return Mac(
            self.frames + other.frames,
            min(self.first_frame, other.first_frame),
            _sum(self.sources, other.sources),
            _sum(self.claims, other.claims),
            self.advertisements + other.advertisements,
        )

    def copy(self) -> Mac:
        return replace(self, sources=dict(self.sources), claims=dict(self.claims))


def _sum(mine: Mapping[K, int], theirs: Mapping[K, int]) -> dict[K, int]:
    out = dict(mine)
    for key, number in theirs.items():
        if key in out or len(out) < MAX_VALUES:
            out[key] = out.get(key, 0) + number
    return out


@dataclass(frozen=True, slots=True)
class TopologySummary:
    """What was seen. Nothing in it is to be changed."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    macs: Mapping[str, Mac] = field(default_factory=dict)
    prefixes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """(IPv6 network, length) that routers advertise -> how often."""
    hosts_left_out: int = 0
    """Packets from or to an address that found no room."""
    macs_left_out: int = 0

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        hosts = {address: host.copy() for address, host in self.hosts.items()}
        macs = {address: mac.copy() for address, mac in self.macs.items()}
        no_host = no_mac = 0
        for address, host in other.hosts.items():
            if address in hosts:
                hosts[address] = hosts[address].merge(host)
            elif len(hosts) < MAX_HOSTS:
                hosts[address] = host.copy()
            else:
                no_host += host.frames_sent + host.frames_received
        for address, mac in other.macs.items():
            if address in macs:
                macs[address] = macs[address].merge(mac)
            elif len(macs) < MAX_MACS:
                macs[address] = mac.copy()
            else:
                no_mac += mac.frames
        return replace(
            self,
            hosts=hosts,
            macs=macs,
            prefixes=_sum(self.prefixes, other.prefixes),
            hosts_left_out=self.hosts_left_out + other.hosts_left_out + no_host,
            macs_left_out=self.macs_left_out + other.macs_left_out + no_mac,
        )

    def memory_bytes(self) -> Mapping[str, int]:
        inner = sum(len(host.macs) + len(host.ttls) for host in self.hosts.values())
        inner += sum(len(mac.sources) + len(mac.claims) for mac in self.macs.values())
        return {"topology": 600 * (len(self.hosts) + len(self.macs)) + 120 * inner}


class TopologyMachine(EndsOnce):
    """Counts the rows of a pass with summaries and COLUMNS."""

    name = "topology"
    needs: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}
        self._macs: dict[str, Mac] = {}
        self._prefixes: dict[tuple[str, int], int] = {}
        self._hosts_left_out = 0
        self._macs_left_out = 0

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for row in batch.rows:
            if row.summary is not None:
                self._row(row, row.summary)

    def expire(self, now_ns: int, /) -> None:
        """Nothing here depends on time."""

    def snapshot(self, core: Snapshot, /) -> TopologySummary:
        self._going()
        whole = TopologySummary(self._hosts, self._macs, self._prefixes, self._hosts_left_out, self._macs_left_out)
        return whole.merge(TopologySummary())

    def finish(self, core: Snapshot, /) -> TopologySummary:
        found = self.snapshot(core)
        self._finished = True
        return found

    def _row(self, row: Row, packet: Packet) -> None:
        sender, source, target = packet.eth_src, packet.ip_src, packet.ip_dst
        mac = None if sender is None else self._mac(sender, row.number)
        if mac is not None:
            mac.frames += 1
            if source is not None:
                _count(mac.sources, source)
        if source is not None and _is_one(source):
            host = self._host(source, row.number)
            if host is not None:
                host.frames_sent += 1
                host.bytes_sent += row.wire_bytes
                if sender is not None:
                    _count(host.macs, sender)
                if packet.ttl is not None and target is not None and _is_one(target):
                    _count(host.ttls, packet.ttl)
        if target is not None and _is_one(target):
            host = self._host(target, row.number)
            if host is not None:
                host.frames_received += 1
                host.bytes_received += row.wire_bytes
        # Only ARP and ICMPv6 have any of the columns.
        if source is None or packet.transport == "icmpv6" or "icmpv6" in packet.protocols:
            self._neighbours(row, mac)

    def _neighbours(self, row: Row, mac: Mac | None) -> None:
        found: dict[int, Any] = {}
        for cell in row.cells():
            found.setdefault(cell[0], cell[1])
        claimed = found.get(_ARP_IP)
        if claimed is not None and claimed != "0.0.0.0" and found.get(_ARP_MAC):
            owner = self._mac(found[_ARP_MAC], row.number)
            if owner is not None:
                _count(owner.claims, claimed)
        if mac is None:
            return
        if _ND_TARGET in found:
            _count(mac.claims, found[_ND_TARGET])
        if found.get(_ICMPV6_TYPE) == _ROUTER_ADVERTISEMENT:
            mac.advertisements += 1
            if _PREFIX in found and isinstance(found.get(_PREFIX_LENGTH), int):
                prefix = (found[_PREFIX], found[_PREFIX_LENGTH])
                if prefix in self._prefixes or len(self._prefixes) < MAX_PREFIXES:
                    self._prefixes[prefix] = self._prefixes.get(prefix, 0) + 1

    def _host(self, address: str, frame: int) -> Host | None:
        host = self._hosts.get(address)
        if host is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts_left_out += 1
                return None
            host = self._hosts[address] = Host(first_frame=frame)
        return host

    def _mac(self, address: str, frame: int) -> Mac | None:
        mac = self._macs.get(address)
        if mac is None:
            if len(self._macs) >= MAX_MACS:
                self._macs_left_out += 1
                return None
            mac = self._macs[address] = Mac(first_frame=frame)
        return mac


def _count(table: dict[K, int], key: K) -> None:
    if key in table or len(table) < MAX_VALUES:
        table[key] = table.get(key, 0) + 1


def _is_one(address: str) -> bool:
    """Neither a group, nor all, nor nobody."""
    if ":" in address:
        return not address.startswith("ff") and address != "::"
    first = int(address.split(".", 1)[0])
    return 0 < first < 224
