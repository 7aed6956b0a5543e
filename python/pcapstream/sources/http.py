"""Captures behind a URL, read as they arrive: no temporary file, no more in memory than one buffer.

The http client is imported when a URL is opened and not before: it costs every other start 85 ms.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit

from pcapstream.sources.http_settings import SEGMENT_BYTES, Retry
from pcapstream.sources.http_wait import Waiter
from pcapstream.sources.policy import Policy

if TYPE_CHECKING:
    import ssl

    from pcapstream.sources.http_download import Download
    from pcapstream.sources.http_stream import Resolver

__all__ = ["HttpSource", "Retry"]


class HttpSource:
    """One GET of a URL, gone on with after a lost connection as long as the server vouches for the same file.

    resolver: what to ask for addresses instead of the operating system. ssl_context: instead of the system's
    certificates. segment_bytes: size of one range request when the policy allows several at a time.
    """

    def __init__(
        self,
        url: str,
        policy: Policy,
        *,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        retry: Retry | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._url = urldefrag(url).url
        self._policy = policy
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._retry = retry or Retry()
        self._segment_bytes = segment_bytes
        self._waiter = Waiter(policy.total_seconds)
        self._download: Download | None = None
        self._size: int | None = None
        self._identity: str | None = None
        self._fetched = 0
        self._closed = False

    @property
    def name(self) -> str:
        """The URL without user, password, query and fragment, which may hold secrets."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def identity(self) -> str | None:
        """A digest of URL, ETag, Last-Modified and length, for a URL may hold secrets. None: before `open`, or the
        server gives neither ETag nor Last-Modified."""
        return self._identity

    @property
    def size(self) -> int | None:
        """As transferred: of the compressed bytes where the server compresses."""
        return self._size

    @property
    def bytes_fetched(self) -> int:
        return self._fetched

    def open(self) -> None:
        """Raises SourceError: bad_url, urls_disabled, refused_address, dns, connect, tls, redirects, http_status,
        encoding, protocol, too_large, timeout, cancelled."""
        self._policy.check_url(self._url)
        self._waiter.start()
        try:
            self._waiter.check()
            from pcapstream.sources.http_download import Download

            self._download = Download(
                self._url,
                self._policy,
                self._waiter,
                self._resolver,
                self._ssl_context,
                self._retry,
                self._segment_bytes,
            )
            version = self._download.open()
            self._size = version.size
            if version.etag is not None or version.modified is not None:
                parts = (self._url, version.etag, version.modified, version.size, version.encoding)
                self._identity = "url:" + hashlib.sha256(repr(parts).encode()).hexdigest()
        except BaseException:
            self.close()
            raise

    def read(self, buffer: memoryview, /) -> int:
        """Raises SourceError: interrupted, changed, timeout, too_large, connect, http_status, protocol, cancelled."""
        self._waiter.check()
        if self._download is None or self._closed:
            raise ValueError("read of a source that is not open")
        got = self._download.read_into(buffer)
        self._fetched += got
        return got

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._download is not None:
            # Threads of parallel ranges may be in the middle of something that nobody wants any more.
            self._waiter.cancel()
            self._download.close()
        self._waiter.close()

    def cancel(self) -> None:
        self._waiter.cancel()
