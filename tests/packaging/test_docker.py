"""What the image runs, run without Docker: entry point, Compose command and health check against a real server."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = (ROOT / "docker-compose.yml").read_text()
TOKEN = "0123456789abcdef"


def instruction(pattern: str) -> list[str]:
    """The exec form behind an instruction."""
    (found,) = re.findall(pattern + r"\s+(\[.*\])\s*$", DOCKERFILE, re.MULTILINE)
    command: list[str] = json.loads(found)
    return command


ENTRYPOINT = instruction("^ENTRYPOINT")
HEALTHCHECK = instruction(r"^HEALTHCHECK .* CMD")
COMPOSE_COMMAND: list[str] = json.loads(re.findall(r"^    command: (\[.*\])$", COMPOSE, re.MULTILINE)[0])


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def command(captures: Path, *more: str) -> list[str]:
    """The entry point with this interpreter's package and folder in place of the image's."""
    assert ENTRYPOINT == ["pcapstream", "serve", "--allow-dir", "/pcaps"]
    return [sys.executable, "-m", "pcapstream", "serve", "--allow-dir", str(captures), *more]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    """The port of a server started as Compose starts it."""
    arguments = ["0" if part == "8080" else part for part in COMPOSE_COMMAND]
    server = subprocess.Popen(
        command(tmp_path, *arguments),
        env={**os.environ, "PCAPSTREAM_AUTH_TOKEN": TOKEN},
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert server.stderr is not None
    with server, server.stderr:
        try:
            listens = re.fullmatch(r"pcapstream listens on http://.*:(\d+)/mcp\n", server.stderr.readline())
            assert listens
            yield int(listens[1])
        finally:
            server.terminate()
            server.wait(10)


def healthy(port: int) -> bool:
    assert HEALTHCHECK[0] == "python"
    environment = {
        **os.environ,
        "PCAPSTREAM_HEALTH_URL": f"http://127.0.0.1:{port}/health",
        "http_proxy": "http://127.0.0.1:1",
    }
    run = subprocess.run([sys.executable, *HEALTHCHECK[1:]], env=environment, capture_output=True, check=False)
    return run.returncode == 0


def status(port: int, headers: dict[str, str]) -> int:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/mcp",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def test_the_compose_command_serves_and_the_health_check_sees_it(served: int) -> None:
    assert healthy(served)
    assert not healthy(unused_port())


def test_the_published_server_asks_for_token_and_host(served: int) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert status(served, {}) == 401
    assert status(served, {**bearer, "Host": "evil.example"}) == 421
    assert status(served, {**bearer, "Origin": "http://evil.example"}) == 403
    assert status(served, bearer) not in (401, 403, 421)


def test_without_a_token_the_compose_command_does_not_start(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_AUTH_TOKEN")}
    run = subprocess.run(
        command(tmp_path, *COMPOSE_COMMAND), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode != 0
    assert "PCAPSTREAM_AUTH_TOKEN" in run.stderr


def test_the_image_needs_no_root_and_writes_nothing() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "PYTHONDONTWRITEBYTECODE=1" in DOCKERFILE
    assert re.search(r"^EXPOSE 8080$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("\nFROM ") == 2


def test_the_labels_name_the_server_of_the_registry() -> None:
    name = json.loads((ROOT / "server.json").read_text())["name"]
    assert f'io.modelcontextprotocol.server.name="{name}"' in DOCKERFILE


def test_versions_are_those_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert f"image: ghcr.io/pcapstream/pcapstream:{version}\n" in COMPOSE


def test_the_compilers_are_those_that_the_project_needs() -> None:
    needs: dict[str, Any] = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    assert f"FROM rust:{needs['rust-version']}-" in DOCKERFILE
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert python == ">=3.11"
    assert "FROM python:3.11-slim-" in DOCKERFILE


def test_compose_publishes_to_this_machine_only_and_mounts_read_only() -> None:
    ports = re.findall(r"^      - (.*:8080:8080.*|\d+:\d+.*)$", COMPOSE, re.MULTILINE)
    assert ports == ['"127.0.0.1:8080:8080"']
    assert re.search(r"target: /pcaps\n\s+read_only: true", COMPOSE)
    assert "source: ${PCAPSTREAM_CAPTURE_DIR:-./examples}" in COMPOSE
