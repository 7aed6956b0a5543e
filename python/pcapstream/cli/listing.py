"""`pcapstream tools`."""

from __future__ import annotations

import json
import textwrap

from pcapstream.tools.capture import CAPTURE_TOOLS
from pcapstream.tools.export import EXPORT_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.registry import TOOLS, Parameter
from pcapstream.tools.spec import PCAP_FILE, Face

_WIDTH = 100
_ALL: tuple[Face, ...] = (*TOOLS, *PLAIN_TOOLS, *EXPORT_TOOLS, *CAPTURE_TOOLS)


def list_tools(*, as_json: bool) -> int:
    """Prints all tools; gives the exit code."""
    if as_json:
        print(json.dumps([_object(tool) for tool in _ALL], indent=2, ensure_ascii=False))
        return 0
    for tool in _ALL:
        flag = "--allow-capture" if tool in CAPTURE_TOOLS else "--allow-write-dir" if tool in EXPORT_TOOLS else ""
        where = f", of a server with {flag}" if flag else ""
        print(f"{tool.name}  [{tool.module}{where}]")
        print(textwrap.fill(tool.description, _WIDTH, initial_indent="  ", subsequent_indent="  "))
        for parameter in tool.all_parameters:
            if parameter is PCAP_FILE:
                continue
            print(_line(parameter))
        print()
    return 0


def _line(parameter: Parameter) -> str:
    kind = "|".join(parameter.choices) if parameter.choices else parameter.kind
    default = (
        "required"
        if parameter.required
        else ""
        if parameter.default in (None, "")
        else f"default {_word(parameter.default)}"
    )
    tail = f" ({default})" if default else ""
    head = f"    {parameter.option} {kind}"
    text = f"{parameter.description}{tail}"
    if len(head) < 36:
        return textwrap.fill(text, _WIDTH, initial_indent=f"{head:36}  ", subsequent_indent=" " * 38)
    return f"{head}\n" + textwrap.fill(text, _WIDTH, initial_indent=" " * 38, subsequent_indent=" " * 38)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(tool: Face) -> dict[str, object]:
    return {
        "name": tool.name,
        "module": tool.module,
        "title": tool.title,
        "description": tool.description,
        "parameters": [
            {
                "name": parameter.name,
                "option": parameter.option,
                "type": parameter.kind,
                "required": parameter.required,
                **({} if parameter.required else {"default": parameter.default}),
                **({"choices": list(parameter.choices)} if parameter.choices else {}),
                "description": parameter.description,
            }
            for parameter in tool.all_parameters
        ],
        "input_schema": tool.input_schema(),
        "output_schema": tool.output_schema(),
    }
