"""Module security: analyze_security_threats, rules over counters of connections, names, addresses and neighbours.

Each rule is deterministic: the same capture and thresholds give the same findings. What it counts is in `_RULES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.arp import ArpSummary
from pcapstream.protocols.dhcp_records import DhcpSummary
from pcapstream.protocols.dns import DnsSummary
from pcapstream.protocols.icmp import IcmpSummary
from pcapstream.protocols.logins import LoginsSummary
from pcapstream.protocols.probes import ProbesSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.protocols.tls import TlsSummary
from pcapstream.tools.arp_spoofing import FLOOD_COUNT, UNASKED_REPLIES, arp_threats
from pcapstream.tools.logins import guessing_threat
from pcapstream.tools.remembered import remembered
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import count
from pcapstream.tools.threat import LEVELS, MAX_EACH, by_level, first_look_of
from pcapstream.tools.threat_link import link_threats
from pcapstream.tools.threat_tcp import looked_at, tcp_threats
from pcapstream.tools.threat_tls import tls_threats
from pcapstream.tools.threat_udp import udp_threats

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.finding import FirstLook
    from pcapstream.tools.paging import Ask

RULES = (
    "vertical_scan", "horizontal_scan", "syn_flood", "brute_force", "beaconing", "exfiltration", "cleartext_protocol",
    "name_spoofing", "several_dhcp_servers", "several_routers", "ndp_spoofing", "redirected_route",
    "arp_spoofing", "gratuitous_arp_flood", "udp_vertical_scan", "udp_horizontal_scan", "amplification",
    "refused_logins", "suspicious_tls",
)  # fmt: skip
"""What is looked for, in the order of the documentation."""
_NOT_COVERED = "DNS tunnels (detect_dns_tunneling), what is inside of encryption, malware, payloads"


def _found(report: Report, limits: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int | None]:
    """(findings, connections looked at where these are not all)."""
    table = report.summary(TcpSummary).table
    number, all_seen = looked_at(table)
    icmp = report.summary(IcmpSummary)
    findings = by_level(
        [
            *tcp_threats(table, limits),
            *link_threats(report.summary(DnsSummary), report.summary(DhcpSummary), icmp, limits),
            *_on_the_link(report.summary(ArpSummary)),
            *udp_threats(report.summary(ProbesSummary), icmp, limits),
            *_refused(report.summary(LoginsSummary), limits["guess_count"]),
            *tls_threats(report.summary(TlsSummary), limits),
        ]
    )
    return findings, None if all_seen else number


def _known(report: Report, limits: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int | None]:
    question = ("threats", *(limits[p.name] for p in _THRESHOLDS))
    return remembered(report, question, lambda: _found(report, limits))


def _by_severity(findings: list[dict[str, Any]]) -> dict[str, int]:
    return {level: sum(1 for one in findings if one["severity"] == level) for level in LEVELS}


def _summary(numbers: Mapping[str, int]) -> str:
    words = ", ".join(f"{number} {level}" for level, number in numbers.items() if number)
    return f"{count(sum(numbers.values()), 'finding')} ({words})." if words else "No rule found anything."


def first_look(report: Report) -> FirstLook | None:
    """None: no rule found anything above low."""
    findings, _ = _known(report, {p.name: p.default for p in _THRESHOLDS})
    return first_look_of(_summary(_by_severity(findings)), findings)


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    limits: Mapping[str, Any] = ask.parameters
    findings, connections_seen = _known(report, limits)
    connections = len(report.summary(TcpSummary).table)
    chosen = findings if ask["severity_filter"] is None else [
        one for one in findings if LEVELS.index(one["severity"]) <= LEVELS.index(ask["severity_filter"])
    ]  # fmt: skip
    by_severity = _by_severity(chosen)
    notes = [
        f"Not looked at here: {_NOT_COVERED}.",
        "A finding says what was counted and what harmless traffic looks alike (false_alarm); it is no proof.",
    ]
    if missed := report.summary(ProbesSummary).missed():
        notes.append(f"Rules about UDP left out {count(missed, 'datagram')} for want of room: lower bounds.")
    if connections_seen is not None:
        notes.append(
            f"Rules about TCP looked at {connections_seen:,} of {count(connections, 'connection')}: lower bounds."
        )
    if chosen and any("tcp.completeness" in one["filter"] for one in chosen):
        notes.append("Filters on tcp.completeness work in Wireshark 4.0 and later, and in tshark with -2.")
    return {
        "summary": _summary(by_severity),
        "analysis_type": "security_threats",
        "by_severity": by_severity,
        "by_rule": {rule: sum(1 for one in chosen if one["rule"] == rule) for rule in RULES},
        "findings": ask.rows("findings", _COLUMNS, [[one.get(name) for name in _COLUMNS] for one in chosen]),
        "thresholds": {p.name: limits[p.name] for p in _THRESHOLDS},
        "notes": notes,
    }


def _on_the_link(arp: ArpSummary) -> Iterator[dict[str, Any]]:
    """Neighbour advertisements have a rule of their own."""
    for one in arp_threats(arp, {"unasked_replies": UNASKED_REPLIES, "flood_count": FLOOD_COUNT}):
        if one["rule"] != "ndp_spoofing":
            yield {**one, "source": one.get("mac"), "target": one.get("address")}


def _refused(logins: LoginsSummary, least: int) -> Iterator[dict[str, Any]]:
    for one in logins.refused(MAX_EACH):
        if one["most_in_60_s"] >= least:
            yield guessing_threat("refused_logins", one)


_COLUMNS = (
    "rule", "severity", "confidence", "text", "count", "source", "target", "frames", "filter", "mitre", "false_alarm",
)  # fmt: skip

_THRESHOLDS = (
    Parameter("scan_ports", "integer", "Ports of one host on which a client failed", 15, minimum=2),
    Parameter("scan_hosts", "integer", "Hosts on whose port a client failed", 15, minimum=2),
    Parameter("syn_flood_count", "integer", "Unfinished handshakes with a port within 10 s", 100, minimum=2),
    Parameter("brute_force_count", "integer", "Short connections to a login port within 60 s", 20, minimum=2),
    Parameter("guess_count", "integer", "Refused logins within 60 s", 10, minimum=2),
    Parameter("amp_bytes", "integer", "UDP bytes one address got from servers of one port", 1_000_000, minimum=1),
    Parameter("amp_ratio", "number", "Bytes it got by bytes it asked with", 10, minimum=1),
    Parameter("tls_signs", "integer", "Unusual signs of a TLS server together", 3, minimum=2, maximum=5),
    Parameter("beacon_count", "integer", "Connections at equal intervals", 10, minimum=4),
    Parameter(
        "beacon_jitter", "number", "Standard deviation of the intervals by their mean", 0.1, minimum=0, maximum=1
    ),
    Parameter("beacon_seconds", "number", "Shortest mean interval", 5, minimum=0.1),
    Parameter("exfil_bytes", "integer", "Bytes sent to one public address", 50_000_000, minimum=1),
    Parameter("exfil_ratio", "number", "Bytes sent by bytes received", 10, minimum=1),
    Parameter("spoofed_names", "integer", "Names one host answered for (LLMNR, NetBIOS)", 4, minimum=2),
)

THREATS = ToolSpec(
    name="analyze_security_threats",
    module="security",
    title="Security threats",
    description="Use to look for attacks: TCP and UDP scans, floods, amplification, password guessing, beacons, "
    "exfiltration, cleartext, forged names, ARP and NDP, rogue DHCP and routers, suspicious TLS. Each finding has "
    "severity, confidence, frames, filter, ATT&CK technique and what would make it a false alarm.",
    view=_view,
    needs=("tcp", "dns", "dhcp", "icmp", "arp", "probes", "logins", "tls"),
    parameters=(
        Parameter("severity_filter", "string", "Only findings at least that severe", None, choices=LEVELS),
        *_THRESHOLDS,
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("analysis_type", "string"),
        Key("by_severity", "object", "findings by severity"),
        Key("by_rule", "object", "findings by rule; 0: looked for, not found"),
        Key("findings", "object", "table: the most severe first"),
        Key("thresholds", "object"),
    ),
)
