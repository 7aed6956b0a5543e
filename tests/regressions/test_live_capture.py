"""What went wrong with captures in the awslabs server (1.0.2), each against the real thing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from pcapstream.capture import process as capture_process
from pcapstream.cli import arguments
from pcapstream.errors import QueryError
from pcapstream.server import Server
from pcapstream.settings import Settings, bytes_from
from tests.server.test_capture import on, recording_server, seen, server
from tests.support.live import datagrams, gone, needs_capture

pytestmark = [pytest.mark.anyio, needs_capture()]


async def test_limits_of_time_size_and_files_hold(tmp_path: Path) -> None:
    """There the duration was never limited, the size neither, and files were overwritten."""
    (tmp_path / "old.pcapng").write_bytes(b"precious")
    with datagrams() as traffic:
        async with server(tmp_path, max_capture_size=50_000, max_capture_duration=30) as call:
            too_long = await call("start_packet_capture", **on(traffic, duration=31))
            overwriting = await call("start_packet_capture", **on(traffic, output_file="old.pcapng"))
            started = await call("start_packet_capture", **on(traffic, output_file="new.pcapng"))
            status = await call("get_capture_status")
            while status["active_captures"]:
                traffic.send(20, 1000)
                status = await call("get_capture_status")
            shown = await call("analyze_capinfos", pcap_file=started["pcap_file"])

    assert too_long["error"].startswith("too_long: a capture may last 30 seconds")
    assert overwriting["error"].startswith("bad_output_file: ")
    assert (tmp_path / "old.pcapng").read_bytes() == b"precious"
    assert 45_000 < (tmp_path / "new.pcapng").stat().st_size <= 50_000
    assert status["captures"][0]["reason"] == "it reached its largest size"
    assert shown["coverage"]["complete"] is True


async def test_captures_of_the_same_second_are_two_and_none_outlives_the_server(tmp_path: Path) -> None:
    """There they shared an id, the first was lost, and ran on with parent 1 after the server had gone."""
    async with recording_server(tmp_path) as (running, below):
        answer = await running.answer(running.call("get_capture_status", {}))
        status = answer["result"]["structuredContent"]
        ids = {one["capture_id"] for one in status["captures"]}
        assert len(ids) == status["active_captures"] == 2
        assert all(len(one) == len("capture_") + 32 for one in ids)
        running.process.kill()
        await running.exit_code()

        assert gone(below)


async def test_a_bad_filter_is_never_started(tmp_path: Path) -> None:
    """There the answer was "started", with tshark dead, and the session stayed active for ever."""
    async with server(tmp_path) as call:
        refused = await call("start_packet_capture", interface="lo", capture_filter="this is no filter")
        negative = await call("start_packet_capture", interface="lo", duration=-5)
        status = await call("get_capture_status")

    assert refused["error"].startswith("bad_capture_filter: ")
    assert negative["error"].startswith("bad_parameter: ")
    assert status["active_captures"] == 0
    assert status["captures"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_says_much_is_not_held_up() -> None:
    """There standard error was a pipe nobody read: full after 64 KB, and the capture stood still. And there was no
    limit of time on any program."""
    talker = "import sys,os\nfor n in range(40): sys.stderr.write('x' * 10_000)\nos.write(1, b'done')"
    with_words = capture_process.CaptureProcess([sys.executable, "-I", "-S", "-c", talker], 20)
    try:
        assert os.read(with_words.output, 100) == b"done"
        assert with_words.wait(10) == 0
        assert 8_000 < len(with_words.said) < 40_000
    finally:
        with_words.close()
    began = time.monotonic()
    endless = capture_process.CaptureProcess([sys.executable, "-I", "-S", "-c", "import time\ntime.sleep(1000)"], 0.2)
    try:
        assert endless.wait(10) == 200
        assert time.monotonic() - began < 10
    finally:
        endless.close()


async def test_parentheses_and_ampersands_are_fine_in_filters(tmp_path: Path) -> None:
    """There they were blocked, as if a shell could see them."""
    with datagrams() as traffic:
        async with server(tmp_path) as call:
            text = f"(udp && (port {traffic.port}) && ip[0] & 0x0f = 5) or (tcp port 1 && !icmp)"
            started = await call("start_packet_capture", interface="lo", capture_filter=text)
            traffic.send(5)
            one = await seen(call, started, 5)

    assert one["filter"] == text


async def test_all_interfaces_at_once(tmp_path: Path) -> None:
    """There "any" was refused."""
    with datagrams() as traffic:
        async with server(tmp_path) as call:
            started = await call("start_packet_capture", interface="any", capture_filter=traffic.filter)
            traffic.send(5)
            await seen(call, started, 5)


async def test_pcapng_files_are_listed(tmp_path: Path) -> None:
    """There only *.pcap was."""
    for name in ("a.pcap", "b.pcapng", "c.PCAPNG", "d.pcap.gz", "e.txt"):
        (tmp_path / name).write_bytes(b"x")
    async with server(tmp_path) as call:
        listed = await call("list_captured_files")

    assert sorted(one["filename"] for one in listed["files"]) == ["a.pcap", "b.pcapng", "c.PCAPNG", "d.pcap.gz"]


async def test_what_the_capture_program_says_is_not_repeated(tmp_path: Path) -> None:
    """There the whole standard error went to the client, with paths and the user's name."""
    async with server(tmp_path) as call:
        refused = await call("start_packet_capture", interface="lo", capture_filter="no such filter")

    assert "User's Guide" not in refused["error"]
    assert str(tmp_path) not in refused["error"]
    assert "/" not in refused["error"].split("Give")[0]


