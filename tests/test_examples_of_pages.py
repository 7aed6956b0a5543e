"""Commands that the pages show on shipped captures: each runs, and what the page prints behind it is in its output."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapstream.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ANY = "examples/web-problems.pcapng"
CAPTURE = r"pcapstream (analyze|call|filter) (examples/|capture\.pcap(?= ))"
"""Of a shipped capture; or of one that stands for any."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> Iterator[tuple[str, str, str]]:
    """(page, command, what is printed in the blocks behind it)"""
    for page in PAGES:
        mine: list[str] = []
        printed = ""
        for kind, text in [*BLOCK.findall(page.read_text("utf-8")), ("sh", "")]:
            if kind == "sh":
                yield from ((page.name, line, printed if len(mine) == 1 else "") for line in mine)
                commands = text.replace("\\\n", " ").splitlines()
                mine = [
                    line for line in commands if re.match(r"pcapstream (analyze|call|filter) examples/", whole(line))
                ]
                printed = ""
            elif kind in ("", "json"):
                printed += text


def whole(line: str) -> str:
    """The command without the name of the tool that is called."""
    return re.sub(r"^pcapstream call \w+ ", "pcapstream call ", line)


def figures(printed: str) -> set[str]:
    """Words with digits in them: numbers, addresses, times."""
    words = (word.strip('",;:()[]{}') for word in printed.split())
    return {word for word in words if len(word) > 2 and any(character.isdigit() for character in word)}


EXAMPLES = sorted(set(shown()))


def test_there_are_examples_of_most_modules() -> None:
    assert len({page for page, _, _ in EXAMPLES}) >= 14


@pytest.mark.parametrize(
    ("page", "command", "printed"), EXAMPLES, ids=[f"{page}: {line}" for page, line, _ in EXAMPLES]
)
def test_an_example_prints_what_its_page_says(
    page: str,
    command: str,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)

    words = shlex.split(command.replace(" capture.pcap ", f" {ANY} "), comments=True)
    assert main(words[1:]) == 0

    output = capsys.readouterr().out
    assert output
    assert {figure for figure in figures(printed) if figure not in output} == set()
    if words[1] == "analyze":
        # Printed as it is, though not all of it.
        assert {line.strip() for line in printed.splitlines()} <= {line.strip() for line in output.splitlines()}
