"""Module tcp: analyze_tcp_anomalies, mcpcap's statistics and patterns without its false ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import HIGH_RETRANSMISSION_RATE, TcpEvidence, filter_notes, within
from pcapstream.tools.spec import Key, ToolSpec
from pcapstream.tools.tcp import (
    SERVER_IP,
    SERVER_PORT,
    TCP_COMMON,
    both,
    ends,
    evidence_of,
    packets_of,
    tcp_common,
    tcp_notes,
)
from pcapstream.tools.text import count, percent, ratio

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_MOST_RESET = 2_000
"""Connections looked at for who sent RSTs: a second call must stay quick. Beyond it the tables are lower bounds."""

_MOST_SOURCES = 50

_FEW = 5
"""Fewer RSTs than that say nothing about a direction."""


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_of(report, ask)
    totals = evidence.totals
    patterns = list(_patterns(evidence))
    failed = totals["syn_only"] + totals["refused"] + totals["half_open"]
    retransmissions = evidence.total("retransmission")
    sources, seen_all = _rst_sources(evidence)
    notes = [*tcp_notes(evidence), *filter_notes(patterns)]
    if not seen_all:
        notes.append(
            f"rst_distribution.by_source has at most {_MOST_SOURCES} addresses of the first {_MOST_RESET:,} "
            "connections with "
            "RST; by_direction counts all."
        )
    return {
        "summary": {
            "text": _text(totals["connections"], totals["packets"], patterns),
            "total_patterns": len(patterns),
            "by_category": dict(Counter(pattern["category"] for pattern in patterns)),
            "notable_observations": _notable(evidence),
        },
        "filter": {"server_ip": evidence.address, "server_port": evidence.port},
        "statistics": {
            "total_connections": totals["connections"],
            "total_packets": totals["packets"],
            "handshake": {
                "successful": totals["complete"],
                "failed": failed,
                "incomplete": totals["half_open"],
                "unanswered": totals["syn_only"],
                "refused": totals["refused"],
                "mid_stream": totals["mid_stream"],
            },
            "flags": {
                "syn": totals["syn"],
                "syn_ack": totals["syn_ack"],
                "rst": totals["rst_to_server"] + totals["rst_to_client"],
                "fin": totals["fin_to_server"] + totals["fin_to_client"],
                "ack": totals["ack"],
            },
            "rst_distribution": {
                "by_source": sources,
                "by_direction": {
                    "to_server": totals["rst_to_server"],
                    "from_server": totals["rst_to_client"],
                    "unknown": 0,
                },
                "connections_with_rst": _resets(evidence, ask),
            },
            "retransmissions": {
                "total": retransmissions,
                "rate": ratio(retransmissions, totals["packets"]),
                "by_connection": _retransmitting(evidence, ask),
            },
            "connection_states": {
                "established": totals["open"] + totals["half_closed"] + totals["idle"],
                "reset": totals["reset"],
                "closed": totals["fin"],
                "unknown": 0,
            },
            "events": {name: evidence.total(name) for name in _EVENTS},
        },
        "patterns": patterns,
        **tcp_common(report, ask, evidence),
        "notes": notes,
    }


_EVENTS = (
    "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "duplicate_ack", "lost_segment",
    "ack_lost_segment", "zero_window", "zero_window_probe", "window_full", "window_update", "keep_alive",
    "reused_ports",
)  # fmt: skip


def _text(connections: int, packets: int, patterns: list[dict[str, Any]]) -> str:
    what = f"{count(connections, 'TCP connection')} with {count(packets, 'packet')}"
    if not patterns:
        return f"{what}: no pattern out of the ordinary was counted."
    names = ", ".join(pattern["pattern"] for pattern in patterns)
    return f"{what}: {count(len(patterns), 'pattern')} ({names})."


def _pattern(
    name: str,
    category: str,
    observations: dict[str, Any],
    description: str,
    frames: Iterable[int],
    filter: str,
) -> dict[str, Any]:
    return {
        "pattern": name,
        "category": category,
        "observations": observations,
        "description": description,
        "frames": [frame for frame in frames if frame],
        "filter": filter,
    }


def _patterns(evidence: TcpEvidence) -> Iterable[dict[str, Any]]:
    totals = evidence.totals
    yield from _resets_patterns(evidence)
    retransmissions = evidence.total("retransmission")
    if retransmissions:
        rate = ratio(retransmissions, totals["packets"])
        above = rate > HIGH_RETRANSMISSION_RATE
        yield _pattern(
            "packet_retransmission",
            "reliability",
            {
                "total_retransmissions": retransmissions,
                "total_packets": totals["packets"],
                "rate": rate,
                "threshold": HIGH_RETRANSMISSION_RATE,
                "exceeds_threshold": above,
                "connections": totals["connections_with_retransmission"],
            },
            f"{count(retransmissions, 'retransmission')}, {percent(rate)} of the TCP packets.",
            evidence.event_frames("retransmission"),
            evidence.filter("retransmission"),
        )
    yield from _handshake_patterns(evidence)
    for name, category, says in _EVENT_PATTERNS:
        number = evidence.total(name)
        if number:
            connections = totals[f"connections_with_{name}"]
            yield _pattern(
                name,
                category,
                {"total": number, "connections": connections},
                f"{number:,} {says} in {count(connections, 'connection')}.",
                evidence.event_frames(name),
                evidence.filter(name),
            )


_EVENT_PATTERNS = (
    ("out_of_order", "reliability", "segments out of order"),
    ("lost_segment", "reliability", "places where data sent earlier is not in the capture"),
    ("ack_lost_segment", "capture_quality", "ACKs for data the capture does not hold"),
    ("zero_window", "flow_control", "segments with a receive window of zero"),
    ("window_full", "flow_control", "segments that filled the receiver's window"),
    ("reused_ports", "connection_lifecycle", "reuses of the addresses and ports of an earlier connection"),
)


def _resets_patterns(evidence: TcpEvidence) -> Iterable[dict[str, Any]]:
    totals = evidence.totals
    to_server, from_server = totals["rst_to_server"], totals["rst_to_client"]
    sent = to_server + from_server
    share = ratio(to_server, sent)
    if sent >= _FEW and (share > 0.8 or share < 0.2):
        yield _pattern(
            "rst_directional_asymmetry",
            "connection_termination",
            {
                "rst_to_server": to_server,
                "rst_from_server": from_server,
                "ratio": share,
                "affected_connections": totals["reset"],
            },
            f"Clients sent {to_server:,} and servers {from_server:,} of {count(sent, 'RST')}.",
            evidence.state_frames("reset"),
            evidence.filter("reset"),
        )
    rate = ratio(totals["reset"], totals["connections"])
    if rate > 0.1:
        yield _pattern(
            "abnormal_termination",
            "connection_lifecycle",
            {
                "reset_count": totals["reset"],
                "normal_close": totals["fin"],
                "total_connections": totals["connections"],
                "reset_rate": rate,
            },
            f"{percent(rate)} of the connections ended by RST, {totals['fin']:,} closed normally.",
            evidence.state_frames("reset"),
            evidence.filter("reset"),
        )


def _handshake_patterns(evidence: TcpEvidence) -> Iterable[dict[str, Any]]:
    totals = evidence.totals
    failed = totals["syn_only"] + totals["refused"] + totals["half_open"]
    begun = failed + totals["complete"]
    frames = sorted({f for state in ("syn_only", "refused", "half_open") for f in evidence.state_frames(state)})[:10]
    if failed:
        yield _pattern(
            "handshake_completion",
            "connection_establishment",
            {
                "successful": totals["complete"],
                "failed": failed,
                "failure_rate": ratio(failed, begun),
                "unanswered": totals["syn_only"],
                "refused": totals["refused"],
                "half_open": totals["half_open"],
            },
            f"{failed:,} of {count(begun, 'connection')} begun in the capture did not complete the handshake: "
            f"{totals['syn_only']:,} got no answer, {totals['refused']:,} were refused, {totals['half_open']:,} got a "
            "SYN-ACK and went no further in the capture.",
            frames,
            evidence.filter("failed"),
        )
    syn, syn_ack = totals["syn"], totals["syn_ack"]
    response = ratio(syn_ack, syn)
    # A refusal is an answer too: mcpcap's pattern is about SYNs that get none.
    if totals["syn_only"] and response < 0.5:
        yield _pattern(
            "syn_response_imbalance",
            "connection_establishment",
            {"syn_count": syn, "syn_ack_count": syn_ack, "response_ratio": response},
            f"{count(syn, 'SYN')} (repeated ones included) and {count(syn_ack, 'SYN-ACK')}.",
            evidence.state_frames("syn_only"),
            within(evidence.scope, "tcp.flags.syn == 1"),
        )


def _notable(evidence: TcpEvidence) -> list[dict[str, str]]:
    """mcpcap's two: strong asymmetry of RSTs, high retransmission."""
    totals = evidence.totals
    found = []
    to_server, sent = totals["rst_to_server"], totals["rst_to_server"] + totals["rst_to_client"]
    if sent >= _FEW and not 0.1 <= to_server / sent <= 0.9:
        detail = f"Clients sent {to_server:,} of {sent:,} RSTs."
        found.append({"type": "strong_rst_asymmetry", "detail": detail})
    rate = ratio(evidence.total("retransmission"), totals["packets"])
    if rate > HIGH_RETRANSMISSION_RATE:
        found.append(
            {"type": "high_retransmission", "detail": f"{percent(rate)} of the TCP packets are retransmissions."}
        )
    return found


