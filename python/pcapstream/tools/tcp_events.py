"""Module diagnostics: zero windows, window scaling, duplicate ACKs, disorder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapstream.tools.diagnosis import back, connection_table, evidence_within, there, tool
from pcapstream.tools.finding import MAX_FRAMES, Severity, TcpEvidence, by_weight, finding, within
from pcapstream.tools.tcp import both, packets_of, tcp_notes
from pcapstream.tools.text import count, percent, ratio, utc

if TYPE_CHECKING:
    from pcapstream._core import Connection
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

MANY_DISORDERED = 0.01
"""Share of the TCP packets that are out of order, or duplicate ACKs, from which on it is a warning."""


def _event(evidence: TcpEvidence, name: str, code: str, severity: Severity, what: str) -> Iterable[dict[str, Any]]:
    """A finding about one tcp.analysis event, where there is any. what: "segment(s) out of order"."""
    number = evidence.total(name)
    if number:
        noun, _, rest = what.partition("|")
        where = count(evidence.totals[f"connections_with_{name}"], "connection")
        text = f"{count(number, noun)}{rest} in {where}."
        frames = evidence.event_frames(name)
        yield finding(code, severity, text, count=number, frames=frames, filter=evidence.filter(name))


def _weight(evidence: TcpEvidence, name: str) -> Severity:
    return "warning" if evidence.total(name) > MANY_DISORDERED * evidence.totals["packets"] else "info"


def _zero_window(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    names = ("zero_window", "zero_window_probe", "zero_window_probe_ack", "window_full", "window_update")
    counted = {name: evidence.total(name) for name in names}
    affected = totals["connections_with_zero_window"]
    text = (
        f"{count(counted['zero_window'], 'segment')} with a receive window of zero in {count(affected, 'connection')}: "
        f"{totals['zero_window_to_server']:,} sent by clients, {totals['zero_window_to_client']:,} by servers; "
        f"{counted['zero_window_probe']:,} probes, {counted['window_full']:,} segments that filled a window."
    )
    findings = [
        *_event(evidence, "zero_window", "zero_window", "warning", "segment| that left the sender no room to send"),
        *_event(evidence, "window_full", "window_full", "info", "segment| that filled the window of the receiver"),
    ]

    def row(one: Connection) -> list[Any]:
        return [
            both(one, "zero_window"),
            there(one, "zero_window"),
            back(one, "zero_window"),
            both(one, "zero_window_probe"),
            both(one, "window_full"),
            both(one, "window_update"),
            one.to_server.max_window,
            one.to_client.max_window,
            packets_of(one),
            one.event_frames.get("zero_window"),
            f"tcp.stream == {one.stream} && tcp.analysis.zero_window",
        ]

    columns = (
        "zero_windows", "by_client", "by_server", "probes", "window_full", "window_updates", "client_max_window",
        "server_max_window", "packets", "first_frame", "filter",
    )  # fmt: skip
    return {
        "summary": {"text": text, **counted, "connections_with_zero_window": affected},
        "analysis_type": "tcp_zero_window",
        "findings": by_weight(findings),
        "zero_window_data": connection_table(
            ask, "zero_window_data", columns, row, evidence, having="zero_window", order="zero_window"
        ),
        "notes": tcp_notes(evidence),
    }


_SCALING = (
    "client_shift", "server_shift", "in_use", "client_max_window", "server_max_window", "client_mss", "server_mss",
    "syn_frame", "syn_ack_frame",
)  # fmt: skip


def _scaling_row(one: Connection) -> list[Any]:
    up, down = one.to_server, one.to_client
    return [
        up.window_scale,
        down.window_scale,
        up.window_scale is not None and down.window_scale is not None,
        up.max_window,
        down.max_window,
        up.mss,
        down.mss,
        one.syn_frame,
        one.syn_ack_frame,
    ]


def _window_scaling(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals, table = evidence.totals, evidence.table
    unscaled, seen = totals["unscaled"], totals["complete"]
    text = (
        f"{count(seen, 'connection')} with a complete handshake; {count(unscaled, 'connection')} without window "
        "scaling on both sides, whose windows end at 65,535 bytes."
    )
    findings = []
    if unscaled:
        frames = [
            frame
            for one in table.connections(having="unscaled", limit=MAX_FRAMES)
            for frame, shift in (
                (one.syn_frame, one.to_server.window_scale),
                (one.syn_ack_frame, one.to_client.window_scale),
            )
            if shift is None and frame is not None
        ]
        says = (
            f"{count(unscaled, 'connection')} of {totals['connections']:,} use no window scaling, because SYN or "
            "SYN-ACK lacks the option."
        )
        where = within(evidence.scope, "tcp.flags.syn == 1 && !tcp.options.wscale.shift")
        findings.append(finding("no_window_scaling", "info", says, count=unscaled, frames=frames, filter=where))
    return {
        "summary": {
            "text": text,
            "complete_handshakes": seen,
            "without_scaling": unscaled,
            "mid_stream_connections": totals["mid_stream"],
        },
        "analysis_type": "tcp_window_scaling",
        "findings": findings,
        "window_scaling_data": connection_table(
            ask, "window_scaling_data", _SCALING, _scaling_row, evidence, having="complete"
        ),
        "without_scaling": connection_table(
            ask, "without_scaling", _SCALING, _scaling_row, evidence, having="unscaled", limit=10
        ),
        "notes": [
            "Shifts are the options of SYN and SYN-ACK; max_window is the largest window announced, scaled.",
            *tcp_notes(evidence),
        ],
    }


def _event_row(name: str) -> Any:
    def row(one: Connection) -> list[Any]:
        return [
            both(one, name),
            there(one, name),
            back(one, name),
            packets_of(one),
            ratio(both(one, name), packets_of(one)),
            one.event_frames.get(name),
            utc(one.first_ns),
            f"tcp.stream == {one.stream} && tcp.analysis.{name}",
        ]

    return row


_EVENTS = ("count", "by_client", "by_server", "packets", "share", "first_frame", "connection_start_utc", "filter")


def _timing_issues(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    disorder, repeated = evidence.total("out_of_order"), evidence.total("duplicate_ack")
    backwards = report.capture["time_backwards"]
    text = (
        f"{count(disorder, 'segment')} out of order ({percent(ratio(disorder, totals['packets']))} of the TCP "
        f"packets), {count(repeated, 'duplicate ACK')}, {evidence.total('lost_segment'):,} gaps; "
        f"{count(backwards, 'packet')} with a time before that of the packet in front."
    )
    findings = [
        *_event(evidence, "out_of_order", "out_of_order", _weight(evidence, "out_of_order"), "segment| out of order"),
        *_event(evidence, "duplicate_ack", "duplicate_acks", _weight(evidence, "duplicate_ack"), "duplicate ACK|"),
        *_event(
            evidence, "lost_segment", "missing_segments", "warning", "place| where earlier data is not in the capture"
        ),
    ]
    if backwards:
        says = f"{count(backwards, 'packet')} earlier than the one in front of them: recorded out of order."
        findings.append(
            finding(
                "time_goes_back", "info", says, count=backwards, filter=within(evidence.scope, "frame.time_delta < 0")
            )
        )
    row = _event_row
    return {
        "summary": {
            "text": text,
            "out_of_order": disorder,
            "duplicate_acks": repeated,
            "lost_segments": evidence.total("lost_segment"),
            "capture_time_backwards": backwards,
            "streams_with_out_of_order": totals["connections_with_out_of_order"],
            "streams_with_duplicate_acks": totals["connections_with_duplicate_ack"],
        },
        "analysis_type": "packet_timing_issues",
        "findings": by_weight(findings),
        "timing_data": connection_table(
            ask, "timing_data", _EVENTS, row("out_of_order"), evidence, having="out_of_order", order="out_of_order"
        ),
        "duplicate_ack_data": connection_table(
            ask, "duplicate_ack_data", _EVENTS, row("duplicate_ack"), evidence,
            having="duplicate_ack", order="duplicate_ack",
        ),
        "notes": tcp_notes(evidence),
    }  # fmt: skip


def _duplicate_acks(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    number, fast = evidence.total("duplicate_ack"), evidence.total("fast_retransmission")
    affected = totals["connections_with_duplicate_ack"]
    text = (
        f"{count(number, 'duplicate ACK')} in {count(affected, 'connection')}, followed by "
        f"{count(fast, 'fast retransmission')}."
    )
    findings = [
        *_event(evidence, "duplicate_ack", "duplicate_acks", _weight(evidence, "duplicate_ack"), "duplicate ACK|"),
        *_event(evidence, "fast_retransmission", "fast_retransmissions", "info", "fast retransmission|"),
    ]
    return {
        "summary": {
            "text": text,
            "total_duplicate_acks": number,
            "streams_affected": affected,
            "fast_retransmissions_triggered": fast,
        },
        "analysis_type": "duplicate_acks",
        "findings": by_weight(findings),
        "duplicate_acks": connection_table(
            ask, "duplicate_acks", _EVENTS, _event_row("duplicate_ack"), evidence,
            having="duplicate_ack", order="duplicate_ack",
        ),
        "fast_retransmissions": connection_table(
            ask, "fast_retransmissions", _EVENTS, _event_row("fast_retransmission"), evidence,
            having="fast_retransmission", order="retransmissions",
        ),
        "notes": tcp_notes(evidence),
    }  # fmt: skip


def _out_of_order(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    number, affected = evidence.total("out_of_order"), totals["connections_with_out_of_order"]
    share = ratio(number, totals["packets"])
    text = f"{count(number, 'segment')} out of order in {count(affected, 'connection')}, {percent(share)} of all."
    findings = _event(
        evidence, "out_of_order", "out_of_order", _weight(evidence, "out_of_order"), "segment| out of order"
    )
    return {
        "summary": {
            "text": text,
            "total_out_of_order": number,
            "streams_affected": affected,
            "share_of_tcp_packets": share,
            "by_clients": totals["out_of_order_to_server"],
            "by_servers": totals["out_of_order_to_client"],
        },
        "analysis_type": "out_of_order_packets",
        "findings": list(findings),
        "out_of_order_packets": connection_table(
            ask, "out_of_order_packets", _EVENTS, _event_row("out_of_order"), evidence,
            having="out_of_order", order="out_of_order",
        ),
        "notes": tcp_notes(evidence),
    }  # fmt: skip


ZERO_WINDOW = tool(
    "diagnostics",
    "analyze_tcp_zero_window",
    "TCP zero windows",
    "Use it when transfers stall: receivers that announced a window of zero, by connection and end, with the probes "
    "and the segments that filled a window.",
    _zero_window,
    ("tcp",),
    (("zero_window_data", "one connection a row, most first"),),
)
WINDOW_SCALING = tool(
    "diagnostics",
    "analyze_tcp_window_scaling",
    "TCP window scaling",
    "Use it when transfers over long distances are slow: window scale options of both sides, the largest windows "
    "announced, and connections without scaling.",
    _window_scaling,
    ("tcp",),
    (("window_scaling_data", "one connection a row"), ("without_scaling", "connections not scaled")),
)
TIMING_ISSUES = tool(
    "diagnostics",
    "analyze_packet_timing_issues",
    "Packets out of order",
    "Use it to see whether packets come in disorder: segments out of order, duplicate ACKs, gaps, by connection; "
    "packets recorded with times that go back.",
    _timing_issues,
    ("tcp",),
    (("timing_data", "one connection a row, most out of order first"), ("duplicate_ack_data", "one connection a row")),
)
DUPLICATE_ACKS = tool(
    "diagnostics",
    "analyze_duplicate_acks",
    "TCP duplicate ACKs",
    "Use it when loss is suspected: duplicate ACKs by connection and end, and the fast retransmissions that followed.",
    _duplicate_acks,
    ("tcp",),
    (("duplicate_acks", "one connection a row, most first"), ("fast_retransmissions", "one connection a row")),
)
OUT_OF_ORDER = tool(
    "diagnostics",
    "analyze_out_of_order_packets",
    "TCP segments out of order",
    "Use it when several paths or a faulty device may reorder packets: segments out of order by connection and end.",
    _out_of_order,
    ("tcp",),
    (("out_of_order_packets", "one connection a row, most first"),),
)
