"""NTP: offsets and delays that were put in, and Wireshark's word for every filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import ntp, wireshark
from tests.support.ask import ask, rows
from tests.support.pcap import Frame, in_time_order, pcap

TOOL = "analyze_ntp_packets"
MS = 1_000_000
SECOND = 1_000 * MS


def made(path: Path, frames: list[Frame]) -> Path:
    path.write_bytes(pcap(frames, nanoseconds=True))
    return path


def test_offset_delay_and_stratum_of_a_server(tmp_path: Path) -> None:
    frames = [ntp.request(0), ntp.response(0, 31 * MS, offset_ns=250 * MS)]
    frames += [ntp.request(64 * SECOND), ntp.response(64 * SECOND, 64 * SECOND + 51 * MS, offset_ns=350 * MS)]

    result = ask(TOOL, made(tmp_path / "capture.pcap", frames))

    (server,) = rows(result["servers"])
    assert (server["server"], server["stratum"], server["reference"]) == (ntp.SERVER, [2], ["198.51.100.1"])
    assert (server["requests"], server["answered"], server["responses"], server["measured"]) == (2, 2, 2, 2)
    offsets = [server[name] for name in ("offset_min_ms", "offset_ms", "offset_max_ms")]
    assert offsets == pytest.approx([250.0, 300.0, 350.0], abs=0.001)
    # 31 and 51 ms on the wire less 1 ms in the server.
    assert [server["delay_ms"], server["delay_max_ms"]] == pytest.approx([40.0, 50.0], abs=0.001)
    assert result["findings"] == []
    packet = rows(result["packets"])[1]
    assert (packet["version"], packet["mode_name"], packet["leap"]) == (4, "server", "no warning")
    assert (packet["poll_log2_s"], packet["precision_log2_s"]) == (6, -23)
    assert (packet["root_delay_ms"], packet["root_dispersion_ms"]) == (500.0, 1000.0)


def trouble() -> list[Frame]:
    more = [ntp.request(2 * SECOND, server="192.0.2.9"), ntp.request(3 * SECOND, server="192.0.2.8")]
    more += [ntp.response(2 * SECOND, 2 * SECOND + 9 * MS, server="192.0.2.9", offset_ns=-5 * SECOND)]
    more += [ntp.response(3 * SECOND, 3 * SECOND + 9 * MS, server="192.0.2.8", stratum=16, leap=3)]
    return in_time_order([*ntp.ntp_flows(), more])


def test_trouble_is_found(tmp_path: Path) -> None:
    result = ask(TOOL, made(tmp_path / "capture.pcap", trouble()))

    assert {found["code"]: found["count"] for found in result["findings"]} == {
        "kiss_of_death": 1, "unsynchronized_server": 1, "far_offset": 1, "private_messages": 1,
        "malformed_messages": 1, "unanswered_requests": 2, "unasked_answers": 1,
    }  # fmt: skip
    statistics: dict[str, Any] = result["statistics"]
    assert (statistics["requests"], statistics["responses"], statistics["unanswered"]) == (7, 6, 2)


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_filters_of_findings_show_their_frames_in_wireshark(tmp_path: Path) -> None:
    path = made(tmp_path / "capture.pcap", trouble())

    findings = ask(TOOL, path)["findings"]
    shown = wireshark.frames_of(path, [found["filter"] for found in findings])
    for found in findings:
        assert set(found["frames"]) <= set(shown[found["filter"]]), found["code"]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_fields_are_those_of_wireshark(tmp_path: Path) -> None:
    path = made(tmp_path / "capture.pcap", trouble())

    result = ask(TOOL, path)

    assert result["ntp_packets_found"] == len(wireshark.frames(path, "ntp"))
    ours = [
        [str(row["frame"]), str(row["stratum"]), str(row["poll_log2_s"])]
        for row in rows(result["packets"])
        if row["mode_name"] in ("client", "server") and not row["malformed"]
    ]
    names = ["frame.number", "ntp.stratum", "ntp.ppoll"]
    assert ours == wireshark.fields(path, names, "ntp.flags.mode in {3, 4} && ntp.xmt")


def test_a_capture_without_ntp(tmp_path: Path) -> None:
    result = ask(TOOL, made(tmp_path / "capture.pcap", []))

    assert (result["ntp_packets_found"], result["message"]) == (0, "No NTP packets found in this capture")
