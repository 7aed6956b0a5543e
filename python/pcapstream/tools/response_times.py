"""Module performance: how long servers took to answer, by protocol and server, and how much of it was the network."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.dns import DnsSummary
from pcapstream.protocols.http import HttpSummary
from pcapstream.protocols.icmp import PAIRS, VERSIONS, IcmpSummary, named
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.tools.diagnosis import COMMON, scope_of
from pcapstream.tools.finding import by_weight, finding, within
from pcapstream.tools.lists import page_of
from pcapstream.tools.performance import servers_of, times_ms
from pcapstream.tools.spec import Key, Parameter, ToolSpec, table_keys
from pcapstream.tools.tcp import ends
from pcapstream.tools.text import clean, count, milliseconds
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream._core import Connection
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

PORTS: Mapping[str, tuple[int, ...]] = {
    "tcp": (),
    "https": (443, 8443),
    "tls": (443, 465, 636, 853, 989, 990, 993, 995, 5061, 8443),
    "ssh": (22,),
    "ftp": (21,),
    "smtp": (25, 465, 587),
    "pop": (110, 995),
    "imap": (143, 993),
    "ldap": (389, 636, 3268),
    "smb": (139, 445),
    "sip": (5060, 5061),
    "rdp": (3389,),
    "mysql": (3306,),
    "postgresql": (5432,),
    "mssql": (1433,),
    "oracle": (1521,),
    "mongodb": (27017,),
    "redis": (6379,),
    "memcached": (11211,),
    "mqtt": (1883, 8883),
    "amqp": (5671, 5672),
    "kafka": (9092,),
    "elasticsearch": (9200,),
}
"""Server ports whose exchanges are measured; none: all."""

SLOW_NS = 1_000_000_000
"""An answer that takes longer is worth a line."""

_SERVER = (
    "server", "port", "requests", "responses", "min_ms", "mean_ms", "median_ms", "p95_ms", "max_ms", "network_ms",
    "server_ms", "slowest_frame", "filter",
)  # fmt: skip
_SLOWEST = ("stream", "client", "server", "responses", "mean_ms", "max_ms", "network_ms", "max_frame", "filter")


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    protocol = ask["protocol"]
    if protocol == "http":
        return _http(report, ask)
    if protocol == "dns":
        return _dns(report, ask)
    if protocol == "icmp":
        return _icmp(report, ask)
    return _exchanges(report, ask, PORTS[protocol])


def _exchanges(report: Report, ask: Ask, ports: Sequence[int]) -> dict[str, Any]:
    """From data of the client to data of the server, on any TCP port."""
    table = report.summary(TcpSummary).table
    number, total_ns, least, most, frame, connections = table.turns(ports)
    servers, _ = servers_of(report, table, "wait", 1, ports, "answered")

    def rows(offset: int, limit: int) -> list[list[Any]]:
        chosen = servers_of(report, table, "wait", offset + limit, ports, "answered")[1]
        return [_server_row(one) for one in chosen[offset : offset + limit]]

    found: dict[str, Any] = {"samples": number}
    text = f"No exchange of data with a {ask['protocol']} server over TCP."
    if number:
        mean = milliseconds(round(total_ns / number))
        found |= {"min": milliseconds(least), "mean": mean, "max": milliseconds(most), "max_frame": frame}
        text = (
            f"{count(number, 'exchange')} in {count(connections, 'connection')} with {count(servers, 'server')}: mean "
            f"{mean} ms, slowest {milliseconds(most)} ms in frame {frame}."
        )
    return {
        "summary": {"text": text, "responses": number, "response_time_ms": found, "servers": servers},
        "analysis_type": "application_response_times",
        "protocol": ask["protocol"],
        "measured": "exchanges over TCP",
        "findings": _slow(ask, most, frame) if number else [],
        "response_data": ask.table("response_data", _SERVER, rows, servers, exact=not table.evicted),
        "slowest": _slowest(report, ask, ports),
        "notes": [
            "An exchange is from the client's last segment with data to the server's first one, as the capture point "
            "sees it; pipelined requests count as one, TLS handshakes are exchanges, too. network_ms is the shortest "
            "round trip to the server, server_ms the rest.",
            *([f"Servers on the ports {', '.join(map(str, ports))}; ask with protocol tcp for all."] if ports else []),
        ],
    }


def _slow(ask: Ask, most_ns: int, frame: int) -> list[dict[str, Any]]:
    if most_ns <= SLOW_NS:
        return []
    line = f"The slowest answer took {milliseconds(most_ns)} ms."
    where = within(scope_of(ask), f"frame.number == {frame}")
    return [finding("slow_response", "info", line, count=1, frames=[frame], filter=where)]


def _server_row(one: Mapping[str, Any]) -> list[Any]:
    turns, split = one["turns"], one["split"]
    least, mean, most = times_ms(turns, "min", "mean", "max")
    version = "ipv6" if ":" in one["server"] else "ip"
    return [
        one["server"],
        one["port"],
        None,
        turns["count"],
        least,
        mean,
        None,
        None,
        most,
        *times_ms(split, "network", "server"),
        one["slowest_frame"],
        f"{version}.addr == {one['server']} && tcp.port == {one['port']} && tcp.len > 0",
    ]


def _slowest(report: Report, ask: Ask, ports: Sequence[int]) -> Any:
    """Connections with the longest exchanges first, over all the ports."""
    table = report.summary(TcpSummary).table
    wanted: Sequence[int | None] = ports or (None,)

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        found = itertools.chain.from_iterable(
            table.connections(None, port, having="answered", order="wait", limit=offset + limit) for port in wanted
        )
        # A connection without handshake is found by either of its ports.
        once = {(one.stream, one.first_frame): one for one in found if not ports or one.server_port in ports}
        ordered = sorted(once.values(), key=lambda one: (-(one.response_max_ns or 0), one.stream))
        return [_slow_row(one) for one in ordered[offset : offset + limit]]

    total = table.turns(ports)[5]
    return ask.table("slowest", _SLOWEST, fetch, total, exact=not table.evicted, limit=10)


def _slow_row(one: Connection) -> list[Any]:
    return [
        one.stream,
        *ends(one),
        one.response_count,
        milliseconds(one.response_mean_ns),
        milliseconds(one.response_max_ns),
        milliseconds(one.network_ns),
        one.response_max_frame,
        f"tcp.stream == {one.stream} && tcp.len > 0",
    ]


def _messages(
    report: Report, ask: Ask, what: str, times: Mapping[str, Any], servers: int,
    rows: Callable[[int, int], list[list[Any]]], findings: list[dict[str, Any]], notes: list[str],
    *, exact: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The answer where requests and responses are paired one by one."""
    found: dict[str, Any] = {"samples": times["count"]}
    text = f"No answered {what} in this capture."
    if times["count"]:
        names = ("min", "mean", "median", "p95", "max")
        found |= {name: value for name, value in zip(names, times_ms(times, *names), strict=True) if value is not None}
        found["max_frame"] = times["max_frame"]
        text = f"{count(times['count'], f'answered {what}')} by {count(servers, 'server')}: " + ", ".join(
            f"{name} {found[name]} ms" for name in ("median", "p95", "max") if name in found
        )
        text += "."
    return {
        "summary": {"text": text, "responses": times["count"], "response_time_ms": found, "servers": servers},
        "analysis_type": "application_response_times",
        "protocol": ask["protocol"],
        "measured": "requests and responses paired",
        "findings": by_weight(findings),
        "response_data": ask.table("response_data", _SERVER, rows, servers, exact=exact),
        "notes": notes,
    }


