"""Module icmp: mcpcap's analyze_icmp_packets, with what it lacks: ICMPv6, times, paths, quoted packets, neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.icmp import ERRORS, LOAD, NEIGHBOURS, PAIRS, PATHS, REDIRECTS, VERSIONS, IcmpSummary, named
from pcapstream.tools.finding import FirstLook, filter_notes
from pcapstream.tools.icmp_findings import findings
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import cleaned, count, milliseconds, ratio, utc
from pcapstream.tools.times import times_of
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream._core import Message
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

MAX_LISTED = 100
"""Addresses listed in `statistics`; the tables page through all."""
_TOP = 10


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    summary = report.summary(IcmpSummary)
    counts = values_of(summary)
    messages = sum(one["frames"] for one in counts.values())
    kept, dropped = summary.kept()
    found: dict[str, Any] = {
        "summary": _summary(counts),
        "total_packets": report.capture["packets"],
        "icmp_packets_found": messages,
        "icmp_packets_analyzed": messages,
    }
    notes: list[str] = []
    if not counts:
        found["message"] = "No ICMP packets found in this capture"
    else:
        found["statistics"] = _statistics(counts)
        found["findings"] = findings(counts)
        found |= _tables(counts, ask)
        notes += _notes(counts)
        notes += filter_notes(found["findings"])
    found["packets"] = ask.table(
        "packets", _COLUMNS, lambda offset, limit: [_row(m) for m in summary.messages(offset, limit)], kept
    )
    if dropped:
        notes.append(f"packets lists the first {kept:,} messages; {dropped:,} more are in the counts only.")
    found["notes"] = notes
    return found


def first_look(report: Report) -> FirstLook | None:
    """None: there is no ICMP."""
    counts = values_of(report.summary(IcmpSummary))
    return FirstLook(_summary(counts), findings(counts)) if counts else None


def _summary(counts: Mapping[str, Any]) -> str:
    if not counts:
        return "No ICMP messages."
    parts = []
    for name, label in zip(VERSIONS, ("ICMP", "ICMPv6"), strict=True):
        if name in counts:
            one = counts[name]
            echo = one["echo"]
            times = echo["response_time"]
            took = f", median {milliseconds(round(times['median_ns']))} ms" if times["count"] else ""
            asked = count(echo["requests"], "echo request")
            said = f" with {asked}, {echo['answered']:,} answered{took}" if echo["requests"] else ""
            errors = sum(row["count"] for row in named(one["errors"], ERRORS))
            failed = f"{'; ' if said else ' with '}{count(errors, 'error')}" if errors else ""
            parts.append(f"{count(one['frames'], f'{label} message')}{said}{failed}")
    return f"{'. '.join(parts)}."


def _statistics(counts: Mapping[str, Any]) -> dict[str, Any]:
    types: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    destinations: Counter[str] = Counter()
    unreachable: dict[str, None] = {}
    at_least = False
    for one in counts.values():
        for (kind, _, name, _), n in one["types"]["rows"]:
            types[name or f"Unassigned ({kind})"] += n
        for table, into in (("sources", sources), ("destinations", destinations)):
            into.update({row["address"]: row["messages"] for row in named(one[table], LOAD)})
            at_least |= one[table]["missed"] > 0
        unreachable |= {row["destination"]: None for row in named(one["errors"], ERRORS) if _is_unreachable(row)}
    echoes = [one["echo"] for one in counts.values()]
    return {
        "icmp_type_counts": dict(types.most_common()),
        "unique_sources_count": len(sources),
        "unique_destinations_count": len(destinations),
        "unique_are_at_least": at_least,
        "unique_sources": [address for address, _ in sources.most_common(MAX_LISTED)],
        "unique_destinations": [address for address, _ in destinations.most_common(MAX_LISTED)],
        "echo_sessions": sum(echo["sessions"] for echo in echoes),
        "echo_sessions_are_at_least": any(echo["sessions_missed"] or echo["pairs"]["missed"] for echo in echoes),
        "unreachable_destinations_count": len(unreachable),
        "unreachable_destinations": list(unreachable)[:MAX_LISTED],
        "versions": {name: _version(one) for name, one in counts.items()},
    }


def _is_unreachable(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"][2] == "Destination Unreachable")


def _version(one: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one IP version, as Wireshark counts them."""
    echo = one["echo"]
    return {
        "frames": one["frames"],
        "echo_requests": echo["requests"],
        "echo_replies": echo["replies"],
        "echo_answered": echo["answered"],
        "echo_unanswered": echo["unanswered"]["count"],
        "echo_duplicate_replies": echo["duplicate_replies"]["count"],
        "echo_unmatched_replies": echo["unmatched_replies"]["count"],
        "echo_replies_to_group": echo["replies_to_group"]["count"],
        "response_time_ms": times_of(echo["response_time"], tell_partial=True),
    }


