"""The figures of docs/performance.md, measured: ours and other programs in turn (A B A B), medians, ratios in one run.

    python -m benches.figures [--mixed FILE] [--mixed-small FILE] [--mixed-large FILE] [--small FILE] [--dns FILE]
        [--rounds 5]

CPU seconds are user and system time of the whole process, its start-up (an analysis of a capture of a few packets)
taken off; what takes part in no ratio of CPU seconds is by the clock. A row whose capture or peer is missing says so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import anyio

from benches import dns_capture
from benches.measure import OURS, Run, in_turn, middle, read_once, run

EXAMPLE = Path(__file__).parents[1] / "examples" / "web-problems.pcapng"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    other: str
    result: str
    reach: str

    def print(self) -> None:
        print(f"| {self.what} | {self.ours} | {self.other} | {self.result} | {self.reach} |", flush=True)


def missing(what: str, why: str, reach: str) -> Row:
    return Row(what, "", "", f"not measured: {why}", reach)


def analyze(path: Path | str, modules: str, *more: str) -> list[str]:
    return [*OURS, "analyze", str(path), "--json", "--modules", modules, *more]


def start_up(modules: str, rounds: int, source: Path | str = EXAMPLE, *more: str) -> Run:
    """What the process costs before and after the work: CPU, clock, memory."""
    runs = [run(analyze(source, modules, *more)) for _ in range(rounds)]
    return Run(middle(runs), middle(runs, "wall"), int(middle(runs, "peak_bytes")))


def beside(path: Path | None, modules: str, command: Sequence[str], reach: str, rounds: int) -> Row:
    """Our CPU seconds for a capture, start-up taken off, beside those of another program."""
    what = f"`analyze --modules {modules}` : `{' '.join(command)}`"
    if path is None:
        return missing(what, "no such capture given", reach)
    if shutil.which(command[0]) is None:
        return missing(what, f"{command[0]} is not on PATH", reach)
    read_once(path)
    base = start_up(modules, rounds).cpu
    mine, theirs = in_turn(rounds, lambda: run(analyze(path, modules)), lambda: run([*command, str(path)]))
    ours, other = middle(mine) - base, middle(theirs)
    return Row(
        f"{what}, {path.name}",
        f"{ours:.3f} s CPU (+ {base:.2f} s start)",
        f"{other:.3f} s CPU",
        f"{other / ours:.1f}x" if ours > 0 else "start-up only",
        reach,
    )


def capinfos(path: Path | None, rounds: int) -> Row:
    """capinfos seeks over payload; the ratio is ours to its CPU seconds."""
    row = beside(path, "capinfos", ["capinfos", "-cudsizxyTm"], "within 1.3x", rounds)
    if not row.result.endswith("x"):
        return row
    return Row(row.what, row.ours, row.other, f"{1 / float(row.result[:-1]):.2f}x of capinfos", row.reach)


def packets_per_second(path: Path | None, rounds: int) -> Row:
    what, reach = "small packets, `--modules capinfos,tcp`", "at least 3 M packets/s"
    if path is None:
        return missing(what, "no such capture given", reach)
    import pcapstream

    read_once(path)
    base = start_up("capinfos,tcp", rounds).cpu
    runs = [run(analyze(path, "capinfos,tcp")) for _ in range(rounds)]
    packets = pcapstream.analyze(str(path), modules=["capinfos"]).capture["packets"]
    seconds = middle(runs) - base
    return Row(f"{what}, {path.name}", f"{seconds:.3f} s CPU", "", f"{packets / seconds / 1e6:.1f} M packets/s", reach)


DNS_FIELDS = (
    "frame.number", "frame.time_epoch", "ip.src", "ip.dst", "dns.id", "dns.flags.response", "dns.qry.name",
    "dns.qry.type", "dns.flags.rcode", "dns.time",
)  # fmt: skip
"""What a script that does our tool's work with tshark would ask for."""


