"""Checked connections: who is connected to, and how bytes come off the socket.

httpx2 is given these connections by its own extension point (a network backend), so it does requests, headers, TLS
names, redirects and chunked bodies, while each address is checked here in the moment it is connected to.
"""

from __future__ import annotations

import errno
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import httpcore2

from pcapstream.errors import SourceError
from pcapstream.sources.http_wait import Waiter
from pcapstream.sources.policy import Policy

T = TypeVar("T")
Candidate = tuple[int, tuple[Any, ...]]
"""Address family, and the socket address with the numeric host first."""
Resolver = Callable[[str, int], Sequence[Candidate]]

MAX_CANDIDATES = 8
"""Addresses of a name that are tried, in the resolver's order."""
GATHER_SECONDS = 0.05
"""How long a buffer that has bytes waits to be filled before it is handed over."""
_END_OF_HEAD = re.compile(rb"\n\r?\n")


class Dropped(Exception):
    """The connection could not be made or was lost: worth another try. `stalled`: the server fell silent."""

    def __init__(self, problem: str, *, stalled: bool = False) -> None:
        self.problem = problem
        self.stalled = stalled
        super().__init__(problem)


def system_resolver(host: str, port: int) -> Sequence[Candidate]:
    """What the operating system knows of `host`; also 0x7f.1 and the like. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), address) for family, _, _, _, address in found]


class CheckedBackend(httpcore2.NetworkBackend):
    """Makes httpx2's connections: resolves once, checks all addresses, connects to one of those very addresses."""

    def __init__(self, policy: Policy, waiter: Waiter, resolver: Resolver) -> None:
        self._policy = policy
        self._waiter = waiter
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """`timeout` and the rest are httpx2's and not used: the policy's limits hold.

        Raises Dropped; SourceError: dns, refused_address, cancelled, timeout.
        """
        until = self._waiter.deadline(self._policy.connect_seconds)
        candidates = self._resolve(host, port)
        self._policy.check_addresses((family, str(address[0])) for family, address in candidates)
        for number, (family, address) in enumerate(candidates):
            # Each gets its share of the time that is left, so that a dead first address leaves some for the second.
            share = (until - time.monotonic()) / (len(candidates) - number)
            if share <= 0:
                break
            connection = self._connect(family, address, self._waiter.deadline(share))
            if connection is not None:
                return SocketStream(connection, self._waiter, self._policy, until)
        raise Dropped("the server cannot be reached")

    def _resolve(self, host: str, port: int) -> Sequence[Candidate]:
        try:
            found = self._waiter.call(lambda: self._resolver(host, port), self._policy.connect_seconds)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Dropped("the name of the host cannot be looked up") from None
            raise SourceError("dns", "the name of the host is not known") from None
        except (OSError, UnicodeError):  # TimeoutError among them
            raise SourceError("dns", "the name of the host cannot be looked up") from None
        if not found:
            raise SourceError("dns", "the name of the host is not known")
        return found[:MAX_CANDIDATES]

    def _connect(self, family: int, address: tuple[Any, ...], until: float) -> socket.socket | None:
        """One attempt; None where it failed, in whatever way."""
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            return None
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            failure = connection.connect_ex(address)
            if failure == errno.EINPROGRESS:
                if self._waiter.for_socket(connection.fileno(), select.POLLOUT, until):
                    failure = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                else:
                    failure = errno.ETIMEDOUT
        except OSError as error:
            failure = error.errno or errno.EIO
        except BaseException:
            connection.close()
            raise
        if failure:
            connection.close()
            return None
        return connection


