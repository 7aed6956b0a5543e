"""What all tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The servers run on asyncio only, so nothing else is tried."""
    return "asyncio"
