"""The module capture over MCP: recording, asking while it records, stopping, and every way of ending the server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from pcapstream.capture.programs import Kind
from pcapstream.errors import QueryError
from pcapstream.server import CAPTURE_INSTRUCTIONS, Server
from pcapstream.settings import Settings
from pcapstream.tools.capture import CAPTURE_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.paging import MAX_RESULT_CHARS
from pcapstream.tools.registry import choose_tools
from tests.support.live import Datagrams, alive, children, datagrams, gone, kind, needs_capture
from tests.support.stdio import environment, stdio_server
from tests.support.wireshark import capinfos, needs_tshark

pytestmark = pytest.mark.anyio

__all__ = ["kind"]

ARGUMENTS: dict[str, dict[str, Any]] = {"analyze_traffic_flow": {"server_ip": "127.0.0.1"}}
Call = Callable[..., Awaitable[dict[str, Any]]]


@asynccontextmanager
async def server(folder: Path, **settings: Any) -> AsyncIterator[Call]:
    """A function that calls a tool and gives its result; a failed call gives {"error": text}."""
    # Longer than a capture of the default duration: what waits for packets that never come sees its end, and says so.
    with anyio.fail_after(100):
        async with Client(Server(Settings(allow_capture=True, capture_dir=str(folder), **settings))) as client:

            async def call(tool: str, **arguments: Any) -> dict[str, Any]:
                result = await client.call_tool(tool, arguments)
                text = result.content[0].text  # type: ignore[union-attr]
                assert len(text) <= MAX_RESULT_CHARS
                return {"error": text} if result.is_error else result.structured_content  # type: ignore[return-value]

            yield call


async def seen(call: Call, started: dict[str, Any], packets: int) -> dict[str, Any]:
    """The capture's entry in the status once it has so many packets."""
    while True:
        status = await call("get_capture_status")
        [one] = [one for one in status["captures"] if one["capture_id"] == started["capture_id"]]
        if one["packets"] >= packets:
            return one
        assert one["state"] == "running", one
        # What records may be waiting for its turn on a machine with one processor.
        await anyio.sleep(0.01)


def on(traffic: Datagrams, **more: Any) -> dict[str, Any]:
    return {"interface": "lo", "capture_filter": traffic.filter, **more}


# What is offered, and when.


async def test_without_the_flag_there_is_no_such_tool() -> None:
    async with Client(Server(Settings())) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("start_packet_capture", {"interface": "lo"})

    assert names == [tool.name for tool in (*choose_tools(None), *PLAIN_TOOLS)]
    assert result.is_error


@pytest.mark.parametrize("modules", [("capture",), ("tcp", "capture")])
def test_naming_the_module_without_the_flag_is_an_error_that_says_so(modules: tuple[str, ...]) -> None:
    with pytest.raises(QueryError, match="--allow-capture") as refused:
        Settings(modules=modules)

    assert refused.value.code == "unknown_module"


async def test_with_the_flag_the_tools_are_there_and_not_read_only(tmp_path: Path) -> None:
    for modules in (None, ("tcp", "capture")):
        async with Client(Server(Settings(allow_capture=True, capture_dir=str(tmp_path), modules=modules))) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert client.instructions is not None
            assert client.instructions.endswith(CAPTURE_INSTRUCTIONS)
            assert len(client.instructions) <= 2048
        for spec in CAPTURE_TOOLS:
            annotations = listed[spec.name].annotations
            assert annotations is not None
            assert annotations.read_only_hint is False
            assert listed[spec.name].input_schema == spec.input_schema()
            assert listed[spec.name].output_schema == spec.output_schema()
    async with Client(Server(Settings(allow_capture=True, modules=("tcp",)))) as client:
        assert "start_packet_capture" not in {tool.name for tool in (await client.list_tools()).tools}


async def test_interfaces_are_those_of_the_machine(tmp_path: Path) -> None:
    async with server(tmp_path) as call:
        found = await call("list_network_interfaces")
        wrong = await call("list_network_interfaces", interface="lo")

    assert sorted(one["name"] for one in found["interfaces"]) == sorted(os.listdir("/sys/class/net"))
    [loopback] = [one for one in found["interfaces"] if one["name"] == "lo"]
    assert loopback["is_up"] is True
    assert "127.0.0.1" in loopback["addresses"]
    assert found["total_count"] == len(found["interfaces"])
    assert wrong["error"].startswith("bad_parameter: ")


