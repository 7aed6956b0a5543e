"""Module capture: the network interfaces of this machine, and recording from them. Only where --allow-capture says so.

These tools act, they do not answer about a capture file: what was recorded is asked about with all other tools, as
`live:CAPTURE_ID` while it runs and as a file afterwards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pcapstream.errors import QueryError
from pcapstream.module_names import CAPTURE
from pcapstream.tools.paging import to_json
from pcapstream.tools.spec import Face, Key, Parameter
from pcapstream.tools.text import clean, count, shown, size

if TYPE_CHECKING:
    from pcapstream.capture.manager import Capture, Captures


_SUFFIXES = (".pcap", ".pcapng", ".cap", ".snoop")
_COMPRESSED = (".gz", ".zst", ".lz4", ".xz", ".bz2")
_MOST_CHARS = 25_000
"""Of a list of files, as JSON: the rest of the result fits beside it."""
_MAX_RING_FILES = 100
_MOST_OF_A_RING = 10
"""Files of a ring that are named in one result, the newest."""
_MOST_FILTER = 300
DEFAULT_SECONDS = 60
"""awslabs' default; a lower limit of the operator takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTool(Face):
    """A tool that records, or tells about recording."""

    act: Callable[[Captures, Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def _list_interfaces(captures: Captures, _: Mapping[str, Any]) -> dict[str, Any]:
    from pcapstream.capture.interfaces import ANY, network_interfaces

    found = [
        {
            "name": clean(one.name),
            "addresses": list(one.addresses),
            "is_up": one.is_up,
            "speed": "Unknown" if one.speed is None else one.speed,
            "is_loopback": one.is_loopback,
            "mtu": one.mtu,
        }
        for one in network_interfaces()
    ]
    notes = ["speed is in Mbit/s."]
    if sys.platform.startswith("linux"):
        notes.append(f'"{ANY}" captures on all of them at once.')
    up = sum(1 for one in found if one["is_up"])
    listed = _fitting(found)
    if len(listed) < len(found):
        notes.append(f"The first {len(listed):,} of {len(found):,} are listed.")
    return {
        "summary": f"{count(len(found), 'network interface')}, {up} up.",
        "interfaces": listed,
        "total_count": len(found),
        "notes": notes,
    }


async def _start(captures: Captures, ask: Mapping[str, Any]) -> dict[str, Any]:
    capture = await captures.start(
        ask["interface"],
        duration=None if ask["duration"] == DEFAULT_SECONDS else ask["duration"],
        capture_filter=ask["capture_filter"],
        output_file=ask["output_file"],
        save=ask["save"],
        ring_files=ask["ring_files"],
    )
    where = f"into {clean(capture.output_file)}" if capture.output_file else "in memory only"
    if capture.ring_files:
        where = f"into a ring of {count(capture.ring_files, 'file')}"
    return {
        "summary": (
            f"Recording on {clean(capture.source.interface)} for at most {count(capture.duration, 'second')}, {where}. "
            f"Ask any analysis tool about {capture.name}, now or later."
        ),
        "capture_id": capture.capture_id,
        "status": "started",
        **_facts(capture, captures),
    }


async def _stop(captures: Captures, ask: Mapping[str, Any]) -> dict[str, Any]:
    capture = await captures.stop(ask["capture_id"])
    found = _facts(capture, captures)
    end = "failed" if found["state"] == "failed" else "ended"
    return {
        "summary": (
            f"The capture on {clean(capture.source.interface)} has {end} "
            f"({found['reason']}): {count(capture.packets, 'packet')}, {size(capture.wire_bytes)} on the wire"
            + ("." if found["dropped"] is None else f", {found['dropped']:,} dropped by the kernel.")
        ),
        "capture_id": capture.capture_id,
        "status": found["state"],
        **found,
    }


async def _status(captures: Captures, _: Mapping[str, Any]) -> dict[str, Any]:
    all_of_them = captures.all()
    active = [one for one in all_of_them if one.state in ("starting", "running")]
    ended = [one for one in all_of_them if one not in active]
    notes = []
    if any(one.source.dropped is None for one in active):
        notes.append("dropped is null until the capture program says it: dumpcap does so at the end.")
    return {
        "summary": f"{count(len(active), 'capture')} running, {len(ended)} ended and still known.",
        "active_captures": len(active),
        "captures": [{"capture_id": one.capture_id, **_facts(one, captures)} for one in active + ended],
        "notes": notes,
    }


async def _list_files(captures: Captures, _: Mapping[str, Any]) -> dict[str, Any]:
    entries = captures.files()
    folder = captures.limits.folder
    found = sorted(
        ((name, stat) for name, stat in entries if _is_capture(name)), key=lambda item: (-item[1].st_mtime_ns, item[0])
    )
    folder = captures.limits.folder
    files = _fitting(
        {
            "filename": clean(name),
            "size": stat.st_size,
            "modified": f"{datetime.fromtimestamp(stat.st_mtime, UTC):%Y-%m-%dT%H:%M:%S}Z",
            "path": clean(os.path.join(folder, name), 1_000),
        }
        for name, stat in found
    )
    notes = [] if len(files) == len(found) else [f"The newest {len(files):,} of {len(found):,} are listed."]
    return {
        "summary": f"{count(len(found), 'capture file')}, {size(sum(stat.st_size for _, stat in found))} in all.",
        "storage_directory": clean(folder),
        "total_files": len(found),
        "files": files,
        "notes": notes,
    }


def _fitting(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of them, as many as one result can hold."""
    found: list[dict[str, Any]] = []
    chars = 0
    for row in rows:
        chars += len(to_json(row))
        if chars > _MOST_CHARS:
            break
        found.append(row)
    return found


def _is_capture(name: str) -> bool:
    low = name.lower()
    for ending in _COMPRESSED:
        low = low.removesuffix(ending)
    return low.endswith(_SUFFIXES)


_WHY = {
    None: None,
    "duration": "its time was over",
    "stopped": "stopped as asked",
    "max_size": "it reached its largest size",
    "failed": "it broke off",
}


def _facts(capture: Capture, captures: Captures) -> dict[str, Any]:
    """What all tools say of one capture."""
    packets, byte_rate = capture.rates()
    running = capture.state in ("starting", "running")
    reason = None if running else _WHY[capture.source.why]
    if capture.cut_by_max_packets:
        reason = "as many packets as --max-packets allows"
    if capture.failure is not None:
        reason = clean(capture.failure.problem, 300)
    return {
        "interface": clean(capture.source.interface),
        "output_file": None if capture.output_file is None else clean(capture.output_file),
        "duration": capture.duration,
        "filter": clean(capture.source.capture_filter, _MOST_FILTER),
        "start_time": f"{capture.started:%Y-%m-%dT%H:%M:%S}Z",
        "state": capture.state,
        "reason": reason,
        "pcap_file": capture.name,
        "packets": capture.packets,
        "bytes": capture.wire_bytes,
        "bytes_recorded": capture.recording.size,
        "dropped": capture.source.dropped,
        "packets_per_second": round(packets, 1),
        "bits_per_second": round(byte_rate * 8),
        "seconds": round(capture.elapsed, 1),
        "seconds_left": round(capture.seconds_left, 1),
        "files": [clean(name) for name in capture.recording.files[-_MOST_OF_A_RING:]],
        "max_bytes": captures.limits.max_bytes,
        "tool": "" if capture.source.program is None else capture.source.program.name,
    }


def _refuse_ring(bound: Mapping[str, Any]) -> None:
    if bound["ring_files"] and not bound["save"]:
        raise QueryError("bad_parameter", "ring_files is given, but save is false: nothing is written")


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("names nothing")
    return value.strip()


_SUMMARY = Key("summary", "string", required=True)
_NOTES = Key("notes", "array", "what to know when reading the numbers")
_OF_A_CAPTURE = (
    Key("capture_id", "string"),
    Key("status", "string", "started, stopped, failed"),
    Key("interface", "string"),
    Key("output_file", "string?", "null: nothing is written"),
    Key("duration", "integer", "seconds"),
    Key("filter", "string"),
    Key("start_time", "string"),
    Key("state", "string", "starting, running, stopped, failed"),
    Key("reason", "string?", "why it ended"),
    Key("pcap_file", "string", "what to give other tools as pcap_file"),
    Key("packets", "integer"),
    Key("bytes", "integer", "on the wire"),
    Key("bytes_recorded", "integer"),
    Key("dropped", "integer?", "by the kernel; null: not said yet"),
    Key("packets_per_second", "number"),
    Key("bits_per_second", "number"),
    Key("seconds", "number", "recorded so far"),
    Key("seconds_left", "number"),
    Key("files", "array", "of a ring the newest"),
    Key("max_bytes", "integer"),
    Key("tool", "string", "the capture program"),
)

LIST_INTERFACES = CaptureTool(
    name="list_network_interfaces",
    module=CAPTURE,
    title="Network interfaces of this machine",
    description=(
        "Network interfaces of the machine pcapstream runs on, with addresses. Use it to choose where to capture."
    ),
    act=_list_interfaces,
    keys=(_SUMMARY, Key("interfaces", "array"), Key("total_count", "integer"), _NOTES),
)

START = CaptureTool(
    name="start_packet_capture",
    module=CAPTURE,
    title="Record from a network interface",
    description=(
        "Start to record packets from a network interface. Returns as soon as the recording runs; it ends by itself "
        "after `duration` seconds, or at the operator's largest size. Ask any analysis tool about it meanwhile: give "
        "the result's `pcap_file` (live:CAPTURE_ID). The id is good for as long as the server runs and the capture is "
        "among its latest."
    ),
    act=_start,
    parameters=(
        Parameter("interface", "string", "Name of an interface, or any for all (Linux)", check=_not_empty),
        Parameter("duration", "integer", "Seconds to record", DEFAULT_SECONDS, minimum=1),
        Parameter("capture_filter", "string", "Filter of libpcap (BPF), such as tcp port 443", ""),
        Parameter("output_file", "string", "Plain new name ending in .pcap or .pcapng; empty: one is made", ""),
        Parameter("save", "boolean", "false: write no file, analyse in memory only", True),
        Parameter(
            "ring_files",
            "integer",
            "Keep only that many files of the newest packets, and go on at the largest size; 0: one file",
            0,
            minimum=0,
            maximum=_MAX_RING_FILES,
        ),
    ),
    refuse=_refuse_ring,
    keys=(_SUMMARY, *_OF_A_CAPTURE),
)

STOP = CaptureTool(
    name="stop_packet_capture",
    module=CAPTURE,
    title="Stop a recording",
    description=(
        "Stop a running capture. Returns its totals when all of it is analysed; `pcap_file` can still be asked about."
    ),
    act=_stop,
    parameters=(
        Parameter("capture_id", "string", "From start_packet_capture or get_capture_status", check=_not_empty),
    ),
    keys=(_SUMMARY, *_OF_A_CAPTURE),
)

STATUS = CaptureTool(
    name="get_capture_status",
    module=CAPTURE,
    title="State of the recordings",
    description="Running and lately ended captures of this server: state, packets, bytes, drops, rates, time left.",
    act=_status,
    keys=(_SUMMARY, Key("active_captures", "integer"), Key("captures", "array", "one object each"), _NOTES),
)

LIST_FILES = CaptureTool(
    name="list_captured_files",
    module=CAPTURE,
    title="Captured files",
    description="Capture files in the capture folder, the newest first; their bare names can be given to any tool.",
    act=_list_files,
    keys=(
        _SUMMARY,
        Key("storage_directory", "string"),
        Key("total_files", "integer"),
        Key("files", "array", "filename, size, modified, path"),
        _NOTES,
    ),
)

CAPTURE_TOOLS: tuple[CaptureTool, ...] = (LIST_INTERFACES, START, STOP, STATUS, LIST_FILES)
"""In the order clients list them."""

CHANGING = frozenset({START.name, STOP.name})
"""Those that change something."""


def belongs_to_a_server(name: str) -> QueryError | None:
    """The error for a tool of this module where there is no server to keep the capture."""
    if name not in {tool.name for tool in CAPTURE_TOOLS}:
        return None
    return QueryError(
        "unknown_value",
        f"{shown(name)} is a tool of a server started with --allow-capture",
        "On the command line use pcapstream live INTERFACE",
    )
