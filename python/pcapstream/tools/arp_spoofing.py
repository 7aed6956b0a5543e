"""Module security: detect_arp_spoofing, from ARP and IPv6 neighbour advertisements, with the times of each binding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.arp import SPAN_NS, Address, ArpSummary
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import count, utc
from pcapstream.tools.threat import Level, by_level, threat

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_VIRTUAL = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:0c:9f:f", "00:07:b4:00:")
"""Hardware addresses of VRRP, HSRP and GLBP: routers that share an IP address on purpose."""

UNASKED_REPLIES, FLOOD_COUNT = 5, 11
"""Defaults of the thresholds."""
_WHEN_HARMLESS = (
    "a machine or virtual machine that moved, a failover pair, a changed network card, two machines given one address, "
    "a wireless and a wired interface of one machine, proxy ARP"
)


def conflict_level(one: Address, unasked: int) -> tuple[Level, Level]:
    """(severity, confidence) of an address that several hardware addresses claimed.

    high: they took turns, or the newcomer sent at least `unasked` replies nobody asked for. low: it moved once, or the
    newcomer's address is one that routers share.
    """
    if any(mac.startswith(_VIRTUAL) for mac in one.claims):
        return "low", "low"
    pushed = len(one.claims) > 1 and max(claim.unasked for claim in list(one.claims.values())[1:]) >= unasked
    if pushed:
        return "high", "high"
    if one.returns:
        return "high", "medium" if one.returns > 1 else "low"
    return "low", "medium"


def arp_threats(summary: ArpSummary, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Addresses claimed by several hardware addresses, floods of announcements."""
    yield from _conflicts(summary, limits)
    yield from _floods(summary, limits)


