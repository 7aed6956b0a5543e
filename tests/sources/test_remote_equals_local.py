"""A capture behind a URL gives the same report as the same capture on disk: the local report is the expectation."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import pcapstream
from pcapstream.model import Report
from pcapstream.sources.policy import Policy
from tests.sources.helpers import http
from tests.support import nginx
from tests.support.http_server import Exchange, ScriptedServer
from tests.support.nginx import Nginx, Wire
from tests.support.pcap import mixed, pcap, pcapng
from tests.support.play import plain

needs_nginx = pytest.mark.skipif(not nginx.is_here(), reason=nginx.MISSING)
CAPTURES = os.environ.get("PCAPSTREAM_CAPTURES")
ENOUGH_BYTES = 4 << 20
"""Captures of the outside folder beyond this size are left out: they would only take longer."""


def told(report: Report) -> dict[str, Any]:
    """All of a report but what names its origin."""
    return {
        "capture": report.capture,
        "coverage": report.coverage,
        **{name: plain(summary) for name, summary in report.summaries.items()},
    }


def some_captures() -> dict[str, bytes]:
    frames = mixed(connections=200)
    plain_pcap = pcap(frames)
    return {
        "a.pcap": plain_pcap,
        "b.pcapng": pcapng(frames),
        "c.pcap.gz": gzip.compress(plain_pcap),
        "cut.pcap": plain_pcap[:-7],
    }


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Nginx]:
    root = tmp_path / "files"
    root.mkdir()
    for name, data in some_captures().items():
        (root / name).write_bytes(data)
        os.utime(root / name, (1_600_000_000, 1_600_000_000))
    with Nginx(root, tmp_path / "nginx") as running:
        yield running


@pytest.mark.nginx
@needs_nginx
@pytest.mark.parametrize("name", some_captures())
@pytest.mark.parametrize("parallel", [1, 3])
def test_over_nginx(files: Nginx, name: str, parallel: int) -> None:
    local = pcapstream.analyze(files.root / name)
    assert local.capture["packets"] > 100
    policy = Policy(allow_private_urls=True, parallel_ranges=parallel)
    remote = pcapstream.analyze(http(files.url("/" + name), policy, segment_bytes=4096))
    assert told(remote) == told(local)


@pytest.mark.nginx
@needs_nginx
def test_over_nginx_with_cuts(files: Nginx) -> None:
    with Wire(files.port, [5_000, 9_000, 20_000]) as wire:
        url = files.url("/a.pcap").replace(f":{files.port}/", f":{wire.port}/")
        remote = pcapstream.analyze(http(url))
        assert wire.connections == 4
    assert told(remote) == told(pcapstream.analyze(files.root / "a.pcap"))


def test_gzip_encoding_is_the_compression_of_the_capture(server: ScriptedServer, tmp_path: Path) -> None:
    packed = some_captures()["c.pcap.gz"]
    (tmp_path / "c.pcap.gz").write_bytes(packed)
    url = server.script("/a.pcap", lambda exchange: exchange.file(packed, headers={"Content-Encoding": "gzip"}))
    assert told(pcapstream.analyze(http(url))) == told(pcapstream.analyze(tmp_path / "c.pcap.gz"))


def test_what_was_read_before_a_loss_is_reported(server: ScriptedServer) -> None:
    data = some_captures()["a.pcap"]
    half = len(data) // 2
    report = pcapstream.analyze(http(server.script("/a", lambda exchange: exchange.file(data, drop_after=half))))
    assert report.coverage.bytes_read == half
    assert report.coverage.bytes_total == len(data)
    assert not report.coverage.complete
    assert (report.coverage.reason, report.coverage.error) == ("source_error", "interrupted")
    assert report.capture["packets"] > 50


def test_page_in_place_of_a_capture_is_told(server: ScriptedServer) -> None:
    page = b"<!DOCTYPE html><html><body>Please sign in.</body></html>"
    url = server.script("/a.pcap", lambda exchange: exchange.reply(200, page, {"Content-Type": "text/html"}))
    with pytest.raises(pcapstream.CaptureError) as caught:
        pcapstream.analyze(http(url))
    assert caught.value.code == "unknown_format"
    assert "sign in" not in str(caught.value)


def test_max_packets_reads_no_further(server: ScriptedServer) -> None:
    data = some_captures()["a.pcap"]

    def head_only(exchange: Exchange) -> None:
        # The rest never comes: the scan must end without it.
        exchange.head(200, {"Content-Length": "1000000000"})
        exchange.send(data[:20_000])
        exchange.closing.wait(30)
        exchange.hang_up()

    policy = Policy(allow_private_urls=True, read_seconds=3600)
    report = pcapstream.analyze(http(server.script("/a", head_only), policy), max_packets=20)
    assert report.capture["packets"] == 20
    assert report.coverage.reason == "max_packets"


@pytest.mark.nginx
@needs_nginx
@pytest.mark.skipif(CAPTURES is None, reason="PCAPSTREAM_CAPTURES names no folder of captures")
@pytest.mark.timeout(600)
def test_captures_of_the_folder(tmp_path: Path) -> None:
    root = Path(CAPTURES or "")
    paths = [path for path in sorted(root.rglob("*.*cap*")) if path.is_file() and path.stat().st_size <= ENOUGH_BYTES]
    assert paths, "no captures there"
    with Nginx(root, tmp_path / "nginx") as running:
        for path in paths:
            outcomes = []
            for given in (path, running.url("/" + quote(path.relative_to(root).as_posix()))):
                try:
                    outcomes.append(told(pcapstream.analyze(given, allow_private_urls=True)))
                except pcapstream.CaptureError as error:
                    outcomes.append({"error": error.code})
            assert outcomes[0] == outcomes[1], path.name
