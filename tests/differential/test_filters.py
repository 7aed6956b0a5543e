"""Display filters beside `tshark -Y`: the same frames, for every filter of filters.txt over made traffic and captures
of the folder that the environment variable PCAPSTREAM_CAPTURES names; and the same filters refused."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from pcapstream._core import Decoder, FilterError, FormatError, check_filter
from tests.support import signalling, wireshark
from tests.support.captures import captures
from tests.support.talk import write
from tests.support.traffic import traffic

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]

HERE = Path(__file__).parent
FILTERS = HERE.joinpath("filters.txt").read_text("utf-8").splitlines()
REFUSED = HERE.joinpath("filters-refused.txt").read_text("utf-8").splitlines()
EXCLUDED = [
    line.split("\t")
    for line in HERE.joinpath("filters-excluded.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
"""(file glob, filter glob, reason)"""

MAX_BYTES = 20_000
"""Larger captures take several hundred filters too long."""


def ours(data: bytes, text: str) -> list[int]:
    decoder = Decoder(tcp=False, tally=False, resync=False, display_filter=text, rows=True)
    rows = decoder.feed(data).rows
    rows += decoder.finish().rows
    return [row.number for row in rows]


def differences(path: Path) -> list[str]:
    data = path.read_bytes()
    found = []
    for text, (kind, numbers) in zip(FILTERS, wireshark.answers(path, FILTERS), strict=False):
        if any(fnmatch.fnmatch(path.name, file) and fnmatch.fnmatchcase(text, what) for file, what, _ in EXCLUDED):
            continue
        expected = [int(number) for number in numbers.split()]
        try:
            got = ours(data, text)
        except FormatError:
            return []
        if kind != "N" or got != expected:
            found.append(f"{text}: tshark {kind} {expected[:10]}, here {got[:10]}")
    return found


def test_made_traffic(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    write(path, *traffic(7))
    if not wireshark.answers(path, ["tcp"]):
        pytest.skip("this tshark runs no Lua")
    assert not differences(path)


@pytest.mark.parametrize("kind", signalling.KINDS)
def test_made_signalling(kind: str, tmp_path: Path) -> None:
    path = signalling.write(tmp_path / f"{kind}.pcap", kind)
    if not wireshark.answers(path, ["tcp"]):
        pytest.skip("this tshark runs no Lua")
    assert not differences(path)


@pytest.mark.parametrize("path", captures(MAX_BYTES), ids=lambda path: path.name)
def test_captures(path: Path) -> None:
    assert not differences(path)


def test_both_refuse(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    write(path, *traffic(7))
    answers = wireshark.answers(path, REFUSED)
    if not answers:
        pytest.skip("this tshark runs no Lua")
    for text, (kind, _) in zip(REFUSED, answers, strict=True):
        assert kind == "E", text
        with pytest.raises(FilterError):
            check_filter(text)


def test_there_are_enough_filters() -> None:
    assert len(FILTERS) >= 300
    assert len(set(FILTERS)) == len(FILTERS)
