"""Runs machines over bytes cut in any way, and makes plain data of what they found, to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pcapstream._core import Connection, Decoder, Direction, Message, Tally, TcpTable, app_names
from pcapstream.protocols import ALL, REGISTRY, Summary, choose
from pcapstream.protocols.arp import ArpSummary
from pcapstream.protocols.capinfos import CapinfosSummary
from pcapstream.protocols.counted import CountedSummary
from pcapstream.protocols.dhcp_records import DhcpSummary
from pcapstream.protocols.icmp import COLUMNS, PAIRS, IcmpSummary, named
from pcapstream.protocols.logins import LoginsSummary
from pcapstream.protocols.ntp import NtpSummary
from pcapstream.protocols.probes import ProbesSummary
from pcapstream.protocols.quic import QuicSummary
from pcapstream.protocols.rtp import RtpSummary
from pcapstream.protocols.sip import SipSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.protocols.tls import TlsSummary
from pcapstream.protocols.triage import TriageSummary

if TYPE_CHECKING:
    from pcapstream.protocols import Machine

KINDS = ("eth", "ip", "ipv6", "tcp", "udp")
NAMES = ("dns", "tls_sni", "http_host", "dhcp_hostname")
EVENTS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "duplicate_ack",
    "zero_window",
    "window_full",
    "window_update",
    "keep_alive",
    "reused_ports",
)


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The pieces between these places."""
    places = [0, *sorted({min(max(place, 0), len(data)) for place in at}), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def play(
    pieces: Sequence[bytes],
    *,
    look_at: frozenset[int] = frozenset(),
    machine_limits: Mapping[str, int] | None = None,
    **options: Any,
) -> dict[str, Summary]:
    """The summaries of all registered machines. look_at: after which pieces a snapshot is taken and dropped."""
    machines: list[Machine] = [module.make(machine_limits or {}) for module in choose(ALL)]
    decoder = Decoder(packets=False, apps=app_names(), **options)
    for number, piece in enumerate(pieces):
        batch = decoder.feed(piece)
        for machine in machines:
            machine.feed(batch)
            if batch.last_ns is not None:
                machine.expire(batch.last_ns)
        if number in look_at:
            core = decoder.snapshot()
            for machine in machines:
                machine.snapshot(core)
    batch = decoder.finish()
    for machine in machines:
        machine.feed(batch)
        if batch.last_ns is not None:
            machine.expire(batch.last_ns)
    core = decoder.snapshot()
    found = {machine.name: machine.finish(core) for machine in machines}
    assert found.keys() == REGISTRY.keys()
    return found


def plain(summary: Summary) -> Any:
    """All that a summary tells, as values that can be compared. A new kind of summary is a frozen dataclass of values
    or gets a line here."""
    match summary:
        case CapinfosSummary():
            return {"captures": summary.captures, **summary.facts}
        case DhcpSummary():
            return plain_dhcp(summary)
        case CountedSummary():
            messages = [plain_message(message) for message in summary.messages(0, 1_000_000)]
            return {"counts": plain_counts(summary), "kept": summary.kept(), "messages": messages}
        case RtpSummary():
            return without(summary.counts(), frozenset({"memory_bytes"}))
        case SipSummary():
            return {
                "tables": {one.name: plain_value(getattr(summary, one.name)) for one in fields(summary)[:-1]},
                "kept": summary.kept(),
                "messages": [plain_message(message) for message in summary.messages(0, 1_000_000)],
            }
        case ArpSummary():
            return plain_value(summary)
        case ProbesSummary():
            tables = {name: summary.top(name, 1_000) for name in ("ports", "hosts", "victims")}
            return {"missed": summary.missed(), **tables}
        case LoginsSummary():
            rows = [one._asdict() for one in summary.logins(0, 1_000_000)]
            return {"counts": summary.counts(), "rows": rows, "refused": summary.refused(1_000)}
        case NtpSummary():
            return plain_ntp(summary)
        case QuicSummary():
            return summary.counts()
        case TcpSummary():
            return plain_table(summary.table)
        case TlsSummary():
            tables = ("handshakes", "mismatches", "broken_off", "alerts", "encrypted_alerts", "certificates")
            return {"counts": summary.counts(), **{name: summary.table(name, 0, 1_000_000) for name in tables}}
        case TriageSummary():
            return {"tally": plain_tally(summary.tally), "tcp": plain_table(summary.tcp)}
    return summary


def plain_dhcp(summary: DhcpSummary) -> dict[str, Any]:
    def counts(one: Any) -> dict[str, Any]:
        # "frames" is how many there are here, not which.
        return {("number" if name == "frames" else name): getattr(one, name) for name in one.__slots__}

    return {
        "counts": {family: counts(one) for family, one in summary.counts.items()},
        "outcomes": dict(summary.outcomes),
        "events": {key: {"count": seen.count, "frames": seen.frames} for key, seen in summary.events.items()},
        **{
            table: [{name: getattr(one, name) for name in one.__slots__} for one in getattr(summary, table)]
            for table in ("clients", "exchanges", "leases")
        },
        "servers": [
            {name: getattr(one, name) for name in one.__slots__ if name != "times_ns"}
            | {"sorted": sorted(one.times_ns)}
            for one in summary.servers
        ],
        "unlisted": dict(summary.unlisted),
        "kept": summary.kept(),
        "messages": [plain_message(message) for message in summary.messages(0, 1_000_000)],
    }


def plain_counts(summary: CountedSummary) -> dict[str, Any]:
    """The counts, rows of tables as objects, so that values can be told by name."""
    counts = summary.counts()
    if isinstance(summary, IcmpSummary):
        for one in counts.values():
            one.update({name: named(one[name], columns) for name, columns in COLUMNS.items()})
            one["echo"]["pairs"] = named(one["echo"]["pairs"], PAIRS)
            for row in one["neighbours"]:
                row["macs"] = [mac for mac, _ in row["macs"]]
            for row in one["paths"]:
                row["hops"] = [[distance, [at[:-1] for at in routers]] for distance, routers in row["hops"]]
    return counts


def plain_value(value: Any) -> Any:
    """Dataclasses, named tuples, sets and mappings of any keys, down to values that can be compared. Frame numbers have
    the name they have elsewhere."""
    if is_dataclass(value):
        return {one.name: plain_value(getattr(value, one.name)) for one in fields(value)}
    if hasattr(value, "_asdict"):
        return {"frame_number" if key == "frame" else key: plain_value(item) for key, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    return [plain_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def plain_ntp(summary: NtpSummary) -> dict[str, Any]:
    return {
        "messages": summary.total,
        "modes": dict(summary.modes),
        "versions": dict(summary.versions),
        "servers": [
            {k: list(v) if isinstance(v, tuple) else v for k, v in _values(s).items() if not callable(v)}
            for s in summary.servers
        ],
        "clients": sorted(summary.clients),
        "events": {name: {"count": seen.count, "frames": seen.frames} for name, seen in summary.events.items()},
        "unlisted": dict(summary.unlisted),
        "kept": summary.kept(),
        "rows": [plain_message(message) for message in summary.messages(0, 1_000_000)],
    }


def plain_table(table: TcpTable) -> dict[str, Any]:
    number, servers = table.servers(limit=1_000_000)
    return {
        "length": len(table),
        "evicted": table.evicted,
        "totals": table.totals(),
        "connections": [plain_connection(found) for found in table.connections(limit=1_000_000)],
        "frames": {name: table.frames(name) for name in (*EVENTS, "syn", "syn_ack", "fin", "rst")},
        "initial_rtts": table.initial_rtts(),
        "servers": [number, list(servers)],
        "turns": table.turns()[:4],
        "rtts": table.rtts(),
    }


def plain_message(found: Message) -> dict[str, Any]:
    return {"frame_number": found.frame, **without(_values(found), frozenset({"frame"}))}


def plain_connection(found: Connection) -> dict[str, Any]:
    values = _values(found)
    for side in ("to_server", "to_client"):
        direction = values[side]
        assert isinstance(direction, Direction)
        values[side] = _values(direction)
    return values


def plain_tally(tally: Tally) -> dict[str, Any]:
    return {
        "hierarchy": tally.hierarchy(),
        "protocols": tally.protocols(),
        "conversations": {kind: tally.conversations(kind) for kind in KINDS},
        "conversation_count": {kind: tally.conversation_count(kind) for kind in KINDS},
        "conversation_totals": {kind: tally.conversation_totals(kind) for kind in KINDS},
        "endpoints": {kind: tally.endpoints(kind) for kind in KINDS},
        "endpoint_count": {kind: tally.endpoint_count(kind) for kind in KINDS},
        "ip_addresses": tally.ip_addresses(),
        "buckets": tally.buckets(),
        "names": {kind: tally.names(kind) for kind in NAMES},
        "facts": tally.facts(),
        "network": {
            key: value
            for key, value in tally.network().items()
            if key not in ("fragments", "largest_dont_fragment_frame")
        },
    }


def without(value: Any, keys: frozenset[str]) -> Any:
    """The same with these keys left out at every depth."""
    if isinstance(value, Mapping):
        return {key: without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [without(item, keys) for item in value]
    return value


def _values(struct: object) -> dict[str, Any]:
    """The public attributes of a struct of the core."""
    return {name: getattr(struct, name) for name in dir(struct) if not name.startswith("_")}
