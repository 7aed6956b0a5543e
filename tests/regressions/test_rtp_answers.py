"""RTP and RTCP as tshark counts them, and what it does not tell; the captures are made in rtp_captures.py."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

import pcapstream
from tests.regressions import rtp_captures as captures
from tests.support import wireshark
from tests.support.ask import ask, rows

TOOL = "analyze_sip_packets"
NAMES = ("rtp", "rtcp", "sip", "sdp", "stun")


def counted(path: Path) -> dict[str, Any]:
    return pcapstream.analyze(str(path)).summary(pcapstream.RtpSummary).counts()


def as_tshark_prints(stream: dict[str, Any]) -> captures.Row:
    delta, jitter = stream["delta_ms"], stream["jitter_ms"]
    values = [delta["min"], delta["mean"], delta["max"], jitter["min"], jitter["mean"], jitter["max"]]
    printed = [f"{-1 if value is None else value:.3f}" for value in values]
    names = ", ".join(one["listed"] for one in stream["types"])
    problem = "X" if stream["problem"] else ""
    return (names, stream["packets"], stream["lost"], *printed, problem)  # type: ignore[return-value]


def printed_by_tshark(path: Path) -> list[captures.Row]:
    command = ["tshark", "-n", "-q", "-r", str(path), "-z", "rtp,streams"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    line = re.compile(
        r"\s*\S+\s+\S+\s+\S+\s+\d+\s+\S+\s+(\d+)\s+0x\S+\s+(.*?)\s+(\d+)\s+(-?\d+) \(\S+%\)"
        + r"\s+(\S+)" * 6
        + " ?(X?)"
    )
    found = [match.groups() for match in map(line.match, done.stdout.splitlines()) if match]
    ordered = sorted(found, key=lambda groups: int(groups[0]))
    return [(names, int(packets), int(lost), *rest) for _, names, packets, lost, *rest in ordered]  # type: ignore[misc]


def test_every_stream_has_the_figures_of_tshark(tmp_path: Path) -> None:
    found = counted(captures.streams(tmp_path / "capture.pcap"))["streams"]

    assert {stream["detected_by"] for stream in found} == {"announced"}
    ordered = sorted(found, key=lambda stream: stream["dst_port"])
    assert [as_tshark_prints(stream) for stream in ordered] == captures.STREAMS


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_those_are_the_figures_of_tshark(tmp_path: Path) -> None:
    assert printed_by_tshark(captures.streams(tmp_path / "capture.pcap")) == captures.STREAMS


def test_loss_is_told_from_repetition_and_disorder(tmp_path: Path) -> None:
    """tshark's `lost` is one number: repetitions make up for loss in it."""
    path = captures.streams(tmp_path / "capture.pcap")
    streams = {s["dst_port"]: s for s in counted(path)["streams"]}

    repeated, swapped, all_of_it = streams[20004], streams[20006], streams[20008]
    assert (repeated["lost"], repeated["missing"], repeated["duplicates"], repeated["late"]) == (-24, 0, 24, 0)
    assert (swapped["lost"], swapped["missing"], swapped["duplicates"]) == (0, 0, 0)
    assert swapped["late"] > 0
    numbers = sent_numbers(path.read_bytes(), 4)
    assert all_of_it["duplicates"] == len(numbers) - len(set(numbers))
    assert all_of_it["missing"] == max(numbers) - min(numbers) + 1 - len(set(numbers))


def sent_numbers(data: bytes, case: int) -> list[int]:
    """Sequence numbers of one call in the bytes of a capture with Ethernet and IPv4 headers of the least length."""
    found, at = [], 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        if struct.unpack_from("!H", frame, 36)[0] == 20000 + 2 * case and frame[42] == 0x80:
            found.append(struct.unpack_from("!H", frame, 44)[0])
        at += 16 + size
    return found


def names_in_frames(path: Path) -> list[str]:
    """What `frame.protocols` says of the protocols of calls, by tshark."""
    shown = wireshark.fields(path, ["frame.protocols"])
    return [":".join(name for name in row[0].split(":") if name in NAMES) for row in shown]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_tshark_shows_each_kind_of_datagram_as_expected(tmp_path: Path) -> None:
    path, names = captures.kinds(tmp_path / "capture.pcap")
    assert names_in_frames(path) == names


