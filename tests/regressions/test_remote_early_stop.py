"""The first matches at the head of a large remote capture: no more is fetched than they need, by what the answer says
and by what the web server says. (limit counted packets read; and a remote capture was downloaded whole.)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client

from pcapstream.server import Server
from pcapstream.settings import Settings
from tests.support import nginx
from tests.support.nginx import Nginx
from tests.support.pcap import mixed, pcap

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.nginx,
    pytest.mark.skipif(not nginx.is_here(), reason=nginx.MISSING),
]

SIZE = 2_000_000_000
HEAD_BYTES = 4_000_000
MOST = SIZE // 50

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("get_packets", {"display_filter": "tcp"}),
    ("extract_fields", {"fields": ["frame.number", "ip.src"], "display_filter": "udp"}),
    ("search_packet_content", {"search_pattern": "a"}),
    ("search_packet_content", {"search_pattern": "a", "where": "payload"}),
    ("search_packet_content", {"search_pattern": "a", "where": "stream"}),
]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A capture of 2 GB: packets at its head, then a hole, which takes no room on the disk."""
    root = tmp_path_factory.mktemp("remote")
    head = pcap(mixed())
    with (root / "large.pcap").open("wb") as out:
        out.write(head)
        while out.tell() < HEAD_BYTES:
            out.write(head[24:])
        out.truncate(SIZE)
    with Nginx(root, tmp_path_factory.mktemp("nginx")) as running:
        yield running


async def test_no_more_is_fetched_than_needed(remote: Nginx) -> None:
    url = remote.url("/large.pcap")
    async with Client(Server(Settings(allow_private_urls=True))) as client:
        for tool, arguments in QUESTIONS:
            found = await client.call_tool(tool, {"pcap_file": url, "limit": 100, **arguments})
            result = found.structured_content
            assert result is not None, found.content
            table = result.get("packets") or result.get("matches") or result
            assert table["total_at_least"] == 100, tool
            coverage = result["coverage"]
            assert (coverage["reason"], coverage["bytes_total"]) == ("matches", SIZE)
            assert coverage["bytes_read"] <= coverage.get("bytes_fetched", coverage["bytes_read"]) < MOST

    sent = remote.sent()
    assert len(sent) >= len(QUESTIONS)
    assert all(size < MOST for _, size in sent), sent
