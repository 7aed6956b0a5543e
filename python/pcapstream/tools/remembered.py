"""What a view reckoned from a report, for the next call: a report does not change.

A few answers of a few reports, those asked about last. What is kept is bounded by what the views keep: findings, sums.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from pcapstream.model import Report

KEPT_REPORTS = 4
KEPT_ANSWERS = 16
"""Of one report."""

T = TypeVar("T")
_lock = threading.Lock()
_kept: OrderedDict[tuple[str, int, int], OrderedDict[Hashable, Any]] = OrderedDict()


def remembered(report: Report, question: Hashable, make: Callable[[], T]) -> T:
    """`make()`, or what it gave for the same question about the same state of the same scan. Nobody may change it."""
    key = (report.scan_id, report.coverage.packets, report.coverage.bytes_read)
    with _lock:
        answers = _kept.setdefault(key, OrderedDict())
        _kept.move_to_end(key)
        while len(_kept) > KEPT_REPORTS:
            _kept.popitem(last=False)
        if question in answers:
            answers.move_to_end(question)
            return cast(T, answers[question])
    made = make()
    with _lock:
        answers[question] = made
        while len(answers) > KEPT_ANSWERS:
            answers.popitem(last=False)
    return made
