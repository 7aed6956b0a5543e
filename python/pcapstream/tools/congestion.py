"""Module performance: signs of congestion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.protocols.triage import TriageSummary
from pcapstream.tools.diagnosis import connection_table, evidence_within, tool
from pcapstream.tools.finding import HIGH_RETRANSMISSION_RATE, by_weight, finding, loss_findings, within
from pcapstream.tools.tcp import both, packets_of, tcp_notes
from pcapstream.tools.text import count, milliseconds, percent, ratio

if TYPE_CHECKING:
    from pcapstream._core import Connection
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_INDICATORS: tuple[tuple[str, str], ...] = (
    ("retransmission", "data sent again"),
    ("fast_retransmission", "data sent again after duplicate ACKs"),
    ("spurious_retransmission", "data sent again that had been acknowledged"),
    ("duplicate_ack", "the receiver misses data"),
    ("lost_segment", "data sent earlier is not in the capture"),
    ("out_of_order", "data came in another order than it was sent"),
    ("window_full", "the sender filled the receiver's window"),
    ("zero_window", "the receiver has no room"),
)

_INDICATOR = ("indicator", "meaning", "count", "connections", "first_frames", "filter")

_ECN = (
    ("ecn_congested", "marked by a router that was congested (CE)", "ip.dsfield.ecn == 3 || ipv6.tclass.ecn == 3"),
    ("ecn_echo", "the receiver tells of such marks (ECE)", "tcp.flags.ece == 1 && tcp.flags.syn == 0"),
    ("window_reduced", "the sender slowed down (CWR)", "tcp.flags.cwr == 1 && tcp.flags.syn == 0"),
)

_CONGESTED = (
    "packets", "retransmissions", "retransmission_share", "fast_retransmissions", "duplicate_acks", "lost_segments",
    "window_full", "zero_windows", "rtt_to_server_min_ms", "rtt_to_server_max_ms", "rtt_to_client_min_ms",
    "rtt_to_client_max_ms", "first_frame", "filter",
)  # fmt: skip


def _congested_row(one: Connection) -> list[Any]:
    up, down = one.to_server, one.to_client
    again = both(one, "retransmission")
    return [
        packets_of(one),
        again,
        ratio(again, packets_of(one)),
        *(both(one, n) for n in ("fast_retransmission", "duplicate_ack", "lost_segment", "window_full", "zero_window")),
        *(milliseconds(ns) for ns in (up.rtt_min_ns, up.rtt_max_ns, down.rtt_min_ns, down.rtt_max_ns)),
        one.event_frames.get("retransmission"),
        f"tcp.stream == {one.stream} && tcp.analysis.flags",
    ]


def _congestion(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    network = report.summary(TriageSummary).tally.network()
    rows: list[list[Any]] = []
    for name, meaning in _INDICATORS:
        number = evidence.total(name)
        if number:
            connections = totals[f"connections_with_{name}"]
            rows.append([name, meaning, number, connections, evidence.event_frames(name), evidence.filter(name)])
    findings = list(loss_findings(evidence, HIGH_RETRANSMISSION_RATE))
    for name, meaning, where in _ECN:
        marked = network[name]
        if marked["count"]:
            wanted, frames = within(evidence.scope, where), marked["frames"][:10]
            rows.append([name, meaning, marked["count"], None, frames, wanted])
            line = f"{count(marked['count'], 'packet')}: {meaning}."
            weight: Any = "warning" if name == "ecn_congested" else "info"
            findings.append(finding(name, weight, line, count=marked["count"], frames=frames, filter=wanted))
    again = evidence.total("retransmission")
    text = (
        f"{count(again, 'retransmission')} in {count(totals['packets'], 'TCP packet')} "
        f"({percent(ratio(again, totals['packets']))}), {count(evidence.total('duplicate_ack'), 'duplicate ACK')}, "
        f"{count(network['ecn_congested']['count'], 'packet')} marked by ECN of "
        f"{network['ecn_capable']:,} that can be."
    )
    return {
        "summary": {
            "text": text,
            "tcp_packets": totals["packets"],
            "retransmission_share": ratio(again, totals["packets"]),
            "ecn_capable_packets": network["ecn_capable"],
            "ecn_congested_packets": network["ecn_congested"]["count"],
            **{name: evidence.total(name) for name, _ in _INDICATORS},
        },
        "analysis_type": "congestion_indicators",
        "findings": by_weight(findings),
        "congestion_data": ask.rows("congestion_data", _INDICATOR, rows),
        "by_connection": connection_table(
            ask, "by_connection", _CONGESTED, _congested_row, evidence, having="retransmission", order="retransmissions"
        ),
        "notes": tcp_notes(evidence),
    }


CONGESTION = tool(
    "performance",
    "analyze_congestion_indicators",
    "Signs of congestion",
    "Use it to see whether a path is congested: retransmissions, duplicate ACKs, full windows, ECN marks and echoes, "
    "in all and by connection, with how far round-trip times spread.",
    _congestion,
    ("tcp", "triage"),
    (("congestion_data", "one indicator"), ("by_connection", "one connection, most retransmissions first")),
)