def test_the_environment_of_their_documents_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There none of the documented variables existed, and MAX_CAPTURE_DURATION was read and never used."""

    def settings(*flags: str, **environment: str) -> Settings:
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(name, value)
            return arguments.serve(["--allow-capture", *flags])

    given = settings(PCAP_STORAGE_PATH=str(tmp_path), CAPTURE_TIMEOUT="90", MAX_CAPTURE_SIZE="20MB")
    assert given.capture_limits().folder == str(tmp_path)
    assert (given.max_capture_duration, given.max_capture_size) == (90, 20_000_000)
    assert settings(PCAP_STORAGE_DIR="/x").capture_limits().folder == "/x"
    assert settings(MAX_CAPTURE_DURATION="7").max_capture_duration == 7
    assert settings("--max-capture-duration", "5", CAPTURE_TIMEOUT="90").max_capture_duration == 5
    assert settings("--capture-dir", "/y", PCAP_STORAGE_DIR="/x").capture_limits().folder == "/y"
    assert settings("--max-capture-size", "1GiB", MAX_CAPTURE_SIZE="20MB").max_capture_size == 1 << 30
    with pytest.raises(SystemExit):
        settings(MAX_CAPTURE_SIZE="much")
    with pytest.raises(SystemExit):
        settings(CAPTURE_TIMEOUT="soon")


def test_sizes_are_read_as_they_are_written() -> None:
    written = ("100MB", "100 MB", "100m", "1.5GB", "64KiB", "10mib", "250000", "7b")
    assert [bytes_from(text) for text in written] == [10**8] * 3 + [1_500_000_000, 65_536, 10_485_760, 250_000, 7]
    for wrong in ("", "MB", "-1MB", "1e9", "10 apples", "\u0661\u0660MB", "1" * 50):
        with pytest.raises(QueryError):
            bytes_from(wrong)


async def test_the_server_starts_where_the_folder_cannot_be_made() -> None:
    """There the folder was made on import: no server where that failed."""
    with anyio.fail_after(30):
        async with Client(Server(Settings(allow_capture=True, capture_dir="/proc/nowhere"))) as client:
            refused: Any = await client.call_tool("start_packet_capture", {"interface": "lo"})
            memory = await client.call_tool("start_packet_capture", {"interface": "lo", "save": False})

    assert refused.content[0].text.startswith("no_capture_folder: ")
    assert "--capture-dir" in refused.content[0].text
    assert not memory.is_error
