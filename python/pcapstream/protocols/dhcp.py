"""DHCPv4, BOOTP and DHCPv6: who asked, who answered, how long it took, and who held which address.

A machine per client in the sense of RFC 2131 3 and RFC 8415 18: its messages are put together to exchanges by client
and transaction identifier, and what servers confirm becomes a lease. The decoder of the core gives the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.base import EndsOnce, Machine, Module, Spec
from pcapstream.protocols.dhcp_follow import ASKING, GIVING_BACK, Event, Follower
from pcapstream.protocols.dhcp_records import FAMILIES, Counts, DhcpSummary, Family

if TYPE_CHECKING:
    from pcapstream._core import Batch, Message, Snapshot

LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "max_dhcp_clients": 20_000,
        "max_dhcp_exchanges": 20_000,
        "max_dhcp_leases": 20_000,
        "max_dhcp_open": 20_000,
        "max_dhcp_servers": 1_000,
        "max_dhcp_times": 100_000,
        "max_dhcp_values": 20_000,
    }
)
"""Records kept of each kind; exchanges that wait for an answer; times of answers; distinct values of each counter."""

SPEC = Spec(
    title="DHCPv4, BOOTP, DHCPv6: exchanges, leases, servers, clients",
    transports=("udp",),
    ports=(67, 68, 4011, 546, 547),
    rfcs=("RFC 2131", "RFC 2132", "RFC 951", "RFC 3046", "RFC 3396", "RFC 3397", "RFC 3442", "RFC 4361", "RFC 8415"),
    limits=LIMITS,
)

NEEDS = frozenset({"dhcp"})

_ANSWERS = {
    "dhcp": frozenset({"OFFER", "ACK", "NAK", "BOOTREPLY"}),
    "dhcpv6": frozenset({"ADVERTISE", "REPLY"}),
}
_UNSET = "0.0.0.0"


class _Counting:
    """`Counts` while they grow."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.last_frame = 0
        self.numbers: Counter[str] = Counter()
        self.types: Counter[tuple[int, str]] = Counter()
        self.inner_types: Counter[tuple[int, str]] = Counter()
        self.xids: set[int] = set()
        self.tables: dict[str, dict[str, int]] = {
            name: {} for name in ("macs", "server_ids", "acked", "hostnames", "relays")
        }

    def value(self, table: str, value: str | None) -> None:
        if value is None:
            return
        counted = self.tables[table]
        if value in counted:
            counted[value] += 1
        elif len(counted) < self.limit:
            counted[value] = 1
        else:
            self.numbers["other"] += 1

    def xid(self, xid: int | None) -> None:
        if xid is not None and xid not in self.xids:
            if len(self.xids) < 5 * self.limit:
                self.xids.add(xid)
            else:
                self.numbers["other"] += 1

    def freeze(self) -> Counts:
        numbers, tables = self.numbers, {name: dict(table) for name, table in self.tables.items()}
        return Counts(
            frames=numbers["frames"],
            types=dict(self.types),
            inner_types=dict(self.inner_types),
            untyped=numbers["untyped"],
            relayed=numbers["relayed"],
            malformed=numbers["malformed"],
            by_content=numbers["by_content"],
            xids=frozenset(self.xids),
            macs=tables["macs"],
            server_ids=tables["server_ids"],
            acked=tables["acked"],
            hostnames=tables["hostnames"],
            relays=tables["relays"],
            other=numbers["other"],
        )


