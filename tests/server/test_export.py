"""export_packets: the file has exactly the packets asked for, as tshark and capinfos see them; and where it may lie."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from pcapstream.cli import main
from pcapstream.cli.arguments import WRITE_DIR_VARIABLE, serve
from pcapstream.errors import QueryError
from pcapstream.server import Server
from pcapstream.settings import Settings
from tests.support.pcap import mixed, pcap
from tests.support.wireshark import capinfos, fields, needs_tshark

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
WEB = EXAMPLES / "web-problems.pcapng"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "exports"
    path.mkdir()
    return path


@asynccontextmanager
async def server(folder: Path, **settings: Any) -> AsyncIterator[Client]:
    async with Client(Server(Settings(write_dir=str(folder), **settings))) as client:
        yield client


async def export(client: Client, **arguments: Any) -> Any:
    return await client.call_tool("export_packets", {"output": "out.pcapng", **arguments})


def frames(path: Path, where: str = "") -> list[list[str]]:
    """What has to be the same in the copy, and the frame number first."""
    names = [
        "frame.number",
        "frame.time_epoch",
        "frame.len",
        "frame.cap_len",
        "frame.encap_type",
        "frame.interface_name",
    ]
    return fields(path, [*names, "_ws.col.Protocol", "tcp.seq_raw", "ip.id"], where)


def merged(tmp_path: Path) -> Path:
    """Two interfaces of different link types, one cut at 60 bytes."""
    ethernet, raw, out = tmp_path / "a.pcap", tmp_path / "b.pcap", tmp_path / "two.pcapng"
    ethernet.write_bytes(pcap(mixed()))
    cut, ip = tmp_path / "cut.pcapng", tmp_path / "ip.pcapng"
    subprocess.run(["editcap", "-s", "60", str(ethernet), str(cut)], check=True, capture_output=True)
    subprocess.run(["editcap", "-C", "14", "-T", "rawip", str(ethernet), str(raw)], check=True, capture_output=True)
    subprocess.run(["editcap", str(raw), str(ip)], check=True, capture_output=True)
    subprocess.run(["mergecap", "-I", "none", "-w", str(out), str(cut), str(ip)], check=True, capture_output=True)
    return out


@pytest.mark.tshark
@needs_tshark()
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"display_filter": "tcp.flags.syn == 1"}, "tcp.flags.syn == 1"),
        ({"frames": "3-5,9"}, "frame.number in {3..5, 9}"),
        ({"stream": "2"}, "tcp.stream == 2"),
        ({"stream": "udp 0", "frames": "1-"}, "udp.stream == 0"),
        ({"stream": "tcp 1", "display_filter": "tcp.len > 0 or ipv6"}, "tcp.stream == 1 and (tcp.len > 0 or ipv6)"),
    ],
)
async def test_the_file_has_exactly_those_packets(folder: Path, arguments: dict[str, str], where: str) -> None:
    async with server(folder) as client:
        found = await export(client, pcap_file=str(WEB), **arguments)
    out = folder / "out.pcapng"

    expected = frames(WEB, where)
    assert [row[1:] for row in frames(out)] == [row[1:] for row in expected]
    result = found.structured_content
    assert result["packets_written"] == len(expected) > 0
    assert result["bytes_written"] == out.stat().st_size
    assert (result["first_frame"], result["last_frame"]) == (int(expected[0][0]), int(expected[-1][0]))
    assert result["output"] == str(out)
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.tshark
@needs_tshark()
async def test_interfaces_lengths_and_link_types_stay(folder: Path, tmp_path: Path) -> None:
    capture = merged(tmp_path)
    async with server(folder) as client:
        await export(client, pcap_file=str(capture), display_filter="tcp")

    out = folder / "out.pcapng"
    expected = frames(capture, "tcp")
    assert len({row[4] for row in expected}) == 2
    assert any(row[2] != row[3] for row in expected)
    assert [row[1:] for row in frames(out)] == [row[1:] for row in expected]
    theirs, ours = capinfos(capture), capinfos(out)
    assert ours["Number of packets"] == str(len(expected))
    assert ours["File encapsulation"] == theirs["File encapsulation"]


BAD_NAMES = (
    "../out",
    "/tmp/out.pcapng",
    "a/b",
    "..",
    ".hidden",
    "",
    "a\\b",
    "x\0y",
    "a\nb",
    "~root",
    "-o",
    "x/",
    "x" * 200,
)


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_only_plain_new_names(folder: Path, name: str) -> None:
    async with server(folder) as client:
        refused = await export(client, pcap_file=str(WEB), frames="1", output=name)

    assert refused.is_error
    assert "bad_parameter" in refused.content[0].text
    assert list(folder.iterdir()) == []
    assert list(folder.parent.iterdir()) == [folder]


async def test_never_over_a_file_nor_through_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "out.pcapng").write_bytes(b"mine")
    (folder / "link.pcapng").symlink_to(tmp_path / "elsewhere.pcapng")
    async with server(folder) as client:
        first = await export(client, pcap_file=str(WEB), frames="1")
        second = await export(client, pcap_file=str(WEB), frames="1", output="link")

    assert first.is_error
    assert second.is_error
    assert (folder / "out.pcapng").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere.pcapng").exists()


async def test_too_large_leaves_no_file(folder: Path) -> None:
    async with server(folder, max_export_size=10_000) as client:
        refused = await export(client, pcap_file=str(WEB), frames="1-")
        small = await export(client, pcap_file=str(WEB), frames="1-2")

    assert "export_too_large" in refused.content[0].text
    assert not small.is_error
    assert [path.name for path in folder.iterdir()] == ["out.pcapng"]
    assert (folder / "out.pcapng").stat().st_size <= 10_000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"pcap_file": str(WEB)}, "bad_parameter"),
        ({"pcap_file": str(WEB), "stream": "tcp 1 or tcp"}, "bad_parameter"),
        ({"pcap_file": str(WEB), "display_filter": "tcp.prot == 1"}, "bad_filter"),
        ({"pcap_file": str(WEB.parent / "none.pcap"), "frames": "1"}, "not_found"),
        ({"pcap_file": str(WEB.parent / "make_examples.py"), "frames": "1"}, "unknown_format"),
    ],
)
async def test_what_fails_leaves_no_file(folder: Path, arguments: dict[str, str], code: str) -> None:
    async with server(folder) as client:
        refused = await export(client, **arguments)

    assert refused.is_error
    assert code in refused.content[0].text
    assert list(folder.iterdir()) == []


async def test_the_same_question_writes_again(folder: Path) -> None:
    async with server(folder) as client:
        for name in ("one", "two"):
            await export(client, pcap_file=str(WEB), frames="1-9", output=name)

    one, two = (folder / "one.pcapng").read_bytes(), (folder / "two.pcapng").read_bytes()
    assert one == two
    assert len(one) > 500


async def test_it_is_off_and_not_read_only(folder: Path) -> None:
    async with Client(Server(Settings())) as client:
        assert "export_packets" not in {tool.name for tool in (await client.list_tools()).tools}
    async with server(folder, modules=("dns",)) as client:
        assert "export_packets" not in {tool.name for tool in (await client.list_tools()).tools}
    async with server(folder) as client:
        (tool,) = (tool for tool in (await client.list_tools()).tools if tool.name == "export_packets")
    assert tool.annotations is not None
    assert (tool.annotations.read_only_hint, tool.annotations.idempotent_hint) == (False, False)
    with pytest.raises(QueryError, match="--allow-write-dir"):
        Server(Settings(write_dir=str(folder / "none")))


def test_flag_and_variable(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve([]).write_dir is None
    settings = serve(["--allow-write-dir", str(folder), "--max-export-size", "5MB"])
    assert (settings.write_dir, settings.max_export_size) == (str(folder), 5_000_000)
    monkeypatch.setenv(WRITE_DIR_VARIABLE, str(folder))
    assert serve([]).write_dir == str(folder)
    assert main(["call", "export_packets", str(WEB)]) == 2
    assert "--allow-write-dir" in capsys.readouterr().err
