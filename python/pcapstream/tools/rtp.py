"""RTP and RTCP as tables and findings: a part of module sip, put together so that its tool only has to show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.rtp import RtpSummary, call_ids, loss_share, reports_about
from pcapstream.tools.finding import finding
from pcapstream.tools.spec import Key, table_keys
from pcapstream.tools.text import clean, count, percent, ratio, utc
from pcapstream.tools.voice_quality import FORMULA, burst_ratio, estimate
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.tools.paging import Ask, Table

HIGH_LOSS = 0.01
"""Share of a stream's packets: from about 1 % on loss is heard with most codecs."""
HIGH_JITTER_MS = 30.0
"""Mean jitter: more than usual jitter buffers of 40 to 60 ms take without loss."""
LONG_PAUSE_MS = 1_000.0
"""Time without a packet of a stream that has no comfort noise and no silence in its timestamps."""
LOW_MOS = 3.6
"""R of 70: "many users dissatisfied" below (ITU-T G.107 Annex B)."""
LEAST_PACKETS = 50
"""Shares and means of fewer packets say little: one second of speech."""
MAX_ENDS_SHOWN = 5
"""Streams named in the filter of one finding."""
MAX_KEYS_SHOWN = 64

KEYS = (
    Key("rtp", "object", "totals of RTP and RTCP; streams announced by signalling and others apart"),
    *table_keys((("rtp_streams", "one RTP stream"), ("rtcp_reports", "what one source reports, about one other"))),
)
"""Result keys that `view` fills."""

STREAM_COLUMNS = (
    "source_ip", "source_port", "destination_ip", "destination_port", "ssrc", "detected_by", "codecs", "payload_types",
    "media", "encrypted", "packets", "lost", "lost_percent", "missing", "out_of_order", "duplicates",
    "sequence_restarts", "jitter_mean_ms", "jitter_max_ms", "delta_max_ms", "largest_gap_ms", "largest_gap_frame",
    "first_frame", "last_frame", "start_time", "duration_s", "clock_rate", "packet_ms", "markers",
    "comfort_noise_packets", "silence_ms", "dtmf", "mos", "r_factor", "reported", "call_ids", "setup_frames",
)  # fmt: skip
REPORT_COLUMNS = (
    "source_ip", "source_port", "destination_ip", "destination_port", "ssrc", "detected_by", "packets",
    "sender_reports", "receiver_reports", "feedback", "cname", "sent_packets", "sent_octets", "bye_frame", "bye_reason",
    "first_frame", "last_frame", "about_ssrc", "reports", "lost", "fraction_lost_percent",
    "max_fraction_lost_percent", "jitter_ms", "max_jitter_ms", "round_trip_ms", "voip_metrics",
)  # fmt: skip


