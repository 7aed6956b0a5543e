"""The split law on real captures, from the folder that PCAPSTREAM_CAPTURES names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcapstream._core import FormatError
from tests.support.play import plain, play

FOLDER = os.environ.get("PCAPSTREAM_CAPTURES")
LARGEST = 20_000_000
STEPS = (997, 65_536)


def captures() -> list[Path]:
    return sorted(path for path in Path(FOLDER or "").rglob("*") if path.is_file()) if FOLDER else []


@pytest.mark.skipif(FOLDER is None, reason="PCAPSTREAM_CAPTURES names no folder of captures")
def test_split_any_step_gives_the_same() -> None:
    left_out, tried, differ = [], 0, []
    for path in captures():
        if path.stat().st_size > LARGEST:
            left_out.append(path.name)
            continue
        data = path.read_bytes()

        def outcome(pieces: list[bytes]) -> object:
            try:
                return {name: plain(summary) for name, summary in play(pieces).items()}
            except FormatError as error:
                return error.args[0]

        whole = outcome([data])
        steps = (*STEPS, 1) if len(data) < 50_000 else STEPS
        name = str(path.relative_to(FOLDER or ""))
        differ += [
            (name, step)
            for step in steps
            if outcome([data[at : at + step] for at in range(0, len(data), step)]) != whole
        ]
        tried += 1
    print(f"{tried} captures tried, left out for their size: {left_out}")
    assert tried
    assert differ == []
