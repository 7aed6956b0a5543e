"""Findings of the module icmp: what was counted that is worth a look, with frames and a filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pcapstream.protocols.icmp import ERRORS, LOAD, NEIGHBOURS, PAIRS, PATHS, PROBES, named
from pcapstream.tools.finding import Severity, by_weight, finding
from pcapstream.tools.text import count, percent, ratio

SWEEP_TARGETS = 20
"""Addresses one source asked before it counts as a sweep: monitoring asks fewer from most hosts."""
FLOOD_PER_SECOND = 1_000
"""Messages to one address in one second: ping with its shortest allowed interval sends five."""
LARGE_PAYLOAD_BYTES = 1_024
"""Data of an echo message; ping programs send 32 to 56 bytes unless told otherwise."""
VARIED_PAYLOADS = 10
"""Messages between two hosts whose data no ping program fills in that way, each unlike the one before."""
CARRIED_PACKETS = 3
"""Messages between two hosts whose data is an IP packet."""
LOSS_SHARE = 0.05
UNRESOLVED_NEIGHBOURS = 50
"""IPv6 addresses asked for that nobody has: a sweep of a link does that."""
MAX_EACH = 5
"""Findings of one kind, the largest first."""

_TYPES = {
    "icmp": {"request": "icmp.type == 8", "reply": "icmp.type == 0", "addr": "ip"},
    "icmpv6": {"request": "icmpv6.type == 128", "reply": "icmpv6.type == 129", "addr": "ipv6"},
}


def findings(counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The findings about what `IcmpSummary.counts` gives, heaviest first."""
    return by_weight(found for version, one in counts.items() for found in _of(version, one))


