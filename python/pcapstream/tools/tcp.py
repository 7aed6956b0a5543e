"""Module tcp: connections and retransmissions; tcp_anomalies.py and tcp_flow.py have the other two tools.

mcpcap's tools of the same names: their result keys stay, lists of details are tables. The client of a connection is who
sent the SYN, whatever filter was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tcp import TcpSummary
from pcapstream.tools.finding import TcpEvidence, by_weight, filter_notes, loss_findings, tcp_findings
from pcapstream.tools.spec import Key, Parameter, ToolSpec, table_keys
from pcapstream.tools.text import count, join_names, milliseconds, percent, ratio, utc

if TYPE_CHECKING:
    from pcapstream._core import Connection, Direction
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask


def ip_address(text: str) -> str:
    """Canonical form. Raises ValueError with a clause that says what is wrong."""
    if "%" in text:
        raise ValueError("has a zone; give the address without it")
    import ipaddress

    try:
        return str(ipaddress.ip_address(text.strip().strip("[]")))
    except ValueError:
        raise ValueError("is no IPv4 or IPv6 address") from None


SERVER_IP = Parameter(
    "server_ip", "string", "Only connections of this server, an IPv4 or IPv6 address", None, check=ip_address
)
SERVER_PORT = Parameter(
    "server_port", "integer", "Only connections to this server port", None, minimum=1, maximum=65535
)
THRESHOLD = Parameter(
    "threshold", "number", "Share of retransmissions that counts as too many, 0.02 is 2 %", 0.02, minimum=0, maximum=1
)

TCP_COMMON = (
    Key("file", "string"),
    Key("analysis_timestamp", "string"),
    Key("message", "string", "when nothing matched"),
    Key("packets_analyzed", "integer"),
    Key("max_packets", "integer?"),
    Key("truncated", "boolean"),
)


def evidence_of(report: Report, ask: Ask) -> TcpEvidence:
    """The TCP connections the parameters choose."""
    table = report.summary(TcpSummary).table
    return TcpEvidence(table, ask.parameters.get("server_ip"), ask.parameters.get("server_port"))


def tcp_common(report: Report, ask: Ask, evidence: TcpEvidence) -> dict[str, Any]:
    """Keys all four tools end with."""
    found: dict[str, Any] = {
        "packets_analyzed": report.capture["packets"],
        "max_packets": ask.max_packets,
        "truncated": report.capture["stopped_by_max_packets"],
    }
    if not evidence.totals["connections"]:
        found["message"] = "No TCP packets found in this capture"
        if len(evidence.table):
            found["message"] = "No TCP connection in this capture involves that server"
    return found


def tcp_notes(evidence: TcpEvidence) -> list[str]:
    """Limits that were reached."""
    if not evidence.table.evicted:
        return []
    dropped = count(evidence.table.evicted, "connection")
    return [
        f"More TCP connections than the table holds: {dropped} left it, numbers about connections are lower bounds."
    ]


def both(connection: Connection, name: str) -> int:
    """Occurrences of a tcp.analysis event in both directions."""
    return connection.to_server.events.get(name, 0) + connection.to_client.events.get(name, 0)


def packets_of(connection: Connection) -> int:
    return connection.to_server.packets + connection.to_client.packets


def ends(connection: Connection) -> tuple[str, str]:
    """Client and server as "address:port"."""
    client = join_names(connection.client_ip, connection.client_port)
    return client, join_names(connection.server_ip, connection.server_port)


CLOSE_REASONS = {"reset": "reset", "fin": "normal", "open": "active", "half_closed": "half_closed", "idle": "idle"}
"""mcpcap's words where it has one. idle: open, but silent for long before the capture ended."""

