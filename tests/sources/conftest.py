"""Servers for the tests of sources, all on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running
