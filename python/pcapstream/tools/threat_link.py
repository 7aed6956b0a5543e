"""Rules of analyze_security_threats about what hosts of a network believe: names, DHCP servers, routers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.icmp import NEIGHBOURS, REDIRECTS, named
from pcapstream.tools.text import clean, count
from pcapstream.tools.threat import MAX_EACH, family, threat
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.protocols.dhcp_records import DhcpSummary
    from pcapstream.protocols.dns import DnsSummary
    from pcapstream.protocols.icmp import IcmpSummary

MOST_MESSAGES = 20_000
"""Kept messages of a name protocol looked at."""


def link_threats(
    dns: DnsSummary, dhcp: DhcpSummary, icmp: IcmpSummary, limits: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    yield from _names(dns, limits["spoofed_names"])
    yield from _dhcp(dhcp)
    counts = values_of(icmp)
    yield from _routers(counts.get("icmpv6", {}))
    yield from _neighbours(counts.get("icmpv6", {}))
    for version, one in counts.items():
        yield from _redirects(version, one)


def bare_name(name: str) -> str:
    """A name without case, domain and NetBIOS service suffix: one host answers for FILES<00> and FILES<20>."""
    return name.split("<")[0].split(".")[0].strip().lower()


def _names(dns: DnsSummary, least: int) -> Iterator[dict[str, Any]]:
    for protocol, label in (("llmnr", "LLMNR"), ("nbns", "NetBIOS")):
        answered: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for part in dns.parts:
            for message in part.messages("dns", protocol=protocol, limit=MOST_MESSAGES):
                _answer(message.fields, message.src, message.frame, answered)
        wide = sorted(answered.items(), key=lambda item: (-len(item[1]), item[0]))
        for source, names in wide[:MAX_EACH]:
            if len(names) >= least:
                yield threat(
                    "name_spoofing", "high", "medium",
                    f"{source} answered {label} questions for {count(len(names), 'name')} with its own address: "
                    f"{', '.join(clean(name, 40) for name in list(names)[:5])}.",
                    count=len(names), frames=names.values(), mitre="T1557.001",
                    filter=f"{protocol} && {family(source)}.src == {source}",
                    false_alarm="a server with many alias names, a NetBIOS name server",
                    source=source,
                )  # fmt: skip


def _answer(fields: Mapping[str, Any], source: str, frame: int, answered: dict[str, dict[str, int]]) -> None:
    if not fields["flags"]["is_response"]:
        return
    for record in fields["answers"][:20]:
        addresses = [record.get("address"), *(record.get("addresses") or ())]
        name = bare_name(record["name"] or "")
        if source in addresses and name and len(answered[source]) < 1_000:
            answered[source].setdefault(name, frame)


def _dhcp(dhcp: DhcpSummary) -> Iterator[dict[str, Any]]:
    for version, label in (("dhcp", "DHCPv4"), ("dhcpv6", "DHCPv6")):
        several = [one for one in dhcp.exchanges if one.family == version and len(one.servers) > 1]
        if not several:
            continue
        servers = sorted({server for one in several for server in one.servers})
        field = "dhcp.id" if version == "dhcp" else "dhcpv6.xid"
        shown = several[:MAX_EACH]
        these = ", ".join(sorted({f"{one.xid:#x}" for one in shown if one.xid is not None}))
        yield threat(
            "several_dhcp_servers", "medium", "low",
            f"{count(len(servers), f'{label} server')} answered the same client in "
            f"{count(len(several), 'exchange')}: {', '.join(clean(one, 60) for one in servers[:5])}.",
            count=len(several), frames=[frame for one in shown for frame in one.frames],
            filter=f"{field} in {{{these}}}",
            mitre="T1557.003", false_alarm="two servers set up as a failover pair or with divided pools",
            target=label,
        )  # fmt: skip


def _routers(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    offers = [row for row in one.get("routers", {}).get("rows", ()) if row["message"].get("router_lifetime_s")]
    if len(offers) > 1:
        yield threat(
            "several_routers", "medium", "low",
            f"{len(offers):,} addresses offer to be the IPv6 default router: "
            f"{', '.join(row['router'] for row in offers[:5])}.",
            count=len(offers), frames=[row["first_frame"] for row in offers],
            filter="icmpv6.type == 134 && icmpv6.nd.ra.router_lifetime > 0", mitre="T1557",
            false_alarm="two routers on purpose, a capture over several networks or VLANs", target="IPv6",
        )  # fmt: skip


def _neighbours(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    claimed = [row for row in named(one["neighbours"], NEIGHBOURS) if len(row["macs"]) > 1] if one else []
    for row in claimed[:MAX_EACH]:
        yield threat(
            "ndp_spoofing", "medium", "low",
            f"{row['address']} was advertised with {len(row['macs'])}{' or more' if row['more_macs'] else ''} hardware "
            f"addresses: {', '.join(mac for mac, _ in row['macs'])}.",
            count=len(row["macs"]), frames=[frame for _, frame in row["macs"]], mitre="T1557",
            filter=f"icmpv6.type == 136 && icmpv6.nd.na.target_address == {row['address']}",
            false_alarm="a machine that moved, a failover pair, anycast; detect_arp_spoofing has the times",
            target=row["address"],
        )  # fmt: skip


def _redirects(version: str, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    hosts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in named(one["redirects"], REDIRECTS):
        if row["gateway"] != row["destination"]:
            hosts[row["router"]].append(row)
    for router, rows in sorted(hosts.items())[:MAX_EACH]:
        gateways = sorted({str(row["gateway"]) for row in rows})
        yield threat(
            "redirected_route", "medium", "low",
            f"{router} told hosts to send to {count(len(rows), 'destination')} through "
            f"{', '.join(gateways[:5])} by {'ICMPv6' if version == 'icmpv6' else 'ICMP'} redirect.",
            count=sum(row["count"] for row in rows), frames=[row["first_frame"] for row in rows], mitre="T1557",
            filter=f"{'icmpv6.type == 137' if version == 'icmpv6' else 'icmp.type == 5'} && "
            f"{family(router)}.src == {router}",
            false_alarm="two routers on one network, where the first one sends hosts to the better one",
            source=router, target=", ".join(gateways[:5]),
        )  # fmt: skip
