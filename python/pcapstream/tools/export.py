"""export_packets of the module packets: selected packets as a new pcapng file. Only where --allow-write-dir says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcapstream.errors import QueryError
from pcapstream.exporting import Exported, Into, file_name
from pcapstream.selection import RowQuery, Selection
from pcapstream.tools.answer import coverage_object
from pcapstream.tools.rows import FRAMES
from pcapstream.tools.spec import DISPLAY_FILTER, PCAP_FILE, Face, Key, Parameter
from pcapstream.tools.text import clean, count, shown, size

if TYPE_CHECKING:
    from pcapstream.model import Report

_STREAM = re.compile(r"(?:(tcp|udp)[ :.]?)?(\d{1,10})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTool(Face):
    """A tool that writes a file about a capture. Beside its parameters it takes pcap_file."""

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """In the order people see them."""
        return (PCAP_FILE, *self.parameters)


def stream_filter(text: str) -> str:
    """ "5" and "tcp 5": that TCP stream, "udp 5": that UDP stream, as a display filter. Raises ValueError."""
    match = _STREAM.match(text.strip().lower())
    if match is None:
        raise ValueError("is no stream such as 5, tcp 5 or udp 5")
    return f"{match[1] or 'tcp'}.stream == {int(match[2])}"


def selection_of(parameters: Mapping[str, Any], into: Into | None) -> Selection:
    """The packets asked for, written into a file. Raises QueryError(bad_parameter) where all are asked for."""
    display_filter, frames, stream = (parameters[name] for name in ("display_filter", "frames", "stream"))
    if not display_filter and frames is None and stream is None:
        raise QueryError(
            "bad_parameter",
            "export_packets needs display_filter, frames or stream: it writes a part of a capture",
            "Give one of them; frames=1- stands for all packets",
        )
    both = " and ".join(f"({text})" for text in (stream, display_filter) if text)
    return Selection(both, frames, RowQuery(data=True, machine=into))


def exported(report: Report, parameters: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The result object."""
    found = report.summary(Exported)
    packets = count(found.frames, "packet")
    notes = ["Comments, names, secrets and statistics of the capture are not in the file; times have nanoseconds."]
    coverage = report.coverage
    if not coverage.complete and coverage.reason != "matches":
        notes.append("The capture was not read to its end: coverage says why. The file has what matched until there.")
    if not found.frames:
        notes.append("No packet matched: the file holds none.")
    return {
        "summary": f"{packets} written, {size(found.size)}.",
        "file": clean(report.name),
        "output": clean(path, 1_000),
        "packets_written": found.frames,
        "bytes_written": found.size,
        "first_frame": found.first,
        "last_frame": found.last,
        "display_filter": parameters["display_filter"] or "none",
        "coverage": coverage_object(coverage),
        "notes": notes,
    }


EXPORT = ExportTool(
    name="export_packets",
    module="packets",
    title="Write packets to a file",
    description="Use to keep packets as evidence that Wireshark opens: writes those that match, with their times, "
    "interfaces and lengths, to a new pcapng file in the folder this server may write to.",
    parameters=(
        Parameter("output", "string", "Plain name of a new file, such as evidence.pcapng", check=file_name),
        DISPLAY_FILTER,
        FRAMES,
        Parameter("stream", "string", "A stream: 5 or tcp 5 or udp 5", None, check=stream_filter),
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("output", "string", "path of the file", required=True),
        Key("packets_written", "integer"),
        Key("bytes_written", "integer"),
        Key("first_frame", "integer?", "of the capture"),
        Key("last_frame", "integer?"),
        Key("display_filter", "string"),
        Key("coverage", "object", "what part of the capture was looked through", required=True),
        Key("notes", "array"),
    ),
)

EXPORT_TOOLS: tuple[ExportTool, ...] = (EXPORT,)


def needs_a_write_folder(name: str) -> QueryError | None:
    """The error for this tool on the command line."""
    if name != EXPORT.name:
        return None
    return QueryError(
        "unknown_value",
        f"{shown(name)} is a tool of a server started with --allow-write-dir",
        "On the command line use pcapstream filter CAPTURE EXPRESSION --write FILE",
    )
