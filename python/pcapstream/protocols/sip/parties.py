"""Registrations, keep-alive requests and what is known of each sender of requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.sip.events import Event, Evidence, Spread, count, earliest, event, latest, put, unite

if TYPE_CHECKING:
    from pcapstream._core import Message

MAX_NAMES = 1_000
"""Users, numbers and targets kept of one sender: what is more is at least that many."""
MAX_FEW = 16


@dataclass(slots=True)
class Registration:
    """REGISTER of one address of record by one client at one registrar."""

    user: str = ""
    requests: int = 0
    """Without those sent again."""
    with_credentials: int = 0
    challenges: int = 0
    refused_credentials: Evidence = field(default_factory=Evidence)
    """401, 403 and 407 to a request that had credentials, unless the challenge calls them stale: `frames` are those
    of the responses."""
    accepted: int = 0
    removed: int = 0
    """Accepted requests that take the registration away (expiry 0)."""
    codes: Counter[int] = field(default_factory=Counter)
    contacts: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    first: Event | None = None
    first_accepted: Event | None = None
    last: Event | None = None
    """Last final response; `text` is the reason phrase, `tag` "credentials" where the request had some."""
    expires: tuple[int, int] | None = None
    """(time ns, seconds granted last)"""

    def request(self, message: Message, found: Mapping[str, Any]) -> None:
        self.requests += 1
        self.user = self.user or found.get("to_user", "")
        self.with_credentials += "credentials" in found
        self.first = earliest(self.first, event(message))
        for contact in found.get("contacts", ()):
            put(self.contacts, contact, MAX_FEW)
        if agent := found.get("agent"):
            put(self.agents, agent, MAX_FEW)

    def response(self, message: Message, found: Mapping[str, Any], *, credentials: bool, removing: bool) -> None:
        """A final response. credentials: the request had some."""
        code = found["code"]
        now = event(message, code, found.get("reason", ""), "credentials" if credentials else "")
        self.codes[code] += 1
        self.last = latest(self.last, now)
        if 200 <= code < 300:
            self.accepted += 1
            self.removed += removing
            self.first_accepted = earliest(self.first_accepted, now)
            seconds = found.get("contact_expires", found.get("expires"))
            if seconds is not None:
                self.expires = max(self.expires or (message.time_ns, seconds), (message.time_ns, seconds))
        elif code in (401, 407) and not (credentials and not found.get("stale")):
            self.challenges += 1
        if credentials and code in (401, 403, 407) and not found.get("stale"):
            self.refused_credentials.add(message.frame)

    def merge(self, other: Registration) -> Registration:
        spans = [one for one in (self.expires, other.expires) if one is not None]
        return Registration(
            self.user or other.user,
            self.requests + other.requests,
            self.with_credentials + other.with_credentials,
            self.challenges + other.challenges,
            self.refused_credentials.merge(other.refused_credentials),
            self.accepted + other.accepted,
            self.removed + other.removed,
            self.codes + other.codes,
            unite(self.contacts, other.contacts, MAX_FEW),
            unite(self.agents, other.agents, MAX_FEW),
            earliest(self.first, other.first),
            earliest(self.first_accepted, other.first_accepted),
            latest(self.last, other.last),
            max(spans) if spans else None,
        )

    def copy(self) -> Registration:
        return self.merge(Registration())

    @property
    def state(self) -> str:
        """registered, removed, refused, challenged (the last attempt had no credentials), unanswered"""
        if self.last is None or self.last.code is None:
            return "unanswered"
        if self.last.code < 300:
            return "removed" if self.removed and self.expires is not None and self.expires[1] == 0 else "registered"
        if self.last.code in (401, 407) and not self.last.tag:
            return "challenged"
        return "refused"


@dataclass(slots=True)
class Ping:
    """OPTIONS of one host to another."""

    requests: int = 0
    answered: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    times: Spread = field(default_factory=Spread)
    first: Event | None = None
    last_unanswered: Event | None = None

    def merge(self, other: Ping) -> Ping:
        return Ping(
            self.requests + other.requests,
            self.answered + other.answered,
            self.codes + other.codes,
            self.times.merge(other.times),
            earliest(self.first, other.first),
            latest(self.last_unanswered, other.last_unanswered),
        )

    def copy(self) -> Ping:
        return self.merge(Ping())


@dataclass(slots=True)
class Sender:
    """Requests of one address, and how they were answered."""

    methods: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    """Final responses to them."""
    targets: set[str] = field(default_factory=set)
    """Addresses they went to."""
    users: set[str] = field(default_factory=set)
    """Users that REGISTER, OPTIONS and SUBSCRIBE named."""
    numbers: set[str] = field(default_factory=set)
    """Users that INVITEs which begin a call named."""
    agents: set[str] = field(default_factory=set)
    refused_credentials: Evidence = field(default_factory=Evidence)
    unknown_users: Evidence = field(default_factory=Evidence)
    """404, 410, 484 and 604, by response."""
    answered_calls: int = 0
    frames: list[int] = field(default_factory=list)
    """First ones of requests."""
    call_frames: list[int] = field(default_factory=list)
    """First ones of INVITEs that begin a call."""
    first_ns: int | None = None
    last_ns: int | None = None

    def request(self, message: Message, found: Mapping[str, Any]) -> None:
        method = found["method"]
        count(self.methods, method, MAX_FEW)
        put(self.targets, message.dst, MAX_NAMES)
        if method == "INVITE" and not found.get("to_tag") and (number := found.get("uri_user")):
            put(self.numbers, number, MAX_NAMES)
            if len(self.call_frames) < MAX_FEW:
                self.call_frames.append(message.frame)
        elif method in ("REGISTER", "OPTIONS", "SUBSCRIBE") and (user := found.get("to_user")):
            put(self.users, user, MAX_NAMES)
        if agent := found.get("agent"):
            put(self.agents, agent, MAX_FEW)
        if len(self.frames) < MAX_FEW:
            self.frames.append(message.frame)
        self.first_ns = message.time_ns if self.first_ns is None else min(self.first_ns, message.time_ns)
        self.last_ns = message.time_ns if self.last_ns is None else max(self.last_ns, message.time_ns)

    def response(self, message: Message, code: int, *, call: bool, credentials: bool, stale: bool) -> None:
        """A final response to one of them. call: to an INVITE that begins one."""
        self.codes[code] += 1
        self.answered_calls += call and 200 <= code < 300
        if credentials and code in (401, 403, 407) and not stale:
            self.refused_credentials.add(message.frame)
        if code in (404, 410, 484, 604):
            self.unknown_users.add(message.frame)

    @property
    def requests(self) -> int:
        return self.methods.total()

    def merge(self, other: Sender) -> Sender:
        starts = [at for at in (self.first_ns, other.first_ns) if at is not None]
        ends = [at for at in (self.last_ns, other.last_ns) if at is not None]
        return Sender(
            self.methods + other.methods,
            self.codes + other.codes,
            unite(self.targets, other.targets, MAX_NAMES),
            unite(self.users, other.users, MAX_NAMES),
            unite(self.numbers, other.numbers, MAX_NAMES),
            unite(self.agents, other.agents, MAX_FEW),
            self.refused_credentials.merge(other.refused_credentials),
            self.unknown_users.merge(other.unknown_users),
            self.answered_calls + other.answered_calls,
            sorted(self.frames + other.frames)[:MAX_FEW],
            sorted(self.call_frames + other.call_frames)[:MAX_FEW],
            min(starts) if starts else None,
            max(ends) if ends else None,
        )

    def copy(self) -> Sender:
        return self.merge(Sender())


@dataclass(slots=True)
class Login:
    """Credentials of one user by one client at one server."""

    port: int = 0
    attempts: int = 0
    accepted: int = 0
    refused: int = 0
    first: Event | None = None
    frames: list[int] = field(default_factory=list)

    def request(self, message: Message) -> None:
        self.port = self.port or message.dst_port
        self.attempts += 1
        self.first = earliest(self.first, event(message))
        if len(self.frames) < MAX_FEW:
            self.frames.append(message.frame)

    def response(self, code: int, *, stale: bool) -> None:
        """A final one."""
        self.accepted += 200 <= code < 300
        self.refused += code in (401, 403, 407) and not stale

    def merge(self, other: Login) -> Login:
        return Login(
            min(self.port, other.port) or self.port or other.port,
            self.attempts + other.attempts,
            self.accepted + other.accepted,
            self.refused + other.refused,
            earliest(self.first, other.first),
            sorted(self.frames + other.frames)[:MAX_FEW],
        )

    def copy(self) -> Login:
        return self.merge(Login())
