"""Values the tables of SIP are made of: each can be merged with that of another part of the traffic in any order."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from pcapstream._core import Message

MAX_FRAMES = 20
"""Frames kept as evidence of one kind of event."""

T = TypeVar("T")
K = TypeVar("K")


class Event(NamedTuple):
    """Something that happened: when, in which frame, sent by whom to whom."""

    time_ns: int
    frame: int
    src: str
    src_port: int
    dst: str
    dst_port: int
    transport: str
    code: int | None = None
    text: str = ""
    """Reason phrase, or what its place says."""
    tag: str = ""
    """From tag of a request, To tag of a response: that of who sent it."""


def event(message: Message, code: int | None = None, text: str = "", tag: str = "") -> Event:
    # A few addresses stand in very many events: each is one string.
    return Event(
        message.time_ns, message.frame, intern(message.src), message.src_port, intern(message.dst), message.dst_port,
        intern(message.transport), code, text, tag,
    )  # fmt: skip


def earliest(one: Event | None, other: Event | None) -> Event | None:
    if one is None or other is None:
        return one or other
    return one if one[:2] <= other[:2] else other


def latest(one: Event | None, other: Event | None) -> Event | None:
    if one is None or other is None:
        return one or other
    return one if one[:2] >= other[:2] else other


def put(into: set[T], value: T, limit: int) -> None:
    if value in into or len(into) < limit:
        into.add(value)


def unite(one: set[T], other: set[T], limit: int) -> set[T]:
    both = one | other
    return both if len(both) <= limit else set(sorted(both, key=repr)[:limit])


def count(into: Counter[K], key: K, limit: int) -> None:
    if key in into or len(into) < limit:
        into[key] += 1


@dataclass(slots=True)
class Evidence:
    """How often, and the lowest frame numbers, whatever the order they come in."""

    count: int = 0
    frames: list[int] = field(default_factory=list)

    def add(self, frame: int) -> None:
        self.count += 1
        if len(self.frames) < MAX_FRAMES or frame < self.frames[-1]:
            insort(self.frames, frame)
            del self.frames[MAX_FRAMES:]

    def merge(self, other: Evidence) -> Evidence:
        return Evidence(self.count + other.count, sorted(self.frames + other.frames)[:MAX_FRAMES])

    def copy(self) -> Evidence:
        return Evidence(self.count, list(self.frames))


@dataclass(slots=True)
class Spread:
    """Number, sum, least and largest of some times, ns."""

    count: int = 0
    sum_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0

    def add(self, ns: int) -> None:
        self.min_ns = ns if not self.count else min(self.min_ns, ns)
        self.max_ns = ns if not self.count else max(self.max_ns, ns)
        self.count += 1
        self.sum_ns += ns

    def merge(self, other: Spread) -> Spread:
        if not self.count or not other.count:
            return (self if self.count else other).copy()
        return Spread(
            self.count + other.count,
            self.sum_ns + other.sum_ns,
            min(self.min_ns, other.min_ns),
            max(self.max_ns, other.max_ns),
        )

    def copy(self) -> Spread:
        return Spread(self.count, self.sum_ns, self.min_ns, self.max_ns)


class Media(NamedTuple):
    """One `m=` line of a session description."""

    kind: str
    address: str | None
    port: int
    protocol: str
    direction: str
    codecs: tuple[tuple[int | None, str, int], ...]
    """(payload type, encoding, clock rate; 0: not said)"""
    ptime_ms: int | None
    keys: str | None
    """sdes: in the description itself; dtls; None: no sign of encryption."""
    ice_candidates: int


def media_of(descriptions: list[Mapping[str, Any]]) -> tuple[Media, ...]:
    """The media of the session descriptions in one message."""
    return tuple(
        Media(
            one["kind"], one["address"], one["port"], one["protocol"], one["direction"],
            tuple((c["payload_type"], c["codec"], c.get("clock_rate", 0)) for c in one["codecs"]),
            one.get("ptime_ms"), one.get("keys"), one.get("ice_candidates", 0),
        )
        for description in descriptions
        for one in description["media"]
    )  # fmt: skip


class Description(NamedTuple):
    """What one end said of its media, last."""

    time_ns: int
    frame: int
    sender: str
    """Address the message came from."""
    method: str
    response: bool
    media: tuple[Media, ...]
