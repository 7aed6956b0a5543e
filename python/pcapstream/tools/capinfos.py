"""Module capinfos: facts of the capture file, in the sense of Wireshark's capinfos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import capture_findings
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import clean, count, duration, seconds, size, utc

if TYPE_CHECKING:
    from pcapstream.model import CaptureFacts, Report
    from pcapstream.tools.paging import Ask

_MAX_COMMENTS = 20


def file_facts(facts: CaptureFacts, report: Report) -> dict[str, Any]:
    """The scalars of analyze_capinfos; the triage shows them too.

    Bytes are those on the wire, as capinfos counts its data size; `captured_bytes` are those in the file. Times are the
    earliest and latest of all packets, whatever their order. Rates are null where there is no time span.
    """
    first, last = facts["earliest_ns"], facts["latest_ns"]
    span_ns = last - first if first is not None and last is not None else 0
    packets, wire = facts["packets"], facts["wire_bytes"]
    return {
        "file_size_bytes": report.coverage.bytes_total
        if report.coverage.bytes_total is not None
        else report.coverage.bytes_read,
        "filename": clean(report.name),
        "file_encapsulation": encapsulation(facts),
        "packet_count": packets,
        "data_size_bytes": wire,
        "captured_bytes": facts["captured_bytes"],
        "capture_duration_seconds": span_ns / 1e9,
        "first_packet_time": seconds(first),
        "last_packet_time": seconds(last),
        "first_packet_time_utc": utc(first),
        "last_packet_time_utc": utc(last),
        "data_rate_bytes": wire * 1e9 / span_ns if span_ns else None,
        "data_rate_bits": wire * 8e9 / span_ns if span_ns else None,
        "average_packet_size_bytes": wire / packets if packets else None,
        "average_packet_rate": packets * 1e9 / span_ns if span_ns else None,
    }


def _link(entry: tuple[int, str, int]) -> str:
    """Name of a link type; of one without a name its number (LINKTYPE_ of tcpdump.org)."""
    number, name, _ = entry
    return f"Unknown ({number})" if name == "unknown" else clean(name)


def encapsulation(facts: CaptureFacts) -> str:
    """Link type of the packets; of several the names of all, most packets first."""
    seen = sorted(facts["link_types"], key=lambda entry: -entry[2])
    used = [entry for entry in seen if entry[2]] or seen
    if len(used) == 1:
        return _link(used[0])
    return "Per packet: " + ", ".join(_link(entry) for entry in used) if used else "Unknown"


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    facts = report.capture
    found = file_facts(facts, report)
    notes: list[str] = []
    if facts["packets"] and found["data_rate_bytes"] is None:
        notes.append("All packets have the same time: there is no duration, and rates are null.")
    if report.coverage.bytes_total is None:
        notes.append("The size of the input is not known: file_size_bytes is what was read.")
    result = {
        "summary": _summary(facts, found),
        **found,
        "first_in_file_utc": utc(facts["first_ns"]),
        "last_in_file_utc": utc(facts["last_ns"]),
        "strict_time_order": facts["time_backwards"] == 0,
        "packets_out_of_time_order": facts["time_backwards"],
        "format": facts["format"],
        "compression": facts["compression"],
        "byte_order": facts["byte_order"],
        "time_precision": facts["time_precision"],
        "snaplen": facts["snaplen"],
        "packets_cut_short": facts["truncated_packets"],
        "frames": facts["frames"],
        "sections": facts["sections"],
        "secrets_blocks": facts["secrets_blocks"],
        "findings": capture_findings(facts, report.coverage),
        "link_types": ask.rows(
            "link_types",
            ("number", "name", "packets"),
            [[number, clean(name), packets] for number, name, packets in facts["link_types"]],
        ),
        "interfaces": _interfaces(facts, ask),
        "names_resolved": ask.rows(
            "names_resolved",
            ("address", "name"),
            [[clean(address), clean(name)] for address, name in facts["resolved_names"]],
        ),
        "notes": notes,
    }
    for key in ("hardware", "os", "application"):
        if facts[key]:
            result[key] = clean(facts[key])
    if facts["comments"]:
        result["comments"] = [clean(comment) for comment in facts["comments"][:_MAX_COMMENTS]]
        if len(facts["comments"]) > _MAX_COMMENTS:
            notes.append(f"{len(facts['comments']):,} comments, the first {_MAX_COMMENTS} are shown.")
    return result


_INTERFACE = ("link_name", "name", "description", "filter", "os", "hardware")


def _interfaces(facts: CaptureFacts, ask: Ask) -> Any:
    columns = ("id", *_INTERFACE, "snaplen", "packets", "received", "dropped")
    interfaces = facts["interfaces"]

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        rows = []
        for number, one in enumerate(interfaces[offset : offset + limit], offset):
            texts = [clean(str(one.get(key, ""))) for key in _INTERFACE]
            rows.append([number, *texts, *(one.get(key) for key in ("snaplen", "packets", "received", "dropped"))])
        return rows

    return ask.table("interfaces", columns, fetch, len(interfaces))


def _summary(facts: CaptureFacts, found: dict[str, Any]) -> str:
    if not facts["packets"]:
        return f"A {facts['format']} capture without packets."
    span = found["capture_duration_seconds"]
    return (
        f"A {facts['format']} capture of {count(facts['packets'], 'packet')} and {size(facts['wire_bytes'])} on the "
        "wire "
        f"in {duration(span)}."
    )


CAPINFOS = ToolSpec(
    name="analyze_capinfos",
    module="capinfos",
    title="Facts of a capture file",
    description=(
        "Facts of a capture file, as capinfos gives them: format, link types, interfaces, number of packets, bytes, "
        "first and "
        "last time, rates, damage. Use it to learn what a file is before asking about its traffic."
    ),
    view=_view,
    needs=("capinfos",),
    whole_file=True,
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("file_size_bytes", "integer"),
        Key("filename", "string"),
        Key("file_encapsulation", "string"),
        Key("packet_count", "integer"),
        Key("data_size_bytes", "integer", "on the wire"),
        Key("captured_bytes", "integer"),
        Key("capture_duration_seconds", "number"),
        Key("first_packet_time", "number?", "earliest"),
        Key("last_packet_time", "number?", "latest"),
        Key("first_packet_time_utc", "string?"),
        Key("last_packet_time_utc", "string?"),
        Key("data_rate_bytes", "number?"),
        Key("data_rate_bits", "number?"),
        Key("average_packet_size_bytes", "number?"),
        Key("average_packet_rate", "number?"),
        Key("first_in_file_utc", "string?"),
        Key("last_in_file_utc", "string?"),
        *(Key(name, "string?", "null: not known yet") for name in ("format", "byte_order")),
        Key("time_precision", "string?", "null: no interface has said it"),
        *(Key(name, "string") for name in ("hardware", "os", "application")),
        Key("compression", "string?"),
        Key("snaplen", "integer?"),
        *(
            Key(name, "integer")
            for name in ("packets_out_of_time_order", "packets_cut_short", "frames", "sections", "secrets_blocks")
        ),
        Key("strict_time_order", "boolean"),
        Key("findings", "array"),
        Key("comments", "array", "text of the capture"),
        *table_keys((("link_types", ""), ("interfaces", ""), ("names_resolved", ""))),
    ),
)
