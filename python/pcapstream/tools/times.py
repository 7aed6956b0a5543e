"""Sets of times as the core counts them, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcapstream.tools.text import milliseconds


def in_milliseconds(times: Mapping[str, Any]) -> dict[str, float | None]:
    """What there is of min, mean, median, p95, max; max_frame: where the longest is seen, of handshakes the hello."""
    names = ("min", "mean", "median", "p95", "max")
    found = {name: milliseconds(round(times[f"{name}_ns"])) for name in names if times.get(f"{name}_ns") is not None}
    return {**found, "max_frame": times["max_frame"]} if times.get("max_frame") else found


def times_of(times: Mapping[str, Any], *, tell_partial: bool = False) -> dict[str, Any]:
    """count and those. tell_partial: `of_first` where they are of the first times only."""
    found: dict[str, Any] = {"count": times["count"], **in_milliseconds(times)}
    if tell_partial and not times.get("exact", True):
        found["of_first"] = True
    return found
