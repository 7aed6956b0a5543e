"""Pages of several long lists together, of which only what is shown is made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def page_of(lists: Sequence[Sequence[T]], key: Callable[[T], Any], offset: int, limit: int) -> list[T]:
    """Rows offset .. offset + limit of the lists put together and sorted by key, in the order of the lists where it is
    equal. Each list is sorted by key already."""
    if len(lists) == 1:
        return list(lists[0][offset : offset + limit])
    # What is among the first rows of all is among the first of its own list.
    first = [row for rows in lists for row in rows[: offset + limit]]
    return sorted(first, key=key)[offset : offset + limit]


def first_while(rows: Sequence[T], holds: Callable[[T], bool]) -> list[T]:
    """The first rows, as long as it holds; no more of the others are made than of these."""
    found: list[T] = []
    step = 64
    while True:
        some = rows[len(found) : len(found) + step]
        good = list(itertools.takewhile(holds, some))
        found += good
        if len(good) < step:
            return found
        step *= 2


def chained(lists: Sequence[tuple[str, Sequence[T]]], offset: int, limit: int) -> list[tuple[str, T]]:
    """Rows offset .. offset + limit of the lists one behind the other, each with the name of its list."""
    found: list[tuple[str, T]] = []
    for name, rows in lists:
        if len(found) >= limit:
            break
        found += [(name, row) for row in rows[offset : offset + limit - len(found)]]
        offset = max(0, offset - len(rows))
    return found
