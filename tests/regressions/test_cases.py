"""Every case of the README beside this file has the test that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| ([MAS]\d+) \| .+ \| `([\w/]+\.py)::(test_\w+)` \|$",
    (Path(__file__).parent / "README.md").read_text("utf-8"),
    re.MULTILINE,
)


@cache
def functions_of(name: str) -> frozenset[str]:
    tree = ast.parse((TESTS / name).read_text("utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(function.name for function in functions)


def expected() -> Iterator[str]:
    for letter, last in (("M", 29), ("A", 21), ("S", 14)):
        yield from (f"{letter}{number}" for number in range(1, last + 1))


def test_every_case_has_a_row() -> None:
    assert {case for case, _, _ in ROWS} == set(expected())


def test_every_row_names_a_test() -> None:
    assert [row for row in ROWS if row[2] not in functions_of(row[1])] == []


def test_no_test_stands_for_two_cases() -> None:
    named = [(file, test) for _, file, test in ROWS]

    assert len(named) == len(set(named))
