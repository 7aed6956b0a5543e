"""Expert items: what Wireshark's expert information says of packets, with its severities, groups and words.

Counted here are the items whose events the decoders follow; `COVERS` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.protocols.dhcp_records import FAMILIES, DhcpSummary
from pcapstream.protocols.dns import DnsSummary
from pcapstream.protocols.icmp import IcmpSummary
from pcapstream.protocols.sip.summary import SipSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.tools.finding import MAX_FRAMES, TcpEvidence
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.model import Report

ExpertSeverity = Literal["error", "warn", "note", "chat"]

SEVERITIES: tuple[ExpertSeverity, ...] = ("error", "warn", "note", "chat")
"""Wireshark's, the heaviest first."""

NEEDS = ("dns", "dhcp", "icmp", "sip", "tcp")


@dataclass(frozen=True, slots=True)
class Item:
    """One kind of remark and how often it was made. filter: shows its packets in Wireshark."""

    severity: ExpertSeverity
    group: str
    protocol: str
    text: str
    count: int
    frames: Sequence[int]
    filter: str


_TCP: tuple[tuple[str, ExpertSeverity, str], ...] = (
    ("out_of_order", "warn", "This frame is a (suspected) out-of-order segment"),
    ("lost_segment", "warn", "Previous segment(s) not captured (common at capture start)"),
    ("ack_lost_segment", "warn", "ACKed segment that wasn't captured (common at capture start)"),
    ("zero_window", "warn", "TCP Zero Window segment"),
    ("window_full", "warn", "TCP window specified by the receiver is now completely full"),
    ("retransmission", "note", "This frame is a (suspected) retransmission"),
    ("fast_retransmission", "note", "This frame is a (suspected) fast retransmission"),
    ("spurious_retransmission", "note", "This frame is a (suspected) spurious retransmission"),
    ("duplicate_ack", "note", "Duplicate ACK"),
    ("keep_alive", "note", "TCP keep-alive segment"),
    ("keep_alive_ack", "note", "ACK to a TCP keep-alive segment"),
    ("zero_window_probe", "note", "TCP Zero Window Probe"),
    ("zero_window_probe_ack", "note", "ACK to a TCP Zero Window Probe"),
    ("reused_ports", "note", "A new tcp session is started with the same ports as an earlier session in this trace"),
    ("window_update", "chat", "TCP window update"),
)
"""tcp.analysis events. Wireshark gives a duplicate ACK its number, here they are one item."""

_FLAGS: tuple[tuple[str, tuple[str, ...], ExpertSeverity, str, str], ...] = (
    ("rst", ("rst_to_server", "rst_to_client"), "warn", "Connection reset (RST)", "tcp.flags.reset == 1"),
    (
        "syn",
        ("syn",),
        "chat",
        "Connection establish request (SYN)",
        "tcp.flags.syn == 1 and tcp.flags.ack == 0",
    ),
    (
        "syn_ack",
        ("syn_ack",),
        "chat",
        "Connection establish acknowledge (SYN+ACK)",
        "tcp.flags.syn == 1 and tcp.flags.ack == 1",
    ),
    ("fin", ("fin_to_server", "fin_to_client"), "chat", "Connection finish (FIN)", "tcp.flags.fin == 1"),
)
"""Flags, the sums they are in, and their items. Wireshark gives SYNs their port, here they are one item."""

_NAMES = {"dns": "DNS", "mdns": "mDNS", "llmnr": "LLMNR"}

COVERS: tuple[str, ...] = (
    *(text for _, _, text in _TCP),
    *(text for _, _, _, text, _ in _FLAGS),
    "DNS query retransmission",
    "DNS response retransmission",
    "No response seen to ICMP request",
    "No response seen to ICMPv6 request",
)


def items_of(report: Report) -> list[Item]:
    """All that were counted, the heaviest severity first, then the most frequent."""
    found = [*_tcp(report), *_dns(report), *_icmp(report)]
    return _ranked(found)


def unreadable(report: Report) -> list[Item]:
    """Messages that end too early or go against their format, by our decoders: Wireshark calls some of them malformed,
    and reads others."""
    dns = values_of(report.summary(DnsSummary))
    dhcp = report.summary(DhcpSummary)
    found = [_unreadable(_NAMES.get(name, name.upper()), name, counts["malformed"]) for name, counts in dns.items()]
    for family in FAMILIES:
        seen = dhcp.events.get((family, "malformed"))
        frames = () if seen is None else seen.frames
        label = "DHCP" if family == "dhcp" else "DHCPv6"
        found.append(_unreadable(label, family, dhcp.counts[family].malformed, frames))
    found.append(_unreadable("SIP", "sip", report.summary(SipSummary).totals.malformed))
    return _ranked(found)


def _unreadable(label: str, name: str, number: int, frames: Sequence[int] = ()) -> Item:
    return Item("error", "Malformed", label, "Message ends too early or goes against its format", number, frames, name)


def _ranked(found: Iterable[Item]) -> list[Item]:
    found = [item for item in found if item.count]
    return sorted(found, key=lambda item: (SEVERITIES.index(item.severity), -item.count, item.protocol, item.text))


def _tcp(report: Report) -> Iterable[Item]:
    evidence = TcpEvidence(report.summary(TcpSummary).table)
    totals = evidence.totals
    for name, severity, text in _TCP:
        frames = evidence.event_frames(name)
        yield Item(severity, "Sequence", "TCP", text, evidence.total(name), frames, f"tcp.analysis.{name}")
    for name, sums, severity, text, shown in _FLAGS:
        frames = evidence.table.frames(name)[:MAX_FRAMES]
        yield Item(severity, "Sequence", "TCP", text, sum(totals[one] for one in sums), frames, shown)


def _dns(report: Report) -> Iterable[Item]:
    for name, counts in values_of(report.summary(DnsSummary)).items():
        if name not in _NAMES:
            continue
        for key, text, shown in (
            ("retransmitted_queries", "DNS query retransmission", "dns.retransmit_request"),
            ("duplicate_responses", "DNS response retransmission", "dns.retransmit_response"),
        ):
            again = counts[key]
            where = f"{name} and {shown}"
            yield Item("warn", "Protocol", _NAMES[name], text, again["count"], again["frames"], where)


def _icmp(report: Report) -> Iterable[Item]:
    for name, counts in values_of(report.summary(IcmpSummary)).items():
        left = counts["echo"]["unanswered"]
        text = f"No response seen to {'ICMP' if name == 'icmp' else 'ICMPv6'} request"
        label = "ICMP" if name == "icmp" else "ICMPv6"
        yield Item("warn", "Sequence", label, text, left["count"], left["frames"], f"{name}.no_resp")


def at_least(items: Iterable[Item], severity: ExpertSeverity | None) -> list[Item]:
    """Those of that severity and heavier; None: all."""
    if severity is None:
        return list(items)
    kept = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return [item for item in items if item.severity in kept]


def rows_of(items: Iterable[Item]) -> list[list[Any]]:
    """Rows of COLUMNS."""
    return [
        [item.severity, item.group, item.protocol, item.text, item.count, sorted(item.frames)[:MAX_FRAMES], item.filter]
        for item in items
    ]


COLUMNS = ("severity", "group", "protocol", "summary", "count", "first_frames", "filter")


def sums(items: Iterable[Item]) -> Mapping[str, int]:
    """Severity -> packets with an item of it."""
    found: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for item in items:
        found[item.severity] += item.count
    return found