def dns(path: Path | None, rounds: int) -> list[Row]:
    """A capture of the profile dns: CPU beside tshark, messages a second, peak memory, exact counts."""
    what, reaches = "a capture of DNS alone", ("at least 5x", "at least 400,000/s", "under 300 MB", "exact")
    if path is None:
        return [missing(what, "no such capture given", "; ".join(reaches))]
    import pcapstream

    read_once(path)
    command = [*OURS, "call", "analyze_dns_packets"]
    base = middle([run([*command, str(EXAMPLE)]) for _ in range(rounds)])
    tshark = ["tshark", "-r", str(path), "-Y", "dns", "-T", "fields", *(part for f in DNS_FIELDS for part in ("-e", f))]
    mine, theirs = in_turn(rounds, lambda: run([*command, str(path)]), lambda: run(tshark))
    ours, other = middle(mine) - base, middle(theirs)
    found = pcapstream.analyze(str(path), modules=["dns"]).summary(pcapstream.DnsSummary).counts()["dns"]
    counts = {
        "queries": found["queries"],
        "responses": found["responses"],
        "unanswered": found["unanswered"]["count"],
        "rcodes": dict(sorted(found["rcodes"]["rows"])),
    }
    wanted = dns_capture.truth(found["queries"])
    messages = counts["queries"] + counts["responses"]
    what = f"{what}, {messages / 1e6:.1f} M messages, {path.name}: "
    return [
        Row(
            what + "`call analyze_dns_packets` : `tshark -Y dns -T fields` of 10 fields",
            f"{ours:.2f} s CPU (+ {base:.2f} s start)", f"{other:.1f} s CPU", f"{other / ours:.1f}x", reaches[0],
        ),
        Row(what + "messages", f"{ours:.2f} s CPU", "", f"{messages / ours / 1e6:.2f} M messages/s", reaches[1]),
        Row(
            what + "peak memory", f"{middle(mine, 'peak_bytes') / 1e6:.0f} MB",
            f"tshark {middle(theirs, 'peak_bytes') / 1e6:,.0f} MB", "", reaches[2],
        ),
        Row(
            what + "queries, responses, unanswered, codes", str(counts), "as made",
            "exact" if counts == {name: wanted[name] for name in counts} else f"made: {wanted}", reaches[3],
        ),
    ]  # fmt: skip


def memory(small: Path | None, large: Path | None) -> Row:
    what, reach = "peak memory, all modules", "within 30 MB + 0.5 KB per flow, under 200 MB"
    if small is None or large is None:
        return missing(what, "needs --mixed-small and --mixed-large", reach)
    import pcapstream

    peaks = [run([*OURS, "analyze", str(path), "--json"]).peak_bytes / 1e6 for path in (small, large)]
    tally = pcapstream.analyze(str(large)).summary(pcapstream.TriageSummary).tally
    flows = sum(tally.conversation_count(kind)[0] for kind in ("tcp", "udp"))
    return Row(
        what,
        f"{large.name}: {peaks[1]:.0f} MB",
        f"{small.name}: {peaks[0]:.0f} MB",
        f"+{peaks[1] - peaks[0]:.0f} MB for {flows:,} flows",
        reach,
    )


@contextmanager
def nginx(*paths: Path) -> Iterator[list[str]]:
    """Files behind an nginx on loopback; gives their URLs."""
    from tests.support.nginx import Nginx

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        for path in paths:
            (root / path.name).symlink_to(path.resolve())
        with Nginx(root, Path(folder) / "nginx") as server:
            yield [server.url(f"/{path.name}") for path in paths]


def over_http(path: Path | None, rounds: int) -> Row:
    what, reach = "from nginx on loopback, by the clock", "within 1.25x of the larger of curl and the local file"
    if path is None:
        return missing(what, "needs --mixed-large", reach)
    if shutil.which("nginx") is None or shutil.which("curl") is None:
        return missing(what, "nginx or curl is not on PATH", reach)
    read_once(path)
    base = start_up("capinfos,tcp", rounds).wall
    private = "--allow-private-urls"
    with nginx(path, EXAMPLE) as (url, example):
        base_url = start_up("capinfos,tcp", rounds, example, private)
        ours, curl, local = in_turn(
            rounds,
            lambda: run(analyze(url, "capinfos,tcp", private)),
            lambda: run(["curl", "-s", "-o", "/dev/null", url]),
            lambda: run(analyze(path, "capinfos,tcp")),
        )
    mine, theirs, file = middle(ours, "wall") - base_url.wall, middle(curl, "wall"), middle(local, "wall") - base
    larger = max(theirs, file)
    return Row(
        f"{what}, {path.name}",
        f"{mine:.2f} s ({middle(ours) - base_url.cpu:.2f} s CPU)",
        f"curl {theirs:.2f} s, local file {file:.2f} s",
        f"{mine / larger:.2f}x",
        reach,
    )


async def _first_answer(command: Sequence[str], tool: str, arguments: dict[str, object]) -> float:
    """Seconds from the start of a server to the answer of one tool."""
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    begin = time.perf_counter()
    async with Client(
        StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(os.environ))
    ) as client:
        result = await client.call_tool(tool, arguments)
        took = time.perf_counter() - begin
        if result.is_error:
            raise RuntimeError(str(result.content))
    return took


def first_answer(rounds: int) -> Row:
    bare = (sys.executable, str(Path(__file__).with_name("bare_server.py")))
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(anyio.run(_first_answer, (*OURS, "serve"), "analyze_pcap_file", {"pcap_file": str(EXAMPLE)}))
        theirs.append(anyio.run(_first_answer, bare, "nothing", {}))
    mine, other = median(ours), median(theirs)
    return Row(
        "start to first answer over stdio, by the clock",
        f"{mine:.2f} s",
        f"bare mcp server {other:.2f} s",
        f"+{mine - other:.2f} s",
        "at most +0.25 s",
    )