def _rst_sources(evidence: TcpEvidence) -> tuple[dict[str, int], bool]:
    """(RSTs sent by address, most first; whether all connections with RST were looked at and all addresses fit)."""
    sent: Counter[str] = Counter()
    chosen = evidence.table.connections(evidence.address, evidence.port, having="reset", limit=_MOST_RESET)
    for one in chosen:
        sent[one.client_ip] += one.to_server.rst
        sent[one.server_ip] += one.to_client.rst
    ranked = sorted(((-number, address) for address, number in sent.items() if number))
    sources = {address: -number for number, address in ranked[:_MOST_SOURCES]}
    return sources, len(chosen) < _MOST_RESET and len(ranked) <= _MOST_SOURCES


def _resets(evidence: TcpEvidence, ask: Ask) -> Any:
    columns = ("stream", "client", "server", "rst_to_server", "rst_from_server", "closed_by", "rst_frame")

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        chosen = evidence.table.connections(evidence.address, evidence.port, having="reset", offset=offset, limit=limit)
        return [
            [one.stream, *ends(one), one.to_server.rst, one.to_client.rst, one.closed_by, one.rst_frame]
            for one in chosen
        ]

    total = evidence.table.count(evidence.address, evidence.port, having="reset")
    return ask.table("connections_with_rst", columns, fetch, total, exact=not evidence.table.evicted)


