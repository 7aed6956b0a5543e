"""Module tcp: analyze_traffic_flow, one server's TCP traffic by direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import TcpEvidence, filter_notes, tcp_findings, within
from pcapstream.tools.spec import Key, Parameter, ToolSpec, table_keys
from pcapstream.tools.tcp import (
    CLOSE_REASONS,
    SERVER_PORT,
    TCP_COMMON,
    both,
    ends,
    evidence_of,
    ip_address,
    tcp_common,
    tcp_notes,
)
from pcapstream.tools.text import count, join_names, ratio

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask


def _flow(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_of(report, ask)
    totals = evidence.totals
    to_server, to_client = _side(totals, "to_server", "syn"), _side(totals, "to_client", "syn_ack")
    sent, received = to_server["packet_count"], to_client["packet_count"]
    asymmetry = ratio(sent, received) if received else None
    direction = _flow_direction(sent, received)
    rst_client, rst_server = totals["rst_to_server"], totals["rst_to_client"]
    primary = "client" if rst_client > rst_server else "server" if rst_server > rst_client else "balanced"
    text = (
        f"{count(totals['connections'], 'TCP connection')}: {count(sent, 'packet')} with "
        f"{to_server['payload_bytes']:,} payload bytes "
        f"to the server, {count(received, 'packet')} with {to_client['payload_bytes']:,} payload bytes to the clients."
    )
    server = evidence.address or ""
    findings = tcp_findings(evidence)
    rst = (
        f"Clients sent {count(rst_client, 'RST')}, the server {rst_server:,}."
        if rst_client or rst_server
        else "No RST was sent."
    )
    return {
        "summary": text,
        "server": f"{join_names(server, evidence.port)}"
        if evidence.port
        else f"{f'[{server}]' if ':' in server else server}:any",
        "filter": {
            "server_ip": evidence.address,
            "server_port": evidence.port,
            "wireshark": within(evidence.scope, "tcp"),
        },
        "connections": totals["connections"],
        "client_to_server": to_server,
        "server_to_client": to_client,
        "analysis": {
            "asymmetry_ratio": asymmetry,
            "primary_rst_source": primary,
            "data_flow_direction": direction,
            "interpretation": f"{_DIRECTIONS[direction]} {rst}",
        },
        "findings": findings,
        "peers": _peers(evidence, ask),
        **tcp_common(report, ask, evidence),
        "notes": [*tcp_notes(evidence), *filter_notes(findings)],
    }


_DIRECTIONS = {
    "none": "No packets in either direction.",
    "client_only": "Only the clients' packets are in the capture.",
    "server_only": "Only the server's packets are in the capture.",
    "client_heavy": "The clients sent more than 1.2 packets for each of the server's.",
    "server_heavy": "The clients sent fewer than 0.8 packets for each of the server's.",
    "balanced": "Both directions have about as many packets.",
}


def _flow_direction(sent: int, received: int) -> str:
    """mcpcap's rule by packets; a direction without any is named as such, it has no ratio."""
    if not sent or not received:
        return "client_only" if sent else "server_only" if received else "none"
    if sent > 1.2 * received:
        return "client_heavy"
    return "server_heavy" if sent < 0.8 * received else "balanced"


def _side(totals: Any, way: str, syn: str) -> dict[str, int]:
    return {
        "packet_count": totals[f"packets_{way}"],
        "byte_count": totals[f"bytes_{way}"],
        "payload_bytes": totals[f"payload_{way}"],
        "syn_count": totals[syn],
        "rst_count": totals[f"rst_{way}"],
        "fin_count": totals[f"fin_{way}"],
        "data_packets": totals[f"data_{way}"],
        "retransmissions": totals[f"retransmission_{way}"],
        "out_of_order": totals[f"out_of_order_{way}"],
        "duplicate_acks": totals[f"duplicate_ack_{way}"],
        "zero_windows": totals[f"zero_window_{way}"],
    }


_PEER_COLUMNS = (
    "stream", "client", "server", "packets_to_server", "packets_to_client", "bytes_to_server", "bytes_to_client",
    "retransmissions", "close_reason", "first_frame",
)  # fmt: skip


def _peers(evidence: TcpEvidence, ask: Ask) -> Any:
    """The connections behind the sums, largest first."""

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        rows = []
        for one in evidence.table.connections(
            evidence.address, evidence.port, order="bytes", offset=offset, limit=limit
        ):
            up, down = one.to_server, one.to_client
            sums = [up.packets, down.packets, up.bytes, down.bytes, both(one, "retransmission")]
            rows.append([one.stream, *ends(one), *sums, CLOSE_REASONS[one.close], one.first_frame])
        return rows

    total = evidence.table.count(evidence.address, evidence.port)
    return ask.table("peers", _PEER_COLUMNS, fetch, total, exact=not evidence.table.evicted)


FLOW = ToolSpec(
    name="analyze_traffic_flow",
    module="tcp",
    title="Traffic of one TCP server",
    description=(
        "TCP traffic between one server and its clients, by direction: packets, bytes, SYN, FIN, RST, "
        "retransmissions. Use it to "
        "see which side sends, resets or loses."
    ),
    view=_flow,
    needs=("tcp",),
    default_limit=10,
    parameters=(
        Parameter("server_ip", "string", "The server, an IPv4 or IPv6 address", check=ip_address),
        SERVER_PORT,
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("server", "string"),
        Key("filter", "object"),
        Key("connections", "integer"),
        Key("client_to_server", "object"),
        Key("server_to_client", "object"),
        Key("analysis", "object"),
        Key("findings", "array"),
        *table_keys((("peers", "one connection a row, most bytes first"),)),
        *TCP_COMMON,
    ),
)
