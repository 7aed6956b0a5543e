"""Text of captures is made harmless, times and numbers are written in one way."""

from __future__ import annotations

import pytest

from pcapstream.tools.text import clean, count, duration, percent, size, utc

HOSTILE = [
    ("\x1b[31mred", "\\x1b[31mred"),
    ("a\r\nb\x00", "a\\x0d\\x0ab\\x00"),
    ("\u202egnp.exe", "\\u202egnp.exe"),
    ("in\u200bvisible", "in\\u200bvisible"),
    ("\u2028line", "\\u2028line"),
    ("\ud800", "\\ud800"),
    ("\U000e0041", "\\U000e0041"),
    ("\x9b2J", "\\x9b2J"),
    ("plain, ümläut 漢", "plain, ümläut 漢"),
]


@pytest.mark.parametrize(("text", "expected"), HOSTILE)
def test_nothing_invisible_gets_through(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert clean(clean(text)) == expected


def test_text_has_a_longest_length() -> None:
    assert len(clean("x" * 10_000)) == 200
    assert len(clean("\x1b" * 10_000)) == 200


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000_123_456_000, "2023-11-14T22:13:20.123456Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (10**30, "1000000000000000000000.000000000 s after 1970-01-01T00:00:00Z"),
    ],
)
def test_times_are_utc_with_z(ns: int | None, expected: str | None) -> None:
    assert utc(ns) == expected


def test_numbers_read_well() -> None:
    assert count(1, "packet") == "1 packet"
    assert count(1234, "packet") == "1,234 packets"
    assert [percent(share) for share in (0, 0.0004, 0.0234, 0.5, 1)] == ["0 %", "0.04 %", "2.34 %", "50 %", "100 %"]
    assert [size(n) for n in (0, 999, 1000, 65_600_000, 2_000_000_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "65.6 MB",
        "2,000.0 TB",
    ]
    assert [duration(s) for s in (0, 0.0005, 12.34, 600, 7500, 200_000)] == [
        "0 ms",
        "0.5 ms",
        "12.3 s",
        "10 min",
        "2 h 5 min",
        "2 d 7 h",
    ]
