"""Programs run to their end and measured: CPU seconds, seconds by the clock, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

OURS = (sys.executable, "-c", "import sys; from pcapstream.cli import main; sys.exit(main())")
"""The command line, by the interpreter that measures."""


@dataclass(frozen=True)
class Run:
    """One run of a program, its children's included."""

    cpu: float
    wall: float
    peak_bytes: int


def run(command: Sequence[str]) -> Run:
    """Run a program with its output thrown away. Raises RuntimeError when it fails."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def in_turn(rounds: int, *jobs: Callable[[], Run]) -> list[list[Run]]:
    """Every job `rounds` times in turn (A B A B), so that what else the machine does falls on all alike."""
    made: list[list[Run]] = [[] for _ in jobs]
    for _ in range(rounds):
        for runs, job in zip(made, jobs, strict=True):
            runs.append(job())
    return made


def middle(runs: Sequence[Run], of: str = "cpu") -> float:
    """Median of one measure."""
    return float(median(getattr(one, of) for one in runs))


def read_once(path: Path) -> None:
    """Bring a file into the page cache."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass
