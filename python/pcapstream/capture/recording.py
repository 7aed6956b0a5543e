"""Where the bytes of a live capture are kept: a file, a ring of files, or the last of them in memory.

Each takes whole blocks (`blocks.py`), never more than it may, and gives a source that reads what it has so far: for
the questions that need a pass of their own. Files are new, private to the user, and plain names in one folder, opened
relative to that folder.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from pcapstream.capture.blocks import Blocks
from pcapstream.errors import LiveError, SourceError, shown

MEMORY_BYTES = 16 << 20
"""Of a capture that is not saved, that much of its end is kept for questions that need a pass of their own."""
MAX_RING_FILES = 100
_PCAP_HEADER = 24
_READ_TRIES = 100


class Recording(Protocol):
    """Used by the reader thread of a capture; `source` and the properties by any thread."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files, the oldest first."""

    @property
    def size(self) -> int:
        """Bytes recorded so far, those that were overwritten since included."""

    @property
    def lost(self) -> bool:
        """Earlier packets are no longer kept."""

    def take(self, blocks: Blocks, chunk: memoryview, /) -> int:
        """Record whole blocks; gives how many bytes of them were taken: less than all when the recording is full.
        Raises LiveError(interrupted) when they cannot be written."""

    def close(self) -> None:
        """Nothing more will come. Any number of calls."""

    def source(self, name: str, identity: str) -> RecordedSource:
        """What is recorded now, as a source of its own."""


