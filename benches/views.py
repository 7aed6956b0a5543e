"""How long each tool takes on a capture whose pass is over, asked by a client in this process.

    python -m benches.views FILE [--only TOOL,...] [--limit-ms 50]    # a client, one call after the other
    python -m benches.views FILE --alone                              # each tool the first one asked

The first call of a tool on a finished pass and the second one, by the clock, best of `--rounds` second calls. Tools
that make a pass of their own are listed apart and not measured. Ends with 1 where a call takes longer than the limit.

--alone: the pass is made once, and each tool asked in a process forked from there, so that none finds what another one
left behind; processor time of the answer and its JSON, without the protocol around it, the least of `--rounds` forks.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import anyio
from mcp import Client

import pcapstream
from pcapstream.errors import QueryError
from pcapstream.model import Report
from pcapstream.module_names import MODULES, MORE
from pcapstream.server import Server
from pcapstream.settings import Settings
from pcapstream.tools.answer import answer
from pcapstream.tools.paging import to_json
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


def first_calls(path: Path, only: Collection[str] = (), rounds: int = 3) -> dict[str, tuple[float, float]]:
    """Tool -> milliseconds of processor time of its first and second call, where it is the first tool asked."""
    options = Settings(modules=(*MODULES, *MORE)).scan_options()
    report = pcapstream.analyze(str(path), modules=options.modules)
    found: dict[str, tuple[float, float]] = {}
    # A collection in a forked process would copy every page it looks at, which no server does.
    gc.collect()
    gc.freeze()
    for tool in choose_tools((*MODULES, *MORE)):
        if (not only or tool.name in only) and not reads_again(tool):
            runs = [_forked(tool, path, report) for _ in range(rounds)]
            found[tool.name] = min(run[0] for run in runs), min(run[1] for run in runs)
    return found


def _forked(tool: ToolSpec, path: Path, report: Report) -> tuple[float, float]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        bound = tool.bind({"pcap_file": str(path), **ARGUMENTS.get(tool.name, {})})
        taken = []
        for _ in range(2):
            began = time.thread_time()
            to_json(answer(tool, report, bound))
            taken.append((time.thread_time() - began) * 1000)
        os.write(write, f"{taken[0]} {taken[1]}".encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="ascii") as answers:
        first, second = answers.read().split()
    os.waitpid(child, 0)
    return float(first), float(second)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.views", description=__doc__)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--only", default="", help="comma list of tools")
    parser.add_argument("--limit-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--alone", action="store_true")
    flags = parser.parse_args()
    only = set(filter(None, flags.only.split(",")))
    if flags.alone:
        alone = first_calls(flags.capture, only, max(flags.rounds, 1))
        print("| tool | first call, ms | second call, ms |\n| --- | --- | --- |")
        for name, (first, second) in sorted(alone.items(), key=lambda entry: -entry[1][0]):
            print(f"| {name} | {first:.1f} | {second:.1f} |")
        sys.exit(any(first > flags.limit_ms for first, _ in alone.values()))
    chosen = [tool for tool in choose_tools((*MODULES, *MORE)) if not only or tool.name in only]
    views = [tool for tool in chosen if not reads_again(tool)]
    found = anyio.run(_calls, flags.capture, views, flags.rounds)
    print("| tool | first call, ms | second call, ms | characters |\n| --- | --- | --- | --- |")
    for name, (first, second, size) in sorted(found.items(), key=lambda entry: -entry[1][0]):
        print(f"| {name} | {first:.1f} | {second:.1f} | {size:,} |")
    print("passes of their own:", ", ".join(tool.name for tool in chosen if reads_again(tool)))
    slow = [name for name, (first, second, _) in found.items() if max(first, second) > flags.limit_ms]
    print("slower than the limit:", ", ".join(slow) or "none")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