# Recording.


SHARED = [spec for spec in choose_tools(None) if spec.needs]
"""Tools of the default modules that answer from the shared pass."""


@needs_capture()
async def test_every_tool_answers_while_it_records_and_afterwards(tmp_path: Path, kind: Kind) -> None:
    with datagrams() as traffic:
        async with server(tmp_path, capture_tool=kind) as call:
            started = await call("start_packet_capture", **on(traffic, duration=50))
            traffic.send(30)
            await seen(call, started, 30)
            for spec in SHARED:
                found = await call(spec.name, pcap_file=started["pcap_file"], **ARGUMENTS.get(spec.name, {}))
                assert found["coverage"]["packets"] == 30, spec.name
                assert found["coverage"]["complete"] is False
                assert found["coverage"]["reason"] == "live"
                assert "being recorded" in found["notes"][0]
                assert found["file"] == started["pcap_file"]
            traffic.send(20)
            stopped = await call("stop_packet_capture", capture_id=started["capture_id"])
            for spec in SHARED:
                for name in (started["pcap_file"], started["output_file"]):
                    found = await call(spec.name, pcap_file=name, **ARGUMENTS.get(spec.name, {}))
                    assert found["coverage"]["packets"] == 50, spec.name
                    assert found["coverage"]["complete"] is True

    assert started["status"] == "started"
    assert started["state"] == "running"
    assert started["duration"] == 50
    assert stopped["status"] == stopped["state"] == "stopped"
    assert stopped["packets"] == 50
    assert stopped["bytes"] == 50 * 142
    assert stopped["dropped"] == 0
    assert stopped["reason"] == "stopped as asked"


@needs_capture()
@needs_tshark()
@pytest.mark.tshark
async def test_saved_captures_are_whole_private_and_listed(tmp_path: Path, kind: Kind) -> None:
    with datagrams() as traffic:
        async with server(tmp_path, capture_tool=kind) as call:
            started = await call("start_packet_capture", **on(traffic, output_file="morning.pcap"))
            traffic.send(25)
            await seen(call, started, 25)
            stopped = await call("stop_packet_capture", capture_id=started["capture_id"])
            listed = await call("list_captured_files")
            again = await call("start_packet_capture", **on(traffic, output_file="morning.pcap"))
    path = tmp_path / "morning.pcap"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert int(capinfos(path)["Number of packets"]) == 25
    assert stopped["files"] == ["morning.pcap"]
    [entry] = listed["files"]
    assert (entry["filename"], entry["size"]) == ("morning.pcap", path.stat().st_size)
    assert listed["storage_directory"] == str(tmp_path)
    assert listed["total_files"] == 1
    assert again["error"].startswith("bad_output_file: there is a file morning.pcap already")


@needs_capture()
async def test_in_memory_only_nothing_is_written_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    with datagrams() as traffic:
        async with server(folder) as call:
            started = await call("start_packet_capture", **on(traffic, save=False))
            traffic.send(40)
            await seen(call, started, 40)
            # A port of its own asks for the packets again.
            again = await call("analyze_dns_packets", pcap_file=started["pcap_file"], ports=[str(traffic.port)])
            stopped = await call("stop_packet_capture", capture_id=started["capture_id"])

    assert started["output_file"] is None
    assert again["coverage"]["packets"] == 40
    assert stopped["packets"] == 40
    assert stopped["files"] == []
    assert not folder.exists()


