"""The HTTP server can be reached by web pages and neighbours: it answers neither, and others need a token."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pcap import conversation, pcap

COMMAND = [sys.executable, "-m", "pcapstream", "serve", "--transport", "http", "--port", "0"]
TOKEN = "open-sesame"


@contextmanager
def serving(folder: Path, *flags: str, token: str | None = None) -> Iterator[tuple[str, int]]:
    """A server process with `folder` as its working directory; gives host and port."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_AUTH_TOKEN")}
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] = os.path.abspath(environment["PYTHONPATH"])
    if token is not None:
        environment["PCAPSTREAM_AUTH_TOKEN"] = token
    process = subprocess.Popen(
        [*COMMAND, *flags], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert "listens on" in line, line + process.stderr.read()
        host, _, port = line.split("://")[1].split("/")[0].rpartition(":")
        yield host, int(port)
    finally:
        process.terminate()
        process.stderr.read()
        process.stderr.close()
        process.wait(30)


def call(at: tuple[str, int], path: str, **headers: str) -> tuple[int, str]:
    """Status and body of a tool call, in the protocol version that needs no session."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    arguments = {"name": "analyze_capinfos", "arguments": {"pcap_file": path}, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments})
    sent = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "analyze_capinfos",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection = http.client.HTTPConnection(*at, timeout=30)
    try:
        connection.request("POST", "/mcp", body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    (made / "capture.pcap").write_bytes(pcap(conversation()))
    (made.parent / "secret.pcap").write_bytes(pcap(conversation()))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[str, int]]:
    with serving(folder) as at:
        yield at


def test_this_machine_is_answered_without_a_token(server: tuple[str, int]) -> None:
    status, body = call(server, "capture.pcap")

    assert status == 200
    assert '"packet_count":' in body.replace("\\", "").replace(" ", "")


def test_a_name_that_was_made_to_point_here_is_refused(server: tuple[str, int]) -> None:
    assert call(server, "capture.pcap", Host="evil.example")[0] == 421
    assert call(server, "capture.pcap", Host=f"evil.example:{server[1]}")[0] == 421


def test_pages_of_other_sites_are_refused(server: tuple[str, int]) -> None:
    assert call(server, "capture.pcap", Origin="http://evil.example")[0] == 403
    assert call(server, "capture.pcap", Origin="null")[0] == 403


def test_over_http_only_the_working_directory_can_be_read(server: tuple[str, int], folder: Path) -> None:
    for path in (str(folder.parent / "secret.pcap"), "../secret.pcap", "/etc/hostname"):
        _, body = call(server, path)
        assert "not_allowed" in body
        assert "packet_count" not in body


def test_what_a_client_is_told_of_a_failure_names_nothing_of_the_machine(server: tuple[str, int], folder: Path) -> None:
    (folder / "text.pcap").write_text("just some text that is no capture at all")

    for path, code in (("text.pcap", "unknown_format"), ("nothing.pcap", "not_found")):
        _, body = call(server, path)
        assert code in body
        for leak in (str(folder), "Traceback", "Errno", os.path.expanduser("~/"), sys.prefix + "/"):
            assert leak not in body


def test_a_token_is_asked_for_where_there_is_one(folder: Path) -> None:
    with serving(folder, token=TOKEN) as at:
        assert call(at, "capture.pcap")[0] == 401
        assert call(at, "capture.pcap", Authorization="Bearer wrong")[0] == 401
        assert call(at, "capture.pcap", Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize("token", [None, "", "with space"])
def test_a_server_for_others_does_not_start_without_a_good_token(folder: Path, token: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_AUTH_TOKEN")}
    if token is not None:
        environment["PCAPSTREAM_AUTH_TOKEN"] = token

    done = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert b"TOKEN" in done.stderr
    assert done.stdout == b""
