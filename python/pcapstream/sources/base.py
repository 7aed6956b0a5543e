"""What every origin of bytes gives and takes.

A source is a blocking reader used by one thread at a time, the reader thread of a scan once it is open: its bytes
never pass through an event loop. Only `cancel` and the plain attributes may be used beside that thread.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Source(Protocol):
    """One capture to be read once, from its first byte to its last.

    A source may have an attribute `prompt`, true once it is open if no `read` ever waits for somebody else (a regular
    file): it is then read in the thread that decodes.

    Life: `open` (in any thread), any number of `read` (in another one), `close`. All failures are `SourceError`.
    """

    @property
    def name(self) -> str:
        """For people: base name of a file, URL without credentials, query and fragment, "-" for standard input."""

    @property
    def identity(self) -> str | None:
        """What tells this content from any other, known once open: path, size, mtime and inode of a file; URL, ETag
        or Last-Modified, and length of a URL. None: cannot be read a second time or cannot be told apart (pipes,
        URLs without a validator), so its results are not shared."""

    @property
    def size(self) -> int | None:
        """Bytes in all, known once open. None: not known (pipes, chunked responses)."""

    @property
    def bytes_fetched(self) -> int:
        """Bytes handed out by `read` so far; any thread may look."""

    def open(self) -> None:
        """Make the bytes available: open the file, send the request and read its headers. Called once."""

    def read(self, buffer: memoryview, /) -> int:
        """Fill `buffer` from its start: blocks until it is full, the input ends, or a pause makes it better to hand
        over what is there. Gives the number of bytes; 0 is the end, and only the end. Keeps no reference to `buffer`.
        """

    def close(self) -> None:
        """Let go of everything. Any number of calls, also before `open` and after a failure; never raises."""

    def cancel(self) -> None:
        """Thread-safe, any number of calls, at any time: a blocked `open` or `read` ends within 250 ms, it and every
        later one raises `SourceError("cancelled")`. Does not block."""