@needs_capture()
@needs_tshark()
@pytest.mark.tshark
async def test_a_ring_keeps_the_newest_files_and_goes_on(tmp_path: Path, kind: Kind) -> None:
    with datagrams() as traffic:
        async with server(tmp_path, capture_tool=kind, max_capture_size=60_000) as call:
            started = await call("start_packet_capture", **on(traffic, output_file="r.pcap", ring_files=3))
            # dumpcap hands over four times a second: few large steps, each within a file of the ring.
            for _ in range(8):
                traffic.send(15, 1000)
                await seen(call, started, traffic.sent)
            stopped = await call("stop_packet_capture", capture_id=started["capture_id"])
            found = await call("analyze_dns_packets", pcap_file=started["pcap_file"], ports=[str(traffic.port)])
            shared = await call("analyze_capinfos", pcap_file=started["pcap_file"])
    files = sorted(path.name for path in tmp_path.iterdir())

    assert len(files) == 3
    assert stopped["files"] == files
    assert all((tmp_path / name).stat().st_size <= 20_000 for name in files)
    kept = sum(int(capinfos(tmp_path / name)["Number of packets"]) for name in files)
    assert 36 <= kept < 120
    # The pass that ran beside the capture has seen all; one that reads again has what is kept, and says so.
    assert shared["packet_count"] == stopped["packets"] == 120
    assert shared["coverage"]["complete"] is True
    assert found["coverage"]["packets"] == kept
    assert found["coverage"]["reason"] == "not_kept"


@needs_capture()
async def test_a_cursor_goes_on_in_the_state_it_was_made_from(tmp_path: Path) -> None:
    with datagrams() as one, datagrams() as two, datagrams() as three:
        ports = " or ".join(f"udp port {each.port}" for each in (one, two, three))
        async with server(tmp_path) as call:
            started = await call("start_packet_capture", interface="lo", capture_filter=ports)
            one.send(3)
            two.send(2)
            await seen(call, started, 5)
            ask = {"pcap_file": started["pcap_file"], "analysis_type": "conversations", "limit": 1}
            first = await call("analyze_pcap_file", **ask)
            three.send(1)
            await seen(call, started, 6)
            second = await call("analyze_pcap_file", **ask, cursor=first["udp_conversations"]["next_cursor"])
            fresh = await call("analyze_pcap_file", **ask)

    assert first["udp_conversations"]["total"] == second["udp_conversations"]["total"] == 2
    assert second["udp_conversations"]["next_cursor"] is None
    assert fresh["udp_conversations"]["total"] == 3


@needs_capture()
async def test_two_at_once_are_two(tmp_path: Path) -> None:
    with datagrams() as one, datagrams() as two:
        async with server(tmp_path, max_captures=2) as call:
            started: list[dict[str, Any]] = []

            async def start(traffic: Datagrams) -> None:
                started.append(await call("start_packet_capture", **on(traffic)))

            async with anyio.create_task_group() as group:
                group.start_soon(start, one)
                group.start_soon(start, two)
            third = await call("start_packet_capture", **on(one))
            one.send(10)
            two.send(20)
            by_filter = {each["filter"]: each for each in started}
            await seen(call, by_filter[one.filter], 10)
            await seen(call, by_filter[two.filter], 20)
            status = await call("get_capture_status")
            ended = [await call("stop_packet_capture", capture_id=each["capture_id"]) for each in started]
            after = await call("get_capture_status")

    assert third["error"].startswith("too_many_captures: ")
    assert status["active_captures"] == 2
    assert sorted(each["packets"] for each in ended) == [10, 20]
    assert after["active_captures"] == 0
    assert len(after["captures"]) == 2


@needs_capture()
async def test_it_ends_after_its_time_and_stays_known(tmp_path: Path) -> None:
    async with server(tmp_path, max_capture_duration=1) as call:
        # The default of 60 seconds gives way to the operator's limit.
        started = await call("start_packet_capture", interface="lo", capture_filter="udp port 1")
        status = await call("get_capture_status")
        while (status["active_captures"]) == 1:
            status = await call("get_capture_status")
        again = await call("stop_packet_capture", capture_id=started["capture_id"])

    assert started["duration"] == 1
    [one] = status["captures"]
    assert (one["state"], one["reason"], one["seconds_left"]) == ("stopped", "its time was over", 0.0)
    assert again["status"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "bad_parameter"),
        ({"interface": " "}, "bad_parameter"),
        ({"interface": "nope0"}, "unknown_interface"),
        ({"interface": "lo; id"}, "unknown_interface"),
        ({"interface": "lo", "duration": 0}, "bad_parameter"),
        ({"interface": "lo", "duration": -1}, "bad_parameter"),
        ({"interface": "lo", "duration": 301}, "too_long"),
        ({"interface": "lo", "duration": 999_999}, "too_long"),
        ({"interface": "lo", "output_file": "a/b.pcap"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "/tmp/b.pcap"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "..pcap"}, "bad_output_file"),
        ({"interface": "lo", "output_file": ".hidden.pcap"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "b.txt"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "b\x00.pcap"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "b.pcap\n"}, "bad_output_file"),
        ({"interface": "lo", "output_file": "b.pcap", "save": False}, "bad_output_file"),
        ({"interface": "lo", "ring_files": 3, "save": False}, "bad_parameter"),
        ({"interface": "lo", "ring_files": 101}, "bad_parameter"),
        ({"interface": "lo", "snaplen": 100}, "bad_parameter"),
    ],
)
async def test_bad_arguments_are_refused_and_leave_nothing(
    tmp_path: Path, arguments: dict[str, Any], code: str
) -> None:
    async with server(tmp_path) as call:
        refused = await call("start_packet_capture", **arguments)
        status = await call("get_capture_status")

    assert refused["error"].startswith(f"{code}: ")
    assert status["captures"] == []
    assert list(tmp_path.iterdir()) == []


