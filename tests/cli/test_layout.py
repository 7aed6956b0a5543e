"""The layout of the readable answer: nothing is lost, nothing is wider than the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapstream.cli.layout import Grid, Line, Span, cells, fold, line

TEXTS = st.text(st.sampled_from("ab -.:/漢é"), max_size=60)


@given(TEXTS, st.integers(2, 30), st.integers(0, 30))
def test_folding_loses_no_letter_and_keeps_to_the_width(text: str, width: int, first: int) -> None:
    lines = fold(text, width, first=min(first, width))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert cells(lines[0]) <= min(first, width)
    assert all(cells(one) <= width for one in lines)


def test_folding_prefers_the_gap_between_words() -> None:
    assert fold("one two three", 8) == ["one two", "three"]
    assert fold("2001:db8:1:2:3:4:5:6", 8) == ["2001:db8", ":1:2:3:4", ":5:6"]
    assert fold("to the end", 10, first=3) == ["to", "the end"]


def test_wide_characters_take_two_columns() -> None:
    assert cells("漢字") == 4
    assert fold("漢字漢字", 4) == ["漢字", "漢字"]
    assert cells("e\u0301") == 1


def test_a_table_right_aligns_numbers_under_their_title() -> None:
    grid = Grid(
        [((Span("eth"),), (Span("124"),)), ((Span("  ip"),), (Span("7"),))], ("protocol", "frames"), frozenset({1})
    )
    assert grid.lines(80, False) == ["protocol   frames", "─" * 17, "eth           124", "  ip            7"]


@pytest.mark.parametrize("width", [10, 20, 40, 80])
def test_a_table_wider_than_the_page_folds_its_widest_columns(width: int) -> None:
    long = "many words of a finding " * 5
    lines = Grid([((Span("warning"),), (Span(long), Span("filter tcp")))]).lines(width, False)
    assert max(len(one) for one in lines) <= max(width, 8 + 2 + 8)
    assert "".join(" ".join(lines).split()) == "".join(("warning " + long + "filter tcp").split())


def test_colours_only_where_asked_for() -> None:
    assert line("x", "bold red").lines(10, True) == ["\x1b[1;31mx\x1b[0m"]
    assert line("x", "bold red").lines(10, False) == ["x"]
    assert Line((Span("a", "dim"), Span("b"))).lines(10, True) == ["\x1b[2ma\x1b[0mb"]
