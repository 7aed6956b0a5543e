"""What a view reckoned from a report, for the next call: a report does not change.

A few reports, the last ones asked about. What is kept is bounded by what the views keep: findings, sums by domain.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from pcapstream.model import Report

MOST = 8
T = TypeVar("T")

_lock = threading.Lock()
_kept: OrderedDict[Hashable, Any] = OrderedDict()


def remembered(report: Report, question: Hashable, make: Callable[[], T]) -> T:
    """`make()`, or what it gave for the same question about the same report. Nobody may change it."""
    key = (report.scan_id, report.coverage.packets, report.coverage.bytes_read, question)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return cast(T, _kept[key])
    found = make()
    with _lock:
        _kept[key] = found
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return found
