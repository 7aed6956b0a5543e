"""tshark and capinfos as referees. Tests that need them have the marker `tshark`, and are skipped without them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

TAPS = Path(__file__).with_name("taps.lua")
MISSING = "tshark or capinfos is not on PATH: nothing to compare with"


def needs_tshark() -> pytest.MarkDecorator:
    """`pytestmark = [pytest.mark.tshark, needs_tshark()]`"""
    present = shutil.which("tshark") is not None and shutil.which("capinfos") is not None
    return pytest.mark.skipif(not present, reason=MISSING)


def fields(
    path: Path, names: Sequence[str], where: str = "", *, two_passes: bool = False, every: bool = False
) -> list[list[str]]:
    """One row per frame that matches the display filter; a field that occurs several times gives its last value, or
    every one with commas between.

    A damaged capture gives the frames in front of the damage. two_passes: for fields that look ahead.
    """
    occurrence = f"occurrence={'a' if every else 'l'}"
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", occurrence]
    for name in names:
        command += ["-e", name]
    if where:
        command += ["-Y", where]
    if two_passes:
        command.append("-2")
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode not in (0, 2):
        raise AssertionError(f"tshark failed: {done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def frames(path: Path, where: str) -> list[int]:
    """Numbers of the frames that match the display filter."""
    return [int(row[0]) for row in fields(path, ["frame.number"], where)]


def answers(path: Path, filters: Sequence[str], *, two_passes: bool = False) -> list[tuple[str, str]]:
    """For each display filter ("N", frame numbers with blanks between) or ("E", why it is refused), in one run of
    tshark; empty where tshark cannot read the capture, or runs no Lua."""
    with tempfile.TemporaryDirectory() as folder:
        asked, out = Path(folder, "filters"), Path(folder, "found")
        asked.write_text("\n".join(filters) + "\n", "utf-8")
        subprocess.run(
            ["tshark", "-n", "-q", "-X", f"lua_script:{TAPS}", "-r", str(path), *(["-2"] if two_passes else [])],
            env={**os.environ, "FILTERS": str(asked), "OUT": str(out)},
            capture_output=True,
            timeout=300,
            check=False,
        )
        lines = out.read_text("utf-8", "replace").splitlines() if out.exists() else []
    return [(kind, found) for _, kind, found in (line.split("\t", 2) for line in lines)]


def frames_of(path: Path, filters: Iterable[str], *, two_passes: bool = False) -> dict[str, list[int]]:
    """Numbers of the frames that match, for each display filter. Fails where tshark refuses one."""
    wanted = list(dict.fromkeys(filters))
    if not wanted:
        return {}
    told = answers(path, wanted, two_passes=two_passes)
    if not told:
        rows = {where: fields(path, ["frame.number"], where, two_passes=two_passes) for where in wanted}
        return {where: [int(number) for (number,) in found] for where, found in rows.items()}
    refused = {where: said for where, (kind, said) in zip(wanted, told, strict=True) if kind != "N"}
    assert refused == {}
    return {where: [int(number) for number in found.split()] for where, (_, found) in zip(wanted, told, strict=True)}


def frames_by_event(path: Path, events: Iterable[str]) -> dict[str, list[int]]:
    """tcp.analysis name -> numbers of the frames that have it, in one run."""
    names = list(events)
    found: dict[str, list[int]] = {name: [] for name in names}
    for number, *values in fields(path, ["frame.number", *(f"tcp.analysis.{name}" for name in names)], "tcp"):
        for name, value in zip(names, values, strict=True):
            if value:
                found[name].append(int(number))
    return found


def capinfos(path: Path) -> dict[str, str]:
    """What capinfos prints about the file, by its own column names."""
    done = subprocess.run(
        ["capinfos", "-T", "-m", "-M", "-S", str(path)], capture_output=True, text=True, timeout=100, check=False
    )
    header, values = done.stdout.splitlines()[:2]
    return dict(zip(header.split(","), values.split(","), strict=False))
