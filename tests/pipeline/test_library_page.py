"""docs/library.md: each of its examples runs as it stands."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import pcapstream
from tests.support.pcap import mixed, pcap

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with capture.pcap."""
    made = tmp_path_factory.mktemp("page")
    (made / "capture.pcap").write_bytes(pcap(mixed(100)))
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """The same capture behind a URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/capture.pcap"
        server.shutdown()
        thread.join()


def test_the_page_has_examples() -> None:
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example(number: int, folder: Path, url: str) -> None:
    code = BLOCKS[number].replace("https://captures.example/capture.pcap", url)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(pcapstream.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"#> (.*)$", code, re.MULTILINE)
    assert done.stdout.splitlines() == expected or not expected
