"""What a policy lets through: paths, URLs as they are written, standard input."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources import resolve
from pcapstream.sources.file import FileSource
from pcapstream.sources.policy import MAX_URL_CHARS, Policy
from tests.sources.helpers import failure_of, read_all


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.pcap").write_bytes(b"inside")
    (folder / "sub" / "b.pcap").write_bytes(b"below")
    (tmp_path / "secret.pcap").write_bytes(b"secret")
    (tmp_path / "inside-too").mkdir()
    (tmp_path / "inside-too" / "c.pcap").write_bytes(b"neighbour")
    return folder


@pytest.fixture
def confined(inside: Path) -> Policy:
    return Policy(allow_dirs=(str(inside),))


def test_files_inside_are_read(inside: Path, confined: Policy) -> None:
    assert read_all(resolve(str(inside / "a.pcap"), confined)) == b"inside"
    assert read_all(resolve(str(inside / "sub" / "b.pcap"), confined)) == b"below"
    assert read_all(resolve(str(inside / "sub" / ".." / "a.pcap"), confined)) == b"inside"


def test_relative_paths_start_at_the_working_directory(
    inside: Path, confined: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inside)
    assert read_all(resolve("sub/b.pcap", confined)) == b"below"
    assert failure_of(lambda: confined.check_path("../secret.pcap")).code == "not_allowed"


def test_links_that_stay_inside_are_followed(inside: Path, confined: Policy) -> None:
    (inside / "sub" / "link.pcap").symlink_to("../a.pcap")
    assert read_all(resolve(str(inside / "sub" / "link.pcap"), confined)) == b"inside"


def test_allowed_folder_that_is_a_link_itself(inside: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(inside)
    policy = Policy(allow_dirs=(str(tmp_path / "way"),))
    assert read_all(resolve(str(tmp_path / "way" / "a.pcap"), policy)) == b"inside"
    assert read_all(resolve(str(inside / "a.pcap"), policy)) == b"inside"


@pytest.mark.parametrize(
    "path",
    [
        "secret.pcap",
        "no-such.pcap",
        "inside/../secret.pcap",
        "inside/link-out.pcap",
        "inside/folder-out/secret.pcap",
        "inside/circle",
        "inside-too/c.pcap",
        "inside/../../../../../../../../etc/passwd",
        ".",
    ],
)
def test_everything_else_is_refused_alike_whether_it_exists_or_not(
    inside: Path, confined: Policy, tmp_path: Path, path: str
) -> None:
    (inside / "link-out.pcap").symlink_to(tmp_path / "secret.pcap")
    (inside / "folder-out").symlink_to(tmp_path)
    (inside / "circle").symlink_to(inside / "circle")
    given = f"{tmp_path}/{path}"
    if path == "inside/circle":
        # It leads nowhere, so to nothing outside: the open finds that out.
        assert failure_of(lambda: read_all(resolve(given, confined))).code in ("not_found", "not_allowed")
        return
    error = failure_of(lambda: resolve(given, confined))
    assert error.code == "not_allowed"
    assert str(error).startswith(f"{given} is outside the allowed folders")


def test_the_error_tells_nothing_but_what_was_given(
    inside: Path, confined: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inside / "link.pcap").symlink_to(tmp_path / "secret.pcap")
    monkeypatch.chdir(inside)
    text = str(failure_of(lambda: confined.check_path("link.pcap")))
    assert "secret" not in text
    assert str(tmp_path) not in text


def test_control_characters_and_length_of_a_path_are_tamed(confined: Policy) -> None:
    text = str(failure_of(lambda: confined.check_path("/tmp/\x1b[31m\u202e" + "x" * 5000)))
    assert text.isprintable()
    assert len(text) < 500


def test_missing_file_inside_is_not_found(inside: Path, confined: Policy) -> None:
    assert failure_of(lambda: read_all(resolve(str(inside / "no.pcap"), confined))).code == "not_found"


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_impossible_names_are_not_found(path: str, confined: Policy) -> None:
    assert failure_of(lambda: confined.check_path(path)).code == "not_found"
    assert failure_of(lambda: Policy().check_path(path)).code == "not_found"


def test_no_folder_allows_no_file(inside: Path) -> None:
    assert failure_of(lambda: Policy(allow_dirs=()).check_path(str(inside / "a.pcap"))).code == "not_allowed"


def test_a_policy_without_folders_reads_any_path_as_it_is() -> None:
    # /dev/fd/N of a shell's <(...) resolves to pipe:[...], which is no path: it must not be resolved.
    assert Policy().check_path("/dev/fd/63") == "/dev/fd/63"


def test_file_swapped_for_a_link_after_the_check_is_not_followed(
    inside: Path, confined: Policy, tmp_path: Path
) -> None:
    path = confined.check_path(str(inside / "a.pcap"))
    (inside / "a.pcap").unlink()
    (inside / "a.pcap").symlink_to(tmp_path / "secret.pcap")
    error = failure_of(lambda: confined.open_path(path, os.O_RDONLY))
    assert error.code == "not_allowed"


def test_folder_swapped_for_a_link_after_the_check_is_not_followed(
    inside: Path, confined: Policy, tmp_path: Path
) -> None:
    (tmp_path / "b.pcap").write_bytes(b"outside")
    source = FileSource(
        confined.check_path(str(inside / "sub" / "b.pcap")), given="sub/b.pcap", opener=confined.open_path
    )
    (inside / "sub").rename(inside / "gone")
    (inside / "sub").symlink_to(tmp_path)
    assert failure_of(source.open).code in ("not_allowed", "not_found")


def test_the_allowed_folder_itself_is_a_directory(inside: Path, confined: Policy) -> None:
    assert failure_of(lambda: resolve(str(inside), confined).open()).code == "is_directory"


def test_open_path_leaves_no_descriptor_behind(inside: Path, confined: Policy) -> None:
    before = len(os.listdir("/proc/self/fd"))
    os.close(confined.open_path(str(inside / "sub" / "b.pcap"), os.O_RDONLY))
    with pytest.raises(FileNotFoundError):
        confined.open_path(str(inside / "sub" / "none" / "b.pcap"), os.O_RDONLY)
    assert len(os.listdir("/proc/self/fd")) == before


def test_allow_dir_that_is_no_folder_is_an_error_at_once(inside: Path) -> None:
    for wrong in (str(inside / "a.pcap"), str(inside / "none")):
        with pytest.raises(ValueError, match="is not a folder"):
            Policy(allow_dirs=(wrong,))
    with pytest.raises(ValueError, match="several folders"):
        Policy(allow_dirs=str(inside))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": 0},
        {"connect_seconds": 0},
        {"read_seconds": -1},
        {"total_seconds": 0},
        {"parallel_ranges": 0},
        {"parallel_ranges": 9},
    ],
)
def test_limits_must_make_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Policy(**wrong)  # type: ignore[arg-type]


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy().allow_private_urls = True  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a.pcap",
        "HTTPS://EXAMPLE.ORG/a.pcap?x=1#y",
        "hTTp://example.org",
        "https://user:secret@example.org:8443/a.pcap",
        "http://8.8.8.8/a.pcap",
        "http://[2606:4700:4700::1111]/a.pcap",
        "http://bücher.example/a.pcap",
    ],
)
def test_http_urls_of_any_case_pass(url: str) -> None:
    Policy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.pcap",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "//example.org/a.pcap",
        "example.org/a.pcap",
        "http:/example.org",
        "http://",
        "http:///a.pcap",
        "http://user@/a.pcap",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://[::1/",
        "http://example.org/a b",
        "http://example.org/a\r\nHost: evil",
        "http://example.org/\x00",
        " http://example.org/",
        "http://example.org/" + "a" * MAX_URL_CHARS,
        "",
    ],
)
def test_other_texts_are_bad_urls(url: str) -> None:
    assert failure_of(lambda: Policy(allow_private_urls=True).check_url(url)).code == "bad_url"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[fd00:ec2::254]",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "017700000001",
        "10.1",
    ],
)
def test_numeric_hosts_of_an_inside_are_refused_as_they_are_written(host: str) -> None:
    error = failure_of(lambda: Policy().check_url(f"http://{host}/a.pcap"))
    assert error.code == "refused_address"
    assert host.strip("[]") not in error.problem
    Policy(allow_private_urls=True).check_url(f"http://{host}/a.pcap")


def test_no_urls_refuses_all_of_them() -> None:
    assert failure_of(lambda: resolve("http://example.org/", Policy(urls=False))).code == "urls_disabled"
    assert failure_of(lambda: resolve("HTTP://example.org/", Policy(urls=False))).code == "urls_disabled"


def test_standard_input_can_be_refused() -> None:
    assert failure_of(lambda: resolve("-", Policy(stdin=False))).code == "stdin_not_allowed"
    assert resolve("-", Policy()).name == "-"


@pytest.mark.parametrize("code", ["not_allowed", "refused_address", "urls_disabled", "stdin_not_allowed"])
def test_every_refusal_says_what_to_do(code: str) -> None:
    assert SourceError(code, "no").next_step
