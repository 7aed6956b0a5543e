"""Streamable HTTP at /mcp, /health beside it: who may ask, how much, and how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pcapstream.server import first_signal

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pcapstream.server import Server
    from pcapstream.settings import Settings

log = logging.getLogger("pcapstream.http")

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MOST_HEADER_BYTES = 16 << 10


def http_app(server: Server, settings: Settings) -> ASGIApp:
    """The ASGI application, with every check in it."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "server": "pcapstream", "version": server.version})

    server.custom_route("/health", methods=["GET"])(health)
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        host=settings.host,
        max_request_body_size=settings.max_body_bytes,
        max_sessions=settings.max_sessions,
        transport_security=transport_security(settings),
    )
    if settings.token is not None:
        app = _BearerToken(app, settings.token)
    return app


def transport_security(settings: Settings) -> TransportSecuritySettings:
    """Names by which the server may be addressed, always checked: a page in a browser that gets its own name to point
    at this machine (DNS rebinding) sends that name as Host."""
    names = list(_LOOPBACK)
    if settings.host not in ("0.0.0.0", "::", ""):
        names.append(f"[{settings.host}]" if ":" in settings.host else settings.host)
    else:
        names.append(socket.gethostname())
    names += settings.allowed_hosts
    hosts = [form for name in dict.fromkeys(names) for form in ((name,) if _has_port(name) else (name, f"{name}:*"))]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and (name.count(":") == 1 or "]:" in name)


class _BearerToken:
    """Lets requests with the token through, and those to /health."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._digest = hashlib.sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health" and not self._allowed(scope):
            body = {"error": "invalid_token", "error_description": "Authentication required: send the bearer token"}
            response = JSONResponse(body, status_code=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        # Digests have one length, so that the time of the comparison does not tell that of the token.
        digest = hashlib.sha256(token.strip()).digest()
        return scheme.lower() == b"bearer" and hmac.compare_digest(digest, self._digest)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us, and says where it listens once it does."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for one in sockets or ():
            host, port = one.getsockname()[:2]
            name = f"[{host}]" if ":" in host else host
            print(f"pcapstream listens on http://{name}:{port}{PATH}", file=sys.stderr, flush=True)


async def run_http(server: Server, settings: Settings) -> int:
    """Serve until a signal comes; gives the exit code. Port 0 takes a free one; the address goes to stderr."""
    listening = _listen(settings)
    if listening is None:
        return 1
    if settings.token is None and not settings.is_loopback:
        log.warning("no token is asked for: whoever can reach this address can read what --allow-dir allows")
    config = uvicorn.Config(
        http_app(server, settings),
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.max_connections,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
        http="h11",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    uvicorn_server = _Uvicorn(config)
    code = 0

    async def on_signal(*, task_status: TaskStatus[None]) -> None:
        nonlocal code
        code = 128 + await first_signal(task_status)
        # Whoever is still being answered is cut off, with a traceback each.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        uvicorn_server.should_exit = True

    async with anyio.create_task_group() as group:
        await group.start(on_signal)
        await uvicorn_server.serve(sockets=[listening])
        group.cancel_scope.cancel()
    return code


def _listen(settings: Settings) -> socket.socket | None:
    """A listening socket, or None after saying why not."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        if family == socket.AF_INET and settings.host:
            family = socket.getaddrinfo(settings.host, None, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        print(f"pcapstream: cannot listen on {settings.host} port {settings.port}: {error.strerror}", file=sys.stderr)
        return None