_COLUMNS = (
    "stream", "client", "server", "state", "handshake_completed", "handshake", "close_reason", "packet_count",
    "data_packets", "syn_count", "syn_ack_count", "ack_count", "rst_count", "fin_count", "retransmissions",
    "out_of_order", "initial_rtt_ms", "first_frame", "last_frame",
)  # fmt: skip
_DETAILS = (
    "start_utc", "duration_seconds", "client_known_by", "closed_by", "bytes_to_server", "bytes_to_client",
    "payload_to_server", "payload_to_client", "fast_retransmissions", "spurious_retransmissions", "duplicate_acks",
    "zero_windows", "window_full", "lost_segments", "keep_alives", "rtt_to_server_ms", "rtt_to_client_ms",
    "window_scale_client", "window_scale_server", "mss_client", "mss_server", "sack", "filter",
)  # fmt: skip


def _row(connection: Connection) -> list[Any]:
    up, down = connection.to_server, connection.to_client
    client, server = ends(connection)
    return [
        connection.stream,
        client,
        server,
        "closed" if connection.close in ("reset", "fin") else "active",
        connection.handshake == "complete",
        connection.handshake,
        CLOSE_REASONS[connection.close],
        up.packets + down.packets,
        up.data_packets + down.data_packets,
        up.syn + down.syn,
        up.syn_ack + down.syn_ack,
        up.ack + down.ack,
        up.rst + down.rst,
        up.fin + down.fin,
        both(connection, "retransmission"),
        both(connection, "out_of_order"),
        milliseconds(connection.initial_rtt_ns),
        connection.first_frame,
        connection.last_frame,
    ]


def _detail(connection: Connection) -> list[Any]:
    up, down = connection.to_server, connection.to_client
    return [
        utc(connection.first_ns),
        (connection.last_ns - connection.first_ns) / 1e9,
        connection.client_known_by,
        connection.closed_by,
        up.bytes,
        down.bytes,
        up.payload_bytes,
        down.payload_bytes,
        both(connection, "fast_retransmission"),
        both(connection, "spurious_retransmission"),
        both(connection, "duplicate_ack"),
        both(connection, "zero_window"),
        both(connection, "window_full"),
        both(connection, "lost_segment"),
        both(connection, "keep_alive"),
        milliseconds(up.rtt_mean_ns),
        milliseconds(down.rtt_mean_ns),
        up.window_scale,
        down.window_scale,
        up.mss,
        down.mss,
        up.sack_permitted and down.sack_permitted,
        f"tcp.stream == {connection.stream}",
    ]


