"""A real `pcapstream` process spoken to line by line, in either protocol era."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

import pcapstream

PACKAGE_FOLDER = Path(pcapstream.__file__).resolve().parents[1]
"""Where this process has the package from: the children get the same one, installed or not."""
PATIENCE = 20.0
"""Seconds before a test gives up; nothing is expected to take long."""

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}

Message = dict[str, Any]


def environment(**more: str) -> dict[str, str]:
    """What child processes get: the package under test, no tokens of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PCAPSTREAM_AUTH_TOKEN", "MCPCAP_AUTH_TOKEN")}
    return {**kept, "PYTHONPATH": str(PACKAGE_FOLDER), **more}


class StdioServer:
    """One process; `messages` is everything it has said."""

    def __init__(self, process: asyncio.subprocess.Process, *, modern: bool) -> None:
        self.process = process
        self.modern = modern
        self.messages: list[Message] = []
        self._news = asyncio.Event()
        self._ids = 0
        self.ended = False

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.messages.append(json.loads(line))
            self._tell()
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, found: Callable[[], object]) -> None:
        """Waits until `found()` is true of the messages."""
        with anyio.fail_after(PATIENCE):
            while not found():
                assert not self.ended, f"the server went away; it had said {self.messages}"
                await self._news.wait()

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps({"jsonrpc": "2.0", **message}) + "\n").encode())

    def request(self, method: str, params: Message, meta: Message | None = None) -> int:
        self._ids += 1
        full = {**(meta or {}), **(MODERN if self.modern else {})}
        self.send({"id": self._ids, "method": method, "params": {**params, **({"_meta": full} if full else {})}})
        return self._ids

    def call(self, tool: str, arguments: Message, *, token: str | None = None) -> int:
        meta = {"progressToken": token} if token else None
        return self.request("tools/call", {"name": tool, "arguments": arguments}, meta)

    def cancel(self, request: int) -> None:
        self.send({"method": "notifications/cancelled", "params": {"requestId": request, "reason": "test"}})

    def answered(self, request: int) -> Message | None:
        return next((m for m in self.messages if m.get("id") == request and ("result" in m or "error" in m)), None)

    async def answer(self, request: int) -> Message:
        await self.until(lambda: self.answered(request))
        found = self.answered(request)
        assert found is not None
        return found

    def progress(self, token: str) -> list[Message]:
        return [
            m["params"]
            for m in self.messages
            if m.get("method") == "notifications/progress" and m["params"]["progressToken"] == token
        ]

    async def initialize(self) -> Message:
        client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
        answer = await self.answer(self.request("initialize", client))
        self.send({"method": "notifications/initialized"})
        return answer

    async def exit_code(self) -> int:
        with anyio.fail_after(PATIENCE):
            return await self.process.wait()


def as_usual() -> None:
    """Signals that end a process do so, whatever the tests were started with."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@asynccontextmanager
async def stdio_server(*flags: str, modern: bool = True, inside: Sequence[str] = ()) -> AsyncIterator[StdioServer]:
    """inside: a command that runs the server, such as `ip netns exec NAME`."""
    process = await asyncio.create_subprocess_exec(
        *inside,
        sys.executable,
        "-m",
        "pcapstream",
        *flags,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        limit=1 << 24,
        # Whoever runs the tests under nohup has SIGHUP ignored, and a server respects that.
        preexec_fn=as_usual,
    )
    server = StdioServer(process, modern=modern)
    reader = asyncio.create_task(server.read())
    try:
        if not modern:
            await server.initialize()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reader
        # Closes the pipes of the process before the loop goes.
        process._transport.close()  # type: ignore[attr-defined]
