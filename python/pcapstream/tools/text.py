"""Words and numbers fit for a result: escaped capture text, UTC times, plural forms, rates."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MAX_CAPTURE_TEXT = 200
"""Longest text of a capture in one cell: enough to know a name by, too short to hide a page of instructions in."""
MAX_SHOWN_CHARS = 80

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that terminals and people act on without seeing: controls, bidi and zero-width marks, surrogates,
separators that break lines."""

_NS = 1_000_000_000


def clean(text: str, most: int = MAX_CAPTURE_TEXT) -> str:
    """Text of a capture for a data cell: nothing invisible in it, of bounded length."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(
            c if c == " " or unicodedata.category(c) not in _UNSEEN else _escape(c) for c in text[: most + 1]
        )
    return text if len(text) <= most else text[: most - 1] + "…"


def cleaned(value: Any) -> Any:
    """A value of a decoded message, all texts in it fit for a data cell; keys are ours."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, Mapping):
        return {key: cleaned(item) for key, item in value.items()}
    return value


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(value: object) -> str:
    """What a caller gave, for an error message."""
    return f"'{clean(value, MAX_SHOWN_CHARS)}'" if isinstance(value, str) else clean(repr(value), MAX_SHOWN_CHARS)


def utc(ns: int | None) -> str | None:
    """ISO 8601 in UTC with Z, microseconds, or nanoseconds where there are any."""
    if ns is None:
        return None
    seconds, rest = divmod(ns, _NS)
    try:
        day = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds}.{rest:09d} s after 1970-01-01T00:00:00Z"
    fraction = f"{rest // 1000:06d}" if rest % 1000 == 0 else f"{rest:09d}"
    return f"{day:%Y-%m-%dT%H:%M:%S}.{fraction}Z" if day.year >= 1000 else f"{day.isoformat()[:19]}.{fraction}Z"


def seconds(ns: int | None) -> float | None:
    """Float seconds; a float keeps 1 us of a time since 1970."""
    return None if ns is None else ns / _NS


def milliseconds(ns: int | None) -> float | None:
    return None if ns is None else round(ns / 1e6, 3)


def ratio(part: float, whole: float, digits: int = 6) -> float:
    """0.0 where there is no whole."""
    return round(part / whole, digits) if whole else 0.0


def count(number: int, one: str, many: str | None = None) -> str:
    """ "1 packet", "1,234 packets"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """Two digits that matter: "2.3 %", "0.041 %", "100 %"."""
    return f"{share * 100:.3g} %" if share < 0.9995 else f"{share * 100:.0f} %"


def size(number: float) -> str:
    """Bytes for people, decimal units."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"


def duration(total_seconds: float) -> str:
    """Time for people: "0.8 ms", "12.3 s", "2 h 5 min"."""
    if total_seconds < 1:
        return f"{total_seconds * 1000:.3g} ms"
    if total_seconds < 120:
        return f"{total_seconds:.3g} s"
    minutes = round(total_seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def join_names(address: str, port: int) -> str:
    """ "10.0.0.1:80", "[2001:db8::1]:80"."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