class SocketStream(httpcore2.NetworkStream):
    """One connection, used by one thread at a time.

    httpx2's parser is fed exactly up to the end of each head (status line and headers) and not a byte further. So the
    body can be read past the parser, from the socket into the caller's buffer, without reaching into httpx2's
    insides; or through it (chunked bodies) after `begin_body`.
    """

    def __init__(self, connection: socket.socket, waiter: Waiter, policy: Policy, connect_until: float) -> None:
        self._socket = connection
        self._waiter = waiter
        self._policy = policy
        self._connect_until = connect_until
        self._in_head = True
        self._head_until = float("inf")
        self._tail = b""
        self._ahead = memoryview(b"")
        """Bytes received and not handed out: what came behind a head."""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Raises Dropped; SourceError: tls, cancelled, timeout."""
        plain = self._socket
        try:
            secure = ssl_context.wrap_socket(plain, server_hostname=server_hostname, do_handshake_on_connect=False)
        except (OSError, ValueError):
            plain.close()
            raise Dropped("the connection was lost") from None
        self._socket = secure
        try:
            while True:
                try:
                    secure.do_handshake()
                    return SocketStream(secure, self._waiter, self._policy, self._connect_until)
                except ssl.SSLWantReadError:
                    events = select.POLLIN
                except ssl.SSLWantWriteError:
                    events = select.POLLOUT
                if not self._waiter.for_socket(secure.fileno(), events, self._connect_until):
                    raise Dropped("the server cannot be reached")
        except ssl.SSLCertVerificationError:
            secure.close()
            raise SourceError("tls", "the certificate of the server cannot be trusted") from None
        except ssl.SSLEOFError:
            secure.close()
            raise Dropped("the connection was lost") from None
        except ssl.SSLError:
            secure.close()
            raise SourceError("tls", "no TLS connection with the server can be agreed on") from None
        except OSError:
            secure.close()
            raise Dropped("the connection was lost") from None
        except BaseException:
            secure.close()
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises SourceError: cancelled, timeout; httpcore2.WriteError, upon which httpx2 looks for an answer."""
        self._in_head = True
        self._head_until = self._waiter.deadline(self._policy.read_seconds)
        rest = memoryview(buffer)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                events = select.POLLOUT
            except ssl.SSLWantReadError:
                events = select.POLLIN
            except OSError:
                raise httpcore2.WriteError from None
            if not self._waiter.for_socket(self._socket.fileno(), events, self._head_until):
                raise httpcore2.WriteError

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """For httpx2's parser. Raises Dropped; SourceError: cancelled, timeout."""
        if self._ahead:
            data = bytes(self._ahead[:max_bytes])
            self._ahead = self._ahead[len(data) :]
        else:
            data = self._receive(lambda: self._socket.recv(max_bytes))
        if not self._in_head:
            return data
        # The end of the head may lie across two pieces: look at the last three bytes of the one before, too.
        seen = self._tail + data
        end = _END_OF_HEAD.search(seen)
        if end is None:
            self._tail = seen[-3:]
            return data
        taken = end.end() - len(self._tail)
        self._tail = b""
        if taken < len(data):
            # Behind what was left from before, there can be none: `data` is the front of it.
            self._ahead = memoryview(data[taken:] + bytes(self._ahead))
        return data[:taken]

    def begin_body(self) -> None:
        """The head is parsed: what follows goes out as it comes."""
        self._in_head = False

    def read_into(self, buffer: memoryview) -> int:
        """Body bytes straight into `buffer`: full, or what came within `GATHER_SECONDS`; 0: the server closed.

        Raises Dropped; SourceError: cancelled, timeout.
        """
        if self._ahead:
            filled = min(len(self._ahead), len(buffer))
            buffer[:filled] = self._ahead[:filled]
            self._ahead = self._ahead[filled:]
            if filled == len(buffer):
                return filled
        else:
            filled = self._receive(lambda: self._socket.recv_into(buffer))
            if filled == 0:
                return 0
        until = self._waiter.deadline(GATHER_SECONDS)
        while filled < len(buffer):
            try:
                got = self._socket.recv_into(buffer[filled:])
            except (BlockingIOError, ssl.SSLWantReadError):
                if time.monotonic() >= until or not self._waiter.for_socket(
                    self._socket.fileno(), select.POLLIN, until
                ):
                    break
                continue
            except OSError:
                # Told again by the next read, when these bytes are safe.
                break
            if got == 0:
                break
            filled += got
        return filled

    def readable(self) -> bool:
        """Whether there is something to read now, without waiting."""
        if self._ahead or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return True
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpx2 asks of a connection."""
        if info == "is_readable":
            return self.readable()
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "socket":
            return self._socket
        return None

    def _receive(self, receive: Callable[[], T]) -> T:
        """One receive, waited for: at least one byte, none when the server closed."""
        while True:
            if self._in_head and time.monotonic() >= self._head_until:
                # Also for a server that sends heads without end (1xx) and never lets us wait.
                raise self._silence()
            try:
                return receive()
            except (BlockingIOError, ssl.SSLWantReadError):
                events = select.POLLIN
            except ssl.SSLWantWriteError:
                events = select.POLLOUT
            except OSError:
                raise Dropped("the connection was lost") from None
            until = self._head_until if self._in_head else self._waiter.deadline(self._policy.read_seconds)
            if not self._waiter.for_socket(self._socket.fileno(), events, until):
                raise self._silence()

    def _silence(self) -> Dropped:
        return Dropped(f"the server did not answer for {self._policy.read_seconds:g} seconds", stalled=True)
