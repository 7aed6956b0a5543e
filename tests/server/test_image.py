"""The picture of the I/O graph: image content beside the same answer, and what is said where it cannot be made."""

from __future__ import annotations

import base64
import importlib.util
import struct
import zlib
from pathlib import Path

import pytest
from mcp import Client

from pcapstream.server import Server
from pcapstream.settings import Settings
from pcapstream.tools.plot import HEIGHT, WIDTH

pytestmark = pytest.mark.anyio

WEB = str(Path(__file__).parents[2] / "examples" / "web-problems.pcapng")
TOOL = "generate_throughput_io_graph"
SETTINGS = Settings(modules=("performance",))


def chunks(png: bytes) -> dict[bytes, bytes]:
    """By kind, data of the same kind together; the checksums are looked at."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + data)
        found[kind] = found.get(kind, b"") + data
        at += 12 + length
    return found


async def test_the_graph_is_a_picture_beside_the_same_answer() -> None:
    pytest.importorskip("matplotlib")
    async with Client(Server(SETTINGS)) as client:
        plain = await client.call_tool(TOOL, {"pcap_file": WEB})
        shown = await client.call_tool(TOOL, {"pcap_file": WEB, "image": True})

    assert [block.type for block in plain.content] == ["text"]
    assert [block.type for block in shown.content] == ["text", "image"]
    assert shown.structured_content["io_graph_data"]["rows"] == plain.structured_content["io_graph_data"]["rows"]
    picture = shown.content[1]
    assert picture.mime_type == "image/png"
    parts = chunks(base64.b64decode(picture.data))
    assert struct.unpack(">II", parts[b"IHDR"][:8]) == (WIDTH, HEIGHT)
    # Something is drawn: more than one color, many different lines.
    pixels = zlib.decompress(parts[b"IDAT"])
    assert len({pixels[at : at + 4 * WIDTH + 1] for at in range(0, len(pixels), 4 * WIDTH + 1)}) > 50


async def test_filters_are_further_lines_of_the_picture() -> None:
    pytest.importorskip("matplotlib")
    async with Client(Server(SETTINGS)) as client:
        one = await client.call_tool(TOOL, {"pcap_file": WEB, "image": True})
        more = await client.call_tool(TOOL, {"pcap_file": WEB, "image": True, "filters": ["dns", "tcp.port == 80"]})

    assert [line["filter"] for line in more.structured_content["series"]] == ["dns", "tcp.port == 80"]
    assert more.structured_content["io_graph_data"] == one.structured_content["io_graph_data"]
    assert (
        chunks(base64.b64decode(more.content[1].data))[b"IDAT"]
        != chunks(base64.b64decode(one.content[1].data))[b"IDAT"]
    )


async def test_pictures_of_little_and_of_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    async with Client(Server(SETTINGS)) as client:
        for arguments in ({"pcap_file": str(empty)}, {"pcap_file": WEB, "time_interval": 1_000_000}):
            shown = await client.call_tool(TOOL, {**arguments, "image": True})
            assert [block.type for block in shown.content] == ["text", "image"], shown.content


async def test_without_the_library_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else found(name, *more)
    )
    async with Client(Server(SETTINGS)) as client:
        refused = await client.call_tool(TOOL, {"pcap_file": WEB, "image": True})
        answered = await client.call_tool(TOOL, {"pcap_file": WEB})

    assert refused.is_error
    assert "no_plot_library" in refused.content[0].text
    assert "pip install 'pcapstream[plot]'" in refused.content[0].text
    assert not answered.is_error
