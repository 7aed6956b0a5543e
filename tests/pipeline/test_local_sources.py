"""Files, named pipes and standard input as sources."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources.base import Source
from pcapstream.sources.file import FileSource
from pcapstream.sources.stdin import StdinSource


def read_all(source: Source, step: int = 4096) -> bytes:
    buffer = bytearray(step)
    parts = []
    while got := source.read(memoryview(buffer)):
        parts.append(bytes(buffer[:got]))
    return b"".join(parts)


def blocked_read(source: Source) -> tuple[threading.Thread, list[object]]:
    """A thread that reads once, and where its outcome goes."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(source.read(memoryview(bytearray(16))))
        except SourceError as error:
            outcome.append(error.code)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_file_is_read_whole_with_size_and_name(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(bytes(range(256)) * 100)
    source = FileSource(path)
    assert source.size is None
    source.open()
    assert (source.name, source.size) == ("a.pcap", 25_600)
    assert read_all(source) == path.read_bytes()
    assert source.bytes_fetched == 25_600
    source.close()
    source.close()


def test_identity_tells_changed_and_replaced_files_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    seen = []

    def look() -> None:
        source = FileSource(path)
        source.open()
        seen.append(source.identity)
        source.close()

    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    look()
    look()
    os.utime(path, ns=(1, 2))
    look()
    path.write_bytes(b"four")
    os.utime(path, ns=(1, 2))
    look()
    other = tmp_path / "b.pcap"
    other.write_bytes(b"four")
    os.utime(other, ns=(1, 2))
    other.replace(path)
    look()
    assert seen[0] == seen[1]
    assert None not in seen
    assert len(set(seen[1:])) == 4


def test_a_symbolic_link_is_the_file_it_leads_to(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"x")
    link = tmp_path / "link.pcap"
    link.symlink_to(path)
    one, two = FileSource(path), FileSource(link)
    one.open()
    two.open()
    assert one.identity == two.identity
    assert two.name == "link.pcap"
    one.close()
    two.close()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("missing.pcap", "not_found"),
        ("folder", "is_directory"),
        ("file/below", "not_found"),
        ("circle", "not_found"),
        ("x" * 300, "not_found"),
        ("nul\0byte", "not_found"),
        ("~/a.pcap", "not_found"),
    ],
)
def test_failures_have_a_code_and_name_only_what_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, code: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "circle").symlink_to("circle")
    monkeypatch.chdir(tmp_path)
    source = FileSource(given)
    with pytest.raises(SourceError) as caught:
        source.open()
    assert caught.value.code == code
    assert str(tmp_path) not in str(caught.value)
    assert "Errno" not in str(caught.value)
    source.close()


def test_a_path_that_was_resolved_is_not_told(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "secret" / "a.pcap", given="a.pcap")
    with pytest.raises(SourceError) as caught:
        source.open()
    assert "secret" not in str(caught.value)


def test_devices_are_refused() -> None:
    source = FileSource("/dev/zero")
    with pytest.raises(SourceError) as caught:
        source.open()
    assert caught.value.code == "not_a_file"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "not_readable"),
        (errno.EPERM, "not_readable"),
        (errno.EIO, "read_failed"),
        (errno.EMFILE, "read_failed"),
    ],
)
def test_errors_of_the_operating_system_have_codes(number: int, code: str) -> None:
    """Root may read everything, so the error is raised by an opener of our own."""

    def refuse(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    with pytest.raises(SourceError) as caught:
        FileSource("a.pcap", opener=refuse).open()
    assert caught.value.code == code
    assert os.strerror(number) not in str(caught.value)


def test_fifo_waits_for_its_writer_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = FileSource(path)
    source.open()
    assert (source.identity, source.size) == (None, None)
    thread, outcome = blocked_read(source)
    with path.open("wb", buffering=0) as writer:
        writer.write(b"hello")
        thread.join(5)
        assert outcome == [5]
        writer.write(b"world")
        assert source.read(memoryview(bytearray(16))) == 5
    assert source.read(memoryview(bytearray(16))) == 0
    source.close()


def test_cancel_wakes_a_blocked_fifo_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = FileSource(path)
    source.open()
    thread, outcome = blocked_read(source)
    source.cancel()
    thread.join(5)
    assert outcome == ["cancelled"]
    source.cancel()
    source.close()
    source.cancel()


def test_cancel_before_open_holds(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = FileSource(path)
    source.cancel()
    with pytest.raises(SourceError) as caught:
        source.open()
    assert caught.value.code == "cancelled"
    source.close()


def test_standard_input_as_a_pipe() -> None:
    end, start = os.pipe()
    source = StdinSource(end)
    source.open()
    assert (source.name, source.identity, source.size) == ("-", None, None)
    os.write(start, b"abc")
    assert source.read(memoryview(bytearray(16))) == 3
    os.close(start)
    assert source.read(memoryview(bytearray(16))) == 0
    source.close()
    os.close(end)


def test_standard_input_redirected_from_a_file_knows_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with path.open("rb", buffering=0) as file:
        file.seek(4)
        source = StdinSource(file.fileno())
        source.open()
        assert source.size == 6
        assert read_all(source) == b"456789"
        source.close()


def test_cancel_wakes_a_blocked_standard_input() -> None:
    end, start = os.pipe()
    source = StdinSource(end)
    source.open()
    thread, outcome = blocked_read(source)
    source.cancel()
    thread.join(5)
    assert outcome == ["cancelled"]
    source.close()
    os.close(start)
    os.close(end)


def test_closed_standard_input() -> None:
    end, start = os.pipe()
    os.close(start)
    os.close(end)
    with pytest.raises(SourceError) as caught:
        StdinSource(end).open()
    assert caught.value.code == "stdin_closed"
