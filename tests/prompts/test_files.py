"""Completion of capture names: only from the allowed directories, bounded, never through a link to elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcapstream.prompts.files import MAX_DEPTH, matching


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    allowed = tmp_path / "allowed"
    (allowed / "office").mkdir(parents=True)
    for name in (
        "dns.pcap",
        "dns-2.PCAPNG",
        "web.cap.gz",
        "office/morning.pcap",
        "notes.txt",
        ".hidden.pcap",
        "dns.pcap.txt",
    ):
        (allowed / name).write_bytes(b"")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.pcap").write_bytes(b"")
    monkeypatch.chdir(elsewhere)
    return allowed


def test_captures_are_named_in_full_and_nothing_else_is(captures: Path) -> None:
    found = matching("", [captures])
    assert found.names == tuple(
        str(captures / name) for name in ("dns-2.PCAPNG", "dns.pcap", "office/morning.pcap", "web.cap.gz")
    )
    assert not found.more


def test_below_the_working_directory_names_are_relative(captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(captures)
    assert matching("", [captures]).names == ("dns-2.PCAPNG", "dns.pcap", "office/morning.pcap", "web.cap.gz")
    assert matching("off", [Path()]).names == ("office/morning.pcap",)


def test_what_begins_so_comes_before_what_contains_it(captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (captures / "a-dns.pcap").write_bytes(b"")
    monkeypatch.chdir(captures)
    assert matching("dns", [captures]).names == ("dns-2.PCAPNG", "dns.pcap", "a-dns.pcap")
    assert matching("MORN", [captures]).names == ("office/morning.pcap",)
    assert matching(str(captures / "dn"), [captures]).names == ("dns-2.PCAPNG", "dns.pcap")


@pytest.mark.parametrize("typed", ["../", "../elsewhere/", "/", "secret", "/etc/", "~"])
def test_what_was_typed_leads_nowhere_else(captures: Path, typed: str) -> None:
    names = matching(typed, [captures]).names
    assert all(name.startswith(f"{captures}/") for name in names)
    assert not any("secret" in name for name in names)


def test_links_out_are_not_followed_and_links_inside_are(captures: Path) -> None:
    outside = captures.parent / "elsewhere"
    (captures / "link.pcap").symlink_to(outside / "secret.pcap")
    (captures / "door").symlink_to(outside)
    (captures / "loop").symlink_to(captures)
    (captures / "dangling.pcap").symlink_to(captures / "gone.pcap")
    (captures / "same.pcap").symlink_to(captures / "dns.pcap")
    names = [Path(name).name for name in matching("", [captures]).names]
    assert sorted(names) == ["dns-2.PCAPNG", "dns.pcap", "morning.pcap", "same.pcap", "web.cap.gz"]


def test_pipes_are_not_offered(captures: Path) -> None:
    os.mkfifo(captures / "live.pcap")
    assert not any("live" in name for name in matching("", [captures]).names)


def test_names_with_hidden_characters_are_not_offered(captures: Path) -> None:
    (captures / "a\nb.pcap").write_bytes(b"")
    (captures / "c\u202ed.pcap").write_bytes(b"")
    assert len(matching("", [captures]).names) == 4


def test_the_list_is_bounded_and_says_so(captures: Path) -> None:
    found = matching("", [captures], limit=2)
    assert (len(found.names), found.more) == (2, True)


def test_the_walk_is_bounded_and_says_so(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.pcap").write_bytes(b"")
    found = matching("", [tmp_path], entries=20)
    assert (len(found.names), found.more) == (20, True)
    deep = tmp_path / "deep" / "/".join("d" * (MAX_DEPTH + 1))
    deep.mkdir(parents=True)
    (deep / "bottom.pcap").write_bytes(b"")
    found = matching("bottom", [tmp_path])
    assert (found.names, found.more) == ((), True)


def test_a_directory_inside_another_is_walked_once(captures: Path) -> None:
    assert len(matching("", [captures, captures / "office", captures]).names) == 4


def test_missing_directories_are_passed_over(captures: Path) -> None:
    assert matching("", [captures / "gone", captures / "dns.pcap"]).names == ()
    assert matching("", []).names == ()
