"""Names of capture files in the allowed directories, to complete `pcap_file` while it is typed.

Only what lies inside an allowed directory is ever named, with symbolic links resolved. The walk is bounded: it looks at
so many entries and so deep, then says that there may be more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_NAMES = 100
"""Names returned at most: the protocol's own limit of a completion."""
MAX_ENTRIES = 5_000
"""Directory entries looked at in one walk."""
MAX_TYPED_CHARS = 4_096
"""What is typed beyond that is no path."""
MAX_DEPTH = 4
"""Levels of directories below an allowed one."""

_CAPTURES = (".pcap", ".pcapng", ".cap", ".ntar", ".snoop", ".dmp", ".pkt")
_PACKED = ("", ".gz", ".zst", ".lz4", ".xz", ".bz2")
SUFFIXES = tuple(capture + packed for capture in _CAPTURES for packed in _PACKED)
"""Endings, in any case, of files that are offered. Tools read captures by content: these are what people look for."""


@dataclass(frozen=True, slots=True)
class Names:
    """What fits, sorted. more: there are others, or the walk was cut short."""

    names: tuple[str, ...]
    more: bool


def matching(typed: str, directories: Sequence[Path], *, limit: int = MAX_NAMES, entries: int = MAX_ENTRIES) -> Names:
    """Capture files that begin with what was typed, then those whose file name contains it.

    A file below the working directory is named relative to it, others in full, so that each name works as `pcap_file`.
    Unreadable directories are passed over; there is no error.
    """
    roots = _roots(directories)
    walk = _Walk(roots, entries)
    here = _resolved(Path.cwd())
    wanted = typed.casefold()
    first: set[str] = set()
    second: set[str] = set()
    for path in walk:
        name = _name(path, here)
        if not name.isprintable():
            continue
        if name.startswith(typed) or str(path).startswith(typed):
            first.add(name)
        elif wanted in path.name.casefold():
            second.add(name)
    found = [*sorted(first), *sorted(second - first)]
    return Names(tuple(found[:limit]), walk.cut or len(found) > limit)


class _Walk:
    """Capture files below the roots, breadth first, each once. After the loop, `cut` says whether all were seen."""

    def __init__(self, roots: Sequence[Path], entries: int) -> None:
        self.cut = False
        self._roots = roots
        self._left = entries

    def __iter__(self) -> Iterator[Path]:
        queue = [(root, 0) for root in self._roots]
        seen = set(self._roots)
        while queue:
            directory, depth = queue.pop(0)
            for entry in self._entries(directory):
                if entry.name.startswith("."):
                    continue
                path = Path(entry.path)
                if _is_directory(entry):
                    if depth >= MAX_DEPTH:
                        self.cut = True
                    elif path not in seen:
                        seen.add(path)
                        queue.append((path, depth + 1))
                elif entry.name.lower().endswith(SUFFIXES) and _is_file(entry) and self._inside(path):
                    yield path

    def _entries(self, directory: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as listing:
                for entry in listing:
                    if not self._left:
                        self.cut = True
                        return
                    self._left -= 1
                    yield entry
        except OSError:
            return

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return any(real.is_relative_to(root) for root in self._roots)


def _roots(directories: Sequence[Path]) -> list[Path]:
    """Resolved, without those that lie in another."""
    resolved = sorted({_resolved(directory) for directory in directories})
    return [one for one in resolved if not any(one != other and one.is_relative_to(other) for other in resolved)]


def _resolved(directory: Path) -> Path:
    try:
        return directory.resolve()
    except (OSError, RuntimeError):
        return directory.absolute()


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """A real one: links to directories are not followed."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """A regular file, or a link to one: pipes and devices are not offered."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _name(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
