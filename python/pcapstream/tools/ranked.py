"""Endpoints and conversations of a tally, largest first, and how many there are: remembered from call to call.

The core ranks them anew each time, which takes half a second where there are hundreds of thousands. A report does not
change, so the first rows and the counts are kept for the reports asked about last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from pcapstream._core import ConversationKind, Tally
    from pcapstream.model import Report

Conversation = tuple[str, str, int, int, int, int, int, int]
Endpoint = tuple[str, int, int, int, int]

KEPT_ROWS = 1_000
"""The largest `limit`: further pages are ranked anew."""
FEW_ROWS = 100
"""For answers that show the top of the table: ten times as many take ten times as long to make."""
KEPT_REPORTS = 4
"""Their rows take 6 MB each at most."""

T = TypeVar("T")

_lock = threading.Lock()
_kept: OrderedDict[tuple[str, int, int], dict[tuple[str, str], Any]] = OrderedDict()


class Ranked:
    """The tally of one report."""

    def __init__(self, report: Report, tally: Tally) -> None:
        self._tally = tally
        key = (report.scan_id, report.coverage.packets, report.coverage.bytes_read)
        with _lock:
            self._found = _kept.setdefault(key, {})
            _kept.move_to_end(key)
            while len(_kept) > KEPT_REPORTS:
                _kept.popitem(last=False)

    def conversation_count(self, kind: ConversationKind) -> tuple[int, bool]:
        """(number, True when there are at least that many)."""
        return self._once("conversation_count", kind, lambda: self._tally.conversation_count(kind))

    def endpoint_count(self, kind: ConversationKind) -> tuple[int, bool]:
        """(number, True when there are at least that many)."""
        return self._once("endpoint_count", kind, lambda: self._tally.endpoint_count(kind))

    def conversations(self, kind: ConversationKind, offset: int, limit: int) -> list[Conversation]:
        """Most bytes first."""
        if offset + limit > KEPT_ROWS:
            return self._tally.conversations(kind, offset=offset, limit=limit)
        most = FEW_ROWS if offset + limit <= FEW_ROWS else KEPT_ROWS
        rows = self._once(f"{most} conversations", kind, lambda: self._tally.conversations(kind, limit=most))
        return rows[offset : offset + limit]

    def endpoints(self, kind: ConversationKind, offset: int, limit: int) -> list[Endpoint]:
        """Most bytes first."""
        if offset + limit > KEPT_ROWS:
            return self._tally.endpoints(kind, offset=offset, limit=limit)
        most = FEW_ROWS if offset + limit <= FEW_ROWS else KEPT_ROWS
        rows = self._once(f"{most} endpoints", kind, lambda: self._tally.endpoints(kind, limit=most))
        return rows[offset : offset + limit]

    def _once(self, what: str, kind: str, make: Callable[[], T]) -> T:
        if (what, kind) not in self._found:
            self._found[what, kind] = make()
        return cast(T, self._found[what, kind])