def _notes(counts: Mapping[str, Any]) -> Iterable[str]:
    for name, one in counts.items():
        echo = one["echo"]
        if echo["forgotten"]:
            yield (
                f"{name}: more open echo requests than the table holds; {echo['forgotten']:,} of them were forgotten "
                "and count as unanswered."
            )
        full = [
            table
            for table, rows in (("echo_pairs", echo["pairs"]), ("sources", one["sources"]), ("errors", one["errors"]))
            if rows["missed"]
        ]
        if full:
            yield f"{name}: {', '.join(full)} list the first that found room; totals are exact."


_TYPE = ("version", "type", "code", "type_name", "code_name", "messages")
_PAIR = (
    "source", "destination", "ids", "requests", "answered", "replies", "loss_percent", "duplicates", "unmatched",
    "min_ms", "mean_ms", "max_ms", "deviation_ms", "payload_bytes", "first", "last", "first_frame",
)  # fmt: skip
_ERROR = (
    "type", "code", "name", "reporter", "original_source", "original_source_port", "original_destination",
    "original_destination_port", "original_protocol", "stream", "messages", "first", "last", "first_frame",
)  # fmt: skip
_MTU = ("reporter", "source", "destination", "mtu", "messages", "first", "first_frame")
_PATH = ("source", "target", "protocol", "reached_at_hop", "errors", "hops", "first", "last", "first_frame")
_ROUTER = (
    "router", "version", "advertisements", "changes", "withdrawn", "lifetime_s", "managed", "other_config",
    "preference", "options", "first", "last", "first_frame",
)  # fmt: skip
_NEIGHBOUR = ("address", "hardware_addresses", "solicited", "advertised", "duplicate_address_checks", "first_frame")
_REDIRECT = ("router", "host", "better_gateway", "destination", "messages", "first_frame")
_GROUP = ("host", "group", "reports")


