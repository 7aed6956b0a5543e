"""Values of fields beside `tshark -T fields`: all that the registry has, on captures of the folder that the environment
variable PCAPSTREAM_CAPTURES names and on made traffic."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path

import pytest

from pcapstream._core import Decoder, FormatError, list_fields
from tests.support import signalling, wireshark
from tests.support.captures import captures
from tests.support.talk import write
from tests.support.traffic import traffic

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]

EXCLUDED = [
    line.split("\t")
    for line in Path(__file__).with_name("fields-excluded.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
"""(file glob, field glob, reason)"""

NO_VALUE = ("Protocol", "Label", "Date and time")
"""tshark prints the text of its tree for these; presence is compared by the filters."""

MAX_BYTES = 150_000

ESCAPED = str.maketrans({"\r": "\\r", "\n": "\\n", "\t": "\\t"})
"""tshark escapes what would break its lines and columns; rows hold texts as they are."""


def names() -> list[str]:
    return [name for name, _, kind, mark in list_fields() if kind not in NO_VALUE and mark != "look_ahead"]


def theirs(path: Path, columns: list[str]) -> dict[int, list[str]]:
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]
    for column in columns:
        command += ["-e", column]
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    rows = (line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines())
    at = columns.index("frame.number")
    return {int(row[at]): row for row in rows if len(row) == len(columns) and row[at]}


def ours(path: Path, columns: list[str]) -> dict[int, list[str]]:
    decoder = Decoder(tcp=False, tally=False, resync=False, rows=True, columns=columns)
    rows = decoder.feed(path.read_bytes()).rows
    rows += decoder.finish().rows
    found = {}
    for row in rows:
        values: list[list[str]] = [[] for _ in columns]
        for column, text in row.texts():
            values[column].append(text)
        found[row.number] = [",".join(text.translate(ESCAPED) for text in texts) for texts in values]
    return found


def differences(path: Path) -> list[str]:
    columns = names()
    try:
        mine = ours(path, columns)
    except FormatError:
        return []
    found = []
    for number, row in theirs(path, columns).items():
        for column, expected, got in zip(columns, row, mine[number], strict=True):
            # What is secret is not returned.
            if (
                expected == got.replace("\r", "\\r").replace("\n", "\\n")
                or "***" in got
                or any(fnmatch.fnmatch(path.name, f) and fnmatch.fnmatch(column, c) for f, c, _ in EXCLUDED)
            ):
                continue
            found.append(f"frame {number}, {column}: tshark {expected[:80]!r}, here {got[:80]!r}")
    return found


def test_there_are_enough_fields() -> None:
    assert len(list_fields()) >= 1000
    assert len(names()) >= 800


@pytest.mark.parametrize("seed", range(3))
def test_made_traffic(seed: int, tmp_path: Path) -> None:
    assert not differences(write(tmp_path / "made.pcap", *traffic(seed)))


@pytest.mark.parametrize("kind", signalling.KINDS)
def test_made_signalling(kind: str, tmp_path: Path) -> None:
    assert not differences(signalling.write(tmp_path / f"{kind}.pcap", kind))


@pytest.mark.parametrize("path", captures(MAX_BYTES), ids=lambda path: path.name)
def test_captures(path: Path) -> None:
    assert not differences(path)
