"""Module diagnostics: how often HTTP connections are used again; awslabs' analyze_connection_reuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.http import HttpSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.tools.diagnosis import COMMON, scope_of
from pcapstream.tools.finding import finding, within
from pcapstream.tools.lists import page_of
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import clean, count, percent, ratio
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

LEAST_CONNECTIONS = 10
"""Shares of fewer connections say little."""
SELDOM = 0.5
"""Share of connections with more than one request below which the rest is worth a line."""

_COLUMNS = ("stream", "client", "server", "port", "host", "requests", "duration_seconds", "filter")


def _row(one: Mapping[str, Any]) -> list[Any]:
    return [
        one["stream"],
        *(one[key] for key in ("client", "server", "port")),
        clean(one["host"]),
        one["requests"],
        (one["last_ns"] - one["first_ns"]) / 1e9,
        f"tcp.stream == {one['stream']}" + (" && (http.request || http2)"),
    ]


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    counts = values_of(report.summary(HttpSummary))
    both = [counts[name] for name in ("http", "http2") if name in counts]
    requests = sum(one["requests"] for one in both)
    connections = sum(one["connections"] for one in both)
    multi = sum(one["reused_connections"] for one in both)
    single = connections - multi
    share = ratio(multi, connections)
    total = report.summary(TcpSummary).table.totals()["connections"]
    text = "No HTTP requests."
    if connections:
        text = (
            f"{count(requests, 'HTTP request')} in {count(connections, 'connection')}, "
            f"{ratio(requests, connections, 2)} each; {multi:,} carry more than one ({percent(share)})."
        )
    found: dict[str, Any] = {}
    findings = []
    if connections >= LEAST_CONNECTIONS and share < SELDOM:
        line = f"{single:,} of {count(connections, 'connection')} with HTTP carry one request."
        findings.append(
            finding("seldom_reused", "info", line, count=single, filter=within(scope_of(ask), "http.request"))
        )
        found["recommendation"] = (
            "Most connections carry one request: kept open (keep-alive, connection pools), they would save handshakes."
        )
    most = [one["top_connections"] for one in both]
    listed = sum(map(len, most))

    def rows(offset: int, limit: int) -> list[list[Any]]:
        return [_row(one) for one in page_of(most, lambda r: (-r["requests"], r["stream"]), offset, limit)]

    return {
        "summary": {
            "text": text,
            "total_http_requests": requests,
            "total_tcp_connections": total,
            "connections_with_http": connections,
            "single_request_connections": single,
            "multi_request_connections": multi,
            "avg_requests_per_connection": ratio(requests, connections, 3),
            "connection_reuse_rate": share,
        },
        "analysis_type": "connection_reuse",
        **found,
        "findings": findings,
        "top_reused_connections": ask.table(
            "top_reused_connections",
            _COLUMNS,
            rows,
            listed,
            exact=listed >= connections,
        ),
        "notes": ["HTTP in the clear; what TLS carries cannot be counted."],
    }


REUSE = ToolSpec(
    name="analyze_connection_reuse",
    module="diagnostics",
    title="Reuse of HTTP connections",
    description=(
        "Use it to see whether clients keep connections open: HTTP requests per connection, connections with one "
        "request and with many, the most used first."
    ),
    view=_view,
    needs=("http", "tcp"),
    default_limit=25,
    keys=(
        Key("summary", "object", "text and totals; connection_reuse_rate from 0 to 1", required=True),
        Key("recommendation", "string", "where few connections are used again"),
        *COMMON,
        *table_keys((("top_reused_connections", "one connection, most requests first"),)),
    ),
)
