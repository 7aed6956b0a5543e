"""Module diagnostics: how connections begin and end: resets, timeouts, lives from SYN to close."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tls import TlsSummary
from pcapstream.tools.diagnosis import connection_table, evidence_within, tool
from pcapstream.tools.finding import MAX_FRAMES, Severity, TcpEvidence, by_weight, filter_notes, finding, within
from pcapstream.tools.performance import spread
from pcapstream.tools.tcp import CLOSE_REASONS, both, packets_of, rtt_summary, tcp_notes
from pcapstream.tools.text import count, milliseconds, utc
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream._core import Connection
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

CAUSES = {
    "syn": "connection refused: the SYN was answered by RST",
    "own_syn": "given up by its client before an answer came",
    "syn_ack": "broken off after the SYN-ACK, before the handshake was complete",
    "handshake": "broken off after the handshake, before any data",
    "data": "broken off after data was exchanged",
    "fin": "RST behind a FIN: one end had closed already",
    "unseen": "the beginning is not in the capture",
}
"""What was seen in front of the first RST of a connection."""


def _resets(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    sent = totals["rst_to_server"] + totals["rst_to_client"]
    after = {kind: totals[f"reset_after_{kind}"] for kind in CAUSES}
    mid = after["handshake"] + after["data"]
    elsewhere = totals["reset_elsewhere"]
    text = (
        f"{count(sent, 'RST')} in {count(totals['reset'], 'connection')}: {after['syn']:,} refused, {mid:,} broken off "
        f"after the handshake ({after['data']:,} with data), {after['fin']:,} behind a FIN, {after['syn_ack']:,} half "
        f"open; the first RST came from the client in {totals['reset_by_client']:,}, from the server in "
        f"{totals['reset_by_server']:,}."
    )
    findings = []
    says: tuple[tuple[str, str, Severity, str], ...] = (
        ("syn", "connections_refused", "warning", "the SYN was answered by RST"),
        ("data", "reset_after_data", "warning", "an RST came after data was exchanged"),
        ("handshake", "reset_without_data", "warning", "an RST came after the handshake, before any data"),
        ("syn_ack", "reset_half_open", "info", "an RST came after the SYN-ACK, before the handshake was complete"),
        ("fin", "reset_after_fin", "info", "an RST came behind a FIN"),
    )
    for kind, code, weight, words in says:
        if after[kind]:
            line = f"In {count(after[kind], 'connection')} of {totals['connections']:,} {words}."
            findings.append(_reset_finding(evidence, f"reset_after_{kind}", code, weight, line, after[kind]))
    if elsewhere:
        line = (
            f"In {count(elsewhere, 'connection')} the TTL of the first RST differs by 5 or more from that of the same "
            "sender's SYN, SYN-ACK or FIN: a device on the way may have sent it."
        )
        findings.append(_reset_finding(evidence, "reset_elsewhere", "reset_from_elsewhere", "warning", line, elsewhere))

    def row(one: Connection) -> list[Any]:
        kind = one.reset_after
        return [
            one.rst_frame,
            one.closed_by,
            kind,
            CAUSES[kind] if kind else None,
            one.to_server.rst,
            one.to_client.rst,
            packets_of(one),
            one.reset_ttl,
            one.reset_usual_ttl,
            one.reset_seq_gap,
            one.reset_elsewhere,
            f"tcp.stream == {one.stream} && tcp.flags.reset == 1",
        ]

    columns = (
        "frame", "sent_by", "after", "likely_cause", "rst_by_client", "rst_by_server", "packets", "ttl", "usual_ttl",
        "sequence_gap", "from_elsewhere", "filter",
    )  # fmt: skip
    notes = []
    if totals["reset"]:
        notes.append(
            "ttl is that of the first RST, usual_ttl that of its sender's SYN, SYN-ACK or FIN; sequence_gap is how "
            "far its sequence number is from the next one expected. null: the capture does not tell."
        )
    return {
        "summary": {
            "text": text,
            "total_resets": sent,
            "connection_refused": after["syn"],
            "mid_connection_resets": mid,
            "connections_with_reset": totals["reset"],
            "by_stage": after,
            "by_client": totals["reset_by_client"],
            "by_server": totals["reset_by_server"],
            "from_elsewhere": elsewhere,
        },
        "analysis_type": "tcp_resets",
        "findings": by_weight(findings),
        "resets": connection_table(ask, "resets", columns, row, evidence, having="reset"),
        "notes": [*notes, *tcp_notes(evidence)],
    }


def _reset_finding(
    evidence: TcpEvidence, having: str, code: str, weight: Severity, text: str, number: int
) -> dict[str, Any]:
    chosen = evidence.table.connections(having=having, limit=MAX_FRAMES)
    frames = [one.rst_frame for one in chosen if one.rst_frame]
    where = within(evidence.scope, "tcp.flags.reset == 1")
    return finding(code, weight, text, count=number, frames=frames, filter=where)


_SYN_AGAIN = "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.analysis.retransmission"
_SYNS = ("frame", "time_utc", "syns", "seconds", "handshake", "last_frame", "filter")


def _syn_row(one: Connection) -> list[Any]:
    return [
        one.syn_frame or one.first_frame,
        utc(one.first_ns),
        one.to_server.syn + one.to_client.syn,
        (one.last_ns - one.first_ns) / 1e9,
        one.handshake,
        one.last_frame,
        f"tcp.stream == {one.stream} && tcp.flags.syn == 1",
    ]


def _timeouts(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals, table = evidence.totals, evidence.table
    again, streams = totals["syn_again"], totals["connections_with_syn_again"]
    keep_alives = evidence.total("keep_alive")
    text = (
        f"{count(totals['syn_only'], 'connection')} got no answer to the SYN; {count(again, 'SYN')} sent again in "
        f"{count(streams, 'connection')}; {count(keep_alives, 'keep-alive')}; {count(totals['idle'], 'connection')} "
        "silent for more than 2 minutes before the capture ended, and open."
    )
    findings = []
    if totals["syn_only"]:
        number = totals["syn_only"]
        findings.append(
            finding(
                "unanswered_connections", "warning",
                f"{count(number, 'connection')} of {totals['connections']:,} got no answer to the SYN in this capture.",
                count=number, frames=evidence.state_frames("syn_only"), filter=evidence.filter("syn_only"),
            )
        )  # fmt: skip
    if again:
        chosen = table.connections(having="syn_again", limit=MAX_FRAMES)
        findings.append(
            finding(
                "syn_retransmissions", "warning",
                f"{count(again, 'SYN')} sent again in {count(streams, 'connection')}.",
                count=again, frames=[one.syn_frame or one.first_frame for one in chosen],
                filter=within(evidence.scope, _SYN_AGAIN),
            )
        )  # fmt: skip
    if keep_alives:
        where = count(totals["connections_with_keep_alive"], "connection")
        findings.append(
            finding(
                "keep_alives", "info", f"{count(keep_alives, 'keep-alive')} in {where}.", count=keep_alives,
                frames=evidence.event_frames("keep_alive"), filter=evidence.filter("keep_alive"),
            )
        )  # fmt: skip

    def keep_alive_row(one: Connection) -> list[Any]:
        return [
            both(one, "keep_alive"),
            both(one, "keep_alive_ack"),
            one.event_frames.get("keep_alive"),
            (one.last_ns - one.first_ns) / 1e9,
            CLOSE_REASONS[one.close],
            f"tcp.stream == {one.stream} && tcp.analysis.keep_alive",
        ]

    def idle_row(one: Connection) -> list[Any]:
        return [one.last_frame, utc(one.last_ns), packets_of(one), f"tcp.stream == {one.stream}"]

    alive = ("keep_alives", "acks", "first_frame", "seconds", "close_reason", "filter")
    return {
        "summary": {
            "text": text,
            "unanswered_syns": totals["syn_only"],
            "syn_retransmissions": again,
            "streams_with_syn_retrans": streams,
            "keepalive_packets": keep_alives,
            "idle_connections": totals["idle"],
        },
        "analysis_type": "connection_timeouts",
        "findings": by_weight(findings),
        "unanswered_connections": connection_table(
            ask, "unanswered_connections", _SYNS, _syn_row, evidence, having="syn_only"
        ),
        "syn_retransmissions": connection_table(
            ask, "syn_retransmissions", _SYNS, _syn_row, evidence, having="syn_again"
        ),
        "keep_alives": connection_table(
            ask, "keep_alives", alive, keep_alive_row, evidence, having="keep_alive", order="keep_alive", limit=10
        ),
        "idle_connections": connection_table(
            ask, "idle_connections", ("last_frame", "last_utc", "packets", "filter"), idle_row, evidence,
            having="idle", limit=10,
        ),
        "notes": [*tcp_notes(evidence), *filter_notes(findings)],
    }  # fmt: skip


_LIFE = (
    "start_utc", "handshake", "initial_rtt_ms", "seconds", "close_reason", "closed_by", "exchanges", "packets",
    "payload_to_server", "payload_to_client", "syn_frame", "syn_ack_frame", "fin_frame", "rst_frame", "filter",
)  # fmt: skip


def _life_row(one: Connection) -> list[Any]:
    return [
        utc(one.first_ns),
        one.handshake,
        milliseconds(one.initial_rtt_ns),
        (one.last_ns - one.first_ns) / 1e9,
        CLOSE_REASONS[one.close],
        one.closed_by,
        one.response_count,
        packets_of(one),
        one.to_server.payload_bytes,
        one.to_client.payload_bytes,
        one.syn_frame,
        one.syn_ack_frame,
        one.fin_frame,
        one.rst_frame,
        f"tcp.stream == {one.stream}",
    ]


def _lifecycle(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals = evidence.totals
    handshakes = {name: totals[name] for name in ("complete", "syn_only", "refused", "half_open", "mid_stream")}
    closes = {shown: totals[name] for name, shown in CLOSE_REASONS.items()}
    text = (
        f"{count(totals['connections'], 'connection')}: {handshakes['complete']:,} with a complete handshake, "
        f"{handshakes['mid_stream']:,} begun before the capture; {closes['normal']:,} closed by FIN both ways, "
        f"{closes['half_closed']:,} by one, {closes['reset']:,} by RST, {closes['active'] + closes['idle']:,} open at "
        "the end."
    )
    findings = []
    if totals["half_closed"]:
        number = totals["half_closed"]
        chosen = evidence.table.connections(having="half_closed", limit=MAX_FRAMES)
        line = f"{count(number, 'connection')} closed by one end only: the other end's FIN is not in the capture."
        frames = [one.fin_frame for one in chosen if one.fin_frame]
        where = within(evidence.scope, "tcp.flags.fin == 1")
        findings.append(finding("half_closed", "info", line, count=number, frames=frames, filter=where))
    return {
        "summary": {
            "text": text,
            "connections": totals["connections"],
            "handshakes": handshakes,
            "closes": closes,
            "initial_rtt_ms": rtt_summary(evidence.table.initial_rtts()),
            "tls_handshake_ms": {name: spread(times) for name, times in _tls_times(report).items()},
        },
        "analysis_type": "connection_lifecycle",
        "findings": findings,
        "lifecycle_data": connection_table(ask, "lifecycle_data", _LIFE, _life_row, evidence),
        "notes": [
            "An exchange is data of the client followed by data of the server.",
            "tls_handshake_ms is of the whole capture, from the client's hello to the end of the handshake, beside "
            "initial_rtt_ms, from SYN to the ACK that ends the handshake of TCP; by server: analyze_network_latency.",
            *tcp_notes(evidence),
        ],
    }


def _tls_times(report: Report) -> dict[str, Mapping[str, Any]]:
    """Times of TLS handshakes, where there are any: of all that completed, and of the two hellos."""
    tls = values_of(report.summary(TlsSummary))["tls"]
    found = {"handshake": tls["duration"], "hello_to_hello": tls["hello_time"]}
    return {name: times for name, times in found.items() if times["count"]}


RESETS = tool(
    "diagnostics",
    "analyze_tcp_resets",
    "TCP resets",
    "Use it when connections break: every connection with an RST, who sent it, what came before it (refused, half "
    "open, after data, after FIN), and whether its TTL or sequence number point to a device on the way.",
    _resets,
    ("tcp",),
    (("resets", "one connection a row"),),
)
TIMEOUTS = tool(
    "diagnostics",
    "analyze_connection_timeouts",
    "Connection timeouts",
    "Use it when connecting takes long or hangs: connections without an answer to the SYN, SYNs sent again, "
    "keep-alives, connections gone silent.",
    _timeouts,
    ("tcp",),
    (
        ("unanswered_connections", "one connection a row"),
        ("syn_retransmissions", "one connection a row"),
        ("keep_alives", ""),
        ("idle_connections", ""),
    ),
)
LIFECYCLE = tool(
    "diagnostics",
    "analyze_connection_lifecycle",
    "Lives of connections",
    "Use it to follow connections from SYN to close: handshake, round trip, duration, exchanges, bytes, how and by "
    "whom each ended, with the frames of each step.",
    _lifecycle,
    ("tcp", "tls"),
    (("lifecycle_data", "one connection a row"),),
)