@dataclass(slots=True)
class RtpView:
    """Parts of an answer."""

    keys: dict[str, Any] = field(default_factory=dict)
    """`rtp` and the two tables."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def view(summary: RtpSummary, ask: Ask) -> RtpView:
    """What the SIP tool shows of RTP and RTCP. The tables are made also when they are empty."""
    counts = values_of(summary)
    streams, sources = counts["streams"], counts["reports"]
    out = RtpView()
    out.keys["rtp"] = _totals(counts)
    out.keys["rtp_streams"] = _streams(streams, sources, ask, exact=not counts["unlisted_packets"])
    out.keys["rtcp_reports"] = _reports(streams, sources, ask)
    out.findings = _findings(streams, sources)
    out.notes = _notes(counts)
    return out


def rtp_findings(summary: RtpSummary) -> list[dict[str, Any]]:
    """What looks wrong with the media."""
    counts = values_of(summary)
    return _findings(counts["streams"], counts["reports"])


def _totals(counts: Mapping[str, Any]) -> dict[str, Any]:
    announced = [s for s in counts["streams"] if s["detected_by"] == "announced"]
    others = [s for s in counts["streams"] if s["detected_by"] != "announced"]
    return {
        "packets": counts["packets"],
        "streams": len(announced),
        "lost": sum(s["lost"] for s in announced),
        "missing": sum(s["missing"] for s in announced),
        "out_of_order": sum(s["late"] for s in announced),
        "duplicates": sum(s["duplicates"] for s in announced),
        "malformed": counts["malformed"],
        "quoted_in_icmp": counts["quoted"],
        "rtcp_packets": counts["rtcp_packets"] + counts["rtcp_by_content"],
        "rtcp_by_content": counts["rtcp_by_content"],
        "heuristic": {"packets": counts["heuristic_packets"], "streams": len(others)},
        "mos_formula": FORMULA,
    }


def stream_row(stream: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> list[Any]:
    """One row of `rtp_streams`."""
    mos, r_factor = quality(stream, sources)
    types = stream["types"]
    clock = stream["clock_rate"]
    ends = [end for end in (stream["receiver"], stream["sender"]) if end is not None]
    return [
        stream["src"],
        stream["src_port"],
        stream["dst"],
        stream["dst_port"],
        f"0x{stream['ssrc']:08x}",
        stream["detected_by"],
        [clean(one["listed"]) for one in types],
        [one["payload_type"] for one in types],
        next((end["media"] for end in ends), None),
        stream["encrypted"],
        stream["packets"],
        stream["lost"],
        round(100 * ratio(stream["lost"], stream["expected"]), 3),
        stream["missing"],
        stream["late"],
        stream["duplicates"],
        stream["restarts"],
        round(stream["jitter_ms"]["mean"], 3),
        round(stream["jitter_ms"]["max"], 3),
        round(stream["delta_ms"]["max"], 3),
        round(stream["longest_pause_ms"], 3),
        stream["longest_pause_frame"] or None,
        stream["first_frame"],
        stream["last_frame"],
        utc(stream["first_time_ns"]),
        round((stream["last_time_ns"] - stream["first_time_ns"]) / 1e9, 6),
        clock or None,
        packet_ms(stream),
        stream["markers"],
        stream["noise_packets"],
        round(stream["silence_ms"], 1),
        [_key(event) for event in stream["events"][:MAX_KEYS_SHOWN]],
        mos,
        r_factor,
        _reported(stream, sources),
        [clean(one) for one in call_ids(stream)],
        sorted({end["frame"] for end in ends}),
    ]


def packet_ms(stream: Mapping[str, Any]) -> float | None:
    """Time a packet stands for: the least step of the timestamps between neighbours."""
    clock, step = stream["clock_rate"], stream["step"]
    return round(1000 * step / clock, 3) if clock and step else None


def main_codec(stream: Mapping[str, Any]) -> str | None:
    """Encoding name of the most packets."""
    best = max(stream["types"], key=lambda one: (one["packets"], -one["payload_type"]), default=None)
    return None if best is None else best["codec"]


def quality(stream: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """(MOS, R) as `voice_quality` estimates them; (None, None) where it cannot."""
    codec = main_codec(stream)
    if codec is None or stream["packets"] < LEAST_PACKETS:
        return None, None
    share = loss_share(stream)
    found = estimate(
        codec,
        loss_share=share,
        burst_ratio=burst_ratio(stream["missing"], stream["gaps"], share),
        jitter_ms=stream["jitter_ms"]["mean"],
        packet_ms=packet_ms(stream) or 20.0,
        round_trip_ms=_round_trip(stream, sources),
    )
    return (None, None) if found is None else (found.mos, found.r_factor)


def _round_trip(stream: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> float | None:
    trips = [about["round_trip_ms"]["mean"] for about in reports_about(stream, sources) if about["round_trip_ms"]]
    return max(trips) if trips else None


def _reported(stream: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What its receivers said of it, beside what was counted."""
    about = reports_about(stream, sources)
    if not about:
        return None
    clock = stream["clock_rate"]
    trip = _round_trip(stream, sources)
    return {
        "reports": sum(one["reports"] for one in about),
        "lost": max(one["lost"] for one in about),
        "max_fraction_lost_percent": round(max(one["max_fraction_lost_percent"] for one in about), 2),
        "max_jitter_ms": _ticks(max(one["max_jitter_ticks"] for one in about), clock),
        "round_trip_ms": None if trip is None else round(trip, 3),
    }


