"""Requests for one capture: redirects with each hop checked, what a reply says of the file, and its body.

One request, one reply: when to try again is decided in `http_retry`.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore2
import httpx2

from pcapstream.errors import SourceError
from pcapstream.sources.http_stream import CheckedBackend, Dropped, Resolver, SocketStream
from pcapstream.sources.http_wait import Waiter
from pcapstream.sources.policy import Policy

MAX_REDIRECTS = 8
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,19})-(\d{1,19})|\*)/(\d{1,19}|\*)", re.ASCII)
_DECODABLE = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})
"""Content encodings that are compressed captures to our decoder, which goes by content."""
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Version:
    """What a reply says of the file it is from."""

    etag: str | None
    modified: str | None
    size: int | None
    """Of the whole file. None: not told."""
    encoding: str
    modified_is_strong: bool
    """Written at least a second before it was served (RFC 9110 8.8.2.2): no second version has the same time."""

    @property
    def validator(self) -> str | None:
        """For If-Range (RFC 9110 13.1.5 wants a strong one). None: the rest of this file cannot be asked for safely."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.modified if self.modified_is_strong else None

    def same_file(self, other: Version) -> bool:
        """Whether nothing tells `other` from this one."""
        if None not in (self.size, other.size) and self.size != other.size:
            return False
        if self.encoding != other.encoding:
            return False
        if self.etag is not None and other.etag is not None:
            return self.etag == other.etag
        if self.etag is not None and self.validator == self.etag:
            # The answer to If-Range must repeat the ETag (RFC 9110 15.3.7): without it nobody vouches for the file.
            return False
        if self.modified is not None and other.modified is not None:
            return self.modified == other.modified
        return True


class Reply:
    """A reply whose head is read. `read_into` until it gives 0, then `close`.

    keep: read the body through httpx2's parser, which costs CPU and lets the connection serve another request after
    the end of the body was read.
    """

    def __init__(self, response: httpx2.Response, keep: bool) -> None:
        self._response = response
        self.status = response.status_code
        headers = response.headers
        self.encoding = headers.get("content-encoding", "").strip().lower()
        self.accepts_ranges = headers.get("accept-ranges", "").strip().lower() != "none"
        self.retry_after = _seconds(headers.get("retry-after", ""))
        length = headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() and "transfer-encoding" not in headers else None
        """Bytes of this body."""
        self.first: int | None = None
        """Where the body starts in the file; None for no part of it that can be placed."""
        size: int | None = None
        if self.status == HTTPStatus.OK:
            self.first, size = 0, self.length
        elif self.status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
            if found is not None:
                self.first = None if found[1] is None else int(found[1])
                size = None if found[3] == "*" else int(found[3])
        modified = headers.get("last-modified")
        self.version = Version(
            etag=headers.get("etag"),
            modified=modified,
            size=size,
            encoding="" if self.encoding == "identity" else self.encoding,
            modified_is_strong=_is_older(modified, headers.get("date")),
        )
        stream = response.extensions["network_stream"]
        assert isinstance(stream, SocketStream)
        stream.begin_body()
        self._stream = stream
        parsed = keep or "transfer-encoding" in headers
        self._chunks: Iterator[bytes] | None = response.iter_raw() if parsed else None
        self._chunk = memoryview(b"")
        self._left = self.length

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as the server keeps up. 0: the body is complete, as far as it told its length.

        Raises Dropped; SourceError: cancelled, timeout, protocol.
        """
        if self._chunks is not None:
            return self._read_chunks(buffer, self._chunks)
        if self._left is None:
            return self._stream.read_into(buffer)
        if self._left == 0:
            return 0
        got = self._stream.read_into(buffer[: self._left])
        if got == 0:
            raise Dropped("the server closed the connection before the end")
        self._left -= got
        return got

    def _read_chunks(self, buffer: memoryview, chunks: Iterator[bytes]) -> int:
        filled = 0
        while filled < len(buffer):
            if not self._chunk:
                if filled and not self._stream.readable():
                    break
                try:
                    self._chunk = memoryview(next(chunks))
                except StopIteration:
                    break
                except (httpcore2.RemoteProtocolError, Dropped):
                    if filled:
                        self._chunks = _failing()
                        break
                    raise Dropped("the connection was lost") from None
            got = min(len(self._chunk), len(buffer) - filled)
            buffer[filled : filled + got] = self._chunk[:got]
            self._chunk = self._chunk[got:]
            filled += got
        return filled

    def close(self) -> None:
        self._response.close()

    def raise_for_status(self) -> None:
        """Raises Busy (worth another try); SourceError: http_status."""
        status = self.status
        if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return
        if status in _RETRIED:
            raise Busy(status, self.retry_after)
        raise status_error(status)

    def raise_for_encoding(self) -> None:
        """Raises SourceError: encoding."""
        if self.encoding not in _DECODABLE:
            raise SourceError(
                "encoding", "the server sends the capture in a content encoding that is no capture compression"
            )


class Busy(Exception):
    """The server cannot answer now. retry_after: seconds it asks for."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(status)


