"""Passes over a generated capture: `python -m pytest benches -s`. Size in MB by PCAPSTREAM_BENCH_MB (default 64).

Each prints packets and bytes per second of its median round, and the peak memory of a process that does nothing else.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import pcapstream
from benches.make_bench_capture import make
from benches.measure import run
from benches.views import first_calls
from pcapstream.model import Report

MEGA_BYTES = int(os.environ.get("PCAPSTREAM_BENCH_MB", "64"))
ROUNDS = 5

_CHILD = (
    "import sys, pcapstream; modules = sys.argv[2].split(',') if sys.argv[2] else None; "
    "pcapstream.analyze(sys.argv[1], modules=modules)"
)


@pytest.fixture(scope="session", params=["mixed", "small"])
def capture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    profile: str = request.param
    return make(tmp_path_factory.mktemp("bench") / f"{profile}.pcap", MEGA_BYTES << 20, profile)


def tell(benchmark: BenchmarkFixture, report: Report, capture: Path, peak: int | None = None) -> None:
    """Print the figures, and keep them in the benchmark's own output."""
    seconds = benchmark.stats.stats.median
    figures = {
        "packets_per_second": round(report.capture["packets"] / seconds),
        "bytes_per_second": round(capture.stat().st_size / seconds),
    }
    if peak is not None:
        figures["peak_bytes"] = peak
    benchmark.extra_info.update(figures)
    memory = "" if peak is None else f", peak {peak / 1e6:.0f} MB"
    print(
        f"\n{benchmark.name}: {figures['packets_per_second'] / 1e6:.2f} M packets/s, "
        f"{figures['bytes_per_second'] / 1e9:.2f} GB/s{memory}"
    )


@pytest.mark.parametrize("modules", [("capinfos",), ("capinfos", "tcp"), None], ids=["capinfos", "tcp", "all"])
def test_pass_over_a_file(benchmark: BenchmarkFixture, capture: Path, modules: tuple[str, ...] | None) -> None:
    report = benchmark.pedantic(
        pcapstream.analyze, (str(capture),), {"modules": modules}, rounds=ROUNDS, warmup_rounds=1
    )

    peak = run((sys.executable, "-c", _CHILD, str(capture), ",".join(modules or ()))).peak_bytes
    tell(benchmark, report, capture, peak)
    assert report.coverage.complete


def test_headers_of_every_packet_in_python(benchmark: BenchmarkFixture, capture: Path) -> None:
    async def count() -> Report:
        async with pcapstream.open(str(capture)) as scan:
            found = 0
            async for packets in scan.packets():
                found += len(packets)
            report = await scan.result()
            assert found == report.capture["packets"]
            return report

    tell(benchmark, benchmark.pedantic(lambda: asyncio.run(count()), rounds=2), capture)


@contextmanager
def sending(path: Path) -> Iterator[str]:
    """An HTTP server of one file on loopback that lets the kernel do the sending."""
    listener = socket.create_server(("127.0.0.1", 0))
    size = path.stat().st_size

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, path.open("rb") as file:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                head = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "one"\r\nAccept-Ranges: bytes\r\n\r\n'
                connection.sendall(head.encode())
                connection.sendfile(file)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/{path.name}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_pass_over_a_url(benchmark: BenchmarkFixture, capture: Path) -> None:
    with sending(capture) as url:
        report = benchmark.pedantic(
            pcapstream.analyze, (url,), {"allow_private_urls": True}, rounds=ROUNDS, warmup_rounds=1
        )

    tell(benchmark, report, capture)
    assert report.coverage.complete


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip is not on PATH")
def test_pass_over_a_compressed_file(benchmark: BenchmarkFixture, capture: Path) -> None:
    packed = capture.with_suffix(".pcap.gz")
    with packed.open("wb") as out:
        subprocess.run(["gzip", "-1", "-c", str(capture)], stdout=out, check=True)

    report = benchmark.pedantic(pcapstream.analyze, (str(packed),), rounds=2)

    tell(benchmark, report, capture)
    assert report.coverage.complete


def test_first_answers_of_views(benchmark: BenchmarkFixture, capture: Path) -> None:
    """What the first call of each view costs on a finished pass of all modules: each asked in a process of its own, so
    that none finds what another one left behind. Prints them, the slowest first; the benchmark is the sum."""
    found: dict[str, tuple[float, float]] = {}

    def ask() -> None:
        found.clear()
        found.update(first_calls(capture))

    benchmark.pedantic(ask, rounds=1)

    benchmark.extra_info["first_call_ms"] = {name: round(first, 1) for name, (first, _) in found.items()}
    for name, (first, second) in sorted(found.items(), key=lambda entry: -entry[1][0]):
        print(f"\n{benchmark.name}: {name} {first:.1f} ms, then {second:.1f} ms", end="")
    print()
    assert len(found) > 30


def test_an_answer_from_a_finished_scan(benchmark: BenchmarkFixture, capture: Path) -> None:
    """What a second tool call on the same capture costs, without the protocol around it."""
    from pcapstream.tools.answer import answer
    from pcapstream.tools.registry import TOOLS

    report = pcapstream.analyze(str(capture))
    asked: list[Callable[[], object]] = []
    for spec in TOOLS:
        given = {"pcap_file": str(capture)}
        if any(parameter.name == "server_ip" and parameter.required for parameter in spec.parameters):
            given["server_ip"] = "198.51.0.1"
        bound = spec.bind(given)
        asked.append(lambda spec=spec, bound=bound: answer(spec, report, bound))

    benchmark(lambda: [ask() for ask in asked])

    print(f"\n{benchmark.name}: {benchmark.stats.stats.median * 1000 / len(asked):.1f} ms a tool")