def _ticks(ticks: float, clock: int) -> float | None:
    return round(1000 * ticks / clock, 3) if clock else None


def _key(event: Mapping[str, Any]) -> dict[str, Any]:
    found = {"key": event["key"], "frame": event["frame"], "duration_ms": round(event["duration_ms"], 1)}
    if not event["ended"]:
        found["ended"] = False
    return found


def _streams(
    streams: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]], ask: Ask, *, exact: bool
) -> Table | None:
    ordered = sorted(streams, key=lambda s: (s["detected_by"] != "announced", s["first_frame"]))
    return ask.table(
        "rtp_streams",
        STREAM_COLUMNS,
        lambda offset, limit: [stream_row(s, sources) for s in ordered[offset : offset + limit]],
        len(ordered),
        exact=exact,
    )


def _reports(streams: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]], ask: Ask) -> Table | None:
    clocks = {s["ssrc"]: s["clock_rate"] for s in streams}
    rows = [(source, about) for source in sources for about in (source["about"] or [None])]
    return ask.table(
        "rtcp_reports",
        REPORT_COLUMNS,
        lambda offset, limit: [_report_row(s, a, clocks) for s, a in rows[offset : offset + limit]],
        len(rows),
    )


def _report_row(source: Mapping[str, Any], about: Mapping[str, Any] | None, clocks: Mapping[int, int]) -> list[Any]:
    sender, bye = source["sender"] or {}, source["goodbye"] or {}
    row = [source[key] for key in ("src", "src_port", "dst", "dst_port")]
    row += [f"0x{source['ssrc']:08x}"]
    row += [source[key] for key in ("detected_by", "packets", "sender_reports", "receiver_reports", "feedback")]
    row += [None if source["cname"] is None else clean(source["cname"])]
    row += [sender.get("packets"), sender.get("octets"), bye.get("frame")]
    row += [clean(bye["reason"]) if bye.get("reason") else None, source["first_frame"], source["last_frame"]]
    if about is None:
        return row + [None] * (len(REPORT_COLUMNS) - len(row))
    clock, trip = clocks.get(about["ssrc"], 0), about["round_trip_ms"]
    return [
        *row,
        f"0x{about['ssrc']:08x}",
        about["reports"],
        about["lost"],
        round(about["fraction_lost_percent"], 2),
        round(about["max_fraction_lost_percent"], 2),
        _ticks(about["mean_jitter_ticks"], clock),
        _ticks(about["max_jitter_ticks"], clock),
        None if trip is None else round(trip["mean"], 3),
        about["voip_metrics"],
    ]


def filter_of(streams: Iterable[Mapping[str, Any]]) -> str:
    """A Wireshark filter that shows the packets of these streams, the first few of them."""
    parts = []
    for stream in list(streams)[:MAX_ENDS_SHOWN]:
        family = "ipv6" if ":" in stream["src"] else "ip"
        parts.append(
            f"(rtp.ssrc == 0x{stream['ssrc']:08x} && {family}.src == {stream['src']} && "
            f"udp.srcport == {stream['src_port']} && udp.dstport == {stream['dst_port']})"
        )
    return " || ".join(parts)


