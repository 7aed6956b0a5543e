"""Transactions: a request and its responses, told apart by branch, CSeq and the two hosts (RFC 3261 17)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapstream._core import Message

Key = tuple[str, str, int, str, str, str]
"""Call-ID, branch, CSeq number, CSeq method, both hosts in order."""

WAIT_NS = 600_000_000_000
"""Without a final response a transaction is over that long after its last message: a telephone may ring for minutes."""
_MAX_ANSWERS = 32
DONE_NS = 64_000_000_000
"""After a final response that long: both ends forget it after 64 x T1 = 32 s, and timers may start late."""


@dataclass(slots=True)
class Transaction:
    """A request that has no final response, or had one a short while ago."""

    method: str
    frame: int
    time_ns: int
    last_ns: int
    credentials: bool
    removing: bool
    """A REGISTER that takes a registration away."""
    begins_call: bool
    src: str
    dst: str
    aor: str
    answers: tuple[tuple[int, str], ...] = ()
    """Distinct (code, To tag) of its responses, in order: a forked request has several final ones."""
    login: tuple[str, str, str, str] | None = None
    """(user, scheme, client, server) of its credentials."""

    @property
    def final(self) -> bool:
        return any(code >= 200 for code, _ in self.answers)


class Transactions:
    """The open ones, bounded: at the limit the one open longest is forgotten and counts as it stands."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[Key, Transaction] = {}
        self.forgotten = 0
        """Dropped for want of room while no final response had come."""

    def request(self, message: Message, found: Mapping[str, Any]) -> tuple[Transaction, bool, list[Transaction]]:
        """(the request's transaction, whether it is the request sent again, transactions that ended for want of
        room)."""
        key = _key(message, found, found["method"])
        old = self._find(key, message.time_ns)
        if old is not None:
            # A request that crosses the same two hosts the other way has another branch; the same branch is a copy.
            old.last_ns = message.time_ns
            return old, True, []
        new = Transaction(
            found["method"],
            message.frame,
            message.time_ns,
            message.time_ns,
            "credentials" in found,
            _removes(found),
            found["method"] == "INVITE" and not found.get("to_tag"),
            message.src,
            message.dst,
            found.get("to_uri", ""),
            login=login_of(message, found),
        )
        ended = [self._open.pop(key)] if key in self._open else []
        while len(self._open) >= self._limit:
            ended.append(self._open.pop(next(iter(self._open))))
            self.forgotten += not ended[-1].final and not _over(ended[-1], message.time_ns)
        self._open[key] = new
        return new, False, ended

    def response(self, message: Message, found: Mapping[str, Any]) -> tuple[Transaction | None, bool]:
        """(its transaction, None where the request is not in the capture; whether the response is a copy)."""
        found_one = self._find(_key(message, found, found.get("cseq_method", "")), message.time_ns)
        if found_one is None:
            return None, False
        found_one.last_ns = message.time_ns
        this = (found["code"], found.get("to_tag", ""))
        if this in found_one.answers:
            return found_one, True
        if len(found_one.answers) < _MAX_ANSWERS:
            found_one.answers += (this,)
        return found_one, False

    def open(self) -> Iterator[Transaction]:
        yield from self._open.values()

    def __len__(self) -> int:
        return len(self._open)

    def _find(self, key: Key, now_ns: int) -> Transaction | None:
        one = self._open.get(key)
        return None if one is None or _over(one, now_ns) else one


def _over(one: Transaction, now_ns: int) -> bool:
    return now_ns - one.last_ns > (DONE_NS if one.final else WAIT_NS)


def _key(message: Message, found: Mapping[str, Any], method: str) -> Key:
    low, high = sorted((message.src, message.dst))
    branch = found.get("branch", "")
    if not branch.startswith("z9hG4bK"):
        # RFC 2543: branches need not be unique; tags help to tell transactions apart.
        branch += "|" + found.get("from_tag", "")
    return found.get("call_id", ""), branch, found.get("cseq", 0), method, low, high


def login_of(message: Message, found: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    """(user, scheme, client, server) of a request with credentials."""
    if "credentials" not in found:
        return None
    return found.get("credentials_user", ""), found["credentials"], message.src, message.dst


def _removes(found: Mapping[str, Any]) -> bool:
    if found["method"] != "REGISTER":
        return False
    seconds: int | None = found.get("contact_expires", found.get("expires"))
    return seconds == 0
