"""Module performance: traffic over time; awslabs' timeline, throughput graph and bandwidth, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.protocols.triage import TriageSummary
from pcapstream.selection import checked_filter
from pcapstream.tools.diagnosis import COMMON, scope_of
from pcapstream.tools.finding import finding, within
from pcapstream.tools.plot import check_image, rate_png
from pcapstream.tools.ranked import Conversation, Endpoint, Ranked
from pcapstream.tools.spec import Key, Parameter, ToolSpec, table_keys
from pcapstream.tools.text import count, duration, ratio, size, utc

if TYPE_CHECKING:
    from pcapstream._core import Tally
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_SECOND = 1_000_000_000
_MAX_INTERVAL = 31_536_000
"""A year, s."""
MAX_SERIES = 8
"""Each reads the capture once more."""
BURSTY = 10
"""Times the average from which on the busiest interval is worth a line."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Frames and bytes in equal stretches of time, empty ones included. The first begins with the whole second of the
    first packet."""

    width_ns: int
    start_ns: int
    counts: Sequence[tuple[int, int]]
    asked_ns: int

    @property
    def seconds(self) -> int:
        return self.width_ns // _SECOND

    @property
    def busiest(self) -> int:
        """Index of the first with most bytes; 0 where there are none."""
        return max(range(len(self.counts)), key=lambda at: self.counts[at][1], default=0)

    def bits_per_second(self, at: int) -> float:
        return round(self.counts[at][1] * 8 / self.seconds, 3)

    def notes(self) -> list[str]:
        if self.width_ns == self.asked_ns:
            return []
        wanted, kept = duration(self.asked_ns / 1e9), duration(self.width_ns / 1e9)
        return [f"The capture is so long that its time is kept in coarser steps: intervals of {kept}, not {wanted}."]


def intervals_of(tally: Tally, seconds: int) -> Intervals:
    """The tally's buckets put together; where they are wider than asked for, the next multiple of their width."""
    bucket, start, counts = tally.buckets()
    asked = seconds * _SECOND
    each = max(1, -(-asked // bucket))
    joined = [
        (sum(n for n, _ in counts[at : at + each]), sum(b for _, b in counts[at : at + each]))
        for at in range(0, len(counts), each)
    ]
    return Intervals(each * bucket, start, joined, asked)


def _table(ask: Ask, name: str, intervals: Intervals) -> Any:
    columns = ("start_utc", "seconds", "frames", "bytes", "bits_per_second", "packets_per_second")

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        return [
            [
                utc(intervals.start_ns + at * intervals.width_ns),
                at * intervals.seconds,
                frames,
                octets,
                intervals.bits_per_second(at),
                round(frames / intervals.seconds, 3),
            ]
            for at, (frames, octets) in enumerate(intervals.counts[offset : offset + limit], offset)
        ]

    return ask.table(name, columns, fetch, len(intervals.counts))


def _aligned(intervals: Intervals, tally: Tally) -> list[tuple[int, int]]:
    """Frames and bytes of another pass in these intervals. Its own steps lie in the interval they begin in."""
    bucket, start, counts = tally.buckets()
    found = [(0, 0)] * len(intervals.counts)
    for at, (frames, octets) in enumerate(counts):
        where = (start + at * bucket - intervals.start_ns) // intervals.width_ns
        if frames and 0 <= where < len(found):
            found[where] = (found[where][0] + frames, found[where][1] + octets)
    return found


def _series(ask: Ask, intervals: Intervals) -> dict[str, Any]:
    """One line of the graph for each further filter."""
    lines = {one: _aligned(intervals, of.summary(TriageSummary).tally) for one, of in ask.series.items()}
    if not lines:
        return {}
    names = [f"series_{number}" for number in range(1, len(lines) + 1)]

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        return [
            [utc(intervals.start_ns + at * intervals.width_ns), at * intervals.seconds]
            + [round(line[at][1] * 8 / intervals.seconds, 3) for line in lines.values()]
            for at in range(offset, min(offset + limit, len(intervals.counts)))
        ]

    return {
        "series": [
            {
                "name": name,
                "filter": one,
                "frames": sum(frames for frames, _ in line),
                "bytes": sum(octets for _, octets in line),
                "peak_bits_per_second": round(
                    max((octets for _, octets in line), default=0) * 8 / intervals.seconds, 3
                ),
            }
            for name, (one, line) in zip(names, lines.items(), strict=True)
        ],
        # Bits per second.
        "series_data": ask.table("series_data", ("start_utc", "seconds", *names), fetch, len(intervals.counts)),
    }


def _partial(ask: Ask) -> list[str]:
    return [
        f"series_{number} stands for the first {count(of.coverage.packets, 'packet')} only."
        for number, of in enumerate(ask.series.values(), 1)
        if not of.coverage.complete
    ]


def _rates(report: Report, intervals: Intervals) -> dict[str, Any]:
    """Averages over the time between first and last packet; the rest over the intervals. Bits per second."""
    frames = sum(n for n, _ in intervals.counts)
    octets = sum(b for _, b in intervals.counts)
    first, last = report.capture["first_ns"], report.capture["last_ns"]
    seconds = (last - first) / 1e9 if first is not None and last is not None else 0.0
    ranked = sorted(intervals.bits_per_second(at) for at in range(len(intervals.counts)))
    p95 = ranked[max(0, -(-len(ranked) * 95 // 100) - 1)] if ranked else 0.0
    return {
        "frames": frames,
        "bytes": octets,
        "duration_seconds": seconds,
        "average_bits_per_second": ratio(octets * 8, seconds, 3),
        "median_bits_per_second": ranked[(len(ranked) - 1) // 2] if ranked else 0.0,
        "p95_bits_per_second": p95,
        "peak_bits_per_second": ranked[-1] if ranked else 0.0,
        "peak_utc": utc(intervals.start_ns + intervals.busiest * intervals.width_ns) if ranked else None,
        "intervals": len(intervals.counts),
        "empty_intervals": sum(n == 0 for n, _ in intervals.counts),
    }


def _text(rates: dict[str, Any], intervals: Intervals) -> str:
    step = duration(float(intervals.seconds))
    return (
        f"{count(rates['frames'], 'packet')}, {size(rates['bytes'])} in {duration(rates['duration_seconds'])}: "
        f"{size(rates['average_bits_per_second'] / 8)}/s on average, {size(rates['peak_bits_per_second'] / 8)}/s in "
        f"the busiest {step}."
    )


def _peak(ask: Ask, rates: dict[str, Any], intervals: Intervals) -> list[dict[str, Any]]:
    """The busiest interval, where it stands out."""
    average, peak = rates["average_bits_per_second"], rates["peak_bits_per_second"]
    if len(intervals.counts) < 3 or not average or peak < BURSTY * average:
        return []
    at = intervals.busiest
    start = intervals.start_ns + at * intervals.width_ns
    where = f"frame.time_epoch >= {start // _SECOND} && frame.time_epoch < {(start + intervals.width_ns) // _SECOND}"
    line = (
        f"The busiest {duration(float(intervals.seconds))} carry {peak / average:.1f} times the average rate, "
        f"{count(intervals.counts[at][0], 'packet')}."
    )
    return [finding("burst", "info", line, count=intervals.counts[at][0], filter=within(scope_of(ask), where))]


def _notes(report: Report, intervals: Intervals) -> list[str]:
    notes = intervals.notes()
    timeless = report.summary(TriageSummary).tally.facts()["frames"] - sum(n for n, _ in intervals.counts)
    if timeless:
        notes.append(f"{count(timeless, 'packet')} of a format that records no time: in no interval.")
    return notes


def _graph(parameter: str, analysis: str | None, name: str) -> Any:
    def view(report: Report, ask: Ask) -> dict[str, Any]:
        intervals = intervals_of(report.summary(TriageSummary).tally, ask[parameter])
        rates = _rates(report, intervals)
        found: dict[str, Any] = {"summary": {"text": _text(rates, intervals), **rates}}
        if analysis is not None:
            found["analysis_type"] = analysis
        if ask.parameters.get("image"):
            found["image"] = "a PNG beside this answer, for clients of the server"
        return {
            **found,
            parameter: ask[parameter],
            "interval_seconds": intervals.seconds,
            "findings": _peak(ask, rates, intervals),
            name: _table(ask, name, intervals),
            **_series(ask, intervals),
            "notes": [*_notes(report, intervals), *_partial(ask)],
        }

    return view


_TALKERS = ("address", "frames_sent", "bytes_sent", "frames_received", "bytes_received", "share")
_PAIRS = ("a", "b", "frames_to_b", "bytes_to_b", "frames_to_a", "bytes_to_a", "bits_per_second", "share")
_TOP = 10
_IP: tuple[Literal["ip", "ipv6"], ...] = ("ip", "ipv6")


def _bandwidth(report: Report, ask: Ask) -> dict[str, Any]:
    tally = report.summary(TriageSummary).tally
    ranked = Ranked(report, tally)
    intervals = intervals_of(tally, ask["time_window"])
    rates = _rates(report, intervals)
    octets = rates["bytes"]
    by_layer: dict[str, dict[str, Any]] = {}
    for kind in ("ip", "ipv6", "tcp", "udp"):
        frames, carried = tally.conversation_totals(kind)
        if frames:
            by_layer[kind] = {"frames": frames, "bytes": carried, "share": ratio(carried, octets)}

    def talker(row: Endpoint) -> list[Any]:
        return [*row, ratio(row[2] + row[4], octets)]

    def pair(row: Conversation) -> list[Any]:
        a, b, n, m, k, o, first, last = row
        return [a, b, n, m, k, o, ratio((m + o) * 8e9, last - first, 3), ratio(m + o, octets)]

    ends = [row for kind in _IP for row in ranked.endpoints(kind, 0, 1_000)]
    ends.sort(key=lambda row: (-(row[2] + row[4]), row[0]))
    between = [row for kind in _IP for row in ranked.conversations(kind, 0, 1_000)]
    between.sort(key=lambda row: (-(row[3] + row[5]), row[0], row[1]))
    return {
        "summary": {"text": _text(rates, intervals), **rates},
        "analysis_type": "bandwidth_utilization",
        "time_window": ask["time_window"],
        "interval_seconds": intervals.seconds,
        "by_layer": by_layer,
        "findings": _peak(ask, rates, intervals),
        "bandwidth_data": _table(ask, "bandwidth_data", intervals),
        "top_talkers": ask.made(
            "top_talkers", _TALKERS, ends, talker, exact=_is_whole(ranked, "endpoint", ends), limit=_TOP
        ),
        "top_conversations": ask.made(
            "top_conversations", _PAIRS, between, pair, exact=_is_whole(ranked, "conversation", between), limit=_TOP
        ),
        "notes": _notes(report, intervals),
    }


def _is_whole(ranked: Ranked, what: Literal["endpoint", "conversation"], rows: Sequence[object]) -> bool:
    """The rows are all there are."""
    counts = [getattr(ranked, f"{what}_count")(kind) for kind in ("ip", "ipv6")]
    return not any(more for _, more in counts) and sum(n for n, _ in counts) == len(rows)


def _interval(name: str, default: int, what: str) -> Parameter:
    return Parameter(name, "integer", what, default, minimum=1, maximum=_MAX_INTERVAL)


def _tool(
    name: str, title: str, description: str, view: Any, parameter: Parameter, tables: tuple[tuple[str, str], ...],
    *more: Key,
) -> ToolSpec:  # fmt: skip
    return ToolSpec(
        name=name,
        module="performance",
        title=title,
        description=description,
        view=view,
        needs=("triage",),
        default_limit=60,
        parameters=(parameter,),
        keys=(
            Key("summary", "object", "text, totals, average, median, p95 and peak rate", required=True),
            Key(parameter.name, "integer", "as asked"),
            Key("interval_seconds", "integer", "width of the rows"),
            *more,
            *COMMON,
            *table_keys(tables),
        ),
    )


TIMELINE = _tool(
    "generate_traffic_timeline",
    "Traffic over time",
    "Use it to see when traffic came: packets, bytes and rates in equal stretches of time.",
    _graph("time_interval", None, "timeline_data"),
    _interval("time_interval", 60, "Width of a row in seconds"),
    (("timeline_data", "one interval a row"),),
)


def _picture(report: Report, parameters: Mapping[str, Any], series: Mapping[str, Report]) -> bytes:
    intervals = intervals_of(report.summary(TriageSummary).tally, parameters["time_interval"])
    width = intervals.width_ns / _SECOND
    rates = [intervals.bits_per_second(at) for at in range(len(intervals.counts))]
    lines = [
        [octets * 8 / intervals.seconds for _, octets in _aligned(intervals, of.summary(TriageSummary).tally)]
        for of in series.values()
    ]
    return rate_png(
        [at * width for at in range(len(rates))], rates, width, utc(intervals.start_ns) or "the start", lines
    )


def _filters(value: object) -> list[str]:
    """Checked display filters, each once."""
    given = list(dict.fromkeys(value)) if isinstance(value, list) else []
    if len(given) > MAX_SERIES:
        raise ValueError(f"has more than {MAX_SERIES} filters")
    for one in given:
        if not one:
            raise ValueError("has an empty filter")
        checked_filter(one)
    return given


_WIDTH = _interval("time_interval", 1, "Width of a row in seconds")
IO_GRAPH = replace(
    _tool(
        "generate_throughput_io_graph",
        "Throughput over time",
        "Use it to see how throughput changes: bytes and bits per second for each interval, with average, median, 95th "
        "percentile and peak; as an image, too.",
        _graph("time_interval", "throughput_io_graph", "io_graph_data"),
        _WIDTH,
        (("io_graph_data", "one interval a row"), ("series_data", "bits per second of each series")),
        Key("series", "array", "name, filter, frames, bytes, peak of each of filters"),
        Key("image", "string", "where the image is, if one was asked for"),
    ),
    parameters=(
        _WIDTH,
        Parameter("filters", "list", "Display filters, each a further line of the graph", [], check=_filters),
        Parameter("image", "boolean", "Give the graph as a PNG image beside the answer", False),
    ),
    picture=_picture,
    series="filters",
    refuse=check_image,
)
BANDWIDTH = _tool(
    "analyze_bandwidth_utilization",
    "Bandwidth",
    "Use it to see what uses the bandwidth: rates over time with average, 95th percentile and peak, and the addresses "
    "and conversations with most bytes.",
    _bandwidth,
    _interval("time_window", 10, "Width of a row in seconds"),
    (("bandwidth_data", "one interval a row"), ("top_talkers", "one address"), ("top_conversations", "one pair")),
    Key("by_layer", "object", "frames and bytes of ip, ipv6, tcp, udp"),
)
