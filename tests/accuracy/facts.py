"""Our facts about one capture, in the schema of the truth files, through the public API alone."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, Literal

import pcapstream
from pcapstream import CaptureError, CaptureFacts, Connection, Tally, TcpTable
from pcapstream.protocols.sip import Totals as SipTotals

Kind = Literal["eth", "ip", "ipv6", "tcp", "udp"]
KINDS: tuple[Kind, ...] = ("eth", "ip", "ipv6", "tcp", "udp")
TOP = 20
"""Conversations listed for each kind."""
NAMES = 50
"""Query names listed."""
STREAMS = 50
"""RTP streams listed."""
PAGE = 10_000
"""Connections fetched at a time."""

ANALYSIS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "zero_window",
    "zero_window_probe",
    "window_full",
    "window_update",
    "keep_alive",
    "keep_alive_ack",
    "lost_segment",
    "ack_lost_segment",
    "reused_ports",
)
"""tcp.analysis.* names of the truth files."""

DIGITS = {"seconds": 0, "deciseconds": 1, "centiseconds": 2, "milliseconds": 3, "microseconds": 6, "nanoseconds": 9}
"""Digits capinfos prints behind the point of a time, by the precision of the file."""

Facts = dict[str, Any]


def facts_of(path: str) -> Facts:
    """All facts about the capture at `path`: what stands before the first damage, as Wireshark reads it.

    A file that is refused as no capture has the facts of one without packets, and the code of the refusal as `error`.
    """
    try:
        report = pcapstream.analyze(path, modules=pcapstream.ALL_MODULES, resync=False)
    except CaptureError as error:
        size = os.path.getsize(path)
        nothing = {"total": 0, "truncated": 0, "bytes_wire": 0, "bytes_captured": 0, "vlan_ids": {}, "interfaces": {}}
        return {
            "error": error.code,
            "capinfos": no_packets(size),
            "frames": nothing,
            "protocols": {},
            "conversations": {kind: {"count": 0, "frames": 0, "bytes": 0, "top": []} for kind in KINDS},
            "ip_addresses": 0,
        }
    triage = report.summary(pcapstream.TriageSummary)
    tally = triage.tally
    out: Facts = {
        "capinfos": capinfos(report.capture, os.path.getsize(path)),
        "frames": frames(report.capture, tally),
        "protocols": tally.protocols(),
        "conversations": {kind: conversations(tally, kind) for kind in KINDS},
        "ip_addresses": tally.ip_addresses()[0],
    }
    counts = report.summary(pcapstream.DnsSummary).counts()
    out.update({name: dns(counts[name]) for name in ("dns", "mdns", "llmnr") if name in counts})
    dhcp_counts = report.summary(pcapstream.DhcpSummary).counts
    if dhcp_counts["dhcp"].frames:
        out["dhcp"] = dhcp(dhcp_counts["dhcp"])
    if dhcp_counts["dhcpv6"].frames:
        out["dhcpv6"] = dhcpv6(dhcp_counts["dhcpv6"])
    seen = report.summary(pcapstream.IcmpSummary).counts()
    out.update({name: icmp(counts, *ECHO[name]) for name, counts in seen.items()})
    frames_of = out["protocols"]
    if frames_of.get("http"):
        out["http"] = http(report.summary(pcapstream.HttpSummary).counts()["http"], frames_of["http"])
    sip_totals = report.summary(pcapstream.SipSummary).totals
    if sip_totals.frames:
        out["sip"] = sip(sip_totals)
    out["rtp"] = rtp(report.summary(pcapstream.RtpSummary).counts(), tally.protocols())
    seen = report.summary(pcapstream.TlsSummary).counts()
    if seen["tls"]["frames"]:
        out["tls"] = tls(seen["tls"])
    if seen["dtls"]["frames"]:
        out["dtls"] = {"frames": seen["dtls"]["frames"], "handshake_types": by_number(seen["dtls"]["messages"])}
    seen = report.summary(pcapstream.QuicSummary).counts()
    if seen["frames"]:
        out["quic"] = {
            "frames": seen["frames"],
            "versions": {f"0x{number:08x}": n for number, n in seen["versions"]["rows"]},
        }
    if seen["tls"]["frames"]:
        out["tls_in_quic"] = tls(seen["tls"])
    if len(triage.tcp):
        out["tcp"] = tcp(triage.tcp)
    return out


def no_packets(size: int) -> Facts:
    """What capinfos prints for a capture without packets."""
    return {
        "packets": 0,
        "file_size": size,
        "data_size": 0,
        "snaplen": "(not set)",
        "duration": None,
        "start_time": "n/a",
        "end_time": "n/a",
        "data_byte_rate": 0.0,
        "avg_packet_size": 0.0,
        "avg_packet_rate": 0.0,
        "hardware": "",
        "os": "",
        "application": "",
        "comment": "",
    }


def capinfos(capture: CaptureFacts, size: int) -> Facts:
    """What `capinfos -T -m -Q -M -S` prints, `size` being that of the file as it lies on disk."""
    packets, data = capture["packets"], capture["wire_bytes"]
    earliest, latest = capture["earliest_ns"], capture["latest_ns"]
    out = no_packets(size)
    comments = capture["section_comments"]
    out.update(
        packets=packets,
        data_size=data,
        snaplen=str(capture["snaplen"]) if capture["snaplen"] else "(not set)",
        hardware=capture["hardware"],
        os=capture["os"],
        application=capture["application"],
        comment=unescaped(comments[0]) if comments else "",
        avg_packet_size=round(data / packets, 2) if packets else 0.0,
    )
    if earliest is not None and latest is not None:
        digits = DIGITS.get(capture["time_precision"], 9)
        span = latest - earliest
        out.update(
            duration=span / 1e9,
            start_time=seconds(earliest, digits),
            end_time=seconds(latest, digits),
            data_byte_rate=rate(data, earliest, latest),
            avg_packet_rate=rate(packets, earliest, latest),
        )
    elif capture["frames"]:
        out.update(data_byte_rate=None, avg_packet_rate=None)
    return out


def unescaped(text: str) -> str:
    """Text of a capture with the control characters it had."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def rate(amount: int, earliest_ns: int, latest_ns: int) -> float:
    """Per second, as capinfos reckons it: the difference of two times that are floating-point seconds since 1970, which
    is off by up to a quarter of a microsecond. What pcapstream itself answers is reckoned from the exact times."""
    first, last = (at // 1_000_000_000 + at % 1_000_000_000 / 1e9 for at in (earliest_ns, latest_ns))
    return round(amount / (last - first), 2) if last > first else 0.0


def frames(capture: CaptureFacts, tally: Tally) -> Facts:
    """Group `frames`. Times are those of the first and last frame in file order; empty where the format has none."""
    seen = tally.facts()
    # Frames that are no packets (custom blocks) are never cut: what they add is the same captured and on the wire.
    bytes_wire = sum(wire for _, _, wire in tally.hierarchy())
    out: Facts = {
        "total": capture["frames"],
        "truncated": seen["frames_truncated"],
        "bytes_wire": bytes_wire,
        "bytes_captured": capture["captured_bytes"] + bytes_wire - capture["wire_bytes"],
        "ip_fragments": seen["ip_fragments"],
        "ipv6_fragments": seen["ipv6_fragments"],
        "vlan_ids": {str(number): count for number, count in seen["vlan_ids"].items()},
        "interfaces": {str(number): count for number, count in seen["interfaces"].items()},
    }
    if capture["frames"]:
        first, last = capture["first_ns"], capture["last_ns"]
        out["first_time"] = "" if first is None else seconds(first, 9)
        out["last_time"] = "" if last is None else seconds(last, 9)
    return out


def conversations(tally: Tally, kind: Kind) -> Facts:
    """One kind of conversation: how many, their sums, and the largest by bytes (ties by their ends)."""
    count, _ = tally.conversation_count(kind)
    all_frames, all_bytes = tally.conversation_totals(kind)
    rows = sorted(tally.conversations(kind), key=lambda row: (-row[3] - row[5], row[0], row[1]))
    return {
        "count": count,
        "frames": all_frames,
        "bytes": all_bytes,
        "top": [
            {
                "a": a,
                "b": b,
                "frames": frames_ab + frames_ba,
                "bytes": bytes_ab + bytes_ba,
                "frames_a_to_b": frames_ab,
                "bytes_a_to_b": bytes_ab,
                "frames_b_to_a": frames_ba,
                "bytes_b_to_a": bytes_ba,
            }
            for a, b, frames_ab, bytes_ab, frames_ba, bytes_ba, _, _ in rows[:TOP]
        ],
    }


def tcp(table: TcpTable) -> Facts:
    """Group `tcp`, of all connections in the table."""
    sums = table.totals()
    found = {"syn_only": 0, "rst": 0, "fin_both": 0, "fin_any": 0}
    for connection in all_connections(table):
        ways: Sequence[Any] = (connection.to_server, connection.to_client)
        found["syn_only"] += any(way.syn for way in ways) and not any(way.syn_ack for way in ways)
        found["rst"] += any(way.rst for way in ways)
        found["fin_both"] += all(way.fin for way in ways)
        found["fin_any"] += any(way.fin for way in ways)
    return {
        "frames": sums["packets"],
        "streams": len(table),
        "streams_handshake_complete": sums["complete"],
        "streams_syn_only": found["syn_only"],
        "streams_with_rst": found["rst"],
        "streams_fin_both": found["fin_both"],
        "streams_fin_any": found["fin_any"],
        "frames_syn": sums["syn"],
        "frames_synack": sums["syn_ack"],
        "frames_fin": sums["fin_to_server"] + sums["fin_to_client"],
        "frames_rst": sums["rst_to_server"] + sums["rst_to_client"],
        "payload_bytes": sums["payload_to_server"] + sums["payload_to_client"],
        "initial_rtt": spread([rtt / 1e9 for rtt in table.initial_rtts()]),
        "analysis": {name: sums[f"{name}_to_server"] + sums[f"{name}_to_client"] for name in ANALYSIS},
    }


def dns(counts: Mapping[str, Any]) -> Facts:
    """Groups `dns`, `mdns`, `llmnr`, from what was counted of the protocol."""
    record_types = Counter(dict(counts["record_types"]["rows"]))
    # tshark gives types that an NSEC record lists under the same name as types of records.
    record_types.update(dict(counts["types_listed_in_nsec"]["rows"]))
    shown: Counter[str] = Counter()
    for name, n in counts["query_names"]["rows"]:
        shown[as_shown(name)] += n
    names = sorted(shown.items(), key=lambda it: (-it[1], it[0]))
    times = counts["response_time"]
    response_time: Facts = {"count": times["count"]}
    if times["count"]:
        response_time.update({key: times[f"{key}_ns"] / 1e9 for key in ("min", "max", "mean", "median")})
    return {
        "frames": counts["frames"],
        "queries": counts["queries"],
        "responses": counts["responses"],
        "qtypes": by_number(counts["qtypes"]),
        "qtypes_in_responses": by_number(counts["qtypes_in_responses"]),
        "rcodes": by_number(counts["rcodes"]),
        "query_names": {"distinct": len(names), "top": dict(names[:NAMES])},
        "record_types": {str(number): n for number, n in record_types.items()},
        "response_time": response_time,
        "unanswered": counts["unanswered"]["count"],
        "retransmitted_queries": counts["retransmitted_queries"]["count"],
    }


def as_shown(name: str) -> str:
    """A name as tshark prints it: its bytes, without the escapes of master files (RFC 1035 5.1)."""
    if "\\" not in name:
        return name
    raw = re.sub(rb"\\(\d{3}|.)", lambda m: bytes([int(m[1])]) if len(m[1]) == 3 else m[1], name.encode())
    return raw.decode("utf-8", "replace")


def dhcp(counts: Any) -> Facts:
    """Group `dhcp`, from `pcapstream.protocols.dhcp_records.Counts`."""
    return {
        "frames": counts.frames,
        "message_types": {str(code): n for (code, _), n in counts.types.items()},
        "bootp_only": counts.untyped,
        "transactions": len(counts.xids),
        "client_macs": dict(counts.macs),
        "servers": dict(counts.server_ids),
        "acked": dict(counts.acked),
        "hostnames": {unescaped(name): n for name, n in counts.hostnames.items()},
    }


def dhcpv6(counts: Any) -> Facts:
    """Group `dhcpv6`: the outermost message, and all of them, those inside relays too."""
    return {
        "frames": counts.frames,
        "message_types": {str(code): n for (code, _), n in counts.types.items()},
        "message_types_all": {str(code): n for (code, _), n in counts.inner_types.items()},
    }


ECHO = {"icmp": (8, 0), "icmpv6": (128, 129)}
"""Types of echo requests and replies."""


def icmp(counts: Mapping[str, Any], request: int, reply: int) -> Facts:
    """Groups `icmp` and `icmpv6`."""
    types = Counter({(row[0], row[1]): n for row, n in counts["types"]["rows"]})
    # The truth has the first header of each frame, one that an error of the other version quotes as well; "?" for a
    # type or code that is cut off.
    for table in ("quoted_types", "short_types"):
        types.update({(row[0], row[1]): n for row, n in counts[table]["rows"]})
    echo = counts["echo"]
    quoted: Counter[int] = Counter()
    for row, n in counts["quoted_types"]["rows"]:
        quoted[row[0]] += n
    times = echo["response_time"]
    milliseconds: Facts = {"count": times["count"]}
    if times["count"]:
        milliseconds.update({key: times[f"{key}_ns"] / 1e6 for key in ("min", "max", "mean", "median")})
    return {
        "frames": counts["frames"],
        "types": {"/".join("?" if n is None else str(n) for n in key): n for key, n in types.items()},
        "echo_requests": echo["requests"] + quoted[request],
        "echo_replies": echo["replies"] + quoted[reply],
        "response_time_ms": milliseconds,
        "unanswered": echo["unanswered"]["count"] + quoted[request],
    }


def http(counts: Mapping[str, Any], frames: int) -> Facts:
    """Group `http`: messages of HTTP/1 that Wireshark shows."""
    return {
        "frames": frames,
        "methods": dict(counts["methods"]["rows"]),
        "status_codes": by_number(counts["status_codes"]),
        "hosts": most(counts["hosts"]),
        "uris": most(counts["uris"]),
        "user_agents": most(counts["user_agents"]),
    }


def most(counter: Mapping[str, Any]) -> Facts:
    """Texts by count, as many as the truth files list."""
    rows = sorted(((unescaped(text), n) for text, n in counter["rows"]), key=lambda row: (-row[1], row[0]))
    return {"distinct": len(rows), "top": dict(rows[:NAMES])}


def rtp(counts: Mapping[str, Any], protocols: Mapping[str, int]) -> Facts:
    """Group `rtp`: the rows of `tshark -z rtp,streams`, in the truth's order. Those found by pattern are left out."""
    rows = [
        {
            "src": f"{stream['src']}:{stream['src_port']}",
            "dst": f"{stream['dst']}:{stream['dst_port']}",
            "ssrc": f"0x{stream['ssrc']:08x}",
            "payload": ", ".join(one["listed"] for one in stream["types"]),
            "packets": stream["packets"],
            "lost": stream["lost"],
        }
        for stream in counts["streams"]
        if stream["detected_by"] == "announced"
    ]
    rows.sort(key=lambda row: (row["src"], row["dst"], row["ssrc"]))
    return {
        "frames": protocols.get("rtp", 0),
        "ssrcs": counts["ssrcs"],
        "payload_types": {str(kind): number for kind, number in counts["payload_types"]},
        "stream_count": len(rows),
        "streams": rows[:STREAMS],
    }


def sip(totals: SipTotals) -> Facts:
    """Group `sip`. Escaped backslashes of Call-IDs are taken back."""
    call_ids = sorted(one.replace("\\\\", "\\") for one in totals.call_ids)
    return {
        "frames": totals.frames,
        "requests": dict(totals.methods),
        "responses": {str(code): n for code, n in totals.codes.items()},
        "call_ids": len(call_ids),
        "call_id_list": call_ids[:NAMES],
    }


def tls(counts: Mapping[str, Any]) -> Facts:
    """Group `tls`: what Wireshark shows of TLS over TCP."""
    types = by_number(counts["messages"])
    return {
        "frames": counts["frames"],
        "client_hellos": types.get("1", 0),
        "server_hellos": types.get("2", 0),
        "handshake_types": types,
        "sni": most(counts["server_names"]),
        "client_alpn": most(counts["client_alpn"]),
        "server_versions": {f"0x{number:04x}": n for number, n in counts["server_versions"]["rows"]},
        "server_ciphers": {f"0x{number:04x}": n for number, n in counts["server_ciphers"]["rows"]},
        "alerts": {f"{level}/{number}": n for (level, number), n in counts["alerts"]["rows"]},
        "ja3": most(counts["ja3"]),
        "ja3s": most(counts["ja3s"]),
    }


def by_number(counter: Mapping[str, Any]) -> Facts:
    return {str(number): n for number, n in counter["rows"]}


def all_connections(table: TcpTable) -> Iterable[Connection]:
    """Every connection in the order of its stream number."""
    for offset in range(0, len(table), PAGE):
        yield from table.connections(offset=offset, limit=PAGE)


def spread(values: Sequence[float]) -> Facts:
    """Count, least, largest, mean and median, to nine digits; the count alone where there is nothing."""
    if not values:
        return {"count": 0}
    return {
        "count": len(values),
        "min": round(min(values), 9),
        "max": round(max(values), 9),
        "mean": round(fmean(values), 9),
        "median": round(median(values), 9),
    }


def seconds(time_ns: int, digits: int) -> str:
    """A time as text with that many digits behind the point, cut off, not rounded."""
    sign = "-" if time_ns < 0 else ""
    whole, fraction = divmod(abs(time_ns), 1_000_000_000)
    return f"{sign}{whole}.{fraction:09d}"[: -(9 - digits) or None] if digits else f"{sign}{whole}"
