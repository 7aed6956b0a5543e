"""What tools that answer with frames share: the pass that finds them, frame numbers as text, one line for a frame."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pcapstream._core import list_fields
from pcapstream.selection import RowQuery, RowsSummary, Selection
from pcapstream.tools.paging import offset_of
from pcapstream.tools.spec import Parameter
from pcapstream.tools.text import clean, utc

if TYPE_CHECKING:
    from pcapstream._core import Packet, Row
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions

Ranges = tuple[tuple[int, int], ...]

MAX_RANGES = 1_000
_LAST_FRAME = 2**63 - 1
_RANGE = re.compile(r"(\d{1,18})(?:\s*-\s*(\d{1,18})?)?\Z")


def frame_ranges(text: str) -> Ranges:
    """ "5", "1-10,15", "100-": ranges with both ends in. Raises ValueError with a clause."""
    found: list[tuple[int, int]] = []
    for part in text.replace(" ", "").split(","):
        match = _RANGE.match(part)
        if match is None or len(found) >= MAX_RANGES:
            raise ValueError("is no list of frame numbers such as 5 or 1-10,15 or 100-")
        first = int(match[1])
        last = int(match[2]) if match[2] else (_LAST_FRAME if "-" in part else first)
        if first < 1 or last < first:
            raise ValueError("has a range that ends before it begins, or frame 0: frames count from 1")
        found.append((first, last))
    return tuple(sorted(found))


FRAMES = Parameter("frames", "string", "Frame numbers: 5 or 1-10,15 or 100-", None, check=frame_ranges)


def own_pass(
    shared: ScanOptions,
    parameters: Mapping[str, Any],
    default_limit: int,
    *,
    display_filter: str = "",
    frames: Ranges | None = None,
    columns: Sequence[str] = (),
    summaries: bool = False,
    data: bool = False,
    search: tuple[str, int] | None = None,
) -> ScanOptions:
    """The pass that gives the rows of one page and ends with the last of them."""
    offset = offset_of(parameters)
    limit = parameters["limit"] or default_limit
    rows = RowQuery(
        columns=tuple(columns),
        summaries=summaries,
        data=data,
        skip=offset,
        max_matches=offset + limit,
        search=search,
    )
    return shared.selecting((), Selection(display_filter, frames, rows))


def rows_of(report: Report) -> RowsSummary:
    return report.summary(RowsSummary)


def more_in(report: Report) -> bool:
    """There may be matches that the pass did not come to."""
    return rows_of(report).enough or not report.coverage.complete


@cache
def known_fields() -> frozenset[str]:
    return frozenset(name for name, _, _, mark in list_fields() if mark != "look_ahead")


_INFO = (
    "arp.opcode", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "icmp.type", "icmp.code", "icmp.seq", "icmpv6.type",
    "icmpv6.code", "dns.id", "dns.flags.response", "dns.qry.name", "dns.a", "dns.aaaa", "dns.cname", "dhcp.option.dhcp",
    "sip.Request-Line", "sip.Status-Line", "rtp.p_type", "rtp.ssrc", "rtp.seq", "http.request.method",
    "http.request.uri", "http.response.code", "tls.handshake.type", "tls.handshake.extensions_server_name",
    "quic.long.packet_type",
)  # fmt: skip
"""Fields that the line of a frame shows, those there are."""


def info_fields() -> tuple[str, ...]:
    return tuple(name for name in _INFO if name in known_fields())


PACKET_COLUMNS = ("frame", "time", "source", "destination", "protocol", "length", "info")


def packet_line(row: Row, columns: Sequence[str]) -> list[Any]:
    """The line of a packet list: values of PACKET_COLUMNS. `columns`: those of the pass, `info_fields` first."""
    summary = row.summary
    source = destination = None
    protocol = "frame"
    if summary is not None:
        source = summary.ip_src or summary.eth_src
        destination = summary.ip_dst or summary.eth_dst
        protocol = summary.protocols[-1] if summary.protocols else protocol
    info = _info(row, summary, columns)
    return [row.number, utc(row.time_ns), source, destination, protocol, row.wire_bytes, info]


_FLAGS = {
    0x002: "SYN",
    0x001: "FIN",
    0x004: "RST",
    0x008: "PSH",
    0x010: "ACK",
    0x020: "URG",
    0x040: "ECE",
    0x080: "CWR",
}
"""In the order Wireshark lists them."""


def _info(row: Row, summary: Packet | None, columns: Sequence[str]) -> str:
    parts: list[str] = []
    if summary is not None and summary.src_port is not None:
        parts.append(f"{summary.src_port} → {summary.dst_port}")
    if summary is not None and summary.tcp_flags is not None:
        flags = ", ".join(name for bit, name in _FLAGS.items() if summary.tcp_flags & bit)
        parts.append(f"[{flags}] seq={summary.tcp_seq} ack={summary.tcp_ack} win={summary.tcp_window}")
    if summary is not None and summary.payload_bytes is not None:
        parts.append(f"len={summary.payload_bytes}")
    if summary is not None and summary.tcp_events:
        parts.append(f"[{', '.join(summary.tcp_events)}]")
    parts += [f"{columns[column]}={clean(text, 80)}" for column, text in row.texts() if columns[column] in _INFO]
    return clean(" ".join(parts), 300)
