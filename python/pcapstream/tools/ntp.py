"""Module ntp: analyze_ntp_packets, outside the default set."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.ntp import NtpSummary, Server
from pcapstream.tools.finding import FirstLook, by_weight, finding
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import clean, count, milliseconds, utc

if TYPE_CHECKING:
    from pcapstream._core import Message
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

FAR_NS = 1_000_000_000
"""Offsets from here on are far: more than any network explains, so one of the two clocks is wrong."""
_TOP = 10


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    summary = report.summary(NtpSummary)
    kept, dropped = summary.kept()
    found: dict[str, Any] = {
        "summary": _summary(summary),
        "total_packets": report.capture["packets"],
        "ntp_packets_found": summary.total,
    }
    notes: list[str] = []
    if summary.total:
        servers = sorted(summary.servers, key=lambda one: (-one.requests - one.responses, one.address))
        found["statistics"] = {
            "modes": dict(summary.modes),
            "versions": {str(version): n for version, n in sorted(summary.versions.items())},
            "clients": len(summary.clients),
            "servers": len(summary.servers),
            "requests": sum(one.requests for one in summary.servers),
            "responses": sum(one.responses for one in summary.servers),
            **{name: summary.event(name).count for name in ("unanswered", "unasked", "malformed")},
        }
        found["findings"] = _findings(summary)
        found["servers"] = ask.table(
            "servers", _SERVERS, lambda offset, limit: [_server(one) for one in servers[offset : offset + limit]],
            len(servers), exact=not summary.unlisted.get("servers"), limit=_TOP,
        )  # fmt: skip
        notes.append("Offsets are to the clock of the machine that captured, delays from the capture point and back.")
    else:
        found["message"] = "No NTP packets found in this capture"
    found["packets"] = ask.table(
        "packets", _COLUMNS, lambda offset, limit: [_row(one) for one in summary.messages(offset, limit)], kept
    )
    notes += [
        f"The table of {table} was full: {number:,} more are in the counts only."
        for table, number in summary.unlisted.items()
    ]
    if dropped:
        notes.append(f"packets lists the first {kept:,} messages; {dropped:,} more are in the counts only.")
    found["notes"] = notes
    return found


def first_look(report: Report) -> FirstLook | None:
    """None: there is no NTP."""
    summary = report.summary(NtpSummary)
    return FirstLook(_summary(summary), _findings(summary)) if summary.total else None


def _summary(summary: NtpSummary) -> str:
    if not summary.total:
        return "No NTP messages."
    asked = sum(one.requests for one in summary.servers)
    answered = sum(one.answered for one in summary.servers)
    answering = sum(1 for one in summary.servers if one.responses)
    return (
        f"{count(summary.total, 'NTP message')}: {count(asked, 'request')} of "
        f"{count(len(summary.clients), 'client')}, {answered:,} answered, {count(answering, 'server')} answering."
    )


def _findings(summary: NtpSummary) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asked = sum(one.requests for one in summary.servers)
    for event, code, severity, text, where in (
        ("unanswered", "unanswered_requests", "info", f"of {asked:,} got no answer in this capture.",
         "ntp.flags.mode == 1 || ntp.flags.mode == 3"),
        ("unsynchronized", "unsynchronized_server", "warning", "said that the server has no time itself.",
         "ntp.flags.mode in {2, 4} && (ntp.stratum >= 16 || ntp.flags.li == 3)"),
        ("kiss", "kiss_of_death", "warning", "told a client to go away or ask less (stratum 0).",
         "ntp.flags.mode in {2, 4} && ntp.stratum == 0"),
        ("unasked", "unasked_answers", "info", "to no request of this capture.", "ntp.flags.mode in {2, 4}"),
        ("private", "private_messages", "warning",
         "of mode 7: remote control of old servers, used to make them send large answers to others.",
         "ntp.flags.mode == 7"),
        ("control", "control_messages", "info", "of mode 6: questions about a server's state.", "ntp.flags.mode == 6"),
        ("malformed", "malformed_messages", "warning", "shorter than their fields.", "ntp"),
    ):  # fmt: skip
        seen = summary.event(event)
        if seen.count:
            what = count(seen.count, "request" if event == "unanswered" else "message")
            found.append(
                finding(code, severity, f"{what} {text}", count=seen.count, frames=list(seen.frames), filter=where)  # type: ignore[arg-type]
            )
    far = [one for one in summary.servers if one.offsets_ns and abs(median(one.offsets_ns)) >= FAR_NS]
    if far:
        found.append(
            finding(
                "far_offset", "warning",
                f"{count(len(far), 'server')} of {sum(1 for one in summary.servers if one.offsets_ns):,} measured: "
                "clock 1 s or more from that of the machine that captured.",
                count=len(far), frames=[one.first_frame for one in far][:20],
                filter=" || ".join(_host(one.address) for one in far[:20]),
            )
        )  # fmt: skip
    return by_weight(found)


def _host(address: str) -> str:
    return f"(ntp && {'ipv6' if ':' in address else 'ip'}.addr == {address})"


_SERVERS = (
    "server", "requests", "answered", "responses", "stratum", "reference", "offset_ms", "offset_min_ms",
    "offset_max_ms", "delay_ms", "delay_max_ms", "measured", "first_frame",
)  # fmt: skip


def _server(one: Server) -> list[Any]:
    offsets, delays = one.offsets_ns, one.delays_ns

    def of(values: Sequence[int], pick: Any) -> float | None:
        return milliseconds(round(pick(values))) if values else None

    return [
        one.address, one.requests, one.answered, one.responses, [stratum for stratum, _ in one.strata],
        [clean(reference) for reference, _ in one.references], of(offsets, median), of(offsets, min), of(offsets, max),
        of(delays, median), of(delays, max), one.measured, one.first_frame,
    ]  # fmt: skip


_FIELDS = (
    "version", "mode_name", "leap", "stratum", "poll_log2_s", "precision_log2_s", "reference_id", "request_code",
)  # fmt: skip
_STAMPS = ("reference", "origin", "receive", "transmit")
_COLUMNS = (
    "frame", "timestamp", "src_ip", "src_port", "dst_ip", "dst_port", *_FIELDS, "root_delay_ms", "root_dispersion_ms",
    *_STAMPS, "malformed",
)  # fmt: skip


def _row(message: Message) -> list[Any]:
    fields = message.fields

    def known(name: str) -> Any:
        value = fields.get(name)
        return clean(value) if isinstance(value, str) else value

    def short(name: str) -> float | None:
        value = fields.get(name)
        return None if value is None else milliseconds(value)

    return [
        message.frame, utc(message.time_ns), message.src, message.src_port, message.dst, message.dst_port,
        *(known(name) for name in _FIELDS), short("root_delay_ns"), short("root_dispersion_ns"),
        *(utc(fields.get(f"{name}_ns")) for name in _STAMPS), bool(fields.get("malformed")),
    ]  # fmt: skip


NTP = ToolSpec(
    name="analyze_ntp_packets",
    module="ntp",
    title="NTP servers and clocks",
    description=(
        "Use it when clocks differ or do not synchronize: NTP servers with stratum, source, offset and delay, requests "
        "without an answer, refusals, remote control messages, all messages with their timestamps."
    ),
    view=_view,
    needs=("ntp",),
    default_limit=25,
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("total_packets", "integer", "of the capture"),
        Key("ntp_packets_found", "integer"),
        Key("message", "string", "when nothing matched"),
        Key("statistics", "object"),
        Key("findings", "array", "code, severity, text, count, frames, Wireshark filter"),
        *table_keys((("packets", "one message"), ("servers", "offset and delay as the capture point sees them"))),
    ),
)  # fmt: skip
