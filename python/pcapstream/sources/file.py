"""Captures on this machine: regular files, and named pipes given by path."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable

from pcapstream.errors import SourceError, shown
from pcapstream.sources._descriptor import PipeReader

_CODE_OF_ERRNO = {
    errno.ENOENT: ("not_found", "there is no file {name}"),
    errno.ENOTDIR: ("not_found", "there is no file {name}"),
    errno.ENAMETOOLONG: ("not_found", "there is no file of so long a name"),
    errno.EACCES: ("not_readable", "{name} cannot be read by this user"),
    errno.EPERM: ("not_readable", "{name} cannot be read by this user"),
    errno.EISDIR: ("is_directory", "{name} is a directory"),
    errno.ELOOP: ("not_found", "{name} is a circle of symbolic links"),
}


class FileSource:
    """A regular file, or a FIFO, which is a stream: no size, no identity.

    path: what is opened. given: what the caller wrote, the only text that errors repeat. opener: called with path and
    flags instead of os.open.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        given: str | None = None,
        opener: Callable[[str, int], int] = os.open,
    ) -> None:
        self._path = os.fspath(path)
        self._opener = opener
        self._given = shown(self._path if given is None else given)
        self._name = os.path.basename(self._given.rstrip("/")) or self._given
        self._descriptor: int | None = None
        self._pipe: PipeReader | None = None
        self._identity: str | None = None
        self._size: int | None = None
        self._fetched = 0
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str | None:
        return self._identity

    @property
    def size(self) -> int | None:
        return self._size

    @property
    def prompt(self) -> bool:
        """True for a regular file."""
        return self._descriptor is not None and self._pipe is None

    @property
    def bytes_fetched(self) -> int:
        return self._fetched

    def open(self) -> None:
        """Raises SourceError: not_found, not_readable, is_directory, not_a_file, read_failed."""
        if self._cancelled.is_set():
            raise SourceError("cancelled", "reading was cancelled")
        try:
            # Without O_NONBLOCK the open of a FIFO waits for its writer, where no cancel can reach it; it changes
            # nothing for a regular file. A device is never opened blocking either, and refused below.
            descriptor = self._opener(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            raise self._failure(error) from None
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                self._size = found.st_size
                real = os.path.realpath(self._path)
                self._identity = f"file:{real}:{found.st_size}:{found.st_mtime_ns}:{found.st_dev}:{found.st_ino}"
                if hasattr(os, "posix_fadvise"):
                    with contextlib.suppress(OSError):
                        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            elif stat.S_ISFIFO(found.st_mode):
                with self._lock:
                    self._pipe = PipeReader(descriptor)
                    if self._cancelled.is_set():
                        self._pipe.cancel()
            elif stat.S_ISDIR(found.st_mode):
                raise SourceError("is_directory", f"{self._given} is a directory")
            else:
                raise SourceError("not_a_file", f"{self._given} is neither a regular file nor a named pipe")
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def read(self, buffer: memoryview, /) -> int:
        """Raises SourceError: read_failed, cancelled."""
        if self._cancelled.is_set():
            raise SourceError("cancelled", "reading was cancelled")
        descriptor = self._descriptor
        if descriptor is None:
            raise ValueError("read of a source that is not open")
        try:
            got = os.readv(descriptor, [buffer]) if self._pipe is None else self._pipe.read(buffer)
        except OSError as error:
            raise self._failure(error) from None
        self._fetched += got
        return got

    def close(self) -> None:
        with self._lock:
            if self._pipe is not None:
                self._pipe.close()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def cancel(self) -> None:
        self._cancelled.set()
        with self._lock:
            if self._pipe is not None:
                self._pipe.cancel()

    def _failure(self, error: OSError | ValueError) -> SourceError:
        """Our own words for an error of the operating system (a ValueError is a NUL inside the path)."""
        number = error.errno if isinstance(error, OSError) else errno.ENOENT
        code, text = _CODE_OF_ERRNO.get(number or 0, ("read_failed", "{name} cannot be read"))
        return SourceError(code, text.format(name=self._given))