class Client:
    """Sends the requests for one URL. Several threads may use it.

    No proxy, no .netrc and no other setting of the environment is used, except SSL_CERT_FILE and SSL_CERT_DIR: a proxy
    would connect in our stead, to addresses that nobody checked.
    """

    def __init__(
        self, url: str, policy: Policy, waiter: Waiter, resolver: Resolver, ssl_context: ssl.SSLContext | None
    ) -> None:
        # Their log lines name whole URLs and headers, credentials and signatures included. Who sets a level means it.
        for name in ("httpx2", "httpcore2"):
            logger = logging.getLogger(name)
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.WARNING)
        self._policy = policy
        try:
            self._url = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError):
            raise SourceError("bad_url", "this is no URL") from None
        self._client = httpx2.Client(
            transport=_Transport(CheckedBackend(policy, waiter, resolver), ssl_context, policy.parallel_ranges),
            trust_env=False,
            follow_redirects=False,
            headers={
                "User-Agent": "pcapstream",
                "Accept": "*/*",
                # A transparent encoding would hide the file's own bytes and offsets, which ranges count in.
                "Accept-Encoding": "identity",
            },
        )

    def get(
        self, first: int | None = None, last: int | None = None, validator: str | None = None, *, keep: bool = False
    ) -> Reply:
        """GET the file, or its bytes from `first` to `last` (included; None: the end) if it is still that version.

        Raises Dropped; SourceError: bad_url, urls_disabled, refused_address, dns, tls, redirects, cancelled, timeout.
        """
        headers = {}
        if first is not None:
            headers["Range"] = f"bytes={first}-{'' if last is None else last}"
            if validator is not None:
                headers["If-Range"] = validator
        try:
            request = self._client.build_request("GET", self._url, headers=headers)
            for _ in range(MAX_REDIRECTS + 1):
                response = self._client.send(request, stream=True)
                if not response.has_redirect_location:
                    return Reply(response, keep)
                response.close()
                if response.next_request is None:
                    raise SourceError("redirects", "the server redirects to something that is no URL")
                self._check_hop(request.url, response.next_request.url)
                request = response.next_request
        except (httpcore2.RemoteProtocolError, httpcore2.NetworkError, httpcore2.TimeoutException):
            raise Dropped("the server gave no HTTP answer") from None
        except (httpcore2.LocalProtocolError, httpx2.InvalidURL, UnicodeError):
            raise SourceError("bad_url", "the URL cannot be put into a request") from None
        raise SourceError("redirects", f"the server redirects more than {MAX_REDIRECTS} times")

    def _check_hop(self, here: httpx2.URL, url: httpx2.URL) -> None:
        if here.scheme == "https" and url.scheme == "http":
            # Who asks for https does not expect that anybody on the way can read and change what comes.
            raise SourceError("redirects", "the server redirects from https to http")
        try:
            self._policy.check_url(str(url))
        except SourceError as error:
            if error.code == "bad_url":
                raise SourceError("redirects", "the server redirects to something that is no http(s) URL") from None
            raise

    def close(self) -> None:
        self._client.close()


class _Transport(httpx2.BaseTransport):
    """httpx2's transport over its connection pool, with our connections in it. Errors pass as they are."""

    def __init__(self, backend: CheckedBackend, ssl_context: ssl.SSLContext | None, connections: int) -> None:
        self._backend = backend
        self._ssl_context = ssl_context
        # Twice: a connection that is being closed still counts for a moment.
        self._connections = 2 * connections
        self._pool: httpcore2.ConnectionPool | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._pool is None:
            context = self._ssl_context
            if context is None and request.url.scheme == "https":
                # Made once and here: it reads the system's certificates, which plain http should not wait for. After a
                # redirect from http the pool makes the same for each connection.
                context = httpx2.create_ssl_context()
            self._pool = httpcore2.ConnectionPool(
                ssl_context=context,
                network_backend=self._backend,
                max_connections=self._connections,
                max_keepalive_connections=self._connections,
            )
        url = request.url
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(response.stream, Iterable)
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        # httpcore2 promises an iterable and gives one that can be closed.
        getattr(self._stream, "close", lambda: None)()


def status_error(status: int) -> SourceError:
    """Our own words for a status: the server's reason phrase is its text, not ours."""
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    next_step = None
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        next_step = "Use a URL that needs no sign-in (a signed link, or https://user:password@host/...)"
    elif status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        next_step = "Check the URL: the server has no such file"
    elif status >= 500 or status in _RETRIED:
        next_step = "Try again later: the server cannot answer now"
    return SourceError("http_status", f"the server answered {phrase}", next_step)


def _failing() -> Iterator[bytes]:
    raise Dropped("the connection was lost")
    yield b""


def _seconds(text: str) -> float | None:
    """Retry-After in seconds; its form as a date is not worth a clock."""
    return float(text) if text.isdecimal() and len(text) < 6 else None


def _is_older(modified: str | None, served: str | None) -> bool:
    """Whether `modified` is at least a second before `served`, both HTTP dates."""
    if modified is None or served is None:
        return False
    try:
        return (parsedate_to_datetime(served) - parsedate_to_datetime(modified)).total_seconds() >= 1
    except (ValueError, TypeError, OverflowError):
        return False
