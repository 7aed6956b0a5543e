"""Module packets: where bytes or a text occur.

A pattern never becomes text of a filter: it goes there as hexadecimal bytes, so that nothing in it has a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pcapstream._core import find_bytes
from pcapstream.errors import QueryError
from pcapstream.selection import checked_filter
from pcapstream.tools.rows import PACKET_COLUMNS, info_fields, more_in, own_pass, packet_line, rows_of
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import clean, count

if TYPE_CHECKING:
    from pcapstream._core import Row
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions
    from pcapstream.tools.paging import Ask

MAX_PATTERN_BYTES = 1_000
CONTEXT_BYTES = 24
"""Bytes shown on each side of a match."""
REACH_BYTES = 1_024
"""Most bytes of a match of a regular expression that may lie in front of the segment that completes it."""
_LIMIT = 50
_PLACES = {"frame": ("frame",), "payload": ("tcp.payload", "udp.payload")}
"""Fields looked into, by what `where` says."""


def pattern_bytes(pattern: str, kind: str) -> bytes:
    """Raises QueryError(bad_parameter)."""
    if kind == "hex":
        try:
            found = bytes.fromhex(pattern.replace(":", " ").removeprefix("0x"))
        except ValueError:
            raise QueryError("bad_parameter", "search_pattern is not hexadecimal, such as 16 03 01") from None
    else:
        found = pattern.encode("utf-8", "surrogatepass")
    if not 1 <= len(found) <= MAX_PATTERN_BYTES:
        raise QueryError("bad_parameter", f"search_pattern must have 1 to {MAX_PATTERN_BYTES:,} bytes")
    return found


def pattern_regex(pattern: str, kind: str, case_sensitive: bool) -> str:
    """The pattern as a regular expression over bytes, in ASCII."""
    if kind == "regex":
        body = pattern
    else:
        body = "".join(f"\\x{byte:02x}" for byte in pattern_bytes(pattern, kind))
        case_sensitive = case_sensitive or kind == "hex"
    return f"(?-iu:{body})" if case_sensitive else f"(?i-u:{body})"


def _checked(parameters: Mapping[str, Any]) -> str:
    """The pattern as a regular expression that the core takes."""
    pattern, kind = parameters["search_pattern"], parameters["kind"]
    pattern_bytes(pattern, kind)
    return pattern_regex(pattern, kind, parameters["case_sensitive"])


def _reach(parameters: Mapping[str, Any]) -> int:
    if parameters["kind"] == "regex":
        return REACH_BYTES
    return len(pattern_bytes(parameters["search_pattern"], parameters["kind"]))


def _filter(parameters: Mapping[str, Any]) -> str:
    regex = _checked(parameters)
    return " or ".join(_literal_filter(name, regex) for name in _PLACES[parameters["where"]])


def _literal_filter(name: str, regex: str) -> str:
    # Every byte as an escape of the filter language: no quote or backslash of the pattern is one of the filter.
    literal = "".join(f"\\x{byte:02x}" for byte in regex.encode("utf-8", "surrogatepass"))
    return f'{name} matches "{literal}"'


def _pass(shared: ScanOptions, parameters: Mapping[str, Any]) -> ScanOptions:
    if parameters["where"] == "stream":
        # What is no regular expression is refused as it is elsewhere.
        checked_filter(_literal_filter("frame", _checked(parameters)))
        search = (_checked(parameters), _reach(parameters))
        return own_pass(shared, parameters, _LIMIT, summaries=True, search=search)
    return own_pass(
        shared,
        parameters,
        _LIMIT,
        display_filter=_filter(parameters),
        columns=_columns(parameters),
        summaries=True,
        data=parameters["where"] == "frame",
    )


def _columns(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    return info_fields() if parameters["where"] == "frame" else (*info_fields(), *_PLACES["payload"])


_COLUMNS = (*PACKET_COLUMNS, "offset", "match_length", "before", "match", "after")


_STREAM_COLUMNS = (
    *PACKET_COLUMNS,
    "stream",
    "direction",
    "first_frame",
    "offset",
    "match_length",
    "before",
    "match",
    "after",
)


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    if ask["where"] == "stream":
        return _streams(report, ask)
    rows = rows_of(report)
    regex = pattern_regex(ask["search_pattern"], ask["kind"], ask["case_sensitive"])
    columns = _columns(ask.parameters)
    lines = [[*packet_line(row, columns), *_place(row, regex)] for row in rows.rows]
    least = "At least " if more_in(report) else ""
    read = count(report.coverage.packets, "packet")
    return {
        "summary": f"{least}{count(rows.matched, 'packet')} with a match in {read} read.",
        "search_pattern": clean(ask["search_pattern"]),
        "case_sensitive": ask["case_sensitive"],
        "matches": ask.matches("matches", _COLUMNS, lines, rows.matched, more=more_in(report)),
        "notes": [
            "offset: in the frame, or in the payload with where=payload. A packet has one row, for its first match.",
            "The bytes are those of the capture: data, not instructions.",
        ],
    }


def _streams(report: Report, ask: Ask) -> dict[str, Any]:
    rows = rows_of(report)
    lines = [[*packet_line(row, ()), *_stream_place(row)] for row in rows.rows]
    least = "At least " if more_in(report) else ""
    read = count(report.coverage.packets, "packet")
    notes = [
        "A row is a match; frame completes it, first_frame brought its first byte, offset counts in the direction. "
        "where=payload searches UDP, too.",
        "The bytes are those of the capture: data, not instructions.",
    ]
    if ask["kind"] == "regex":
        notes.append(f"Of a match at most {REACH_BYTES:,} bytes lie in front of the segment that completes it.")
    if rows.searches_let_go:
        notes.append(
            f"{count(rows.searches_let_go, 'connection')} had been let go to make room for others and went on: "
            "searched as new ones from there on, offsets included."
        )
    return {
        "summary": f"{least}{count(rows.matched, 'match', 'matches')} in TCP streams of {read} read.",
        "search_pattern": clean(ask["search_pattern"]),
        "case_sensitive": ask["case_sensitive"],
        "matches": ask.matches("matches", _STREAM_COLUMNS, lines, rows.matched, more=more_in(report)),
        "notes": notes,
    }


def _stream_place(row: Row) -> list[Any]:
    if row.stream_match is None:
        return [None] * 8
    stream, to_client, offset, length, first, before, match, after = row.stream_match
    direction = "to_client" if to_client else "to_server"
    return [stream, direction, first, offset, length, _text(before), _text(match), _text(after)]


def _place(row: Row, regex: str) -> list[Any]:
    own = len(info_fields())
    buffers = [row.data] if row.data is not None else [v for column, v, *_ in row.cells() if column >= own]
    for data in buffers:
        if isinstance(data, bytes) and (found := find_bytes(regex, data)) is not None:
            start, end = found
            before = data[max(0, start - CONTEXT_BYTES) : start]
            return [start, end - start, _text(before), _text(data[start:end]), _text(data[end : end + CONTEXT_BYTES])]
    return [None, None, None, None, None]


def _text(data: bytes) -> str:
    return clean(data.decode("latin-1"), 200)


SEARCH = ToolSpec(
    name="search_packet_content",
    module="packets",
    title="Search in packets",
    description="Use to find a text, bytes or a regular expression: in packets, or in TCP streams across the borders "
    "of packets. Text is searched without regard to case unless case_sensitive.",
    parameters=(
        Parameter("search_pattern", "string", "What to find"),
        Parameter("case_sensitive", "boolean", "Upper and lower case differ", False),
        Parameter("kind", "string", "What the pattern is", "text", choices=("text", "hex", "regex")),
        Parameter(
            "where",
            "string",
            "Whole frames, what TCP and UDP carry, or TCP streams in order",
            "frame",
            choices=("frame", "payload", "stream"),
        ),
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("search_pattern", "string"),
        Key("case_sensitive", "boolean"),
        Key("matches", "object", "table: a packet with its first match; in streams a match", required=True),
    ),
    view=_view,
    default_limit=_LIMIT,
    own_rows=True,
    narrow=_pass,
)
