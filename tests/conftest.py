"""What all tests share."""

from __future__ import annotations

import pytest

TABLES: dict[str, str] = {}
"""Title -> text: what tests want to be read at the end of the run, passed or not."""


@pytest.fixture
def anyio_backend() -> str:
    """The servers run on asyncio only, so nothing else is tried."""
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, text in TABLES.items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
