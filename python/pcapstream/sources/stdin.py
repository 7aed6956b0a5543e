"""Standard input: a pipe, or a file redirected into it."""

from __future__ import annotations

import contextlib
import os
import stat
import threading

from pcapstream.errors import SourceError
from pcapstream.sources._descriptor import PipeReader

_STDIN = 0


class StdinSource:
    """What is piped or redirected into this process. It can be read once; `descriptor` is another one to read so."""

    def __init__(self, descriptor: int = _STDIN) -> None:
        self._descriptor = descriptor
        self._reader: PipeReader | None = None
        self._regular = False
        self._size: int | None = None
        self._fetched = 0
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return "-"

    @property
    def identity(self) -> str | None:
        """None: nobody can read it again."""
        return None

    @property
    def size(self) -> int | None:
        """What is left of a file redirected into it; None for a pipe."""
        return self._size

    @property
    def bytes_fetched(self) -> int:
        return self._fetched

    def open(self) -> None:
        """Raises SourceError: stdin_closed, is_directory."""
        try:
            found = os.fstat(self._descriptor)
        except OSError:
            raise SourceError("stdin_closed", "standard input is closed") from None
        if stat.S_ISDIR(found.st_mode):
            raise SourceError("is_directory", "standard input is a directory")
        self._regular = stat.S_ISREG(found.st_mode)
        if self._regular:
            with contextlib.suppress(OSError):
                self._size = max(0, found.st_size - os.lseek(self._descriptor, 0, os.SEEK_CUR))
            return
        with self._lock:
            self._reader = PipeReader(self._descriptor)
            if self._cancelled.is_set():
                self._reader.cancel()

    def read(self, buffer: memoryview, /) -> int:
        """Raises SourceError: read_failed, cancelled."""
        if self._cancelled.is_set():
            raise SourceError("cancelled", "reading was cancelled")
        try:
            if self._regular:
                got = os.readv(self._descriptor, [buffer])
            elif self._reader is not None:
                got = self._reader.read(buffer)
            else:
                raise ValueError("read of a source that is not open")
        except OSError:
            raise SourceError("read_failed", "standard input cannot be read") from None
        self._fetched += got
        return got

    def close(self) -> None:
        """Leaves the descriptor itself open: it belongs to the process."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()

    def cancel(self) -> None:
        self._cancelled.set()
        with self._lock:
            if self._reader is not None:
                self._reader.cancel()