def _tables(counts: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """All tables, those without rows left out unless a cursor asks for one."""
    both: Mapping[str, list[tuple[str, dict[str, Any]]]] = {
        "errors": [(v, row) for v, one in counts.items() for row in named(one["errors"], ERRORS)],
        "paths": [(v, row) for v, one in counts.items() for row in named(one["paths"], PATHS)],
        "redirects": [(v, row) for v, one in counts.items() for row in named(one["redirects"], REDIRECTS)],
        "neighbours": [(v, row) for v, one in counts.items() for row in named(one["neighbours"], NEIGHBOURS)],
    }
    pairs = [row for one in counts.values() for row in named(one["echo"]["pairs"], PAIRS)]
    pairs.sort(key=lambda row: -row["requests"])
    tables: list[tuple[str, tuple[str, ...], list[list[Any]], bool]] = [
        ("types", _TYPE, [_type(v, row, n) for v, one in counts.items() for row, n in one["types"]["rows"]], True),
        ("errors", _ERROR, _sorted((_error(row) for _, row in both["errors"]), 10), _exact(counts, "errors")),
        ("path_mtu", _MTU, [_mtu(row) for _, row in both["errors"] if row["mtu"] is not None], True),
        ("traceroutes", _PATH, [_path(row) for _, row in both["paths"]], _exact(counts, "paths")),
        ("routers", _ROUTER, [_router(v, row) for v, one in counts.items() for row in one["routers"]["rows"]], True),
        ("neighbours", _NEIGHBOUR, [_neighbour(row) for _, row in both["neighbours"]], _exact(counts, "neighbours")),
        ("redirects", _REDIRECT, [list(row.values()) for _, row in both["redirects"]], _exact(counts, "redirects")),
        (
            "multicast_groups",
            _GROUP,
            [[*row, n] for one in counts.values() for row, n in one["members"]["rows"]],
            all(not one["members"]["other"] for one in counts.values()),
        ),
    ]
    found = {}
    echoes = ask.made("echo_pairs", _PAIR, pairs, _pair, exact=_exact(counts, "echo", "pairs"), limit=_TOP)
    for name, columns, rows, exact in tables:
        table = ask.rows(name, columns, rows, exact=exact, limit=_TOP)
        if rows or ask.only == name:
            found[name] = table
        if name == "types" and (pairs or ask.only == "echo_pairs"):
            found["echo_pairs"] = echoes
    return found


def _exact(counts: Mapping[str, Any], *path: str) -> bool:
    def missed(one: Any) -> int:
        for key in path:
            one = one[key]
        return int(one["missed"])

    return not any(missed(one) for one in counts.values())


def _sorted(rows: Iterable[list[Any]], by: int) -> list[list[Any]]:
    return sorted(rows, key=lambda row: -row[by])


def _type(version: str, row: list[Any], number: int) -> list[Any]:
    kind, code, name, code_name = row
    return [version, kind, code, name or "Unassigned", code_name or "Unassigned", number]


def _pair(row: Mapping[str, Any]) -> list[Any]:
    lost = ratio(row["requests"] - row["answered"], row["requests"], 4)
    least, most = row["payload_min"], row["payload_max"]
    return [
        row["source"],
        row["destination"],
        row["ids"],
        row["requests"],
        row["answered"],
        row["replies"],
        round(lost * 100, 2) if row["requests"] else None,
        row["duplicates"],
        row["unmatched"],
        *(_ms(row[key]) for key in ("min_ns", "mean_ns", "max_ns", "deviation_ns")),
        least if least == most else f"{least}-{most}",
        utc(row["first_ns"]),
        utc(row["last_ns"]),
        row["first_frame"],
    ]


def _ms(ns: float | None) -> float | None:
    return None if ns is None else milliseconds(round(ns))


def _error(row: Mapping[str, Any]) -> list[Any]:
    kind, code, name, code_name = row["kind"]
    return [
        kind,
        code,
        f"{name}: {code_name}" if code_name not in (None, "No Code") else name,
        *(row[key] for key in (
            "reporter", "source", "source_port", "destination", "destination_port", "protocol", "stream", "count",
        )),
        utc(row["first_ns"]),
        utc(row["last_ns"]),
        row["first_frame"],
    ]  # fmt: skip


def _mtu(row: Mapping[str, Any]) -> list[Any]:
    return [
        row["reporter"], row["source"], row["destination"], row["mtu"], row["count"], utc(row["first_ns"]),
        row["first_frame"],
    ]  # fmt: skip


def _path(row: Mapping[str, Any]) -> list[Any]:
    hops = [
        {
            "hop": distance,
            "address": address,
            "replies": replies,
            "min_ms": _ms(least),
            "mean_ms": _ms(mean),
            "max_ms": _ms(most),
            "frame": frame,
        }
        for distance, routers in row["hops"]
        for address, replies, least, mean, most, frame in routers
    ]
    return [
        row["source"], row["target"], row["protocol"], row["reached"], row["errors"], hops, utc(row["first_ns"]),
        utc(row["last_ns"]), row["first_frame"],
    ]  # fmt: skip


def _router(version: str, row: Mapping[str, Any]) -> list[Any]:
    said = row["message"]
    return [
        row["router"], version, row["advertisements"], row["changes"], row["withdrawn"],
        said.get("router_lifetime_s"), said.get("managed"), said.get("other_config"), said.get("preference"),
        cleaned(said.get("options", said.get("routers", []))), utc(row["first_ns"]), utc(row["last_ns"]),
        row["first_frame"],
    ]  # fmt: skip


def _neighbour(row: Mapping[str, Any]) -> list[Any]:
    macs = [mac for mac, _ in row["macs"]]
    return [row["address"], macs, row["solicited"], row["advertised"], row["probed"], row["first_frame"]]


_COLUMNS = (
    "frame", "timestamp", "src_ip", "dst_ip", "ip_version", "ttl", "packet_size", "icmp_type", "icmp_code",
    "icmp_type_name", "icmp_code_name", "checksum", "icmp_id", "icmp_seq", "payload_bytes", "request_frame",
    "response_time_ms", "mtu", "original", "stream", "details",
)  # fmt: skip
_IN_COLUMNS = frozenset(
    {
        "message_bytes", "type", "code", "type_name", "code_name", "checksum", "id", "seq", "payload_bytes",
        "request_frame", "response_time_ns", "mtu", "original",
    }
)  # fmt: skip


def _row(message: Message) -> list[Any]:
    fields = message.fields
    took = fields.get("response_time_ns")
    return [
        message.frame,
        utc(message.time_ns),
        message.src,
        message.dst,
        6 if message.transport == "icmpv6" else 4,
        message.ttl,
        message.frame_bytes,
        *(fields.get(key) for key in ("type", "code", "type_name", "code_name", "checksum", "id", "seq")),
        fields.get("payload_bytes"),
        fields.get("request_frame"),
        milliseconds(took),
        fields.get("mtu"),
        cleaned(fields.get("original")),
        message.stream,
        {key: cleaned(value) for key, value in fields.items() if key not in _IN_COLUMNS},
    ]


ICMP = ToolSpec(
    name="analyze_icmp_packets",
    module="icmp",
    title="ICMP: reachability, delay, errors, paths",
    description=(
        "Use it when hosts cannot be reached, pings are lost or slow, packets are too big, or somebody maps the "
        "network: ICMP and ICMPv6 echo pairs with round-trip times and loss, errors with the packet they quote, "
        "traceroutes, path MTU, routers and neighbours, sweeps, floods, tunnels."
    ),
    view=_view,
    needs=("icmp",),
    default_limit=25,
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("total_packets", "integer", "of the file"),
        Key("icmp_packets_found", "integer", "messages of both versions"),
        Key("icmp_packets_analyzed", "integer", "all that were found"),
        Key("message", "string", "when nothing matched"),
        Key("statistics", "object"),
        Key("findings", "array"),
        *table_keys((
            ("packets", "one message"), ("types", "one type and code"), ("echo_pairs", "who asked whom"),
            ("errors", "same error about the same traffic"), ("path_mtu", ""), ("traceroutes", "hops in order"),
            ("routers", "who advertises itself"), ("neighbours", "IPv6 address on the link"), ("redirects", ""),
            ("multicast_groups", ""),
        )),
    ),
)  # fmt: skip
