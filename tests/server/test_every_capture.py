"""Every tool on every capture of the folder that PCAPSTREAM_CAPTURES names, through a client of the real server; and
on a capture of which nothing has come yet.

The client refuses a result that does not fit the tool's output schema. What became of each tool stands in a table at
the end of the test run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from pcapstream.server import Server
from pcapstream.settings import Settings, modules_from
from pcapstream.tools.paging import MAX_RESULT_CHARS
from tests.accuracy.__main__ import truths
from tests.conftest import TABLES
from tests.support.slow import pipe

pytestmark = pytest.mark.anyio

ARGUMENTS: dict[str, dict[str, Any]] = {
    "extract_fields": {"fields": ["frame.number", "ip.src", "tcp.port"]},
    "search_packet_content": {"search_pattern": "GET"},
    "follow_tcp_stream": {"stream_index": 0},
    "follow_udp_stream": {"stream_index": 0},
    "aggregate": {"group_by": ["ip.src"], "metrics": ["count", "bytes"]},
}
"""What tools get beside the capture; analyze_traffic_flow is asked about an address of it."""


class Table:
    """Outcomes by tool: answers without and with findings, refusals by their codes."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.refusals: Counter[str] = Counter()

    def add(self, tool: str, outcome: str) -> None:
        self.outcomes.setdefault(tool, Counter())[outcome] += 1

    def refused(self, tool: str, said: str) -> None:
        self.add(tool, "refused")
        self.refusals[said] += 1

    def __str__(self) -> str:
        lines = [f"{'tool':34} {'answer':>7} {'findings':>9} {'refused':>8}"]
        lines += [
            f"{tool:34} {found['answer']:7} {found['findings']:9} {found['refused']:8}"
            for tool, found in self.outcomes.items()
        ]
        lines += [f"{times} tools refused: {said}" for said, times in self.refusals.items()]
        return "\n".join(lines)


@contextmanager
def shown_at_the_end(title: str) -> Iterator[Table]:
    table = Table()
    try:
        yield table
    finally:
        TABLES[title] = str(table)


def has_findings(result: dict[str, Any]) -> bool:
    found = [result.get(name) for name in ("findings", "patterns", "issues")]
    return any(one["rows"] if isinstance(one, dict) else one for one in found)


@pytest.mark.timeout(300)
@pytest.mark.skipif("PCAPSTREAM_CAPTURES" not in os.environ, reason="PCAPSTREAM_CAPTURES names no folder of captures")
async def test_every_tool_answers_about_every_capture() -> None:
    """Wherever tshark reads a frame there is an answer about at least one packet; what is refused it cannot read."""
    folder = Path(os.environ["PCAPSTREAM_CAPTURES"])
    wrong: list[str] = []

    with shown_at_the_end("every tool on every capture") as table:
        async with Client(Server(Settings(modules=modules_from("all")))) as client:
            about_captures = await tools_about_captures(client)
            for name, path, truth in truths(folder, folder / "truth"):
                frames = truth["frames"].get("total", 0)
                for tool in about_captures:
                    arguments = {"pcap_file": str(path), **ARGUMENTS.get(tool, {})}
                    if tool == "analyze_traffic_flow":
                        arguments["server_ip"] = an_address(truth)
                    problem = await asked(client, tool, arguments, frames, table)
                    if problem:
                        wrong.append(f"{tool} on {name}: {problem}")

    assert len(table.outcomes) == len(about_captures)
    assert wrong == []


async def test_every_tool_answers_before_the_first_byte(tmp_path: Path) -> None:
    """Out of time with nothing read is an answer, too: not even the format is known."""
    with pipe(tmp_path / "slow") as slow:
        server = Server(Settings(modules=modules_from("all"), call_budget=0.3, max_scans=100, max_calls=100))
        async with Client(server) as client, anyio.create_task_group() as group:

            async def one(tool: str) -> None:
                arguments = {"server_ip": "192.0.2.1"} if tool == "analyze_traffic_flow" else ARGUMENTS.get(tool, {})
                result = await client.call_tool(tool, {"pcap_file": str(slow.path), **arguments})
                assert not result.is_error, (tool, result.content)
                assert result.structured_content is not None
                assert result.structured_content["coverage"]["reason"] == "budget", tool
                assert result.structured_content["coverage"]["packets"] == 0, tool

            for tool in await tools_about_captures(client):
                group.start_soon(one, tool)


async def tools_about_captures(client: Client) -> list[str]:
    listed = (await client.list_tools()).tools
    return [tool.name for tool in listed if "pcap_file" in (tool.input_schema.get("required") or ())]


def an_address(truth: dict[str, Any]) -> str:
    """Of the busiest conversation."""
    for version in ("ip", "ipv6"):
        for conversation in truth["conversations"][version]["top"]:
            return str(conversation["a"])
    return "192.0.2.1"


async def asked(client: Client, tool: str, arguments: dict[str, Any], frames: int, table: Table) -> str | None:
    """Asks, enters what became of it, and gives what is wrong with it."""
    try:
        result = await client.call_tool(tool, arguments)
    except RuntimeError as problem:  # the client's word for a result that does not fit the schema
        table.add(tool, "does not fit")
        return str(problem).replace("\n", " ")[:300]
    [block] = result.content
    assert block.type == "text"
    if result.is_error:
        table.refused(tool, block.text)
        if block.text.startswith("internal_error") or frames:
            return block.text
        return None
    answer = result.structured_content
    assert answer is not None
    table.add(tool, "findings" if has_findings(answer) else "answer")
    if json.loads(block.text) != answer:
        return "text and structure differ"
    if len(block.text) > MAX_RESULT_CHARS:
        return f"{len(block.text)} characters"
    if frames and not answer["coverage"]["packets"]:
        return f"no packets where tshark reads {frames} frames"
    return None
