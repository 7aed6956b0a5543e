"""Captures the servers are asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pcap import mixed, pcap


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of everything: 20 TCP connections, UDP, ARP."""
    path = tmp_path_factory.mktemp("captures") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path
