"""The captures of a server, seen from the event loop they live on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from pcapstream.capture.manager import CaptureLimits, Captures
from pcapstream.report import ScanOptions
from tests.support.live import children, gone, needs_capture

pytestmark = [pytest.mark.anyio, needs_capture()]


@pytest.mark.parametrize("turns", [1, 2, 5, 50, 500])
async def test_a_cancelled_start_is_listed_until_it_has_left_no_trace(tmp_path: Path, turns: int) -> None:
    captures = Captures(CaptureLimits(folder=str(tmp_path)), ScanOptions(modules=["capinfos"]))
    before = set(children(os.getpid()))
    start = asyncio.ensure_future(captures.start("lo", capture_filter="udp port 1"))
    for _ in range(turns):
        await anyio.lowlevel.checkpoint()
    start.cancel()

    with anyio.fail_after(20):
        while captures.all() and not start.done():
            await anyio.lowlevel.checkpoint()
    if not captures.all():
        # Looked at in the very turn in which it is no longer listed.
        assert list(tmp_path.iterdir()) == []
        assert gone([pid for pid in children(os.getpid()) if pid not in before])

    await asyncio.wait([start])
    for capture in captures.all():
        await captures.stop(capture.capture_id)
    await captures.close()
