"""Findings of the module security: how bad it would be and how sure it is, apart; and what looks alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pcapstream.tools.finding import MAX_FRAMES, FirstLook, Severity, finding

Level = Literal["low", "medium", "high"]

LEVELS: tuple[Level, ...] = ("high", "medium", "low")

MAX_EACH = 10
"""Findings of one rule, the largest first."""


def threat(
    rule: str,
    severity: Level,
    confidence: Level,
    text: str,
    *,
    count: int,
    frames: Iterable[int],
    filter: str,
    false_alarm: str,
    mitre: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """severity: how bad it is if it is what the rule is for; confidence: how seldom something harmless looks alike.
    mitre: technique of MITRE ATT&CK."""
    return {
        "rule": rule,
        "severity": severity,
        "confidence": confidence,
        "text": text,
        "count": count,
        "frames": sorted({frame for frame in frames if frame})[:MAX_FRAMES],
        "filter": filter,
        "mitre": mitre,
        "false_alarm": false_alarm,
        **more,
    }


def by_level(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The most severe first, then the surest."""
    return sorted(found, key=lambda one: (LEVELS.index(one["severity"]), LEVELS.index(one["confidence"])))


def family(address: str) -> str:
    """Wireshark's name of the address's protocol."""
    return "ipv6" if ":" in address else "ip"


_WEIGHTS: dict[Level, Severity] = {"high": "severe", "medium": "warning"}


def first_look_of(text: str, found: Iterable[dict[str, Any]]) -> FirstLook | None:
    """What of it belongs into a first look: all but the low ones. None: nothing."""
    findings = [
        finding(
            one["rule"], _WEIGHTS[one["severity"]], one["text"],
            count=one["count"], frames=one["frames"], filter=one["filter"],
        )
        for one in found
        if one["severity"] in _WEIGHTS
    ]  # fmt: skip
    return FirstLook(text, findings) if findings else None