async def test_unknown_captures_are_named_so(tmp_path: Path) -> None:
    async with server(tmp_path) as call:
        stop = await call("stop_packet_capture", capture_id="capture_1700000000")
        ask = await call("analyze_capinfos", pcap_file="live:capture_1700000000")

    assert stop["error"].startswith("unknown_capture: ")
    assert ask["error"].startswith("unknown_capture: ")


async def test_bare_names_are_looked_up_in_the_folder_which_is_allowed(tmp_path: Path, capture: Path) -> None:
    folder, elsewhere = tmp_path / "captures", tmp_path / "allowed"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "kept.pcap").write_bytes(capture.read_bytes())
    (tmp_path / "outside.pcap").write_bytes(capture.read_bytes())
    (folder / "link.pcap").symlink_to(tmp_path / "outside.pcap")
    async with server(folder, allow_dirs=(str(elsewhere),)) as call:
        found = await call("analyze_capinfos", pcap_file="kept.pcap")
        refused = [
            await call("analyze_capinfos", pcap_file=name)
            for name in ("link.pcap", "../outside.pcap", "..", str(tmp_path / "outside.pcap"))
        ]

    assert found["coverage"]["complete"] is True
    assert all(one["error"].startswith("not_allowed: ") for one in refused)


# Ending.


@asynccontextmanager
async def recording_server(folder: Path, *flags: str) -> AsyncIterator[tuple[Any, list[int]]]:
    """A server process that records, and the processes below it."""
    async with stdio_server("--allow-capture", "--capture-dir", str(folder), *flags) as running:
        arguments = {"interface": "lo", "capture_filter": "udp port 1", "duration": 300}
        for _ in range(2):
            answer = await running.answer(running.call("start_packet_capture", arguments))
            assert answer["result"]["structuredContent"]["status"] == "started", answer
        below = children(running.process.pid)
        # Each capture: what holds the capture program, and the program.
        assert len(below) == 4
        assert all(alive(pid) for pid in below)
        try:
            yield running, below
        finally:
            for pid in below:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


@needs_capture()
async def test_no_capture_outlives_a_server_that_is_killed(tmp_path: Path, kind: Kind) -> None:
    async with recording_server(tmp_path, "--capture-tool", kind) as (running, below):
        running.process.kill()
        await running.exit_code()

        assert gone(below)


@needs_capture()
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV])
async def test_no_capture_outlives_a_server_that_a_signal_ends(tmp_path: Path, number: signal.Signals) -> None:
    async with recording_server(tmp_path) as (running, below):
        running.process.send_signal(number)
        await running.exit_code()

        assert gone(below)


@needs_capture()
async def test_no_capture_outlives_a_server_whose_input_ends(tmp_path: Path, kind: Kind) -> None:
    async with recording_server(tmp_path, "--capture-tool", kind) as (running, below):
        running.process.stdin.close()
        assert await running.exit_code() == 0

        assert gone(below)
        # It had the time to end them in order.
        for path in tmp_path.iterdir():
            assert path.stat().st_size >= 24