class Folder:
    """The folder for captures, held open: what happens to its path later does not matter."""

    def __init__(self, path: str) -> None:
        """Makes the folder, for this user only, where there is none. Raises LiveError(no_capture_folder)."""
        self.path = path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise LiveError("no_capture_folder", f"the folder for captures cannot be used: {_reason(error)}") from None

    def create(self, name: str) -> int:
        """A new file. Raises FileExistsError; LiveError: no_capture_folder."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, 0o600, dir_fd=self._descriptor)
        except FileExistsError:
            raise
        except OSError as error:
            raise LiveError("no_capture_folder", f"no file can be made for the capture: {_reason(error)}") from None

    def open(self, name: str) -> int:
        """A file of it, for reading. Raises OSError."""
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def entries(self) -> list[tuple[str, os.stat_result]]:
        """Its regular files."""
        found = []
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_file(follow_symlinks=False):
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        return found

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class FileRecording:
    """Files of a capture, `name` or, in a ring, name_00001, name_00002 ...

    most: bytes of all files together; a capture that is no ring is full then. ring: files kept, 0 for one file without
    end. Raises LiveError(bad_output_file, no_capture_folder).
    """

    def __init__(self, folder: Folder, name: str, most: int, ring: int = 0) -> None:
        self._folder = folder
        self._stem, self._suffix = os.path.splitext(name)
        self._ring = ring
        self._most = most // ring if ring else most
        self._lock = threading.Lock()
        self._files: deque[tuple[str, int, int]] = deque()
        """(name, descriptor for reading and writing, bytes): the last one grows."""
        self._number = 0
        self._written = 0
        self._dropped = False
        self._next_file()

    @property
    def files(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(name for name, _, _ in self._files)

    @property
    def size(self) -> int:
        return self._written

    @property
    def lost(self) -> bool:
        return self._dropped

    def take(self, blocks: Blocks, chunk: memoryview, /) -> int:
        taken = 0
        while taken < len(chunk):
            room = self._most - self._files[-1][2]
            rest = chunk[taken:]
            fits = len(rest) if len(rest) <= room else blocks.fitting(rest, room)
            if fits:
                self._append(rest[:fits])
                taken += fits
            elif not self._ring:
                break
            elif self._files[-1][2] > len(blocks.header):
                self._next_file()
                self._append(memoryview(blocks.header))
            else:
                # A block larger than a file may be: it gets one of its own.
                one = blocks.first(rest)
                self._append(rest[:one])
                taken += one
        return taken

    def close(self) -> None:
        with self._lock:
            for _, descriptor, _ in self._files:
                if descriptor >= 0:
                    os.close(descriptor)
            self._files = deque((name, -1, size) for name, _, size in self._files)

    def discard(self) -> None:
        """Remove the files: the capture never began."""
        self.close()
        for name in self.files:
            self._folder.remove(name)

    def source(self, name: str, identity: str) -> RecordedSource:
        with self._lock:
            parts: list[tuple[int | bytes, int, int]] = []
            for number, (file, descriptor, size) in enumerate(self._files):
                # pcap files do not follow each other with their headers, sections of pcapng do.
                start = _PCAP_HEADER if number and self._suffix == ".pcap" else 0
                try:
                    held = self._folder.open(file) if descriptor < 0 else os.dup(descriptor)
                except OSError:
                    continue
                parts.append((held, start, size))
        return RecordedSource(name, identity, parts)

    def _append(self, data: memoryview) -> None:
        name, descriptor, size = self._files[-1]
        try:
            view = data
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise LiveError("interrupted", f"the capture cannot be written any further: {_reason(error)}") from None
        with self._lock:
            self._files[-1] = (name, descriptor, size + len(data))
        self._written += len(data)

    def _next_file(self) -> None:
        with self._lock:
            for _ in range(_READ_TRIES):
                self._number += 1
                name = f"{self._stem}_{self._number:05d}{self._suffix}" if self._ring else self._stem + self._suffix
                try:
                    self._files.append((name, self._folder.create(name), 0))
                    break
                except FileExistsError:
                    if not self._ring or self._number == 1:
                        raise LiveError("bad_output_file", f"there is a file {shown(name)} already") from None
            else:
                raise LiveError("interrupted", "the names of the next files are taken")
            while self._ring and len(self._files) > self._ring:
                oldest, descriptor, _ = self._files.popleft()
                os.close(descriptor)
                self._folder.remove(oldest)
                self._dropped = True


class MemoryRecording:
    """Nothing on disk: the last `keep` bytes stay in memory. most: bytes in all; the capture is full then."""

    def __init__(self, most: int, keep: int = MEMORY_BYTES) -> None:
        self._most = most
        self._keep = keep
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._taken = 0
        self._header = b""

    @property
    def files(self) -> tuple[str, ...]:
        return ()

    @property
    def size(self) -> int:
        return self._taken

    @property
    def lost(self) -> bool:
        return self._taken > self._held

    def take(self, blocks: Blocks, chunk: memoryview, /) -> int:
        room = self._most - self._taken
        fits = len(chunk) if len(chunk) <= room else blocks.fitting(chunk, room)
        with self._lock:
            self._header = blocks.header
            self._chunks.append(bytes(chunk[:fits]))
            self._taken += fits
            self._held += fits
            while self._held > self._keep and len(self._chunks) > 1:
                self._held -= len(self._chunks.popleft())
        return fits

    def close(self) -> None:
        pass

    def source(self, name: str, identity: str) -> RecordedSource:
        with self._lock:
            parts: list[tuple[int | bytes, int, int]] = [(chunk, 0, len(chunk)) for chunk in self._chunks]
            if self._taken > self._held:
                parts.insert(0, (self._header, 0, len(self._header)))
        return RecordedSource(name, identity, parts)


class RecordedSource:
    """What a recording had when this was made. parts: descriptors (closed by this) or bytes, each from one offset to
    another."""

    prompt = True

    def __init__(self, name: str, identity: str, parts: Sequence[tuple[int | bytes, int, int]]) -> None:
        self._name = name
        self._identity = identity
        self._parts = deque(parts)
        self._size = sum(end - start for _, start, end in parts)
        self._fetched = 0
        self._cancelled = threading.Event()

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
    def bytes_fetched(self) -> int:
        return self._fetched

    def open(self) -> None:
        """Nothing to do."""

    def read(self, buffer: memoryview, /) -> int:
        """Raises SourceError: read_failed, cancelled."""
        while self._parts:
            if self._cancelled.is_set():
                raise SourceError("cancelled", "reading was cancelled")
            part, start, end = self._parts[0]
            most = min(len(buffer), end - start)
            if isinstance(part, bytes):
                buffer[:most] = part[start : start + most]
                got = most
            else:
                try:
                    got = os.preadv(part, [buffer[:most]], start)
                except OSError:
                    raise SourceError("read_failed", "the recorded file cannot be read") from None
            if got:
                self._parts[0] = (part, start + got, end)
                self._fetched += got
                return got
            self._parts.popleft()
            if isinstance(part, int):
                os.close(part)
        return 0

    def close(self) -> None:
        while self._parts:
            part, _, _ = self._parts.popleft()
            if isinstance(part, int):
                with contextlib.suppress(OSError):
                    os.close(part)

    def cancel(self) -> None:
        self._cancelled.set()


def _reason(error: OSError | ValueError) -> str:
    """The system's word for what went wrong, without any path."""
    return (error.strerror or "it failed") if isinstance(error, OSError) else "its name is no path"