def _http(report: Report, ask: Ask) -> dict[str, Any]:
    """HTTP/1 and HTTP/2 in the clear, request by request: from the last byte of one to the first of the other."""
    counts = values_of(report.summary(HttpSummary))
    both = [counts[name] for name in ("http", "http2") if name in counts]
    slowest = [one["slowest_servers"] for one in both]
    number = sum(map(len, slowest))

    def rows(offset: int, limit: int) -> list[list[Any]]:
        return [row(one) for one in page_of(slowest, lambda one: -(one["wait"].get("mean_ns") or 0), offset, limit)]

    def row(one: Mapping[str, Any]) -> list[Any]:
        version = "ipv6" if ":" in one["server"] else "ip"
        return [
            one["server"], one["port"], one["requests"], one["responses"],
            *times_ms(one["wait"], "min", "mean", "median", "p95", "max"),
            *times_ms(one["network"], "mean"), *times_ms(one["server_time"], "mean"), one["wait"].get("max_frame"),
            f"{version}.addr == {one['server']} && tcp.port == {one['port']} && (http || http2)",
        ]  # fmt: skip

    findings = []
    for one in both:
        slow = one["slow"]
        if slow["count"]:
            line = f"{count(slow['count'], 'HTTP response')} came late."
            frames = slow["frames"]
            where = within(scope_of(ask), "http.time > 1")
            findings.append(
                finding("slow_responses", "warning", line, count=slow["count"], frames=frames, filter=where)
            )
    notes = [
        "The wait is from the end of a request to the beginning of its response. network_ms and server_ms are means of "
        "its two parts. What TLS carries: protocol https."
    ]
    found = _messages(report, ask, "HTTP request", joined([one["wait"] for one in both]), number, rows, findings, notes)
    found["summary"]["network_ms"] = times_ms(joined([one["network"] for one in both]), "mean")[0]
    found["summary"]["server_ms"] = times_ms(joined([one["server_time"] for one in both]), "mean")[0]
    ports = sorted({port for one in both for port in one["server_ports"]})
    found["slowest"] = _slowest(report, ask, ports[:_MOST_PORTS] or [0])
    return found


