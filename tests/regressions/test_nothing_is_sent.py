"""Addresses of a capture stay on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcapstream.tools.registry import TOOLS
from tests.support.pcap import START_NS, Frame, pcap, udp

WATCHED = """
import sys
told = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.posix_spawn", "os.fork", "os.exec")):
        told.append(event)
sys.addaudithook(watch)
from pcapstream.cli import main
code = main(sys.argv[1:])
print(*told, file=sys.stderr)
sys.exit(code)
"""
"""Python tells hooks of every socket and program that is opened, whatever opens it."""


@pytest.mark.parametrize("tool", ["analyze_geo_asn_mapping", "analyze_network_topology", "analyze_security_threats"])
def test_no_socket_is_opened_and_no_program_is_run(tool: str, tmp_path: Path) -> None:
    """awslabs ran `whois -h whois.radb.net` for every address, groups and neighbours among them."""
    assert tool in {one.name for one in TOOLS}
    frames = [udp("10.0.0.1", 1000, address, 53, b"x") for address in ("8.8.4.4", "172.32.0.1", "224.0.0.251")]
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap([Frame(START_NS + n, data) for n, data in enumerate(frames)]))

    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "call", tool, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert "8.8.4.4" in done.stdout or tool == "analyze_security_threats"
    assert done.stderr.strip() == ""
