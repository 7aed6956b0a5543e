"""A line on the terminal that says how far the reading is. Nothing at all where stderr is no terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from pcapstream.cli.layout import terminal_width
from pcapstream.tools.text import size

if TYPE_CHECKING:
    from pcapstream.model import Progress

_QUIET_SECONDS = 0.3
"""What is done by then needs no bar."""
_BAR = 24


class ProgressBar:
    """Bytes of total, packets, MB/s and time left, one line rewritten in place and removed at the end."""

    def __init__(self, stream: TextIO, began: float) -> None:
        self._stream = stream
        self._began = began
        self._shown = False
        self._terminal = stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._write("\r\x1b[K")

    def show(self, progress: Progress) -> None:
        seconds = time.monotonic() - self._began
        if not self._terminal or seconds < _QUIET_SECONDS:
            return
        self._shown = True
        width = terminal_width(self._stream)
        self._write("\r" + progress_line(progress, seconds)[: max(width - 1, 20)] + "\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._terminal = self._shown = False


def progress_line(progress: Progress, seconds: float) -> str:
    """ "[######------]  50 %  1.0 GB of 2.0 GB  1,234,567 packets  800 MB/s  ETA 0:01"."""
    done, total = progress.bytes_read, progress.bytes_total
    rate = done / max(seconds, 1e-3)
    parts = []
    if total:
        share = min(done / total, 1.0)
        filled = round(share * _BAR)
        parts += [f"[{'#' * filled}{'-' * (_BAR - filled)}] {share * 100:3.0f} %", f"{size(done)} of {size(total)}"]
    else:
        parts.append(size(done))
    parts += [f"{progress.packets:,} packets", f"{rate / 1e6:,.0f} MB/s"]
    if total and rate > 0:
        left = round(max(total - done, 0) / rate)
        parts.append(
            f"ETA {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
            if left >= 3600
            else f"ETA {left // 60}:{left % 60:02d}"
        )
    return "  ".join(parts)
