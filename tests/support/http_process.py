"""A real `pcapstream --transport http` process on a free port."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from tests.support.stdio import PATIENCE, environment


@dataclass
class HttpProcess:
    process: asyncio.subprocess.Process
    url: str
    """Of /mcp, on 127.0.0.1."""

    @property
    def root(self) -> str:
        return self.url.removesuffix("/mcp")

    async def exit_code(self) -> int:
        with anyio.fail_after(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def http_process(*flags: str, cwd: str | None = None, **env: str) -> AsyncIterator[HttpProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pcapstream",
        "--transport",
        "http",
        "--port",
        "0",
        *flags,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**env),
        cwd=cwd,
    )
    assert process.stderr is not None
    try:
        with anyio.fail_after(PATIENCE):
            line = ""
            while "listens on" not in line:
                line = (await process.stderr.readline()).decode()
                assert line, "the server ended before it listened"
        found = re.search(r":(\d+)/mcp", line)
        assert found is not None
        yield HttpProcess(process, f"http://127.0.0.1:{found[1]}/mcp")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]