def _connections(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_of(report, ask)
    totals, table = evidence.totals, evidence.table
    failed = totals["syn_only"] + totals["refused"] + totals["half_open"]
    findings = tcp_findings(evidence)
    detailed = ask["detailed"]

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        chosen = table.connections(evidence.address, evidence.port, offset=offset, limit=limit)
        return [_row(one) + _detail(one) if detailed else _row(one) for one in chosen]

    text = (
        f"{count(totals['connections'], 'TCP connection')} with {count(totals['packets'], 'packet')}: "
        f"{totals['complete']:,} completed the handshake, {failed:,} did not, {totals['mid_stream']:,} began before "
        "the capture; "
        f"{totals['fin']:,} closed normally, {totals['reset']:,} ended by RST."
    )
    return {
        "summary": {
            "text": text,
            "total_connections": totals["connections"],
            "successful_handshakes": totals["complete"],
            "failed_handshakes": failed,
            "established_connections": totals["complete"],
            "reset_connections": totals["reset"],
            "normal_close": totals["fin"],
            "active_connections": totals["open"] + totals["half_closed"] + totals["idle"],
            "mid_stream_connections": totals["mid_stream"],
            "unanswered_connections": totals["syn_only"],
            "refused_connections": totals["refused"],
            "half_open_connections": totals["half_open"],
            "half_closed_connections": totals["half_closed"],
            "idle_connections": totals["idle"],
        },
        "total_packets": report.capture["packets"],
        "tcp_packets_found": totals["packets"],
        "filter": {"server_ip": evidence.address, "server_port": evidence.port},
        "issues": [found["text"] for found in findings if found["severity"] != "info"],
        "findings": findings,
        "initial_rtt_ms": _rtts(evidence),
        "connections": ask.table(
            "connections",
            _COLUMNS + _DETAILS if detailed else _COLUMNS,
            fetch,
            table.count(evidence.address, evidence.port),
            exact=not table.evicted,
            limit=50 if detailed else None,
        ),
        **tcp_common(report, ask, evidence),
        "notes": [*tcp_notes(evidence), *filter_notes(findings)],
    }


def _rtts(evidence: TcpEvidence) -> dict[str, Any]:
    """Initial round-trip times: from the SYN to the ACK of the handshake, as Wireshark's tcp.analysis.initial_rtt."""
    return rtt_summary(evidence.table.initial_rtts(evidence.address, evidence.port))


def rtt_summary(sorted_ns: Sequence[int]) -> dict[str, Any]:
    """Nearest-rank percentiles, ms; None where there is no sample."""
    samples = len(sorted_ns)
    if not samples:
        return {"samples": 0}
    at = {"min": 0, "median": (samples - 1) // 2, "p95": max(0, -(-samples * 95 // 100) - 1), "max": samples - 1}
    return {"samples": samples, **{name: milliseconds(sorted_ns[index]) for name, index in at.items()}}


def _retransmissions(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_of(report, ask)
    totals, table, threshold = evidence.totals, evidence.table, ask["threshold"]
    total = evidence.total("retransmission")
    rate = ratio(total, totals["packets"])
    data = totals["data_to_server"] + totals["data_to_client"]
    worst = table.connections(evidence.address, None, order="retransmission_rate", having="retransmission", limit=1)
    above, exact = _above(evidence, threshold)
    worst_name, worst_rate = "", 0.0
    if worst:
        worst_name, worst_rate = " <-> ".join(ends(worst[0])), _rate(worst[0])

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        chosen = table.connections(
            evidence.address, None, order="retransmission_rate", having="retransmission", offset=offset, limit=limit
        )
        return [_loss_row(one) for one in chosen]

    text = (
        f"{count(total, 'retransmission')} in {count(totals['packets'], 'TCP packet')} ({percent(rate)}), in "
        f"{totals['connections_with_retransmission']:,} of {count(totals['connections'], 'connection')}; "
        f"{'at least ' if not exact else ''}{above:,} above the threshold of {percent(threshold)}."
    )
    return {
        "summary": {
            "text": text,
            "worst_connection": worst_name,
            "worst_retrans_rate": worst_rate,
            "connections_above_threshold": above,
        },
        "filter": {"server_ip": evidence.address},
        "total_packets": totals["packets"],
        "total_retransmissions": total,
        "retransmission_rate": rate,
        "retransmission_rate_of_data_packets": ratio(total, data),
        "threshold": threshold,
        "exceeds_threshold": rate > threshold,
        "by_kind": {
            "fast": evidence.total("fast_retransmission"),
            "spurious": evidence.total("spurious_retransmission"),
            "out_of_order": evidence.total("out_of_order"),
            "duplicate_ack": evidence.total("duplicate_ack"),
            "lost_segment": evidence.total("lost_segment"),
        },
        "by_direction": {
            "to_server": totals["retransmission_to_server"],
            "to_client": totals["retransmission_to_client"],
        },
        "findings": by_weight(loss_findings(evidence, threshold)),
        "by_connection": ask.table(
            "by_connection",
            _LOSS_COLUMNS,
            fetch,
            table.count(evidence.address, None, having="retransmission"),
            exact=not table.evicted,
        ),
        **tcp_common(report, ask, evidence),
        "notes": tcp_notes(evidence),
    }


_LOSS_COLUMNS = (
    "stream", "connection", "retrans_count", "total_packets", "retrans_rate", "to_server", "to_client", "fast",
    "spurious",
    "out_of_order", "duplicate_ack", "lost_segment", "first_time_utc", "first_frame", "filter",
)  # fmt: skip

_RANKED = 500
"""Connections looked at first when those above a threshold are counted."""
_MOST_RANKED = 5_000
"""After that many the count is a lower bound: a second call must stay quick."""


def _rate(connection: Connection) -> float:
    return ratio(both(connection, "retransmission"), packets_of(connection))


def _above(evidence: TcpEvidence, threshold: float) -> tuple[int, bool]:
    """(connections above the threshold, whether that is exact); they come ordered by rate."""
    above = 0
    for most in (_RANKED, _MOST_RANKED - _RANKED):  # each look goes over the whole table
        step = evidence.table.connections(
            evidence.address, None, order="retransmission_rate", having="retransmission", offset=above, limit=most
        )
        over = sum(_rate(one) > threshold for one in step)
        above += over
        if over < most:
            return above, not evidence.table.evicted
    return above, False


def _loss_row(connection: Connection) -> list[Any]:
    def event(side: Direction) -> int:
        return side.events.get("retransmission", 0)

    return [
        connection.stream,
        " <-> ".join(ends(connection)),
        both(connection, "retransmission"),
        packets_of(connection),
        _rate(connection),
        event(connection.to_server),
        event(connection.to_client),
        both(connection, "fast_retransmission"),
        both(connection, "spurious_retransmission"),
        both(connection, "out_of_order"),
        both(connection, "duplicate_ack"),
        both(connection, "lost_segment"),
        utc(connection.first_ns),
        connection.event_frames.get("retransmission"),
        f"tcp.stream == {connection.stream} && tcp.analysis.retransmission",
    ]


CONNECTIONS = ToolSpec(
    name="analyze_tcp_connections",
    module="tcp",
    title="TCP connections",
    description=(
        "TCP connections of a capture: handshakes, how each ended and by whom, packets, retransmissions, round-trip "
        "times. Use "
        "it to see whether connections succeed. detailed=true adds bytes, windows, options and times to each."
    ),
    view=_connections,
    needs=("tcp",),
    default_limit=10,
    parameters=(SERVER_IP, SERVER_PORT, Parameter("detailed", "boolean", "All columns and more rows", False)),
    keys=(
        Key("summary", "object", "text, and counts of connections by state", required=True),
        Key("total_packets", "integer", "of the capture"),
        Key("tcp_packets_found", "integer", "after the filter"),
        Key("filter", "object"),
        Key("issues", "array"),
        Key("findings", "array", "code, severity, text, count, frames, Wireshark filter"),
        Key("initial_rtt_ms", "object"),
        *table_keys((("connections", "one connection a row"),)),
        *TCP_COMMON,
    ),
)

RETRANSMISSIONS = ToolSpec(
    name="analyze_tcp_retransmissions",
    module="tcp",
    title="TCP retransmissions",
    description=(
        "TCP retransmissions by Wireshark's rules, in all and per connection, worst first, with frames. Use it when "
        "transfers "
        "are slow or losses are suspected."
    ),
    view=_retransmissions,
    needs=("tcp",),
    default_limit=10,
    parameters=(SERVER_IP, THRESHOLD),
    keys=(
        Key("summary", "object", "text, the worst connection, connections above the threshold", required=True),
        Key("filter", "object"),
        Key("total_packets", "integer", "TCP packets after the filter"),
        Key("total_retransmissions", "integer"),
        Key("retransmission_rate", "number", "of all TCP packets"),
        Key("retransmission_rate_of_data_packets", "number"),
        Key("threshold", "number"),
        Key("exceeds_threshold", "boolean"),
        Key("by_kind", "object"),
        Key("by_direction", "object"),
        Key("findings", "array"),
        *table_keys((("by_connection", "one connection a row, worst first"),)),
        *TCP_COMMON,
    ),
)