def _of(version: str, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    words = _TYPES[version]
    pairs = named(one["echo"]["pairs"], PAIRS)
    yield from _echo(version, one["echo"], words)
    yield from _sweeps(version, pairs, named(one["probes"], PROBES), words, one["echo"]["pairs"]["missed"] > 0)
    yield from _floods(version, named(one["destinations"], LOAD), words)
    yield from _payloads(version, pairs, words)
    yield from _errors(version, named(one["errors"], ERRORS), named(one["paths"], PATHS))
    yield from _network(version, one)
    yield from _odd(version, one)


def _label(version: str) -> str:
    return "ICMPv6" if version == "icmpv6" else "ICMP"


def _echo(version: str, echo: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    def of(
        key: str, code: str, weight: Severity, one: str, many: str, where: str, more: str = ""
    ) -> Iterator[dict[str, Any]]:
        evidence = echo[key]
        if evidence["count"]:
            text = f"{_label(version)}: {count(evidence['count'], one, many)}{more}."
            yield finding(code, weight, text, count=evidence["count"], frames=evidence["frames"], filter=where)

    request, reply = words["request"], words["reply"]
    lost = echo["unanswered"]["count"]
    share = ratio(lost, echo["requests"])
    yield from of(
        "unanswered", "unanswered_echo", "warning" if share > LOSS_SHARE else "info",
        "echo request got no reply in this capture", "echo requests got no reply in this capture",
        f"{request} && !{version}.resp_in", f" ({percent(share)} of {echo['requests']:,})",
    )  # fmt: skip
    yield from of(
        "slow", "slow_echo", "warning", "echo reply came more than 1 s after its request",
        "echo replies came more than 1 s after their requests", f"{version}.resptime > 1000",
    )  # fmt: skip
    yield from of(
        "duplicate_replies", "duplicate_echo_replies", "info", "echo reply to a request answered before",
        "echo replies to requests answered before", f"{reply} && !{version}.resp_to",
    )  # fmt: skip
    yield from of(
        "unmatched_replies", "unmatched_echo_replies", "info",
        "echo reply matches no request of this capture in hosts, identifier, sequence number and data",
        "echo replies match no request of this capture in hosts, identifier, sequence number and data",
        f"{reply} && !{version}.resp_to",
    )  # fmt: skip
    groups = "ipv6.dst == ff00::/8" if version == "icmpv6" else "(ip.dst == 224.0.0.0/4 || ip.dst == 255.255.255.255)"
    answers = echo["replies_to_group"]["count"]
    yield from of(
        "requests_to_group", "echo_to_group", "info", "echo request went to a multicast or broadcast address",
        "echo requests went to multicast or broadcast addresses", f"{request} && {groups}",
        f"; {count(answers, 'reply', 'replies')} came from single hosts" if answers else "",
    )  # fmt: skip


def _sweeps(
    version: str,
    pairs: Iterable[Mapping[str, Any]],
    probes: Iterable[Mapping[str, Any]],
    words: Mapping[str, str],
    at_least: bool,
) -> Iterator[dict[str, Any]]:
    targets: dict[str, dict[str, int]] = defaultdict(dict)
    answered: dict[str, set[str]] = defaultdict(set)
    for row in pairs:
        if row["requests"]:
            targets[row["source"]][row["destination"]] = row["first_frame"]
            if row["answered"]:
                answered[row["source"]].add(row["destination"])
    for row in probes:
        targets[row["source"]].setdefault(row["destination"], row["first_frame"])
    wide = sorted(
        (source for source, to in targets.items() if len(to) >= SWEEP_TARGETS), key=lambda s: -len(targets[s])
    )
    for source in wide[:MAX_EACH]:
        to = targets[source]
        kinds = words["request"] if version == "icmpv6" else "icmp.type in {8, 13, 15, 17}"
        yield finding(
            "sweep", "warning",
            f"{source} asked {'at least ' if at_least else ''}{len(to):,} addresses with {_label(version)} requests; "
            f"{len(answered[source]):,} of them answered.",
            count=len(to), frames=sorted(to.values())[:10], filter=f"{kinds} && {words['addr']}.src == {source}",
            source=source, sources_like_this=len(wide),
        )  # fmt: skip


def _floods(version: str, loads: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    heavy = sorted((row for row in loads if row["peak"] >= FLOOD_PER_SECOND), key=lambda row: -row["peak"])
    for row in heavy[:MAX_EACH]:
        yield finding(
            "flood", "severe",
            f"{row['address']} got {count(row['messages'], f'{_label(version)} message')}, up to {row['peak']:,} "
            "within one second.",
            count=row["messages"], frames=[row["peak_frame"]],
            filter=f"{version} && {words['addr']}.dst == {row['address']}", destination=row["address"],
            peak_per_second=row["peak"], destinations_like_this=len(heavy),
        )  # fmt: skip


def _payloads(version: str, pairs: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    rows = list(pairs)
    address = words["addr"]

    def between(row: Mapping[str, Any]) -> str:
        ends = f"{address}.addr == {row['source']} && {address}.addr == {row['destination']}"
        return f"({words['request']} || {words['reply']}) && {ends}"

    carriers = [row for row in rows if row["varied"] >= VARIED_PAYLOADS or row["packets"] >= CARRIED_PACKETS]
    for row in sorted(carriers, key=lambda row: -row["varied"])[:MAX_EACH]:
        carried = f", {row['packets']:,} of it IP packets" if row["packets"] else ""
        yield finding(
            "tunnel_candidate", "warning",
            f"{count(row['unusual'], 'echo message')} between {row['source']} and {row['destination']} hold data that "
            f"ping programs do not send, different from message to message{carried}.",
            count=row["unusual"], frames=[row["unusual_frame"]], filter=between(row), pairs_like_this=len(carriers),
        )  # fmt: skip
    large = [row for row in rows if row["payload_max"] > LARGE_PAYLOAD_BYTES]
    field = f"ipv6.plen > {LARGE_PAYLOAD_BYTES + 8}" if version == "icmpv6" else f"ip.len > {LARGE_PAYLOAD_BYTES + 28}"
    for row in sorted(large, key=lambda row: -row["payload_max"])[:MAX_EACH]:
        yield finding(
            "large_echo", "info",
            f"Echo messages between {row['source']} and {row['destination']} carry up to {row['payload_max']:,} bytes "
            "of data.",
            count=row["requests"] + row["replies"], frames=[row["first_frame"]],
            filter=f"{between(row)} && {field}", pairs_like_this=len(large),
        )  # fmt: skip


_ERROR_FINDINGS: tuple[tuple[str, str, Severity, str], ...] = (
    ("Destination Unreachable", "destination_unreachable", "warning", "a packet could not be delivered"),
    ("Time Exceeded", "time_exceeded", "info", "the time to live of a packet, or to put it together, ran out"),
    ("Packet Too Big", "packet_too_big", "warning", "a packet was too big for the next link"),
    ("Fragmentation Needed", "packet_too_big", "warning", "a packet was too big for the next link"),
    ("Parameter Problem", "parameter_problem", "warning", "the header of a packet had a fault"),
)
_ERROR_FILTERS = {
    "icmp": {
        "Destination Unreachable": "icmp.type == 3 && icmp.code != 4",
        "Time Exceeded": "icmp.type == 11",
        "Fragmentation Needed": "icmp.type == 3 && icmp.code == 4",
        "Parameter Problem": "icmp.type == 12",
    },
    "icmpv6": {
        "Destination Unreachable": "icmpv6.type == 1",
        "Time Exceeded": "icmpv6.type == 3",
        "Packet Too Big": "icmpv6.type == 2",
        "Parameter Problem": "icmpv6.type == 4",
    },
}


def _errors(version: str, errors: list[dict[str, Any]], paths: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, code, weight, says in _ERROR_FINDINGS:
        where = _ERROR_FILTERS[version].get(name)
        rows = [row for row in errors if _error_name(version, row) == name]
        if not rows or where is None:
            continue
        total = sum(row["count"] for row in rows)
        reporters = {row["reporter"] for row in rows}
        text = (
            f"{count(total, f'{_label(version)} message')} "
            f"from {count(len(reporters), 'address', 'addresses')}: {says}; "
            f"{count(len({row['destination'] for row in rows}), 'destination')} concerned"
        )
        if name in ("Packet Too Big", "Fragmentation Needed"):
            least = min((row["mtu"] for row in rows if row["mtu"] is not None), default=None)
            text += f", least MTU {least:,}" if least is not None else ""
        if name == "Time Exceeded":
            traced = sum(1 for path in paths if any(distance is not None for distance, _ in path["hops"]))
            text += f"; {count(traced, 'traceroute')} with probes in the capture"
        yield finding(
            code, weight, f"{text}.", count=total, frames=sorted(row["first_frame"] for row in rows)[:10], filter=where,
        )  # fmt: skip


def _error_name(version: str, row: Mapping[str, Any]) -> str:
    kind, code, name, _ = row["kind"]
    return "Fragmentation Needed" if version == "icmp" and (kind, code) == (3, 4) else name


def _network(version: str, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    v6 = version == "icmpv6"
    routers = one["routers"]["rows"]
    evidence = one["advertisement_frames"]
    offers = [row for row in routers if row["message"].get("router_lifetime_s")]
    advertised = "icmpv6.type == 134" if v6 else "icmp.type == 9"
    if len(offers) > 1:
        named_routers = ", ".join(row["router"] for row in offers[:MAX_EACH])
        more = f" and {len(offers) - MAX_EACH:,} more" if len(offers) > MAX_EACH else ""
        yield finding(
            "several_routers", "warning",
            f"{len(offers):,} addresses advertise themselves as router: {named_routers}{more}.",
            count=len(offers), frames=[row["first_frame"] for row in offers], filter=advertised,
        )  # fmt: skip
    changing = [row for row in routers if row["changes"]]
    if changing:
        yield finding(
            "router_changes", "info",
            f"{count(len(changing), 'router')} changed what they advertise, "
            f"{count(sum(row['changes'] for row in changing), 'time')} in all.",
            count=sum(row["changes"] for row in changing), frames=evidence["frames"], filter=advertised,
        )  # fmt: skip
    redirects = one["redirect_frames"]
    if redirects["count"]:
        yield finding(
            "redirect", "warning",
            f"{count(redirects['count'], f'{_label(version)} redirect')} told hosts to send through another gateway.",
            count=redirects["count"], frames=redirects["frames"],
            filter="icmpv6.type == 137" if v6 else "icmp.type == 5",
        )  # fmt: skip
    neighbours = named(one["neighbours"], NEIGHBOURS)
    claimed = [row for row in neighbours if len(row["macs"]) > 1]
    for row in claimed[:MAX_EACH]:
        yield finding(
            "address_claimed_twice", "warning",
            f"{row['address']} was advertised with {len(row['macs'])}{' or more' if row['more_macs'] else ''} hardware "
            f"addresses: {', '.join(mac for mac, _ in row['macs'])}.",
            count=len(row["macs"]), frames=[frame for _, frame in row["macs"]],
            filter=f"icmpv6.type == 136 && icmpv6.nd.na.target_address == {row['address']}",
            addresses_like_this=len(claimed),
        )  # fmt: skip
    silent = [row for row in neighbours if row["solicited"] > row["probed"] and not row["advertised"]]
    if len(silent) >= UNRESOLVED_NEIGHBOURS:
        yield finding(
            "unresolved_neighbours", "warning",
            f"{len(silent):,} IPv6 addresses were asked for on the link and nobody answered for them.",
            count=len(silent), frames=sorted(row["first_frame"] for row in silent)[:10], filter="icmpv6.type == 135",
        )  # fmt: skip
    far = one["not_on_link"]
    if far["count"]:
        yield finding(
            "neighbour_discovery_from_afar", "severe",
            f"{count(far['count'], 'message')} of neighbour discovery had a hop limit other than 255, so that a router "
            "lies between, or the message was made up.",
            count=far["count"], frames=far["frames"],
            filter="icmpv6.type >= 133 && icmpv6.type <= 137 && ipv6.hlim != 255",
        )  # fmt: skip


def _odd(version: str, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    group = one["from_group"]
    if group["count"]:
        where = (
            "ipv6.src == ff00::/8" if version == "icmpv6" else "(ip.src == 224.0.0.0/4 || ip.src == 255.255.255.255)"
        )
        yield finding(
            "group_as_source", "warning",
            f"{count(group['count'], f'{_label(version)} message')} had a multicast or broadcast address as source, "
            "which no sender has.",
            count=group["count"], frames=group["frames"], filter=f"{version} && {where}",
        )  # fmt: skip
    old = one["deprecated"]
    if old["count"]:
        yield finding(
            "deprecated_types", "info", f"{count(old['count'], 'message')} of types that are deprecated.",
            count=old["count"], frames=old["frames"], filter="icmp.type in {4, 6, 15 .. 18, 30 .. 39}",
        )  # fmt: skip
    unknown = one["unassigned"]
    if unknown["count"]:
        kinds = sorted({row[0] for row, _ in one["types"]["rows"] if row[2] is None})
        yield finding(
            "unassigned_types", "warning", f"{count(unknown['count'], 'message')} of types that are not assigned.",
            count=unknown["count"], frames=unknown["frames"],
            filter=f"{version}.type in {{{', '.join(str(kind) for kind in kinds)}}}",
        )  # fmt: skip
