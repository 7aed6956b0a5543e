"""Against a real file server: nginx, and nginx behind a wire that is cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapstream.sources.policy import Policy
from tests.sources.helpers import failure_of, http, read_all, read_exactly, read_on, some_bytes
from tests.support import nginx
from tests.support.nginx import Nginx, Wire

pytestmark = [pytest.mark.nginx, pytest.mark.skipif(not nginx.is_here(), reason=nginx.MISSING)]

DATA = some_bytes(3_000_017)
HEAD_ROOM = 1000
"""More than the head of any of its answers has."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    root = tmp_path_factory.mktemp("files")
    (root / "a.pcap").write_bytes(DATA)
    # Else its Last-Modified may be of the second it is served in.
    os.utime(root / "a.pcap", (1_600_000_000, 1_600_000_000))
    (root / "empty.pcap").touch()
    (root / "folder").mkdir()
    with Nginx(root, tmp_path_factory.mktemp("nginx")) as running:
        yield running


def behind(files: Nginx, wire: Wire, path: str) -> str:
    return files.url(path).replace(f":{files.port}/", f":{wire.port}/")


@pytest.mark.parametrize("path", ["/a.pcap", "/no-etag/a.pcap", "/no-range/a.pcap", "/moved/a.pcap"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_all_bytes(files: Nginx, path: str, parallel: int) -> None:
    policy = Policy(allow_private_urls=True, parallel_ranges=parallel)
    source = http(files.url(path), policy, segment_bytes=300_000)
    assert read_all(source, block=1 << 20) == DATA
    assert source.size == len(DATA)
    assert source.identity is not None


def test_empty_file(files: Nginx) -> None:
    assert read_all(http(files.url("/empty.pcap"))) == b""


def test_name_and_password(files: Nginx) -> None:
    url = files.url("/private/a.pcap")
    assert read_all(http(url.replace("//", "//fox:hen@"))) == DATA
    assert "401" in failure_of(http(url).open).problem


def test_missing_file_and_forbidden_folder(files: Nginx) -> None:
    assert "404 Not Found" in failure_of(http(files.url("/none.pcap")).open).problem
    assert "403 Forbidden" in failure_of(http(files.url("/folder/")).open).problem


@pytest.mark.parametrize("path", ["/a.pcap", "/no-etag/a.pcap", "/moved/a.pcap"])
def test_download_goes_on_after_cuts(files: Nginx, path: str) -> None:
    # A redirect is a connection of its own, too short to be cut.
    with Wire(files.port, [HEAD_ROOM + cut for cut in (500_000, 1, 70_000, 1_000_000, 0)]) as wire:
        assert read_all(http(behind(files, wire, path))) == DATA
        assert wire.connections >= 5


def test_server_without_ranges_cannot_go_on(files: Nginx) -> None:
    with Wire(files.port, [HEAD_ROOM + 500_000]) as wire:
        source = http(behind(files, wire, "/no-range/a.pcap"))
        source.open()
        error = failure_of(lambda: read_on(source))
        source.close()
    assert error.code == "interrupted"
    assert "does not support ranges" in error.problem


def test_parallel_ranges_go_on_after_cuts(files: Nginx) -> None:
    policy = Policy(allow_private_urls=True, parallel_ranges=3)
    with Wire(files.port, [HEAD_ROOM + 100_000, HEAD_ROOM + 1, 450_000, 100]) as wire:
        source = http(behind(files, wire, "/a.pcap"), policy, segment_bytes=300_000)
        assert read_all(source) == DATA


def test_replaced_file_is_an_error(files: Nginx, tmp_path: Path) -> None:
    served = files.root / "replaced.pcap"
    served.write_bytes(DATA)
    os.utime(served, (1_600_000_000, 1_600_000_000))
    with Wire(files.port, [HEAD_ROOM + 500_000]) as wire:
        source = http(behind(files, wire, "/replaced.pcap"))
        source.open()
        first = read_exactly(source, 400_000)
        other = tmp_path / "other"
        other.write_bytes(some_bytes(len(DATA), seed=2))
        os.utime(other, (1_600_000_001, 1_600_000_001))
        other.replace(served)
        error = failure_of(lambda: read_on(source))
        source.close()
    assert first == DATA[:400_000]
    assert error.code == "changed"


def test_rate_limited_server(files: Nginx) -> None:
    source = http(files.url("/slow/a.pcap"))
    source.open()
    assert read_exactly(source, 200_000) == DATA[:200_000]
    source.close()
