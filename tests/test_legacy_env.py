"""Old settings are taken with a notice, and nothing of their values is said."""

from __future__ import annotations

from pcapstream.legacy_env import notices


def test_each_old_setting_has_a_notice_without_its_value() -> None:
    said = notices(
        {"TSHARK_PATH": "/secret", "WIRESHARK_PATH": "/secret", "ANALYSIS_TEMP_DIR": "/secret", "PATH": "/bin"}
    )
    assert [line.split(" ", 1)[0] for line in said] == ["TSHARK_PATH", "WIRESHARK_PATH", "ANALYSIS_TEMP_DIR"]
    assert all("is set but not used" in line for line in said)
    assert "secret" not in "".join(said)


def test_what_is_unset_or_empty_is_not_spoken_of() -> None:
    assert notices({}) == []
    assert notices({"TSHARK_PATH": ""}) == []