def _findings(streams: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    announced = [s for s in streams if s["detected_by"] == "announced"]
    others = [s for s in streams if s["detected_by"] != "announced"]
    long = [s for s in announced if s["packets"] >= LEAST_PACKETS]
    found: list[dict[str, Any]] = []

    def add(code: str, severity: Any, which: Sequence[Mapping[str, Any]], frame: str, text: str) -> None:
        if which:
            frames = [s[frame] for s in which]
            found.append(finding(code, severity, text, count=len(which), frames=frames, filter=filter_of(which)))

    lossy = [s for s in long if loss_share(s) > HIGH_LOSS]
    add(
        "rtp_loss", "warning", lossy, "longest_gap_frame",
        f"{count(len(lossy), 'RTP stream')} of {len(long):,} with at least {LEAST_PACKETS} packets lost more than "
        f"{percent(HIGH_LOSS)} of them, up to {percent(max(map(loss_share, lossy), default=0.0))}.",
    )  # fmt: skip
    shaky = [s for s in long if s["jitter_ms"]["mean"] > HIGH_JITTER_MS]
    add(
        "rtp_jitter", "warning", shaky, "max_delta_frame",
        f"{count(len(shaky), 'RTP stream')} of {len(long):,} had a mean jitter above {HIGH_JITTER_MS:g} ms, up to "
        f"{max((s['jitter_ms']['mean'] for s in shaky), default=0.0):.1f} ms.",
    )  # fmt: skip
    paused = [
        s for s in long if s["longest_pause_ms"] > LONG_PAUSE_MS and not s["noise_packets"] and not s["silence_ms"]
    ]
    add(
        "rtp_pause", "info", paused, "longest_pause_frame",
        f"{count(len(paused), 'RTP stream')} stopped for more than {LONG_PAUSE_MS / 1000:g} s and went on, without "
        "silence in the timestamps.",
    )  # fmt: skip
    rated = [(s, quality(s, sources)[0]) for s in long]
    poor = [(s, mos) for s, mos in rated if mos is not None and mos < LOW_MOS]
    add(
        "rtp_low_mos", "warning", [s for s, _ in poor], "first_frame",
        f"{count(len(poor), 'RTP stream')} of {len(long):,} have an estimated MOS below {LOW_MOS:g} ({FORMULA}), "
        f"down to {min((mos for _, mos in poor), default=0.0):.2f}.",
    )  # fmt: skip
    strange = [s for s in announced if _not_announced_types(s)]
    add(
        "rtp_payload_type_not_announced", "info", strange, "first_frame",
        f"{count(len(strange), 'RTP stream')} used dynamic payload types that the announcement of the receiver does "
        "not name.",
    )  # fmt: skip
    add(
        "rtp_not_announced", "info", others, "first_frame",
        f"{count(len(others), 'stream')} that look like RTP and that no signalling in this capture announced"
        " (or that Wireshark gives to STUN): found by the pattern of their packets.",
    )  # fmt: skip
    if others:
        found[-1]["filter"] = _ports_of(others)
    return found


def _ports_of(streams: Iterable[Mapping[str, Any]]) -> str:
    """For streams that Wireshark does not show as RTP."""
    parts = []
    for stream in list(streams)[:MAX_ENDS_SHOWN]:
        family = "ipv6" if ":" in stream["src"] else "ip"
        parts.append(
            f"({family}.src == {stream['src']} && udp.srcport == {stream['src_port']} && "
            f"{family}.dst == {stream['dst']} && udp.dstport == {stream['dst_port']})"
        )
    return " || ".join(parts)


def _not_announced_types(stream: Mapping[str, Any]) -> bool:
    return stream["receiver"] is not None and any(
        one["payload_type"] >= 96 and one["codec"] is None for one in stream["types"]
    )


def _notes(counts: Mapping[str, Any]) -> list[str]:
    notes = []
    if counts["heuristic_packets"]:
        notes.append(
            "rtp_streams with detected_by heuristic were announced by nobody in this capture: they are listed behind "
            "the others and counted in rtp.heuristic only."
        )
    if counts["unlisted_packets"]:
        notes.append(
            "More RTP streams than are listed: "
            f"{count(counts['unlisted_packets'], 'packet')} of them are in the totals only."
        )
    if counts["unlisted_rtcp_packets"]:
        notes.append("More sources of RTCP reports than are listed; their packets are in the totals only.")
    if counts["announcements_dropped"]:
        notes.append(
            f"{count(counts['announcements_dropped'], 'announced address', 'announced addresses')} found no room: "
            "their RTP is not among the announced streams."
        )
    return notes
