"""The server through the SDK's own client, in both protocol eras."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult

from pcapstream import __version__
from pcapstream.module_names import MODULES, MORE
from pcapstream.server import INSTRUCTIONS, Server
from pcapstream.settings import Settings
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.paging import MAX_RESULT_CHARS
from pcapstream.tools.registry import TOOLS, choose_tools
from tests.support.pcap import conversation, in_time_order, mixed, pcap
from tests.support.slow import half_served, pipe

pytestmark = pytest.mark.anyio

Mode = Literal["auto", "legacy"]
MODES: tuple[Mode, ...] = ("auto", "legacy")
both_eras = pytest.mark.parametrize("mode", MODES)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "analyze_traffic_flow": {"server_ip": "192.0.2.1"},
    "extract_fields": {"fields": ["frame.number"], "display_filter": "dhcp"},
    "search_packet_content": {"search_pattern": "no such text"},
    "follow_tcp_stream": {"stream_index": 0},
    "follow_udp_stream": {"stream_index": 0},
    "get_packets": {"display_filter": "frame.number > 1000000"},
}
"""What tools need beside the capture."""


EVERY = (*MODULES, *MORE)
"""All modules but the one that records."""


@asynccontextmanager
async def client(mode: Mode = "auto", **settings: Any) -> AsyncIterator[Client]:
    with anyio.fail_after(30):
        async with Client(Server(Settings(**settings)), mode=mode) as connected:
            yield connected


def text_of(result: CallToolResult) -> str:
    [block] = result.content
    assert block.type == "text"
    return block.text


@both_eras
async def test_the_server_says_what_it_is(mode: Mode) -> None:
    async with client(mode) as c:
        assert c.server_info.name == "pcapstream"
        assert c.server_info.version == __version__
        assert c.instructions == INSTRUCTIONS
        assert "untrusted" in INSTRUCTIONS
        assert len(INSTRUCTIONS) <= 2048


@both_eras
async def test_tools_are_listed_as_the_registry_has_them(mode: Mode) -> None:
    async with client(mode, modules=EVERY) as c:
        listed = (await c.list_tools()).tools

    offered = (*choose_tools(EVERY), *PLAIN_TOOLS)
    assert [tool.name for tool in listed] == [tool.name for tool in offered]
    for tool, spec in zip(listed, offered, strict=True):
        assert tool.input_schema == spec.input_schema()
        assert tool.output_schema == spec.output_schema()
        assert tool.title == spec.title
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.open_world_hint is (spec in TOOLS)


async def test_modules_choose_the_tools() -> None:
    async with client(modules=("quic", "capinfos")) as c:
        assert [tool.name for tool in (await c.list_tools()).tools] == ["analyze_capinfos", "analyze_quic_traffic"]


async def test_the_default_modules_are_eight() -> None:
    async with client() as c:
        listed = {tool.name for tool in (await c.list_tools()).tools}

    assert listed == {spec.name for spec in (*TOOLS, *PLAIN_TOOLS) if spec.module in MODULES}
    assert len(MODULES) == 8


@both_eras
@pytest.mark.parametrize("tool", [tool.name for tool in TOOLS])
async def test_every_tool_answers_twice_over_in_text_and_structure(mode: Mode, tool: str, capture: Path) -> None:
    """The client checks the structure against the output schema."""
    async with client(mode, modules=EVERY) as c:
        result = await c.call_tool(tool, {"pcap_file": str(capture), **ARGUMENTS.get(tool, {})})

    assert not result.is_error
    assert json.loads(text_of(result)) == result.structured_content
    assert "\n" not in text_of(result)
    assert len(text_of(result)) <= MAX_RESULT_CHARS
    assert result.structured_content["coverage"] == {
        "complete": True,
        "bytes_read": capture.stat().st_size,
        "bytes_total": capture.stat().st_size,
        "packets": len(mixed()),
    }
    assert set(result.structured_content) <= {key.name for spec in TOOLS if spec.name == tool for key in spec.all_keys}


@both_eras
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({"pcap_file": "/nowhere/x.pcap"}, "not_found", "Check the spelling"),
        ({"pcap_file": ""}, "not_found", "empty name"),
        ({"pcap_file": "/tmp"}, "is_directory", "Give one capture file"),
        ({"pcap_file": "-"}, "stdin_not_allowed", "standard input"),
        ({"pcap_file": "ftp://example.com/x.pcap"}, "not_found", "no file"),
        ({"pcap_file": "http://127.0.0.1:9/x.pcap"}, "refused_address", "--allow-private-urls"),
        ({"pcap_file": "http://"}, "bad_url", "https://host/capture.pcap"),
        ({"pcap_file": "x", "display_filter": "tcp.port =="}, "bad_filter", "Correct the display filter"),
        ({"pcap_file": "x", "analysis_type": "nope"}, "unknown_value", "summary, protocols"),
        ({"pcap_file": "x", "pcap_fil": "x"}, "bad_parameter", "did you mean pcap_file?"),
        ({}, "bad_parameter", "needs pcap_file"),
        ({"pcap_file": "x", "limit": -1}, "bad_parameter", "from 1 to 1000"),
        ({"pcap_file": "x\x00y"}, "not_found", "NUL"),
    ],
)
async def test_expected_failures_have_a_code_and_a_next_step(
    mode: Mode, arguments: dict[str, Any], code: str, says: str
) -> None:
    async with client(mode) as c:
        result = await c.call_tool("analyze_pcap_file", arguments)

    assert result.is_error
    assert text_of(result).startswith(f"{code}: ")
    assert says in text_of(result)


@both_eras
async def test_an_unknown_tool_is_an_error_that_names_the_tools(mode: Mode) -> None:
    async with client(mode) as c:
        result = await c.call_tool("analyze_everything", {})

    assert result.is_error
    assert text_of(result).startswith(
        "unknown_tool: there is no tool 'analyze_everything'. Use one of analyze_pcap_file,"
    )


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"hello", "unknown_format"), (b"PK\x03\x04" * 4000, "unknown_format")]
)
async def test_what_is_no_capture_is_named_so(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    async with client() as c:
        result = await c.call_tool("analyze_capinfos", {"pcap_file": str(path)})

    assert result.is_error
    assert text_of(result).startswith(f"{code}: x.pcap")
    assert str(tmp_path) not in text_of(result)


async def test_allowed_folders_hold(tmp_path: Path, capture: Path) -> None:
    (tmp_path / "link.pcap").symlink_to(capture)
    async with client(allow_dirs=(str(tmp_path),)) as c:
        for path in (str(capture), str(tmp_path / "link.pcap"), f"{tmp_path}/../{capture.parent.name}/mixed.pcap"):
            result = await c.call_tool("analyze_capinfos", {"pcap_file": path})
            assert text_of(result).startswith("not_allowed: ")


async def test_urls_can_be_switched_off() -> None:
    async with client(urls=False) as c:
        result = await c.call_tool("analyze_capinfos", {"pcap_file": "https://example.com/x.pcap"})
        [tool] = [tool for tool in (await c.list_tools()).tools if tool.name == "analyze_capinfos"]

    assert text_of(result).startswith("urls_disabled: ")
    assert tool.annotations is not None
    assert tool.annotations.open_world_hint is False


@both_eras
async def test_crashes_do_not_show_their_insides(mode: Mode, capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("pcapstream.service.illustrated", broken)
    async with client(mode) as c:
        result = await c.call_tool("analyze_capinfos", {"pcap_file": str(capture)})

    assert result.is_error
    assert text_of(result).startswith("internal_error: ")
    assert "secret" not in text_of(result)
    assert "Zero" not in text_of(result)


@both_eras
async def test_progress_starts_at_zero_grows_and_ends_at_the_total(mode: Mode, capture: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async with client(mode) as c:
        await c.call_tool("analyze_capinfos", {"pcap_file": str(capture)}, progress_callback=note)

    size = capture.stat().st_size
    assert told[0][0] == 0
    assert told[-1] == (size, size, f"{len(mixed())} packets")
    assert all(a[0] < b[0] for a, b in itertools.pairwise(told))


@both_eras
async def test_a_call_out_of_time_answers_with_what_is_known_and_the_next_goes_on(mode: Mode) -> None:
    frames = in_time_order([conversation(client_port=30_000 + n, response=1400) for n in range(2_000)])
    data = pcap(frames)
    with half_served(data) as (url, rest):
        async with client(mode, call_budget=1.5, allow_private_urls=True) as c:
            first = (await c.call_tool("analyze_tcp_connections", {"pcap_file": url})).structured_content
            rest.set()
            second = (await c.call_tool("analyze_tcp_connections", {"pcap_file": url})).structured_content
            cursor = first["connections"]["next_cursor"]
            stale = await c.call_tool("analyze_tcp_connections", {"pcap_file": url, "cursor": cursor})

    assert first["coverage"]["complete"] is False
    assert first["coverage"]["reason"] == "budget"
    assert "ask again" in first["coverage"]["next_step"]
    assert 0 < first["coverage"]["bytes_read"] < len(data)
    assert 0 < first["total_packets"] < len(frames)
    assert first["notes"][0].startswith("Partial answer")
    assert second["coverage"]["complete"] is True
    assert second["total_packets"] == len(frames)
    assert text_of(stale).startswith("expired_cursor: ")


@both_eras
async def test_a_cancelled_call_lets_go_of_its_capture(mode: Mode, tmp_path: Path) -> None:
    data = pcap(conversation())
    with pipe(tmp_path / "slow") as slow:
        server = Server(Settings(max_scans=1))
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as c:
                slow.write(data)
                with anyio.move_on_after(0.5) as scope:
                    await c.call_tool("analyze_capinfos", {"pcap_file": str(slow.path)})
                assert scope.cancelled_caught
                # One analysis at a time: this one is let in only after the other has ended.
                path = tmp_path / "x.pcap"
                path.write_bytes(data)
                result = await c.call_tool("analyze_capinfos", {"pcap_file": str(path)})

    assert not result.is_error


async def test_too_many_analyses_at_a_time_are_refused(tmp_path: Path, capture: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        async with client(max_scans=1) as c, anyio.create_task_group() as group:
            reading = anyio.Event()

            async def note(done: float, total: float | None, message: str | None) -> None:
                # The first message comes before the pipe is open; with bytes read its scan counts.
                if done > 0:
                    reading.set()

            async def first() -> None:
                await c.call_tool("analyze_capinfos", {"pcap_file": str(slow.path)}, progress_callback=note)

            slow.write(pcap(conversation()))
            group.start_soon(first)
            await reading.wait()
            result = await c.call_tool("analyze_capinfos", {"pcap_file": str(capture)})
            group.cancel_scope.cancel()

    assert result.is_error
    assert text_of(result).startswith("too_many_scans: ")


async def test_calls_at_a_time_have_a_limit(tmp_path: Path, capture: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        async with client(max_calls=1) as c, anyio.create_task_group() as group:
            started = anyio.Event()

            async def note(done: float, total: float | None, message: str | None) -> None:
                started.set()

            async def first() -> None:
                await c.call_tool("analyze_capinfos", {"pcap_file": str(slow.path)}, progress_callback=note)

            group.start_soon(first)
            await started.wait()
            result = await c.call_tool("analyze_capinfos", {"pcap_file": str(capture)})
            group.cancel_scope.cancel()

    assert text_of(result).startswith("too_many_scans: ")


async def test_max_packets_stops_every_tool_and_says_so(capture: Path) -> None:
    async with client(max_packets=10, modules=EVERY) as c:
        for spec in TOOLS:
            arguments = {"pcap_file": str(capture), **ARGUMENTS.get(spec.name, {})}
            result = (await c.call_tool(spec.name, arguments)).structured_content
            assert result["coverage"]["reason"] == "max_packets", spec.name
            assert result["coverage"]["packets"] == 10
            assert "10 packets as asked" in result["notes"][0]


async def test_calls_about_one_capture_share_its_scan(capture: Path) -> None:
    """Ten questions at once with room for one analysis."""
    async with client(max_scans=1) as c:
        results: list[CallToolResult] = []

        async def one() -> None:
            results.append(await c.call_tool("analyze_capinfos", {"pcap_file": str(capture)}))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(one)

    assert [result.is_error for result in results] == [False] * 10
