"""Streamable HTTP by a real process: who may ask, progress, cancel, disconnect, how it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
from mcp import Client

from pcapstream import __version__
from pcapstream.cli import main
from tests.support.http_process import http_process
from tests.support.pcap import conversation, mixed, pcap
from tests.support.slow import pipe
from tests.support.stdio import MODERN

pytestmark = pytest.mark.anyio

Mode = Literal["auto", "legacy"]
both_eras = pytest.mark.parametrize("mode", ["auto", "legacy"])

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def modern_headers(method: str, name: str | None = None) -> dict[str, str]:
    more = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    return {**HEADERS, **more, **({"mcp-name": name} if name else {})}


def message(method: str, params: dict[str, Any], *, token: str | None = None) -> dict[str, Any]:
    meta = {**MODERN, **({"progressToken": token} if token else {})}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}


LIST = message("tools/list", {})


async def post(url: str, body: Any = LIST, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=20) as client:
        return await client.post(url, json=body, headers={**modern_headers("tools/list"), **headers})


@asynccontextmanager
async def connected(url: str, mode: Mode) -> AsyncIterator[Client]:
    with anyio.fail_after(30):
        async with Client(url, mode=mode) as client:
            yield client


@both_eras
async def test_questions_are_answered_with_progress(mode: Mode, capture: Path) -> None:
    told: list[float] = []

    async def note(done: float, total: float | None, text: str | None) -> None:
        told.append(done)

    async with http_process(cwd=str(capture.parent)) as server, connected(server.url, mode) as client:
        result = await client.call_tool("analyze_pcap_file", {"pcap_file": "mixed.pcap"}, progress_callback=note)
        again = await client.call_tool("analyze_capinfos", {"pcap_file": "mixed.pcap"})

    assert result.structured_content["capture"]["packet_count"] == len(mixed())
    assert again.structured_content["packet_count"] == len(mixed())
    assert told[0] == 0
    assert told[-1] == capture.stat().st_size
    assert told == sorted(set(told))


async def test_without_flags_only_the_working_directory_can_be_read(tmp_path: Path, capture: Path) -> None:
    async with http_process(cwd=str(tmp_path)) as server, connected(server.url, "auto") as client:
        refused = await client.call_tool("analyze_capinfos", {"pcap_file": str(capture)})
        missing = await client.call_tool("analyze_capinfos", {"pcap_file": "nothing.pcap"})

    assert refused.content[0].text.startswith("not_allowed: ")  # type: ignore[union-attr]
    assert missing.content[0].text.startswith("not_found: ")  # type: ignore[union-attr]


async def test_health_tells_that_it_lives_and_nothing_else(capture: Path) -> None:
    async with http_process(PCAPSTREAM_AUTH_TOKEN="secret") as server, httpx2.AsyncClient() as client:
        answer = await client.get(f"{server.root}/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "server": "pcapstream", "version": __version__}


@pytest.mark.parametrize("variable", ["PCAPSTREAM_AUTH_TOKEN", "MCPCAP_AUTH_TOKEN"])
async def test_a_token_is_asked_for_where_one_is_set(variable: str) -> None:
    async with http_process(**{variable: "s3cret"}) as server:
        right = await post(server.url, authorization="Bearer s3cret")
        lower = await post(server.url, authorization="bearer s3cret")
        wrong = [
            await post(server.url, **given)
            for given in (
                {},
                {"authorization": "Bearer nope"},
                {"authorization": "Bearer s3cre"},
                {"authorization": "Bearer"},
                {"authorization": "Basic s3cret"},
                {"authorization": "s3cret"},
            )
        ]

    assert right.status_code == lower.status_code == 200
    assert [answer.status_code for answer in wrong] == [401] * len(wrong)
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in wrong)
    assert set(wrong[0].json()) == {"error", "error_description"}


async def test_two_authorizations_are_none() -> None:
    async with http_process(PCAPSTREAM_AUTH_TOKEN="s3cret") as server, httpx2.AsyncClient() as client:
        both = [("authorization", "Bearer nope"), ("authorization", "Bearer s3cret")]
        answer = await client.post(server.url, json=LIST, headers=[*modern_headers("tools/list").items(), *both])

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["", "two words", "tab\there", " "])
def test_a_bad_token_keeps_the_server_from_starting(
    token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PCAPSTREAM_AUTH_TOKEN", token)

    with pytest.raises(SystemExit) as ended:
        main(["--transport", "http", "--port", "0"])

    assert ended.value.code == 2
    assert "PCAPSTREAM_AUTH_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_others_may_not_connect_without_a_token(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PCAPSTREAM_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("MCPCAP_AUTH_TOKEN", raising=False)

    with pytest.raises(SystemExit) as ended:
        main(["--transport", "http", "--host", host])

    assert ended.value.code == 2
    assert "--allow-unauthenticated-http" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [(), ("--host", "0.0.0.0", "--allow-unauthenticated-http")], ids=["loopback", "any"])
async def test_hosts_and_origins_are_checked_wherever_it_listens(flags: tuple[str, ...]) -> None:
    async with http_process(*flags, "--allowed-host", "pcap.example") as server:

        async def status(**headers: str) -> int:
            return (await post(server.url, **headers)).status_code

        port = server.root.rpartition(":")[2]
        assert await status() == 200
        assert await status(host=f"localhost:{port}", origin=f"http://localhost:{port}") == 200
        assert await status(host="pcap.example", origin="https://pcap.example") == 200
        assert await status(host=f"pcap.example:{port}") == 200
        assert await status(host=f"evil.example:{port}") == 421
        assert await status(host=f"127.0.0.1.evil.example:{port}") == 421
        assert await status(origin="http://evil.example") == 403
        assert await status(origin="null") == 403


async def test_large_requests_are_refused() -> None:
    async with http_process() as server:
        answer = await post(server.url, message("tools/call", {"name": "x" * (1 << 20), "arguments": {}}))

    assert answer.status_code == 413


async def test_connections_have_a_limit() -> None:
    async with http_process("--max-connections", "3") as server:
        port = int(server.root.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        try:
            # Accepted connections count as soon as the server has seen them: the next request is refused, or the
            # one after it.
            with anyio.fail_after(20):
                while (await post(server.url)).status_code != 503:
                    pass
        finally:
            for one in idle:
                one.close()


@both_eras
async def test_a_client_that_cancels_stops_the_analysis(mode: Mode, tmp_path: Path) -> None:
    data = pcap(conversation())
    (tmp_path / "x.pcap").write_bytes(data)
    with pipe(tmp_path / "slow") as slow:
        async with http_process("--max-scans", "1", cwd=str(tmp_path)) as server, connected(server.url, mode) as client:
            slow.write(data)
            started = anyio.Event()

            async def note(done: float, total: float | None, text: str | None) -> None:
                started.set()

            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    await client.call_tool("analyze_capinfos", {"pcap_file": "slow"}, progress_callback=note)

                group.start_soon(ask)
                await started.wait()
                group.cancel_scope.cancel()
            await until_let_in(client)


async def test_a_modern_client_that_goes_away_stops_the_analysis(tmp_path: Path) -> None:
    data = pcap(conversation())
    (tmp_path / "x.pcap").write_bytes(data)
    with pipe(tmp_path / "slow") as slow:
        async with http_process("--max-scans", "1", cwd=str(tmp_path)) as server:
            slow.write(data)
            body = message("tools/call", {"name": "analyze_capinfos", "arguments": {"pcap_file": "slow"}}, token="t")
            async with (
                httpx2.AsyncClient(timeout=20) as raw,
                raw.stream(
                    "POST", server.url, json=body, headers=modern_headers("tools/call", "analyze_capinfos")
                ) as r,
            ):
                async for line in r.aiter_lines():
                    if line.startswith("data:"):
                        assert json.loads(line[5:])["method"] == "notifications/progress"
                        break
            async with connected(server.url, "auto") as client:
                await until_let_in(client)


async def until_let_in(client: Client) -> None:
    """There is room for one analysis: asks until there is."""
    with anyio.fail_after(20):
        while True:
            result = await client.call_tool("analyze_capinfos", {"pcap_file": "x.pcap"})
            if not result.is_error:
                return
            assert result.content[0].text.startswith("too_many_scans")  # type: ignore[union-attr]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
async def test_signals_end_the_server(number: signal.Signals, busy: bool, tmp_path: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        async with http_process(cwd=str(tmp_path)) as server:
            slow.write(pcap(conversation()))
            async with anyio.create_task_group() as group:
                started = anyio.Event()

                async def ask() -> None:
                    body = message(
                        "tools/call", {"name": "analyze_capinfos", "arguments": {"pcap_file": "slow"}}, token="t"
                    )
                    headers = modern_headers("tools/call", "analyze_capinfos")
                    # The server hangs up on whoever still waits.
                    with contextlib.suppress(httpx2.RemoteProtocolError):
                        async with (
                            httpx2.AsyncClient(timeout=20) as raw,
                            raw.stream("POST", server.url, json=body, headers=headers) as answer,
                        ):
                            async for _ in answer.aiter_lines():
                                started.set()

                if busy:
                    group.start_soon(ask)
                    await started.wait()
                server.process.send_signal(number)
                assert await server.exit_code() == 128 + number
                group.cancel_scope.cancel()
            assert server.process.stderr is not None
            assert b"Traceback" not in await server.process.stderr.read()


async def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match="ended before it listened"):
            async with http_process("--port", port):
                pass
