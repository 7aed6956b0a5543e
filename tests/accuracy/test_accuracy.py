"""The comparison itself, and the figures where there are captures with a truth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.accuracy.__main__ import GOAL, compare
from tests.accuracy.compare import Comparison, Exclusion, leaves, same
from tests.accuracy.facts import seconds, spread

EXCLUDED = Path(__file__).parents[2] / "docs" / "accuracy-excluded.tsv"
GROUPS = frozenset({"capinfos", "frames", "lower_layers", "conversations", "ip_addresses", "tcp"})


@pytest.mark.parametrize(
    ("ours", "theirs", "equal"),
    [
        (3, 3, True),
        (3, 4, False),
        (3, "3", True),
        (1.234, "1.23", True),
        (1.236, "1.23", False),
        (100.00001, 100.0, True),
        (True, 1, True),
        (True, 1.5, False),
        ("n/a", "0.0", False),
        (None, "", False),
        (("a", "b", 1), ["a", "b", 1], True),
    ],
)
def test_numbers_are_equal_to_their_last_printed_digit(ours: object, theirs: object, equal: bool) -> None:
    assert same(ours, theirs) is equal


def test_order_among_conversations_of_one_size_does_not_matter() -> None:
    one = {"a": "x", "b": "y", "frames": 1, "bytes": 60, "bytes_a_to_b": 60}
    two = {"a": "v", "b": "w", "frames": 1, "bytes": 60, "bytes_a_to_b": 60}

    assert dict(leaves({"conversations": {"ip": {"top": [one, two]}}})) == dict(
        leaves({"conversations": {"ip": {"top": [two, one]}}})
    )


def test_a_count_left_out_is_zero_and_a_group_left_out_is_different() -> None:
    comparison = Comparison()
    comparison.add(
        "x", {"frames": {"total": 1}}, {"frames": {"total": 1, "short": 3, "truncated": 0}, "tcp": {"streams": 0}}
    )

    assert (comparison.figures["frames"].matched, comparison.figures["frames"].compared) == (2, 2)
    assert (comparison.figures["tcp"].matched, comparison.figures["tcp"].compared) == (0, 1)


def test_exclusions_beyond_one_in_a_hundred_count_as_differences() -> None:
    comparison = Comparison(exclusions=[Exclusion("*", "frames.n*", "a test")])
    comparison.add("x", {"frames": {}}, {"frames": {**{f"z{i}": 0 for i in range(98)}, "n1": 1, "n2": 2}})
    figure = comparison.figures["frames"]

    assert (figure.excluded, figure.over, figure.percent) == (2, 1, pytest.approx(98.99))


@pytest.mark.parametrize(
    ("time_ns", "digits", "text"),
    [(1_500_000_001, 9, "1.500000001"), (1_999_999_999, 6, "1.999999"), (-1_500_000_000, 3, "-1.500"), (2, 0, "0")],
)
def test_times_are_cut_off_not_rounded(time_ns: int, digits: int, text: str) -> None:
    assert seconds(time_ns, digits) == text


def test_nothing_has_no_spread() -> None:
    assert spread([]) == {"count": 0}
    assert spread([1.0, 2.0, 4.5]) == {"count": 3, "min": 1.0, "max": 4.5, "mean": 2.5, "median": 2.0}


def test_every_exclusion_has_a_reason() -> None:
    assert all(exclusion.reason.strip() for exclusion in Exclusion.read(EXCLUDED))


@pytest.mark.timeout(600)
@pytest.mark.skipif("PCAPSTREAM_CAPTURES" not in os.environ, reason="PCAPSTREAM_CAPTURES names no folder of captures")
def test_every_group_reaches_its_goal() -> None:
    """The folder holds the captures and, below `truth`, what tshark says about each."""
    folder = Path(os.environ["PCAPSTREAM_CAPTURES"])
    comparison = Comparison(groups=GROUPS, exclusions=Exclusion.read(EXCLUDED))

    failed = compare(folder, folder / "truth", comparison)

    assert failed == []
    short = {name: group.percent for name, group in comparison.figures.items() if group.percent < GOAL}
    assert short == {}, [str(difference) for difference in comparison.differences[:20]]