def test_each_kind_of_datagram_is_shown_as_tshark_shows_it(tmp_path: Path) -> None:
    path, names = captures.kinds(tmp_path / "capture.pcap")

    tally = pcapstream.analyze(str(path)).summary(pcapstream.TriageSummary).tally.protocols()

    split = [shown.split(":") for shown in names]
    assert {name: tally.get(name, 0) for name in NAMES} == {name: sum(name in one for one in split) for name in NAMES}


def test_keys_pressed_are_listed_once_each(tmp_path: Path) -> None:
    (stream,) = counted(captures.reported(tmp_path / "capture.pcap"))["streams"]

    assert [(event["key"], event["duration_ms"], event["ended"]) for event in stream["events"]] == [
        ("1", 100.0, True),
        ("2", 100.0, True),
        ("#", 100.0, True),
    ]


def test_reports_of_the_ends_stand_beside_what_was_counted(tmp_path: Path) -> None:
    counts = counted(captures.reported(tmp_path / "capture.pcap"))

    sender, receiver = counts["reports"]
    assert (sender["sender"]["packets"], sender["sender"]["octets"], sender["detected_by"]) == (45, 7200, "announced")
    (about,) = receiver["about"]
    assert (about["ssrc"], about["lost"], about["jitter_ticks"], about["highest_sequence"]) == (0xCAFE, 3, 40, 1075)
    # tshark -o rtcp.show_roundtrip_calculation:TRUE: rtcp.roundtrip-delay == 60
    assert about["round_trip_ms"] == {"count": 1, "min": 60.0, "mean": 60.0, "max": 60.0}
    assert (receiver["cname"], receiver["goodbye"]["reason"]) == ("b@c.d", "done")
    (stream,) = counts["streams"]
    assert (stream["lost"], stream["missing"], stream["gaps"], stream["longest_gap_packets"]) == (3, 3, 2, 2)


def test_what_nobody_announced_is_apart(tmp_path: Path) -> None:
    path = captures.nobody_announced(tmp_path / "capture.pcap")
    report = pcapstream.analyze(str(path))
    counts = report.summary(pcapstream.RtpSummary).counts()

    assert "rtp" not in report.summary(pcapstream.TriageSummary).tally.protocols()
    assert (counts["packets"], counts["heuristic_packets"]) == (0, 58)
    (stream,) = counts["streams"]
    assert (stream["detected_by"], stream["packets"], stream["lost"], stream["first_frame"]) == ("heuristic", 58, 2, 1)
    result = ask(TOOL, path)
    (found,) = [one for one in result["findings"] if one["code"] == "rtp_not_announced"]
    assert found["frames"] == [1]
    assert "udp.srcport == 40000" in found["filter"]
    assert result["rtp"]["heuristic"] == {"packets": 58, "streams": 1}
    assert len(rows(result["rtp_streams"])) == 1


def test_the_tool_shows_streams_and_reports(tmp_path: Path) -> None:
    result = ask(TOOL, captures.reported(tmp_path / "capture.pcap"))

    (stream,) = rows(result["rtp_streams"])
    assert (stream["codecs"], stream["packets"], stream["lost"], stream["detected_by"]) == (
        ["g711A", "telephone-event"], 112, 3, "announced",
    )  # fmt: skip
    assert [key["key"] for key in stream["dtmf"]] == ["1", "2", "#"]
    assert stream["call_ids"] == ["call1@example.com"]
    assert stream["reported"]["round_trip_ms"] == 60.0
    # R = 93.2 - 0.024 (20 + 60 / 2) - 95 * 2.6087 / (2.6087 / (1.5 * 0.97391) + 25.1) = 82.78, which is MOS 4.125.
    assert (stream["r_factor"], stream["mos"]) == (82.8, 4.12)
    assert len(rows(result["rtcp_reports"])) == 2
    assert {"rtp_loss"} <= {one["code"] for one in result["findings"]}