class DhcpMachine(EndsOnce):
    """See the module."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = {**LIMITS, **{name: limits[name] for name in LIMITS if name in limits}}
        self._counts: dict[Family, _Counting] = {
            family: _Counting(self._limits["max_dhcp_values"]) for family in FAMILIES
        }
        self._follower = Follower(self._limits)

    @property
    def name(self) -> str:
        return "dhcp"

    @property
    def needs(self) -> frozenset[str]:
        return NEEDS

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for message in batch.messages:
            if message.protocol == "dhcp":
                self._message("dhcp", message)
            elif message.protocol == "dhcpv6":
                self._message("dhcpv6", message)

    def expire(self, now_ns: int, /) -> None:
        self._going()

    def snapshot(self, core: Snapshot, /) -> DhcpSummary:
        self._going()
        return self._follower.summary({family: counts.freeze() for family, counts in self._counts.items()}, core)

    def finish(self, core: Snapshot, /) -> DhcpSummary:
        found = self.snapshot(core)
        self._finished = True
        return found

    def _message(self, family: Family, message: Message) -> None:
        counts = self._counts[family]
        if message.detected_by != "port":
            counts.numbers["by_content"] += 1
            return
        if message.frame != counts.last_frame:
            counts.last_frame = message.frame
            counts.numbers["frames"] += 1
        fields = message.fields
        if fields["malformed"]:
            counts.numbers["malformed"] += 1
            self._follower.saw(family, "malformed", message.frame)
        counts.xid(fields["xid"])
        counts.value("macs", fields["mac"])
        event = _v4(message, fields, counts) if family == "dhcp" else _v6(message, fields, counts)
        if event is not None:
            self._follower.event(event)


def _v4(message: Message, fields: Mapping[str, Any], counts: _Counting) -> Event | None:
    kind = fields["type_name"]
    relay = fields["relay_ip"]
    relayed = relay not in (None, _UNSET)
    if relayed:
        counts.numbers["relayed"] += 1
        counts.value("relays", relay)
    counts.value("hostnames", fields["hostname"])
    counts.value("server_ids", fields["server"])
    if kind is None:
        counts.numbers["untyped"] += 1
        kind = {1: "BOOTREQUEST", 2: "BOOTREPLY"}.get(fields["op"] or 0)
    else:
        counts.types[fields["type"], kind] += 1
        counts.inner_types[fields["type"], kind] += 1
        if kind == "ACK":
            counts.value("acked", fields["your_ip"])
    from_server = kind in _ANSWERS["dhcp"]
    if kind is None or fields["client"] is None or not (from_server or kind in ASKING or kind in GIVING_BACK):
        return None
    address = fields["your_ip"] if from_server else fields["requested"] or fields["client_ip"]
    if address == _UNSET:
        address = None
    lease = fields["lease_time"]
    if kind == "BOOTREPLY" and address is not None:
        lease = 0xFFFFFFFF
    return Event(
        "dhcp", kind, message.frame, message.time_ns, fields["client"], fields["xid"], from_server,
        (fields["server"] or message.src) if from_server else None, message.src, relay if relayed else None,
        ((address, lease, "address"),) if address is not None else (), None, False, fields,
    )  # fmt: skip


def _v6(message: Message, fields: Mapping[str, Any], counts: _Counting) -> Event | None:
    codes, names = fields["codes"], fields["types"]
    if not codes:
        return None
    counts.types[codes[0], names[0]] += 1
    for code, name in zip(codes, names, strict=True):
        counts.inner_types[code, name] += 1
    counts.value("server_ids", fields["server"])
    counts.value("hostnames", fields["fqdn"])
    relayed = len(codes) > 1 or names[0].startswith("RELAY-")
    if relayed:
        counts.numbers["relayed"] += 1
        counts.value("relays", message.src if names[0] == "RELAY-FORW" else message.dst)
    kind = names[-1]
    from_server = kind in _ANSWERS["dhcpv6"]
    if not (from_server or kind in ASKING or kind in GIVING_BACK):
        return None
    # An INFORMATION-REQUEST may leave its sender's identifier out (RFC 8415 18.2.6).
    client = fields["client"] or f"address {message.dst if from_server else message.src}"
    addresses = tuple((one["address"], one["valid"], one["kind"]) for one in fields["addresses"])
    return Event(
        "dhcpv6", kind, message.frame, message.time_ns, client, fields["xid"], from_server,
        (fields["server"] or message.src) if from_server else None, message.src, message.src if relayed else None,
        addresses, fields["status"], fields["rapid_commit"], fields,
    )  # fmt: skip


def make(limits: Mapping[str, int]) -> Machine:
    return DhcpMachine(limits)


MODULE = Module("dhcp", SPEC, make, NEEDS)