@needs_capture()
async def test_a_capture_program_goes_when_what_holds_it_is_killed(tmp_path: Path, kind: Kind) -> None:
    """The kernel tells it then (Linux), or the broken pipe at the next packet; here without capabilities gained at
    its start, so the kernel does."""
    async with recording_server(tmp_path, "--capture-tool", kind) as (running, below):
        holders = [pid for pid in below if children(pid)]
        assert len(holders) == 2
        for pid in holders:
            os.kill(pid, signal.SIGKILL)

        assert gone(below)
        answer = await running.answer(running.call("get_capture_status", {}))
        while answer["result"]["structuredContent"]["active_captures"]:
            answer = await running.answer(running.call("get_capture_status", {}))
        assert {one["state"] for one in answer["result"]["structuredContent"]["captures"]} == {"failed"}


@needs_capture()
async def test_a_capture_that_breaks_keeps_what_it_had_and_says_so(tmp_path: Path, kind: Kind) -> None:
    with datagrams() as traffic:
        before = set(children(os.getpid()))
        async with server(tmp_path, capture_tool=kind) as call:
            started = await call("start_packet_capture", **on(traffic))
            traffic.send(20)
            await seen(call, started, 20)
            [holder] = [pid for pid in children(os.getpid()) if pid not in before and children(pid)]
            for pid in children(holder):
                os.kill(pid, signal.SIGKILL)
            status = await call("get_capture_status")
            while status["active_captures"]:
                status = await call("get_capture_status")
            live = await call("analyze_capinfos", pcap_file=started["pcap_file"])
            file = await call("analyze_capinfos", pcap_file=started["output_file"])
            stopped = await call("stop_packet_capture", capture_id=started["capture_id"])

    [one] = status["captures"]
    assert (one["state"], one["reason"], one["packets"]) == ("failed", "it broke off", 20)
    assert stopped["status"] == "failed"
    assert live["packet_count"] == file["packet_count"] == 20
    assert live["coverage"]["reason"] == "source_error"
    assert live["coverage"]["error"] == "interrupted"
    assert file["coverage"]["complete"] is True


@needs_capture()
async def test_a_server_over_http_that_is_killed_leaves_no_capture(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pcapstream", "serve", "--transport", "http", "--port", "0", "--allow-capture"),
        *("--capture-dir", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stderr is not None
        with anyio.fail_after(30):
            line = await process.stderr.readline()
            async with Client(line.split()[-1].decode()) as client:
                arguments = {"interface": "lo", "capture_filter": "udp port 1"}
                result = await client.call_tool("start_packet_capture", arguments)
                assert not result.is_error
                below = children(process.pid)
                assert len(below) == 2
                process.kill()
                await process.wait()
        assert gone(below)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def test_no_secret_of_the_server_reaches_the_capture_program(tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc to look into")
    from tests.support.live import why_no_capture

    if (reason := why_no_capture()) is not None:
        pytest.skip(reason)
    os.environ["PCAPSTREAM_TEST_SECRET"] = "hush"
    try:
        async with recording_server(tmp_path) as (_, below):
            for pid in below:
                assert b"hush" not in Path(f"/proc/{pid}/environ").read_bytes()
    finally:
        del os.environ["PCAPSTREAM_TEST_SECRET"]


@needs_capture()
async def test_a_cancelled_start_leaves_no_child(tmp_path: Path) -> None:
    async with stdio_server("--allow-capture", "--capture-dir", str(tmp_path)) as running:
        await running.answer(running.request("tools/list", {}))
        request = running.call("start_packet_capture", {"interface": "lo", "capture_filter": "udp port 1"})
        running.cancel(request)
        starting = True
        while starting:
            answer = await running.answer(running.call("get_capture_status", {}))
            status = answer["result"]["structuredContent"]
            starting = any(one["state"] == "starting" for one in status["captures"])

        assert running.answered(request) is None
        # Cancelled before or after it ran: either no trace is left, or a capture that can be stopped.
        if not status["captures"]:
            assert gone(children(running.process.pid))
            assert list(tmp_path.iterdir()) == []


async def test_results_are_json_that_fits(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:04}{'x' * 60}.pcap").write_bytes(b"")
    async with server(tmp_path) as call:
        listed = await call("list_captured_files")

    assert listed["total_files"] == 300
    assert "of 300 are listed" in listed["notes"][0]
    assert len(json.dumps(listed)) < MAX_RESULT_CHARS * 2
