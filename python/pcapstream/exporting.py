"""Packets that pass a selection, written to a new pcapng in the one folder where that is allowed.

The folder is held open and files are made relative to it: plain names, never over a file, never through a link,
readable by their owner only.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Self

from pcapstream.errors import LimitError, QueryError, shown
from pcapstream.pcapng_writer import PcapngWriter, create

if TYPE_CHECKING:
    from pcapstream._core import Batch, Snapshot

MAX_FILES = 1_000
"""Entries of the folder from which on nothing more is written."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}\Z")
_SUFFIX = ".pcapng"


def file_name(text: str) -> str:
    """A plain name that ends in .pcapng. Raises ValueError with a clause."""
    name = text if text.lower().endswith(_SUFFIX) else text + _SUFFIX
    if not _NAME.match(name):
        raise ValueError("must be a plain file name of letters, digits, dots, dashes and blanks, without folders")
    return name


class WriteFolder:
    """The folder, held open. Raises QueryError(bad_parameter) for what is no folder."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        try:
            flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self.path, flags)
        except (OSError, ValueError):
            raise QueryError("bad_parameter", f"--allow-write-dir: {shown(path)} is no folder to write to") from None

    def create(self, name: str) -> BinaryIO:
        """A new file. Raises QueryError(bad_parameter), LimitError(export_folder_full)."""
        try:
            if len(os.listdir(self._descriptor)) >= MAX_FILES:
                raise LimitError("export_folder_full", f"the folder for exports has {MAX_FILES:,} files or more")
            return create(name, dir_fd=self._descriptor)
        except FileExistsError:
            raise QueryError("bad_parameter", f"output: there is a file {shown(name)}; name a new one") from None
        except OSError as error:
            raise QueryError("bad_parameter", f"output: the file cannot be made: {error.strerror}") from None

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    frames: int = 0
    size: int = 0
    first: int | None = None
    last: int | None = None
    """Frame numbers."""

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        return type(self)(
            self.frames + other.frames,
            self.size + other.size,
            other.first if self.first is None else self.first,
            self.last if other.last is None else other.last,
        )


class _Exporting:
    """Writes each row as it comes; keeps none. Raises LimitError(export_too_large), QueryError where writing fails."""

    name = "export"
    needs: frozenset[str] = frozenset()

    def __init__(self, out: BinaryIO, most: int) -> None:
        self._out = out
        self._most = most
        self._writer = PcapngWriter(out)
        self._first: int | None = None
        self._last: int | None = None

    def feed(self, batch: Batch, /) -> None:
        writer = self._writer
        writer.learn(batch)
        try:
            for row in batch.rows:
                if writer.size + writer.room_for(row) > self._most:
                    raise LimitError("export_too_large", f"more than {self._most:,} bytes of packets match")
                writer.write(row)
                self._first = row.number if self._first is None else self._first
                self._last = row.number
        except OSError as error:
            raise QueryError("bad_parameter", f"output: writing failed: {error.strerror}") from None

    def expire(self, now_ns: int, /) -> None:
        """Nothing here depends on time."""

    def snapshot(self, core: Snapshot, /) -> Exported:
        return Exported(self._writer.frames, self._writer.size, self._first, self._last)

    def finish(self, core: Snapshot, /) -> Exported:
        try:
            self._out.close()
        except OSError as error:
            raise QueryError("bad_parameter", f"output: writing failed: {error.strerror}") from None
        return self.snapshot(core)


@dataclass(frozen=True, slots=True)
class Into:
    """Makes the machine of one export. Two are never equal, so that no pass is shared."""

    out: BinaryIO = field(compare=False)
    most: int
    token: str

    def __call__(self) -> _Exporting:
        return _Exporting(self.out, self.most)