def _retransmitting(evidence: TcpEvidence, ask: Ask) -> Any:
    columns = ("stream", "connection", "retransmissions", "packets", "first_frame")

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        chosen = evidence.table.connections(
            evidence.address,
            evidence.port,
            order="retransmissions",
            having="retransmission",
            offset=offset,
            limit=limit,
        )
        return [
            [
                one.stream,
                " <-> ".join(ends(one)),
                both(one, "retransmission"),
                packets_of(one),
                one.event_frames.get("retransmission"),
            ]
            for one in chosen
        ]

    total = evidence.table.count(evidence.address, evidence.port, having="retransmission")
    return ask.table("by_connection", columns, fetch, total, exact=not evidence.table.evicted)


ANOMALIES = ToolSpec(
    name="analyze_tcp_anomalies",
    module="tcp",
    title="TCP anomalies",
    description=(
        "Patterns in TCP traffic that are out of the ordinary: resets and who sent them, failed handshakes, "
        "retransmissions, "
        "losses, zero windows, each counted and with frames. Use it to find what is wrong with TCP."
    ),
    view=_view,
    needs=("tcp",),
    default_limit=10,
    parameters=(SERVER_IP, SERVER_PORT),
    keys=(
        Key("summary", "object", "text, number of patterns, notable observations", required=True),
        Key("filter", "object"),
        Key(
            "statistics",
            "object",
            "handshake, flags, rst_distribution with table connections_with_rst, retransmissions with table "
            "by_connection, "
            "connection_states, events",
        ),
        Key("patterns", "array", "pattern, category, observations, description, frames, Wireshark filter"),
        *TCP_COMMON,
    ),
)
