"""How long each tool takes on a capture whose pass is over, asked by a client in this process.

    python -m benches.views FILE [--only TOOL,...] [--limit-ms 50]

The first call of a tool on a finished pass and the second one, by the clock, best of `--rounds` second calls. Tools
that make a pass of their own are listed apart and not measured. Ends with 1 where a second call takes longer than the
limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
from mcp import Client

from pcapstream.errors import QueryError
from pcapstream.module_names import MODULES, MORE
from pcapstream.server import Server
from pcapstream.settings import Settings
from pcapstream.tools.registry import ToolSpec, choose_tools

ARGUMENTS: dict[str, dict[str, object]] = {"analyze_traffic_flow": {"server_port": 443, "server_ip": "192.0.2.1"}}
"""What tools need beside the capture."""


def reads_again(tool: ToolSpec) -> bool:
    """Its answer is made of packets, not of what a pass over all of them counted."""
    shared = Settings(modules=(*MODULES, *MORE)).scan_options()
    try:
        bound = tool.bind({"pcap_file": "x", **ARGUMENTS.get(tool.name, {})})
    except QueryError:
        return True
    return tool.options(shared, bound).key != shared.key


async def _calls(path: Path, tools: Sequence[ToolSpec], rounds: int) -> dict[str, tuple[float, float, int]]:
    """Tool -> milliseconds of its first and its quickest later call, characters of the answer."""
    found: dict[str, tuple[float, float, int]] = {}
    settings = Settings(modules=(*MODULES, *MORE), call_budget=600.0)
    async with Client(Server(settings)) as client:

        async def ask(tool: ToolSpec) -> tuple[float, int]:
            arguments = {"pcap_file": str(path), **ARGUMENTS.get(tool.name, {})}
            began = time.perf_counter()
            result = await client.call_tool(tool.name, arguments)
            took = (time.perf_counter() - began) * 1000
            if result.is_error:
                print(f"{tool.name}: {result.content}", file=sys.stderr)
            return took, sum(len(getattr(block, "text", "")) for block in result.content)

        await client.call_tool("analyze_capinfos", {"pcap_file": str(path)})
        for tool in tools:
            first, size = await ask(tool)
            found[tool.name] = (first, min([(await ask(tool))[0] for _ in range(rounds)]), size)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.views", description=__doc__)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--only", default="", help="comma list of tools")
    parser.add_argument("--limit-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=2)
    flags = parser.parse_args()
    only = set(filter(None, flags.only.split(",")))
    chosen = [tool for tool in choose_tools((*MODULES, *MORE)) if not only or tool.name in only]
    views = [tool for tool in chosen if not reads_again(tool)]
    found = anyio.run(_calls, flags.capture, views, flags.rounds)
    print("| tool | first call, ms | second call, ms | characters |\n| --- | --- | --- | --- |")
    for name, (first, second, size) in sorted(found.items(), key=lambda entry: -entry[1][1]):
        print(f"| {name} | {first:.1f} | {second:.1f} | {size:,} |")
    print("passes of their own:", ", ".join(tool.name for tool in chosen if reads_again(tool)))
    slow = [name for name, (_, second, _) in found.items() if second > flags.limit_ms]
    print("slower than the limit:", ", ".join(slow) or "none")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
