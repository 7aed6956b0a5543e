"""What the core counted as Python values, remembered while its report lives: one answer asks several times. Long lists
stay in the core, and only rows that are looked at become values."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import Any, Protocol

from pcapstream._core import Report

KEPT_VALUES = 8
"""Of the reports asked about last."""

_lock = threading.Lock()
_kept: OrderedDict[int, tuple[weakref.ref[Report], Any]] = OrderedDict()


class Counted(Protocol):
    """A summary that is a view of a report."""

    @property
    def report(self) -> Report:
        """What the core counted."""


def values_of(summary: Counted) -> dict[str, Any]:
    """`summary.counts()` with `Rows` in place of long lists; the same object as before where it was asked for before:
    not to be changed."""
    report = summary.report
    key = id(report)
    with _lock:
        if key in _kept and _kept[key][0]() is report:
            _kept.move_to_end(key)
            found: dict[str, Any] = _kept[key][1]
            return found
    value: dict[str, Any] = report.outline()
    with _lock:
        _kept[key] = (weakref.ref(report, lambda _: _kept.pop(key, None)), value)
        while len(_kept) > KEPT_VALUES:
            _kept.popitem(last=False)
    return value
