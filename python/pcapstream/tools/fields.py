"""list_fields of the module packets: the names that display filters and columns take. It needs no capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pcapstream._core import list_fields
from pcapstream.tools.spec import Face, Key, Parameter

_REMARKS = {"stateful": "from the packets before", "look_ahead": "refused: needs later packets"}
_MOST_ROWS = 300
"""About 25,000 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTool(Face):
    """A tool that answers without a capture. `tell` is pure."""

    tell: Callable[[Mapping[str, Any]], dict[str, Any]]


def _list(parameters: Mapping[str, Any]) -> dict[str, Any]:
    words: str = parameters["words"].strip().lower()
    every = list_fields(parameters["prefix"].strip())
    found = [row for row in every if words in row[0].lower() or words in row[1].lower()]
    offset, limit = parameters["offset"], parameters["limit"]
    rows = [[name, kind, label, _REMARKS.get(mark, "")] for name, label, kind, mark in found[offset : offset + limit]]
    end = offset + len(rows)
    return {
        "summary": f"{len(found):,} of {len(list_fields()):,} fields.",
        "fields": {
            "columns": ["name", "type", "meaning", "remark"],
            "rows": rows,
            "total": len(found),
            "next_offset": end if end < len(found) else None,
        },
        "notes": ["The language is Wireshark 4.0's. The name of a protocol by itself matches packets that have it."],
    }


LIST_FIELDS = PlainTool(
    name="list_fields",
    module="packets",
    title="Fields of display filters",
    description=(
        "Use before writing a display filter or choosing columns, to find the names they take. Lists the Wireshark "
        "fields and protocols that this server decodes, with type and meaning."
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("fields", "object", "columns, rows, total, next_offset (null at the end)", required=True),
        Key("notes", "array"),
    ),
    parameters=(
        Parameter("prefix", "string", "Beginning of the names, such as tcp.analysis or dns", ""),
        Parameter("words", "string", "Text in the name or the meaning", ""),
        Parameter("limit", "integer", "Most rows (default 100)", 100, minimum=1, maximum=_MOST_ROWS),
        Parameter("offset", "integer", "Rows left out: next_offset of the answer before", 0, minimum=0),
    ),
    tell=_list,
)

PLAIN_TOOLS: tuple[PlainTool, ...] = (LIST_FIELDS,)


def find_plain_tool(name: str) -> PlainTool | None:
    """The tool of that name, if it is one of these."""
    return next((tool for tool in PLAIN_TOOLS if tool.name == name), None)