_MOST_PORTS = 20


def joined(sets: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """One set of times out of several; without median and p95 where more than one has any."""
    filled = [one for one in sets if one["count"]]
    if len(filled) < 2:
        return filled[0] if filled else {"count": 0}
    number = sum(one["count"] for one in filled)
    return {
        "count": number,
        "min_ns": min(one["min_ns"] for one in filled),
        "mean_ns": sum(one["mean_ns"] * one["count"] for one in filled) / number,
        "max_ns": max(one["max_ns"] for one in filled),
        "max_frame": max(filled, key=lambda one: one["max_ns"])["max_frame"],
    }


def _dns(report: Report, ask: Ask) -> dict[str, Any]:
    dns = values_of(report.summary(DnsSummary)).get("dns")
    if dns is None:
        return _messages(report, ask, "query", {"count": 0}, 0, lambda offset, limit: [], [], [])

    def row(one: Mapping[str, Any]) -> list[Any]:
        least, mean, median, p95, most = times_ms(one, "min", "mean", "median", "p95", "max")
        version = "ipv6" if ":" in one["server"] else "ip"
        where = f"{version}.addr == {one['server']} && dns"
        return [
            clean(one["server"]), 53, one["queries"], one["responses"], least, mean, median, p95, most,
            None, None, one.get("max_frame"), where,
        ]  # fmt: skip

    findings = []
    if dns["slow"]["count"]:
        line = f"{count(dns['slow']['count'], 'response')} came more than 1 s after the query."
        findings.append(
            finding(
                "slow_responses", "warning", line, count=dns["slow"]["count"], frames=dns["slow"]["frames"],
                filter=within(scope_of(ask), "dns.time > 1"),
            )
        )  # fmt: skip
    servers = dns["servers"]

    def rows(offset: int, limit: int) -> list[list[Any]]:
        return [row(one) for one in servers[offset : offset + limit]]

    return _messages(report, ask, "query", dns["response_time"], len(servers), rows, findings, [_NO_SPLIT])


_NO_SPLIT = "Without a connection there is no round trip to tell network and server apart: network_ms is null."


def _icmp(report: Report, ask: Ask) -> dict[str, Any]:
    counts = values_of(report.summary(IcmpSummary))
    echoes = [(version, counts[version]["echo"]) for version in VERSIONS if version in counts]
    rows, findings = [], []
    for version, echo in echoes:
        slow = echo["slow"]
        if slow["count"]:
            line = f"{count(slow['count'], 'echo reply', 'echo replies')} came more than 1 s after the request."
            where = within(scope_of(ask), f"{version}.resptime > 1000")
            findings.append(
                finding("slow_responses", "warning", line, count=slow["count"], frames=slow["frames"], filter=where)
            )
        for row in named(echo["pairs"], PAIRS):
            least, mean, most = times_ms(row, "min", "mean", "max")
            kind = "ipv6" if version == "icmpv6" else "ip"
            where = f"{version} && {kind}.addr == {row['source']} && {kind}.addr == {row['destination']}"
            rows.append([
                row["destination"], None, row["requests"], row["answered"], least, mean, None, None, most, mean, None,
                row["max_frame"], where,
            ])  # fmt: skip
    rows.sort(key=lambda row: -(row[8] or 0))
    exact = not any(one["echo"]["pairs"]["missed"] for one in counts.values())
    notes = ["Echo is answered by the network: no server time."]
    times = joined([echo["response_time"] for _, echo in echoes])

    def page(offset: int, limit: int) -> list[list[Any]]:
        return rows[offset : offset + limit]

    return _messages(report, ask, "echo request", times, len(rows), page, findings, notes, exact=exact)


RESPONSE_TIMES = ToolSpec(
    name="analyze_application_response_times",
    module="performance",
    title="Response times",
    description=(
        "Use it when an application is slow: how long its servers took to answer, slowest first, with the part of "
        "network and of server, and the frames of the slowest answers. http, dns and icmp pair each request "
        "with its response; other protocols choose servers by port; tcp takes all ports."
    ),
    view=_view,
    needs=("tcp", "http", "dns", "icmp"),
    default_limit=25,
    parameters=(Parameter("protocol", "string", "Whose answers", "http", choices=("http", *PORTS, "dns", "icmp")),),
    keys=(
        Key("summary", "object", "text, responses, response_time_ms", required=True),
        Key("protocol", "string", "as asked"),
        Key("measured", "string", "exchanges over TCP, or requests paired with responses"),
        *COMMON,
        *table_keys((("response_data", "one server, slowest first"), ("slowest", "one TCP connection, slowest first"))),
    ),
)