async def _second_calls(path: Path) -> dict[str, float]:
    """Tool -> milliseconds of its second call on a capture, over stdio."""
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    took: dict[str, float] = {}
    parameters = StdioServerParameters(command=OURS[0], args=[*OURS[1:], "serve"], env=dict(os.environ))
    async with Client(parameters) as client:
        tools = (await client.list_tools()).tools
        for tool in tools:
            arguments: dict[str, object] = {"pcap_file": str(path)}
            if "server_ip" in (tool.input_schema.get("required") or []):
                arguments["server_ip"] = "198.18.0.1"
            await client.call_tool(tool.name, arguments)
            times = []
            for _ in range(5):
                begin = time.perf_counter()
                await client.call_tool(tool.name, arguments)
                times.append(time.perf_counter() - begin)
            took[tool.name] = median(times) * 1000
    return took


def second_call(path: Path | None) -> Row:
    what, reach = "second call on the same capture, over stdio, by the clock", "under 50 ms for any tool"
    if path is None:
        return missing(what, "no such capture given", reach)
    took = anyio.run(_second_calls, path)
    worst = max(took, key=lambda name: took[name])
    each = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in took.items())
    return Row(f"{what}, {path.name}", f"{each} (ms)", "", f"slowest {took[worst]:.1f} ms", reach)


def cancel(path: Path | None, rounds: int) -> Row:
    """From the cancel to the close of the source; it is ours, so that both moments are seen."""
    what, reach = "cancel, by the clock", "reading stops within 250 ms"
    if path is None:
        return missing(what, "no such capture given", reach)
    import pcapstream
    from pcapstream.sources import resolve
    from pcapstream.sources.policy import Policy

    class Watched:
        """A file that tells when it is closed."""

        def __init__(self) -> None:
            self._inner = resolve(str(path), Policy())
            self.closed_at = 0.0
            for name in ("open", "read", "cancel"):
                setattr(self, name, getattr(self._inner, name))

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def close(self) -> None:
            self._inner.close()
            self.closed_at = self.closed_at or time.perf_counter()

    async def once() -> float:
        source = Watched()
        async with pcapstream.open(source) as scan:  # type: ignore[arg-type]
            async for progress in scan.progress(every=0.01):
                if progress.packets:
                    break
            begin = time.perf_counter()
        return source.closed_at - begin

    took = [anyio.run(once) for _ in range(rounds)]
    return Row(f"{what}, {path.name}", f"slowest of {rounds}: {max(took) * 1000:.0f} ms", "", "", reach)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the figures of docs/performance.md.")
    parser.add_argument("--mixed", type=Path, help="mixed traffic, about 512 MB")
    parser.add_argument("--mixed-small", type=Path, help="mixed traffic, about 64 MB")
    parser.add_argument("--mixed-large", type=Path, help="mixed traffic, about 2 GB")
    parser.add_argument("--small", type=Path, help="small packets, about 256 MB")
    parser.add_argument("--dns", type=Path, help="of make_bench_capture --profile dns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="comma list of rows: tcp,small,capinfos,memory,dns,http,second,cancel,start")
    options = parser.parse_args()
    rounds, mixed, small = options.rounds, options.mixed, options.small
    tcptrace, tshark = ["tcptrace", "-n", "-l"], ["tshark", "-q", "-z", "conv,tcp", "-r"]
    figures: dict[str, list[Callable[[], Row | list[Row]]]] = {
        "tcp": [
            lambda: beside(mixed, "capinfos,tcp", tcptrace, "at least 3x", rounds),
            lambda: beside(mixed, "capinfos,tcp", tshark, "at least 20x", min(rounds, 3)),
        ],
        "small": [
            lambda: beside(small, "capinfos,tcp", tcptrace, "at least 10x", rounds),
            lambda: packets_per_second(small, rounds),
        ],
        "capinfos": [lambda: capinfos(options.mixed_large, rounds)],
        "memory": [lambda: memory(options.mixed_small, options.mixed_large)],
        "dns": [lambda: dns(options.dns, min(rounds, 3))],
        "http": [lambda: over_http(options.mixed_large, rounds)],
        "second": [lambda: second_call(mixed)],
        "cancel": [lambda: cancel(options.mixed_large or mixed, rounds)],
        "start": [lambda: first_answer(rounds)],
    }
    chosen = options.only.split(",") if options.only else list(figures)
    print("| what | ours | beside | result | reach |\n| --- | --- | --- | --- | --- |")
    for name in chosen:
        for figure in figures[name]:
            try:
                found = figure()
            except RuntimeError as error:  # a peer that fails on a capture must not hide the other rows
                found = missing(name, str(error).replace("\n", " "), "")
            for row in found if isinstance(found, list) else [found]:
                row.print()


if __name__ == "__main__":
    main()
