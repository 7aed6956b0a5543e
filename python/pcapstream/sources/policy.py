"""What a caller may read: which folders, which URLs, how much, and for how long."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pcapstream.errors import SourceError, shown

MAX_URL_CHARS = 8192
"""Servers refuse request lines past 8 KB (RFC 9110 4.1 asks for at least 8000 octets)."""
MAX_PARALLEL_RANGES = 8

_REFUSED = "the URL leads to a private, local or reserved address"


@dataclass(frozen=True, slots=True)
class Policy:
    """Immutable; one for all sources of a server or a command.

    Raises ValueError for a folder that is none and for limits that are not positive.
    """

    allow_dirs: tuple[str, ...] | None = None
    """Folders whose files may be read, and all below them; kept resolved. None: any file. Empty: none."""
    urls: bool = True
    allow_private_urls: bool = False
    """Connect to private, loopback, link-local and metadata addresses too."""
    stdin: bool = True
    """False where standard input carries a protocol."""
    max_bytes: int | None = None
    """Most bytes to fetch from a URL, as transferred. None: any number."""
    connect_seconds: float = 10.0
    """For the name, the connection and the TLS handshake together."""
    read_seconds: float = 30.0
    """Longest silence of a server, and the longest time for the headers of one answer."""
    total_seconds: float = 6 * 3600.0
    """For a URL from its first connection to its last byte: what ends a server that drips."""
    parallel_ranges: int = 1
    """Range requests at a time for one URL."""
    bare_names_in: str | None = None
    """A folder where names without any folder are looked up first; it counts as allowed."""

    def __post_init__(self) -> None:
        if self.allow_dirs is not None:
            folders = tuple(_resolved_folders(self.allow_dirs))
            if self.bare_names_in is not None:
                # It need not be there yet.
                folders = (*folders, os.path.realpath(self.bare_names_in))
            object.__setattr__(self, "allow_dirs", folders)
        if min(self.connect_seconds, self.read_seconds, self.total_seconds) <= 0:
            raise ValueError("time limits must be positive")
        if self.max_bytes is not None and self.max_bytes <= 0:
            raise ValueError("max_bytes must be positive")
        if not 1 <= self.parallel_ranges <= MAX_PARALLEL_RANGES:
            raise ValueError(f"parallel_ranges must be 1 to {MAX_PARALLEL_RANGES}")

    def check_path(self, path: str, /) -> str:
        """The path to open. With `allow_dirs` its symbolic links are resolved.

        Whether a file outside of them exists is not told. Without `allow_dirs` the path comes back as it is: resolving
        would break names such as /dev/fd/63.
        Raises SourceError: not_found (no possible name), not_allowed.
        """
        if not path or "\0" in path:
            raise SourceError("not_found", "an empty name, or one with a NUL, names no file")
        if self.bare_names_in is not None and os.sep not in path:
            kept = os.path.join(self.bare_names_in, path)
            if path not in (os.curdir, os.pardir) and os.path.isfile(kept):
                path = kept
        if self.allow_dirs is None:
            return path
        try:
            resolved = os.path.realpath(path)
        except (OSError, ValueError):
            raise _outside(path) from None
        if self._folder_of(resolved) is None:
            raise _outside(path)
        return resolved

    def open_path(self, path: str, flags: int, /) -> int:
        """Open what `check_path` gave; a link put into its place since then is refused, not followed.

        With `allow_dirs` the path is walked from the allowed folder down, each part opened relative to the one before
        and none of them through a symbolic link: there is no moment between check and use. Gives a descriptor.
        Raises OSError as `os.open`; SourceError: not_allowed.
        """
        if self.allow_dirs is None:
            return os.open(path, flags)
        folder = self._folder_of(path)
        if folder is None:
            raise _outside(path)
        if path == folder:
            return os.open(path, flags)
        *parents, last = os.path.relpath(path, folder).split(os.sep)
        # O_PATH needs no more than the search permission that following the path would need.
        step = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
        here = os.open(folder, step)
        try:
            for part in parents:
                below = os.open(part, step | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            return os.open(last, flags | os.O_NOFOLLOW, dir_fd=here)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise SourceError("not_allowed", "the file was replaced by a link while it was opened") from None
            raise
        finally:
            os.close(here)

    def check_url(self, url: str, /) -> None:
        """Refuse a URL by what is written in it. Names are looked up and checked when the connection is made.

        Raises SourceError: urls_disabled, bad_url, refused_address.
        """
        if not self.urls:
            raise SourceError("urls_disabled", "URLs are not read here")
        if len(url) > MAX_URL_CHARS:
            raise SourceError("bad_url", f"the URL is longer than {MAX_URL_CHARS} characters")
        if any(character <= " " or character == "\x7f" for character in url):
            raise SourceError("bad_url", "the URL has a space or a control character in it; write it as %XX")
        # Here and not above, as in `check_addresses`: those who read files do not wait for it.
        from urllib.parse import urlsplit

        from pcapstream.sources.http_address import is_public

        try:
            parts = urlsplit(url)
            host = parts.hostname
            port = parts.port
        except ValueError:
            raise SourceError("bad_url", "this is no URL") from None
        if parts.scheme not in ("http", "https"):
            raise SourceError("bad_url", "only http and https URLs are read")
        if not host or port == 0:
            raise SourceError("bad_url", "the URL names no host, or port 0")
        if not self.allow_private_urls and _is_numeric(host) and not is_public(host):
            raise SourceError("refused_address", _REFUSED)

    def check_addresses(self, candidates: Iterable[tuple[int, str]], /) -> None:
        """Refuse a host when any address it resolves to is not public or this machine's own: (family, address).

        Any, not all: a name with a public and a private address is how rebinding starts.
        Raises SourceError: refused_address, with the same text for each reason.
        """
        if self.allow_private_urls:
            return
        from pcapstream.sources.http_address import is_own, is_public

        for family, address in candidates:
            if not is_public(address) or is_own(family, address):
                raise SourceError("refused_address", _REFUSED)

    def check_stdin(self) -> None:
        """Raises SourceError: stdin_not_allowed."""
        if not self.stdin:
            raise SourceError("stdin_not_allowed", "standard input cannot be read as a capture here")

    def _folder_of(self, resolved: str) -> str | None:
        """The longest allowed folder that holds `resolved`."""
        holding = [folder for folder in self.allow_dirs or () if os.path.commonpath([folder, resolved]) == folder]
        return max(holding, key=len, default=None)


def _resolved_folders(folders: Iterable[str]) -> Iterable[str]:
    if isinstance(folders, str):
        raise ValueError("allow_dirs takes several folders, not one text")
    for folder in folders:
        resolved = os.path.realpath(folder)
        if not os.path.isdir(resolved):
            raise ValueError(f"{folder} is not a folder")
        yield resolved


def _outside(path: str) -> SourceError:
    return SourceError("not_allowed", f"{shown(path)} is outside the allowed folders")


def _is_numeric(host: str) -> bool:
    """Whether the host is an address as it stands; 0x7f.1 and 2130706433 are found out when it is resolved."""
    return ":" in host or host.replace(".", "").isdigit()
