"""The bytes of one file in order: one reply after another where connections are lost, or ranges side by side."""

from __future__ import annotations

import contextlib
import ssl
from http import HTTPStatus

from pcapstream.errors import SourceError
from pcapstream.sources.http_client import Client, Reply, Version
from pcapstream.sources.http_ranges import RangeReader
from pcapstream.sources.http_retry import Attempts, Wanted, fetch
from pcapstream.sources.http_settings import Retry
from pcapstream.sources.http_stream import Dropped, Resolver, system_resolver
from pcapstream.sources.http_wait import Waiter
from pcapstream.sources.policy import Policy


class Download:
    """`open`, `read_into` until 0, `close`; one thread. Errors as in `HttpSource`."""

    def __init__(
        self,
        url: str,
        policy: Policy,
        waiter: Waiter,
        resolver: Resolver | None,
        ssl_context: ssl.SSLContext | None,
        retry: Retry,
        segment_bytes: int,
    ) -> None:
        self._policy = policy
        self._waiter = waiter
        self._retry = retry
        self._segment_bytes = segment_bytes
        self._attempts = Attempts(retry, waiter)
        self._client = Client(url, policy, waiter, resolver or system_resolver, ssl_context)
        self._version: Version | None = None
        self._reply: Reply | None = None
        self._ranges: RangeReader | None = None
        self._size: int | None = None
        self._fetched = 0

    def open(self) -> Version:
        """Ask for the file; its body has begun when this returns."""
        if self._policy.parallel_ranges > 1:
            self._open_ranges()
        if self._reply is None:
            self._reply = fetch(self._client, Wanted(0), self._attempts)
        assert self._reply is not None
        version = self._version = self._reply.version
        self._size = version.size
        if self._size is not None:
            self._check_limit(self._size)
        if self._reply.status == HTTPStatus.PARTIAL_CONTENT:
            reply, self._reply = self._reply, None
            self._ranges = RangeReader(
                self._client,
                version,
                reply,
                [Attempts(self._retry, self._waiter) for _ in range(self._policy.parallel_ranges)],
                self._segment_bytes,
            )
        return version

    def _open_ranges(self) -> None:
        """Ask for the first segment. No reply is kept where ranges of one version cannot be asked for."""
        reply = fetch(self._client, Wanted(0, self._segment_bytes - 1, keep=True), self._attempts)
        if reply is None:
            return
        self._reply = reply
        if reply.status == HTTPStatus.PARTIAL_CONTENT and (
            reply.version.validator is None or reply.version.size is None
        ):
            self._reply = None
            reply.close()

    def read_into(self, buffer: memoryview) -> int:
        if self._size is not None:
            # Never more than the file has, whatever a server sends behind it.
            buffer = buffer[: self._size - self._fetched]
        if not buffer:
            return 0
        got = self._ranges.read_into(buffer) if self._ranges is not None else self._read_reply(buffer)
        self._fetched += got
        self._check_limit(self._fetched)
        return got

    def _read_reply(self, buffer: memoryview) -> int:
        while self._reply is not None:
            try:
                got = self._reply.read_into(buffer)
                if got == 0 and self._size is not None:
                    raise Dropped("the server ended before the end of the file")
            except Dropped as failure:
                self._reply.close()
                self._attempts.failed(failure, self._fetched)
                self._reply = fetch(self._client, Wanted(self._fetched, version=self._version), self._attempts)
                if self._reply is not None and self._size is None:
                    # A chunked reply names no size, the answer to a range does.
                    self._size = self._reply.version.size
                    buffer = buffer if self._size is None else buffer[: self._size - self._fetched]
                continue
            if got:
                self._attempts.progressed()
            return got
        return 0

    def close(self) -> None:
        """Never raises. The waiter must be cancelled before, so that no thread of ours waits any more."""
        if self._ranges is not None:
            self._ranges.close()
        with contextlib.suppress(Exception):
            if self._reply is not None:
                self._reply.close()
        with contextlib.suppress(Exception):
            self._client.close()

    def _check_limit(self, size: int) -> None:
        limit = self._policy.max_bytes
        if limit is not None and size > limit:
            raise SourceError("too_large", f"the capture has more than the {limit} bytes that may be fetched")
