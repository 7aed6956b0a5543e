"""Rules of analyze_security_threats over UDP: scans, reflected and amplified traffic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.icmp import ERRORS, named
from pcapstream.tools.text import count, size
from pcapstream.tools.threat import MAX_EACH, family, threat
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.protocols.icmp import IcmpSummary
    from pcapstream.protocols.probes import ProbesSummary

REFLECTORS = {
    17: "QOTD", 19: "Chargen", 53: "DNS", 69: "TFTP", 111: "Portmap", 123: "NTP", 137: "NetBIOS", 161: "SNMP",
    389: "CLDAP", 427: "SLP", 520: "RIP", 1434: "SQL Server", 1900: "SSDP", 3283: "ARD", 3478: "STUN",
    3702: "WS-Discovery", 5093: "Sentinel", 5353: "mDNS", 10001: "Ubiquiti", 11211: "Memcached",
}  # fmt: skip
SILENT_SHARE = 0.8
"""Part of the ports or hosts that did not answer: a client of many services gets answers of most."""
MANY_SERVERS = 5


def udp_threats(probes: ProbesSummary, icmp: IcmpSummary, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    closed = _closed_ports(icmp)
    yield from _vertical(probes, closed, limits["scan_ports"])
    yield from _horizontal(probes, limits["scan_hosts"])
    yield from _amplified(probes, limits["amp_bytes"], limits["amp_ratio"])


def _closed_ports(icmp: IcmpSummary) -> Mapping[tuple[str, str], tuple[int, list[int]]]:
    """(source, target) -> different UDP ports said to be closed by ICMP, first frames of that."""
    ports: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for version, one in values_of(icmp).items():
        unreachable = (3, 3) if version == "icmp" else (1, 4)
        for row in named(one["errors"], ERRORS):
            if row["protocol"] in (17, "udp") and tuple(row["kind"][:2]) == unreachable:
                ports[row["source"], row["destination"]].setdefault(row["destination_port"], row["first_frame"])
    return {pair: (len(seen), sorted(seen.values())) for pair, seen in ports.items()}


def _vertical(
    probes: ProbesSummary, closed: Mapping[tuple[str, str], tuple[int, list[int]]], least: int
) -> Iterator[dict[str, Any]]:
    for one in probes.top("ports", MAX_EACH):
        silent, source, target = one["unanswered"], one["source"], one["target"]
        if silent < least or silent < SILENT_SHARE * (silent + one["answered"]):
            continue
        refused, frames = closed.get((source, target), (0, []))
        yield threat(
            "udp_vertical_scan", "high", "high" if refused * 2 >= silent else "medium",
            f"{source} sent UDP to {count(silent, 'port')} of {target} without an answer; ICMP called {refused:,} of "
            "them closed.",
            count=silent, frames=[*one["frames"][: MAX_EACH // 2], *frames[: MAX_EACH // 2]], mitre="T1046",
            filter=f"udp && {family(source)}.addr == {source} && {family(target)}.addr == {target}",
            false_alarm="an inventory scanner of the operator, media streams in a capture of one direction only",
            source=source, target=target,
        )  # fmt: skip


def _horizontal(probes: ProbesSummary, least: int) -> Iterator[dict[str, Any]]:
    for one in probes.top("hosts", MAX_EACH):
        silent, source, port = one["unanswered"], one["source"], one["port"]
        if silent < least or silent < SILENT_SHARE * (silent + one["answered"]):
            continue
        yield threat(
            "udp_horizontal_scan", "high", "medium",
            f"{source} sent UDP to port {port} of {count(silent, 'host')} without an answer ({one['answered']:,} "
            "answered).",
            count=silent, frames=one["frames"], mitre="T1046",
            filter=f"{family(source)}.src == {source} && udp.dstport == {port}",
            false_alarm="peer-to-peer programs, sending of logs or measurements, a capture of one direction only",
            source=source, target=f"port {port}",
        )  # fmt: skip


def _amplified(probes: ProbesSummary, least: int, ratio: float) -> Iterator[dict[str, Any]]:
    for one in probes.top("victims", MAX_EACH):
        sent, asked, victim, port = one["sent_bytes"], one["asked_bytes"], one["victim"], one["port"]
        if sent < least or sent < ratio * asked:
            continue
        servers = one["servers"]
        sure = servers >= MANY_SERVERS and one["asked"] * 2 <= one["sent"]
        yield threat(
            "amplification", "high", "high" if sure else "medium",
            f"{count(servers, 'server')} of port {port} ({REFLECTORS.get(port, 'UDP')}) sent {size(sent)} to {victim} "
            f"in {count(one['sent'], 'datagram')}, for {size(asked)} in {one['asked']:,} that claim to come from it.",
            count=one["sent"], frames=one["frames"], mitre="T1498.002",
            filter=f"{family(victim)}.dst == {victim} && udp.srcport == {port}",
            false_alarm="large transfers over that protocol: zone data, walks through SNMP tables, file transfer, in a "
            "capture that misses the questions",
            target=victim,
        )  # fmt: skip