def _conflicts(summary: ArpSummary, ask: Ask | Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for ip, one in summary.addresses.items():
        if len(one.claims) < 2:
            continue
        severity, confidence = conflict_level(one, ask["unasked_replies"])
        arp = one.family == "arp"
        where = f"arp.src.proto_ipv4 == {ip}" if arp else f"icmpv6.nd.na.target_address == {ip}"
        unasked = sum(claim.unasked for claim in one.claims.values())
        yield threat(
            "arp_spoofing" if arp else "ndp_spoofing", severity, confidence,
            f"{ip} was claimed by {len(one.claims)}{' or more' if one.more_claims else ''} hardware addresses "
            f"({', '.join(one.claims)}), with {count(one.changes, 'change')} from one to another, "
            f"{one.returns:,} of them back to one that had it before"
            + (f"; {count(unasked, 'reply', 'replies')} nobody had asked for." if unasked else "."),
            count=one.changes, frames=one.change_frames, filter=where, mitre="T1557.002" if arp else "T1557",
            false_alarm=_WHEN_HARMLESS, address=ip,
        )  # fmt: skip


def _floods(summary: ArpSummary, ask: Ask | Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for mac, one in summary.announcers.items():
        if one.peak >= ask["flood_count"]:
            yield threat(
                "gratuitous_arp_flood", "medium", "medium",
                f"{mac} announced addresses {count(one.count, 'time')} unasked, up to {one.peak:,} times within "
                f"{SPAN_NS // 10**9} seconds.",
                count=one.count, frames=one.frames, filter=f"arp.src.hw_mac == {mac} && arp.isgratuitous",
                mitre="T1557.002",
                false_alarm="a router or load balancer that takes over many addresses, a link that flaps", mac=mac,
            )  # fmt: skip


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    summary = report.summary(ArpSummary)
    conflicts = list(_conflicts(summary, ask))
    floods = list(_floods(summary, ask))
    findings = by_level([*conflicts, *floods])
    if summary.foreign_sender:
        findings.append(
            threat(
                "arp_sender_mismatch", "low", "low",
                f"{count(summary.foreign_sender, 'ARP packet')} told another sender than their Ethernet header.",
                count=summary.foreign_sender, frames=summary.foreign_frames,
                filter="arp && !(eth.src == arp.src.hw_mac)", mitre="T1557.002",
                false_alarm="proxy ARP, bridges and wireless access points that answer for others, virtual routers",
            )
        )  # fmt: skip
    suspected = [one for one in findings if one["severity"] != "low"]
    levels = {one["address"]: one["severity"] for one in conflicts}
    arp_conflicts = sum(1 for one in conflicts if one["rule"] == "arp_spoofing")
    notes = ["Text and levels say what was counted: a changed binding is no proof of an attack."]
    if summary.other:
        notes.append(f"{count(summary.other, 'packet')} of addresses beyond the tables' limits are in the totals only.")
    return {
        "summary": {
            "text": _text(summary, len(conflicts), len(suspected)),
            "arp_requests": summary.requests,
            "total_arp_replies": summary.replies,
            "arp_probes": summary.probes,
            "gratuitous_arps": summary.gratuitous,
            "neighbour_advertisements": summary.neighbour_advertisements,
            "ip_mac_conflicts": arp_conflicts,
            "ipv6_mac_conflicts": len(conflicts) - arp_conflicts,
            "gratuitous_floods": len(floods),
            "spoofing_detected": any(one["rule"] != "gratuitous_arp_flood" for one in suspected),
        },
        "analysis_type": "arp_spoofing_detection",
        "findings": findings[:50],
        "ip_mac_conflicts": ask.rows(
            "ip_mac_conflicts", ("ip", "mac_addresses", "changes", "returns", "severity"),
            [
                [ip, list(one.claims), one.changes, one.returns, levels[ip]]
                for ip, one in summary.addresses.items() if ip in levels
            ],
        ),
        "gratuitous_arp_floods": ask.rows(
            "gratuitous_arp_floods", ("mac", "count", "most_in_10_s", "addresses", "severity"),
            [
                [one["mac"], one["count"], summary.announcers[one["mac"]].peak,
                 sorted(summary.announcers[one["mac"]].addresses), one["severity"]]
                for one in floods
            ],
        ),
        "bindings": ask.rows("bindings", _BINDINGS, _bindings(summary)),
        "notes": notes,
    }  # fmt: skip


_BINDINGS = (
    "ip", "mac", "packets", "unasked_replies", "first_time", "last_time", "first_frame", "last_frame",
)  # fmt: skip


def _bindings(summary: ArpSummary) -> list[list[Any]]:
    found = [
        [ip, claim.mac, claim.packets, claim.unasked, utc(claim.first_ns), utc(claim.last_ns),
         claim.first_frame, claim.last_frame]
        for ip, one in summary.addresses.items() for claim in one.claims.values()
    ]  # fmt: skip
    return sorted(found, key=lambda row: (-len(summary.addresses[row[0]].claims), row[6]))


def _text(summary: ArpSummary, conflicts: int, suspected: int) -> str:
    total = summary.requests + summary.replies
    if not total and not summary.neighbour_advertisements:
        return "No ARP packets and no IPv6 neighbour advertisements."
    found = f"{count(suspected, 'finding')} of medium or high severity" if suspected else "nothing that looks forged"
    return (
        f"{count(total, 'ARP packet')}, {count(summary.neighbour_advertisements, 'neighbour advertisement')}; "
        f"{count(conflicts, 'address', 'addresses')} claimed by several hardware addresses; {found}."
    )


ARP_SPOOFING = ToolSpec(
    name="detect_arp_spoofing",
    module="security",
    title="ARP spoofing",
    description="Use to see whether somebody takes over IP addresses on the local network: which hardware address "
    "claimed which IPv4 or IPv6 address when, conflicts, replies nobody asked for, floods of announcements.",
    view=_view,
    needs=("arp",),
    parameters=(
        Parameter(
            "unasked_replies",
            "integer",
            "Replies nobody asked for that make a changed binding severe",
            UNASKED_REPLIES,
            minimum=1,
        ),
        Parameter(
            "flood_count",
            "integer",
            "Announcements of one sender within 10 s that make a flood",
            FLOOD_COUNT,
            minimum=2,
        ),
    ),
    keys=(
        Key("summary", "object", "text and counts", required=True),
        Key("analysis_type", "string"),
        Key("findings", "array", "rule, severity, confidence, text, frames, filter, mitre, false_alarm"),
        Key("ip_mac_conflicts", "object", "table: an address several claimed"),
        Key("gratuitous_arp_floods", "object", "table: a sender of many announcements"),
        Key("bindings", "object", "table: who claimed which address from when to when"),
    ),
)
