"""Counters of bounded size: exact for few values, with a stated error for many. All are values that merge.

The state is the same whatever the order of additions and merges, so a capture in parts gives what the whole gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pcapstream.digest import blake2b

EXACT_DISTINCT = 1_024
"""Different values up to which a `Distinct` of a group is exact."""
EXACT_VALUES = 1_000
"""Values up to which percentiles of a group are exact."""
PERCENTILE_ERROR = 0.01
"""Relative error of percentiles beyond."""

_GAMMA = (1 + PERCENTILE_ERROR) / (1 - PERCENTILE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_HASHES = 2**64


@dataclass(slots=True)
class Distinct:
    """How many different values: the `most` smallest of their 64-bit hashes tell (k minimum values)."""

    most: int = EXACT_DISTINCT
    _hashes: set[int] = field(default_factory=set)
    _below: int = _HASHES
    """Hashes from here on were dropped."""

    def add(self, value: object) -> None:
        # repr: 1 and "1" are different values, and it is the same in every process.
        found = int.from_bytes(blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        if found < self._below:
            self._hashes.add(found)
            if len(self._hashes) >= 2 * self.most:
                self._prune()

    def merge(self, other: Distinct) -> None:
        below = min(self._below, other._below)
        self._hashes = {found for found in (*self._hashes, *other._hashes) if found < below}
        self._below = below
        self._prune()

    def copy(self) -> Distinct:
        return Distinct(self.most, set(self._hashes), self._below)

    @property
    def exact(self) -> bool:
        self._prune()
        return self._below == _HASHES

    @property
    def error(self) -> float:
        """Relative standard error of the number, 0.0 when exact."""
        return 0.0 if self.exact else 1 / math.sqrt(self.most - 2)

    @property
    def number(self) -> int:
        if self.exact:
            return len(self._hashes)
        return round((self.most - 1) / (max(self._hashes) / _HASHES))

    def memory_bytes(self) -> int:
        return 300 + 64 * len(self._hashes)

    def _prune(self) -> None:
        if len(self._hashes) > self.most:
            kept = sorted(self._hashes)[: self.most]
            self._hashes = set(kept)
            self._below = kept[-1] + 1


@dataclass(slots=True)
class Values:
    """Numbers, for percentiles: each of the first `most`, beyond that how many fell into each step of 2 %."""

    most: int = EXACT_VALUES
    _exact: list[float] | None = field(default_factory=list)
    _steps: dict[int, int] = field(default_factory=dict)
    """Step of a positive number -> numbers in it; those of negative ones are in `_below`, zeros in `_zeros`."""
    _below: dict[int, int] = field(default_factory=dict)
    _zeros: int = 0

    def add(self, value: float) -> None:
        if self._exact is None:
            self._put(value, 1)
            return
        self._exact.append(value)
        if len(self._exact) > self.most:
            self._spread()

    def merge(self, other: Values) -> None:
        if self._exact is not None and other._exact is not None and len(self._exact) + len(other._exact) <= self.most:
            self._exact = self._exact + other._exact
            return
        self._spread()
        if other._exact is not None:
            for value in other._exact:
                self._put(value, 1)
            return
        for mine, theirs in ((self._steps, other._steps), (self._below, other._below)):
            for step, times in theirs.items():
                mine[step] = mine.get(step, 0) + times
        self._zeros += other._zeros

    def copy(self) -> Values:
        exact = None if self._exact is None else list(self._exact)
        return Values(self.most, exact, dict(self._steps), dict(self._below), self._zeros)

    @property
    def exact(self) -> bool:
        return self._exact is not None

    def percentile(self, percent: float) -> float | None:
        """The smallest value that at least `percent` % of the values do not exceed; None where there are none."""
        if self._exact is not None:
            values = sorted(self._exact)
            return values[_rank(percent, len(values)) - 1] if values else None
        total = self._zeros + sum(self._steps.values()) + sum(self._below.values())
        left = _rank(percent, total)
        for step in sorted(self._below, reverse=True):
            left -= self._below[step]
            if left <= 0:
                return -_middle(step)
        left -= self._zeros
        if left <= 0:
            return 0
        for step in sorted(self._steps):
            left -= self._steps[step]
            if left <= 0:
                return _middle(step)
        raise AssertionError("a rank within the total")

    def memory_bytes(self) -> int:
        return 300 + 32 * len(self._exact or ()) + 100 * (len(self._steps) + len(self._below))

    def _spread(self) -> None:
        values, self._exact = self._exact, None
        for value in values or ():
            self._put(value, 1)

    def _put(self, value: float, times: int) -> None:
        if value == 0:
            self._zeros += times
            return
        steps = self._steps if value > 0 else self._below
        step = math.ceil(math.log(abs(value)) / _LOG_GAMMA)
        steps[step] = steps.get(step, 0) + times


def _rank(percent: float, total: int) -> int:
    """Nearest rank, from 1."""
    return max(1, math.ceil(percent * total / 100))


def _middle(step: int) -> float:
    """What is at most PERCENTILE_ERROR away from every number of the step."""
    return float(2 * _GAMMA**step / (_GAMMA + 1))
