"""Numbers of the http source that are no policy."""

from __future__ import annotations

from dataclasses import dataclass

SEGMENT_BYTES = 4 * 1024 * 1024
"""One range request of several in parallel; the source holds one more of them than run at a time."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon to try again. Waits double from `first_seconds`, give or take half."""

    in_a_row: int = 4
    """Failures without a byte in between."""
    in_all: int = 32
    """Failures in all, so that a server that drops after each byte ends too."""
    first_seconds: float = 0.25
    max_seconds: float = 8.0
    """Also the longest wait that a server may ask for (Retry-After)."""
