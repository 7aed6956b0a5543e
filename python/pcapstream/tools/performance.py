"""Module performance: throughput of connections, latency, quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.protocols.dns import DnsSummary
from pcapstream.protocols.http import HttpSummary
from pcapstream.protocols.icmp import PAIRS, VERSIONS, IcmpSummary
from pcapstream.protocols.rtp import RtpSummary, loss_share
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.protocols.tls import FAMILY as TLS_FAMILY
from pcapstream.protocols.tls import TlsSummary
from pcapstream.tools.diagnosis import connection_table, evidence_within, scope_of, tool
from pcapstream.tools.finding import HIGH_RETRANSMISSION_RATE, by_weight, finding, loss_findings, within
from pcapstream.tools.lists import chained
from pcapstream.tools.remembered import remembered
from pcapstream.tools.tcp import both, packets_of, rtt_summary, tcp_notes
from pcapstream.tools.text import count, join_names, milliseconds, percent, ratio, size, utc
from pcapstream.tools.times import in_milliseconds
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream._core import Connection, TcpTable
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

LOSSY_RTP = 0.01
"""Share of missing RTP packets from which on it is a warning: speech begins to suffer."""
LOSSY_ECHO = 0.01
"""Share of echo requests without reply from which on it is a warning."""

ServerOrder = Literal["connections", "bytes", "turns", "wait", "initial_rtt"]


def servers_of(
    report: Report, table: TcpTable, order: ServerOrder, most: int, ports: Sequence[int] = (), having: str | None = None
) -> tuple[int, Sequence[dict[str, Any]]]:
    """(number of servers, the first of them): the first 1,000 are remembered from call to call."""
    kept = max(most, 1_000)
    question = ("servers", order, tuple(ports), having, kept)
    return remembered(report, question, lambda: table.servers(having=having, ports=ports, order=order, limit=kept))


def times_ms(times: Mapping[str, Any], *names: str) -> list[float | None]:
    """Those of a set of times in milliseconds; None for what it does not have."""
    found = [times.get(f"{name}_ns") for name in names]
    return [None if ns is None else milliseconds(round(ns)) for ns in found]


def spread(times: Mapping[str, Any]) -> dict[str, Any]:
    """A set of times as samples and milliseconds."""
    return {"samples": times["count"], **in_milliseconds(times)}


_RTP = (
    "source", "destination", "ssrc", "detected_by", "packets", "missing", "loss_share", "jitter_mean_ms",
    "jitter_max_ms", "max_delta_ms", "late", "duplicates", "first_frame", "filter",
)  # fmt: skip


def _rtp_row(stream: Mapping[str, Any]) -> list[Any]:
    jitter, delta = stream["jitter_ms"], stream["delta_ms"]
    return [
        join_names(stream["src"], stream["src_port"]),
        join_names(stream["dst"], stream["dst_port"]),
        stream["ssrc"],
        stream["detected_by"],
        stream["packets"],
        stream["missing"],
        round(loss_share(stream), 6),
        _rounded(jitter["mean"]),
        _rounded(jitter["max"]),
        _rounded(delta["max"]),
        stream["late"],
        stream["duplicates"],
        stream["first_frame"],
        f"rtp.ssrc == {stream['ssrc']:#x} && udp.port == {stream['dst_port']}",
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _rtp_table(ask: Ask, streams: Sequence[Mapping[str, Any]]) -> Any:
    ordered = sorted(streams, key=lambda one: (-loss_share(one), -one["packets"], one["first_frame"]))
    return ask.table(
        "rtp_streams", _RTP, lambda offset, limit: [_rtp_row(s) for s in ordered[offset : offset + limit]],
        len(ordered), limit=10,
    )  # fmt: skip


def _rtp_findings(ask: Ask, streams: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    lossy = [one for one in streams if loss_share(one) > LOSSY_RTP]
    if not lossy:
        return []
    missing = sum(one["missing"] for one in lossy)
    line = (
        f"{count(len(lossy), 'RTP stream')} of {len(streams):,} with more than {percent(LOSSY_RTP)} of the packets "
        f"missing: {count(missing, 'packet')}."
    )
    frames = [one["longest_gap_frame"] or one["first_frame"] for one in lossy]
    where = " || ".join(f"rtp.ssrc == {one['ssrc']:#x}" for one in lossy[:5])
    return [finding("rtp_loss", "warning", line, count=missing, frames=frames, filter=within(scope_of(ask), where))]


_THROUGHPUT = (
    "start_utc", "seconds", "bytes_to_server", "bytes_to_client", "payload_to_server", "payload_to_client",
    "bits_per_second_to_server", "bits_per_second_to_client", "packets", "retransmissions", "retransmission_rate",
    "initial_rtt_ms", "rtt_to_server_ms", "rtt_to_client_ms", "zero_windows", "filter",
)  # fmt: skip


def _throughput_row(one: Connection) -> list[Any]:
    up, down = one.to_server, one.to_client
    seconds = (one.last_ns - one.first_ns) / 1e9
    again = both(one, "retransmission")
    return [
        utc(one.first_ns),
        seconds,
        up.bytes,
        down.bytes,
        up.payload_bytes,
        down.payload_bytes,
        ratio(up.payload_bytes * 8, seconds, 1),
        ratio(down.payload_bytes * 8, seconds, 1),
        packets_of(one),
        again,
        ratio(again, packets_of(one)),
        milliseconds(one.initial_rtt_ns),
        milliseconds(up.rtt_mean_ns),
        milliseconds(down.rtt_mean_ns),
        both(one, "zero_window"),
        f"tcp.stream == {one.stream}",
    ]


def _performance(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals, table = evidence.totals, evidence.table
    streams = values_of(report.summary(RtpSummary))["streams"]
    again = evidence.total("retransmission")
    payload = totals["payload_to_server"] + totals["payload_to_client"]
    up, down = table.rtts()
    text = (
        f"{count(totals['connections'], 'TCP connection')} with {size(payload)} of data, "
        f"{percent(ratio(again, totals['packets']))} of the packets sent again; {count(len(streams), 'RTP stream')}."
    )
    findings = by_weight([*loss_findings(evidence, HIGH_RETRANSMISSION_RATE), *_rtp_findings(ask, streams)])
    return {
        "summary": {
            "text": text,
            "connections": totals["connections"],
            "packets": totals["packets"],
            "bytes": totals["bytes_to_server"] + totals["bytes_to_client"],
            "payload_bytes": payload,
            "retransmissions": again,
            "retransmission_rate": ratio(again, totals["packets"]),
            "initial_rtt_ms": rtt_summary(table.initial_rtts()),
            "rtt_to_server_ms": spread(up),
            "rtt_to_client_ms": spread(down),
            "rtp_streams": len(streams),
        },
        "analysis_type": "network_performance",
        "findings": findings,
        "performance_data": connection_table(
            ask, "performance_data", _THROUGHPUT, _throughput_row, evidence, order="bytes"
        ),
        "rtp_streams": _rtp_table(ask, streams),
        "notes": [
            "bits_per_second is payload, repeated data counted again, over the life of the connection.",
            *tcp_notes(evidence),
        ],
    }


_LATENCY = (
    "server", "port", "connections", "handshakes", "handshake_min_ms", "handshake_median_ms", "handshake_p95_ms",
    "handshake_max_ms", "rtt_to_server_mean_ms", "rtt_to_server_max_ms", "rtt_to_client_mean_ms", "responses",
    "response_mean_ms", "response_max_ms", "slowest_frame",
)  # fmt: skip


def _latency_row(one: Mapping[str, Any]) -> list[Any]:
    hands = one["initial_rtt"]
    return [
        one["server"],
        one["port"],
        one["connections"],
        hands["count"],
        *times_ms(hands, "min", "median", "p95", "max"),
        *times_ms(one["rtt_to_server"], "mean", "max"),
        *times_ms(one["rtt_to_client"], "mean"),
        one["turns"]["count"],
        *times_ms(one["turns"], "mean", "max"),
        one["slowest_frame"],
    ]


_OTHERS = ("protocol", "server", "requests", "responses", "median_ms", "p95_ms", "max_ms")
_ECHO = ("source", "destination", "requests", "answered", "min_ms", "mean_ms", "max_ms", "first_frame")


def _other_row(other: tuple[str, Mapping[str, Any]]) -> list[Any]:
    """A server of a protocol whose requests and responses are paired one by one."""
    name, one = other
    if name == "dns":
        return [name, one["server"], one["queries"], one["responses"], *times_ms(one, "median", "p95", "max")]
    server = join_names(one["server"], one["port"])
    if name in TLS_FAMILY:
        return [name, server, one["handshakes"], one["completed"], *times_ms(one["duration"], "median", "p95", "max")]
    return [name, server, one["requests"], one["responses"], *times_ms(one["wait"], "median", "p95", "max")]


def _echo_row(row: Sequence[Any]) -> list[Any]:
    one = dict(zip(PAIRS, row, strict=True))
    times = times_ms(one, "min", "mean", "max")
    return [one["source"], one["destination"], one["requests"], one["answered"], *times, one["first_frame"]]


def _latency(report: Report, ask: Ask) -> dict[str, Any]:
    table = report.summary(TcpSummary).table
    dns = values_of(report.summary(DnsSummary)).get("dns")
    icmp = values_of(report.summary(IcmpSummary))
    hands = rtt_summary(table.initial_rtts())
    up, down = table.rtts()
    number, total_ns, least, most, frame, _ = table.turns()
    turns = {"count": number, "min_ns": least, "mean_ns": total_ns / number, "max_ns": most} if number else {"count": 0}
    number_of_servers, _ = servers_of(report, table, "initial_rtt", 1)
    asked = PAIRS.index("requests")
    pairs = sorted((row for one in icmp.values() for row in one["echo"]["pairs"]["rows"]), key=lambda row: -row[asked])
    others: list[tuple[str, Sequence[Mapping[str, Any]]]] = [("dns", dns["servers"])] if dns is not None else []
    said = [f"{hands['samples']:,} TCP handshakes" + (f", median {hands['median']} ms" if hands["samples"] else "")]
    if number:
        said.append(f"{number:,} exchanges over TCP, mean {milliseconds(round(total_ns / number))} ms")
    found: dict[str, Any] = {}
    if dns is not None:
        found["dns_response_ms"] = spread(dns["response_time"])
        if dns["response_time"]["count"]:
            median = milliseconds(round(dns["response_time"]["median_ns"]))
            said.append(f"{dns['response_time']['count']:,} DNS responses, median {median} ms")
    http = values_of(report.summary(HttpSummary))
    for name in ("http", "http2"):
        if name in http:
            found[f"{name}_response_ms"] = spread(http[name]["wait"])
            others.append((name, http[name]["servers"]))
            if http[name]["wait"]["count"]:
                median = milliseconds(round(http[name]["wait"]["median_ns"]))
                said.append(f"{http[name]['wait']['count']:,} {name.upper()} responses, median {median} ms")
    tls = values_of(report.summary(TlsSummary))
    for name in TLS_FAMILY:
        others.append((name, tls[name]["servers"]["rows"]))
        if tls[name]["duration"]["count"]:
            times = found[f"{name}_handshake_ms"] = spread(tls[name]["duration"])
            said.append(f"{times['samples']:,} {name.upper()} handshakes, median {times['median']} ms")
    for version in VERSIONS:
        if version in icmp and icmp[version]["echo"]["response_time"]["count"]:
            found[f"{version}_echo_ms"] = spread(icmp[version]["echo"]["response_time"])
            said.append(f"{found[f'{version}_echo_ms']['samples']:,} {version} echo replies")
    findings = []
    slow = number and most > SLOW_NS
    if slow:
        line = f"The slowest exchange over TCP took {milliseconds(most)} ms."
        findings.append(
            finding("slow_exchange", "info", line, count=1, frames=[frame], filter=f"frame.number == {frame}")
        )

    def rows(offset: int, limit: int) -> list[list[Any]]:
        ordered = servers_of(report, table, "initial_rtt", offset + limit)[1]
        return [_latency_row(one) for one in ordered[offset : offset + limit]]

    return {
        "summary": {
            "text": "; ".join(said) + ".",
            "tcp_handshake_ms": hands,
            "tcp_rtt_to_server_ms": spread(up),
            "tcp_rtt_to_client_ms": spread(down),
            "tcp_exchange_ms": spread(turns),
            **found,
        },
        "analysis_type": "network_latency",
        "findings": findings,
        "latency_data": ask.table("latency_data", _LATENCY, rows, number_of_servers, exact=not table.evicted),
        "by_protocol": ask.table(
            "by_protocol",
            _OTHERS,
            lambda offset, limit: [_other_row(one) for one in chained(others, offset, limit)],
            sum(len(servers) for _, servers in others),
            limit=10,
        ),
        "echo_pairs": ask.made("echo_pairs", _ECHO, pairs, _echo_row, limit=10),
        "notes": [
            "A handshake is the time from SYN to the ACK that completes it; rtt is from data to its ACK, seen from the "
            "capture point; an exchange is from the client's last segment with data to the server's first one.",
            "A TLS handshake is the time from the client's hello to the end of the handshake, as far as it can be seen"
            "; in by_protocol requests are then handshakes begun, responses those completed.",
        ],
    }


SLOW_NS = 1_000_000_000
"""An exchange that takes longer is worth a line."""

_MEASURE = ("measure", "value", "count", "of", "filter")


def _quality(report: Report, ask: Ask) -> dict[str, Any]:
    evidence = evidence_within(report, ask)
    totals, table = evidence.totals, evidence.table
    streams = values_of(report.summary(RtpSummary))["streams"]
    icmp = values_of(report.summary(IcmpSummary))
    scope = scope_of(ask)
    measures: list[list[Any]] = []

    def measure(name: str, part: int, whole: int, where: str) -> float:
        measures.append([name, ratio(part, whole), part, whole, within(scope, where)])
        return ratio(part, whole)

    packets = totals["packets"]
    loss = measure("tcp_retransmission_share", evidence.total("retransmission"), packets, "tcp.analysis.retransmission")
    disorder = measure("tcp_out_of_order_share", evidence.total("out_of_order"), packets, "tcp.analysis.out_of_order")
    measure("tcp_duplicate_ack_share", evidence.total("duplicate_ack"), packets, "tcp.analysis.duplicate_ack")
    measure("tcp_lost_segment_share", evidence.total("lost_segment"), packets, "tcp.analysis.lost_segment")
    asked = sum(one["echo"]["requests"] for one in icmp.values())
    unanswered = sum(one["echo"]["unanswered"]["count"] for one in icmp.values())
    missing = sum(one["missing"] for one in streams)
    came = sum(one["packets"] - one["duplicates"] for one in streams)
    findings = [*loss_findings(evidence, HIGH_RETRANSMISSION_RATE), *_rtp_findings(ask, streams)]
    said = [f"{percent(loss)} of the TCP packets sent again, {percent(disorder)} out of order"]
    jitter: dict[str, Any] = {"samples": len(streams)}
    if streams:
        share = measure("rtp_loss_share", missing, came + missing, "rtp")
        measure("rtp_late_share", sum(one["late"] for one in streams), came, "rtp")
        means = sorted(one["jitter_ms"]["mean"] for one in streams if one["jitter_ms"]["mean"] is not None)
        if means:
            jitter |= {"min": _rounded(means[0]), "median": _rounded(means[(len(means) - 1) // 2])}
            jitter["max"] = _rounded(means[-1])
        said.append(f"{percent(share)} of the packets of {count(len(streams), 'RTP stream')} missing")
    if asked:
        where = "(icmp.type == 8 && !icmp.resp_in) || (icmpv6.type == 128 && !icmpv6.resp_in)"
        lost = measure("echo_unanswered_share", unanswered, asked, where)
        said.append(f"{percent(lost)} of {count(asked, 'echo request')} unanswered")
        if lost > LOSSY_ECHO:
            frames = sorted(frame for one in icmp.values() for frame in one["echo"]["unanswered"]["frames"])
            line = f"{count(unanswered, 'echo request')} of {asked:,} got no reply in this capture."
            findings.append(
                finding("echo_loss", "warning", line, count=unanswered, frames=frames, filter=within(scope, where))
            )
    number_of_servers, _ = servers_of(report, table, "bytes", 1)

    def rows(offset: int, limit: int) -> list[list[Any]]:
        return [
            _quality_row(one) for one in servers_of(report, table, "bytes", offset + limit)[1][offset : offset + limit]
        ]

    notes = tcp_notes(evidence)
    if asked:
        notes.append("Filters on resp_in look ahead: they work in Wireshark, and in tshark with -2.")
    return {
        "summary": {
            "text": "; ".join(said) + ".",
            "tcp_retransmission_share": loss,
            "tcp_out_of_order_share": disorder,
            "rtp_loss_share": ratio(missing, came + missing) if streams else None,
            "rtp_mean_jitter_ms": jitter,
            "echo_unanswered_share": ratio(unanswered, asked) if asked else None,
            "initial_rtt_ms": rtt_summary(table.initial_rtts()),
        },
        "analysis_type": "network_quality_metrics",
        "findings": by_weight(findings),
        "quality_data": ask.rows("quality_data", _MEASURE, measures),
        "by_server": ask.table("by_server", _BY_SERVER, rows, number_of_servers, exact=not table.evicted, limit=10),
        "rtp_streams": _rtp_table(ask, streams),
        "notes": notes,
    }


_BY_SERVER = (
    "server", "port", "connections", "packets", "bytes", "retransmissions", "retransmission_share", "out_of_order",
    "duplicate_acks", "lost_segments", "zero_windows", "handshake_median_ms",
)  # fmt: skip


def _quality_row(one: Mapping[str, Any]) -> list[Any]:
    events = one["events"]
    again = events.get("retransmission", 0)
    return [
        one["server"],
        one["port"],
        one["connections"],
        one["packets"],
        one["bytes_to_server"] + one["bytes_to_client"],
        again,
        ratio(again, one["packets"]),
        *(events.get(name, 0) for name in ("out_of_order", "duplicate_ack", "lost_segment", "zero_window")),
        *times_ms(one["initial_rtt"], "median"),
    ]


PERFORMANCE = tool(
    "performance",
    "analyze_network_performance",
    "Throughput of connections",
    "Use it to see how fast transfers went and what slowed them: throughput, round-trip times and losses of each TCP "
    "connection, largest first, and loss and jitter of RTP streams.",
    _performance,
    ("tcp", "rtp"),
    (("performance_data", "one connection a row, most bytes first"), ("rtp_streams", "one stream, most loss first")),
)
LATENCY = tool(
    "performance",
    "analyze_network_latency",
    "Latency",
    "Use it when things are slow: times of TCP handshakes, of data to its ACK and of answers by server, of DNS, HTTP, "
    "TLS handshakes and echo side by side.",
    _latency,
    ("tcp", "http", "dns", "icmp", "tls"),
    (
        ("latency_data", "one TCP server, slowest handshake first"),
        ("by_protocol", "one DNS, HTTP or TLS server"),
        ("echo_pairs", ""),
    ),
)
QUALITY = tool(
    "performance",
    "analyze_network_quality_metrics",
    "Network quality",
    "Use it to judge a network: loss, disorder, jitter as shares and milliseconds, over TCP, RTP and echo, with the "
    "servers and streams behind them.",
    _quality,
    ("tcp", "rtp", "icmp"),
    (("quality_data", "one measure"), ("by_server", "one TCP server, most bytes first"), ("rtp_streams", "")),
)
