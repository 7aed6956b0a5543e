"""A real HTTP server on loopback whose every answer is a short script, for the odd things that servers do.

    with ScriptedServer() as server:
        server.script("/a.pcap", lambda exchange: exchange.file(data, etag='"1"', drop_after=1000))
        ...
        server.requests[0].headers["Range"]

A script runs once per request, in the thread of its connection; `exchange.number` counts the requests of that path
from 0. Scripts that wait do so on `server.closing` or on events of the test, which must set them.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Script = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    connection: int
    """Counts connections from 0."""


@dataclass
class _Scripts:
    by_path: dict[str, Script] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class Exchange:
    """One request to answer."""

    def __init__(self, handler: _Handler, number: int) -> None:
        self._handler = handler
        self.number = number
        self.headers = {name.lower(): value for name, value in handler.headers.items()}

    def head(self, status: int, headers: Mapping[str, str] | None = None, *, dated: bool = True) -> None:
        """Status line and headers, nothing added but Date."""
        self._handler.log_request(status)
        self._handler.send_response_only(status)
        if dated:
            self._handler.send_header("Date", formatdate(usegmt=True))
        for name, value in (headers or {}).items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.head(status, {"Content-Length": str(len(body)), **(headers or {})})
        self.send(body)

    def file(
        self,
        data: bytes,
        *,
        etag: str | None = None,
        modified: str | None = None,
        drop_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        if_range: bool = True,
    ) -> None:
        """`data` as a file server gives it: ranges (RFC 9110 14.2) and If-Range (13.1.5) heeded.

        drop_after: hang up after that many bytes of the body. if_range: False for a server that does not
        know that header.
        """
        extra = dict(headers or {})
        if etag is not None:
            extra["ETag"] = etag
        if modified is not None:
            extra["Last-Modified"] = modified
        wanted = self.headers.get("range")
        condition = self.headers.get("if-range")
        if wanted is not None and if_range and condition is not None and condition not in (etag, modified):
            wanted = None
        status, body = 200, data
        if wanted is not None:
            first_text, _, last_text = wanted.removeprefix("bytes=").partition("-")
            first, last = int(first_text), int(last_text) if last_text else len(data) - 1
            if first >= len(data):
                self.reply(416, headers={"Content-Range": f"bytes */{len(data)}", **extra})
                return
            last = min(last, len(data) - 1)
            status, body = 206, data[first : last + 1]
            extra["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self.head(status, {"Content-Length": str(len(body)), "Accept-Ranges": "bytes", **extra})
        if drop_after is not None and drop_after < len(body):
            self.send(body[:drop_after])
            self.hang_up()
        else:
            self.send(body)

    def chunk(self, data: bytes) -> None:
        """One chunk of a body with Transfer-Encoding: chunked; an empty one is the last."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def hang_up(self) -> None:
        """Close the connection in order: the client reads all that was sent, then the end."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Reset the connection: the client may or may not read what was sent last."""
        self.hang_up()
        self._handler.wfile.flush()
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()

    @property
    def closing(self) -> threading.Event:
        return self._handler.server.owner.closing


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: ScriptedServer

    def shutdown_request(self, request: Any) -> None:
        """Also of a connection that a script has reset already."""
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.owner.count_connection()
        self.connection.settimeout(30)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        script, number = self.server.owner.note(
            Received(self.path, {k.lower(): v for k, v in self.headers.items()}, self.connection_number), path
        )
        exchange = Exchange(self, number)
        if script is None:
            exchange.reply(404, b"no such script")
        else:
            script(exchange)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class ScriptedServer:
    """Listens from its making until the end of the with block. tls: serve https with it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.closing = threading.Event()
        self.requests: list[Received] = []
        self._scripts = _Scripts()
        self._lock = threading.Lock()
        self._connections = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def script(self, path: str, script: Script) -> str:
        """Answer `path` with `script`; gives its URL."""
        self._scripts.by_path[path] = script
        return self.url(path)

    def count_connection(self) -> int:
        with self._lock:
            self._connections += 1
            return self._connections - 1

    def note(self, received: Received, path: str) -> tuple[Script | None, int]:
        with self._lock:
            self.requests.append(received)
            number = self._scripts.counts.get(path, 0)
            self._scripts.counts[path] = number + 1
            return self._scripts.by_path.get(path), number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
