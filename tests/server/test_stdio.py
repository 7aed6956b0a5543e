"""The real process over pipes: both eras, cancel, end of input, signals."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.support.pcap import conversation, mixed, pcap
from tests.support.slow import pipe
from tests.support.stdio import stdio_server

pytestmark = pytest.mark.anyio

both_eras = pytest.mark.parametrize("modern", [True, False], ids=["modern", "legacy"])


@both_eras
async def test_a_question_is_answered_with_progress(modern: bool, capture: Path) -> None:
    async with stdio_server(modern=modern) as server:
        request = server.call("analyze_pcap_file", {"pcap_file": str(capture)}, token="t")
        answer = await server.answer(request)

        result = answer["result"]
        assert result["structuredContent"]["capture"]["packet_count"] == len(mixed())
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        progress = server.progress("t")
        assert progress[0]["progress"] == 0
        assert progress[-1]["progress"] == capture.stat().st_size
        # Nothing may come after the answer: clients drop it or trip over it.
        assert server.messages[-1] == answer


async def test_without_a_token_there_is_no_progress(capture: Path) -> None:
    async with stdio_server() as server:
        await server.answer(server.call("analyze_capinfos", {"pcap_file": str(capture)}))

        assert [m for m in server.messages if m.get("method") == "notifications/progress"] == []


async def test_discovery_names_the_server() -> None:
    async with stdio_server() as server:
        result = (await server.answer(server.request("server/discover", {})))["result"]

    assert "untrusted" in result["instructions"]
    assert "tools" in result["capabilities"]


@both_eras
async def test_a_cancelled_call_is_not_answered_and_stops_reading(modern: bool, tmp_path: Path, capture: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        async with stdio_server("--max-scans", "1", modern=modern) as server:
            slow.write(pcap(conversation()))
            first = server.call("analyze_capinfos", {"pcap_file": str(slow.path)}, token="t")
            await server.until(lambda: server.progress("t"))
            server.cancel(first)
            # Only one analysis at a time: this one gets in after the first has let go.
            second = await server.answer(server.call("analyze_capinfos", {"pcap_file": str(capture)}))

            assert second["result"]["structuredContent"]["packet_count"] == len(mixed())
            assert server.answered(first) is None


@both_eras
async def test_closed_input_ends_the_process(modern: bool, tmp_path: Path) -> None:
    """Also while an analysis runs."""
    with pipe(tmp_path / "slow") as slow:
        async with stdio_server(modern=modern) as server:
            slow.write(pcap(conversation()))
            server.call("analyze_capinfos", {"pcap_file": str(slow.path)}, token="t")
            await server.until(lambda: server.progress("t"))
            assert server.process.stdin is not None
            server.process.stdin.close()

            assert await server.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
async def test_signals_end_the_process(number: signal.Signals, busy: bool, tmp_path: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        async with stdio_server() as server:
            slow.write(pcap(conversation()))
            await server.answer(server.request("tools/list", {}))
            if busy:
                server.call("analyze_capinfos", {"pcap_file": str(slow.path)}, token="t")
                await server.until(lambda: server.progress("t"))
            server.process.send_signal(number)

            assert await server.exit_code() == 128 + number
            assert server.process.stderr is not None
            assert b"Traceback" not in await server.process.stderr.read()


async def test_a_line_that_is_no_json_is_passed_over(capture: Path) -> None:
    async with stdio_server() as server:
        assert server.process.stdin is not None
        server.process.stdin.write(b"{bad json\n\xff\xfe\n")
        answer = await server.answer(server.call("analyze_capinfos", {"pcap_file": str(capture)}))

        assert "result" in answer


async def test_a_client_may_be_slow_to_read(tmp_path: Path, capture: Path) -> None:
    """Answers larger than the pipe wait for their reader and hold up nobody."""
    async with stdio_server() as server:
        requests = [server.call("analyze_pcap_file", {"pcap_file": str(capture)}) for _ in range(30)]
        for request in requests:
            assert "result" in await server.answer(request)


async def test_modules_and_limits_come_from_flags(capture: Path) -> None:
    async with stdio_server("--modules", "tcp", "--max-packets", "5") as server:
        tools = (await server.answer(server.request("tools/list", {})))["result"]["tools"]
        answer = await server.answer(server.call("analyze_tcp_connections", {"pcap_file": str(capture)}))

        assert [tool["name"] for tool in tools] == [
            "analyze_tcp_connections",
            "analyze_tcp_anomalies",
            "analyze_tcp_retransmissions",
            "analyze_traffic_flow",
        ]
        assert answer["result"]["structuredContent"]["coverage"]["packets"] == 5


async def test_hostile_names_of_files_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[2Jb.pcap"
    path.write_bytes(pcap(conversation()))
    async with stdio_server() as server:
        answer = await server.answer(server.call("analyze_capinfos", {"pcap_file": os.fspath(path)}))
        missing = await server.answer(server.call("analyze_capinfos", {"pcap_file": "/no\x1b[2J\nwhere"}))

    assert answer["result"]["structuredContent"]["filename"] == "a\\n\\x1b[2Jb.pcap"
    text = missing["result"]["content"][0]["text"]
    assert "\x1b" not in text
    assert "\n" not in text
