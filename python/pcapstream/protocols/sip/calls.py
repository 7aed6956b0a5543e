"""Calls, by their Call-ID: what of one was seen, and what follows from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.protocols.sip.events import Description, Event, earliest, event, latest, media_of, put, unite

if TYPE_CHECKING:
    from pcapstream._core import Message

METHODS = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "PRACK"})
"""Methods that belong to calls."""

MAX_TAGS = 16
MAX_HOPS = 16
MAX_CSEQS = 64
MAX_PLACES = 64

State = Literal[
    "completed", "answered", "cancelled", "redirected", "failed", "challenged", "ringing", "unanswered", "partial"
]


@dataclass(slots=True)
class Call:
    """One call. Events are the first of their kind where nothing else is said."""

    call_id: str
    from_uri: str = ""
    from_user: str = ""
    to_uri: str = ""
    to_user: str = ""
    asserted: str = ""
    """P-Asserted-Identity of the first INVITE that has one."""
    agents: set[str] = field(default_factory=set)
    invite: Event | None = None
    """First INVITE that begins the call; its `text` is the Request-URI."""
    trying: Event | None = None
    ringing: Event | None = None
    """First 180 to 183 and 199."""
    challenge: Event | None = None
    """First 401 or 407."""
    answer: Event | None = None
    """First 2xx."""
    ack: Event | None = None
    failure: Event | None = None
    """Last final response that is neither 2xx nor a challenge."""
    redirect: Event | None = None
    """First 3xx; its `text` has the contacts."""
    cancel: Event | None = None
    bye: Event | None = None
    """Its `text` is the header Reason."""
    bye_answer: Event | None = None
    refer: Event | None = None
    """First REFER; its `text` is Refer-To."""
    hops: set[tuple[str, str]] = field(default_factory=set)
    """(source, destination) of the INVITEs that begin it."""
    callee_tags: set[str] = field(default_factory=set)
    """To tags of responses to the INVITE: more than one where it was forked."""
    answered_tags: set[str] = field(default_factory=set)
    later_invites: set[tuple[str, int]] = field(default_factory=set)
    """(tag of the sender, CSeq) of INVITEs inside the call."""
    sdp: dict[tuple[str, str], Description] = field(default_factory=dict)
    """(tag, address) of the sender -> the last description."""
    places: set[tuple[str, str, int]] = field(default_factory=set)
    """(tag of who wants media there, address, port), of all descriptions."""
    retransmissions: int = 0
    answers_again: int = 0
    """Copies of the 2xx."""
    messages: int = 0
    last_ns: int | None = None

    def request(self, message: Message, found: Mapping[str, Any], *, again: bool) -> None:
        method, tag = found["method"], found.get("from_tag", "")
        self._seen(message, again)
        if again:
            return
        now = event(message, tag=tag)
        if method == "INVITE" and not found.get("to_tag"):
            first = now._replace(text=found["uri"])
            if earliest(self.invite, first) is first:
                self.invite = first
                self._name(found)
            put(self.hops, (message.src, message.dst), MAX_HOPS)
            self.asserted = self.asserted or found.get("asserted", "")
        elif method == "INVITE":
            put(self.later_invites, (tag, found.get("cseq", 0)), MAX_CSEQS)
        elif method == "ACK":
            self.ack = earliest(self.ack, now)
        elif method == "BYE":
            self.bye = earliest(self.bye, now._replace(text=found.get("cause", "")))
        elif method == "CANCEL":
            self.cancel = earliest(self.cancel, now._replace(text=found.get("cause", "")))
        elif method == "REFER":
            self.refer = earliest(self.refer, now._replace(text=found.get("refer_to", "")))
        if self.invite is None:
            # What is inside a call names the parties from the side of its sender.
            self._name(found)
        if agent := found.get("agent"):
            put(self.agents, agent, MAX_TAGS)
        self._describe(message, found, tag, method, response=False)

    def response(self, message: Message, found: Mapping[str, Any], *, again: bool) -> None:
        code, method, tag = found["code"], found.get("cseq_method", ""), found.get("to_tag", "")
        self._seen(message, again)
        if again:
            self.answers_again += method == "INVITE" and 200 <= code < 300
            return
        now = event(message, code, found.get("reason", ""), tag)
        if method == "BYE":
            self.bye_answer = earliest(self.bye_answer, now)
        if method == "INVITE":
            if tag and code > 100 and code not in (401, 407):
                put(self.callee_tags, tag, MAX_TAGS)
            self._progress(now, code, found)
        if agent := found.get("server") or found.get("agent"):
            put(self.agents, agent, MAX_TAGS)
        self._describe(message, found, tag, method, response=True)

    def _progress(self, now: Event, code: int, found: Mapping[str, Any]) -> None:
        if code == 100:
            self.trying = earliest(self.trying, now)
        elif code < 200:
            self.ringing = earliest(self.ringing, now)
        elif code < 300:
            self.answer = earliest(self.answer, now)
            put(self.answered_tags, now.tag, MAX_TAGS)
        elif code in (401, 407):
            self.challenge = earliest(self.challenge, now)
        else:
            self.failure = latest(self.failure, now)
            if code < 400:
                to = ", ".join(found.get("contacts", ()))
                self.redirect = earliest(self.redirect, now._replace(text=to))

    def _seen(self, message: Message, again: bool) -> None:
        self.messages += 1
        self.retransmissions += again
        self.last_ns = message.time_ns if self.last_ns is None else max(self.last_ns, message.time_ns)

    def _name(self, found: Mapping[str, Any]) -> None:
        self.from_uri, self.to_uri = found.get("from_uri", ""), found.get("to_uri", "")
        self.from_user, self.to_user = found.get("from_user", ""), found.get("to_user", "")

    def _describe(self, message: Message, found: Mapping[str, Any], tag: str, method: str, *, response: bool) -> None:
        if "sdp" not in found:
            return
        key = (tag, message.src)
        told = Description(message.time_ns, message.frame, message.src, method, response, media_of(found["sdp"]))
        old = self.sdp.get(key)
        if (old is None and len(self.sdp) < MAX_TAGS) or (old is not None and old[:2] <= told[:2]):
            self.sdp[key] = told
        for one in told.media:
            if one.port and one.address:
                put(self.places, (tag, one.address, one.port), MAX_PLACES)

    def merge(self, other: Call) -> Call:
        """Of both parts of the traffic."""
        out = self.copy()
        first = self if earliest(self.invite, other.invite) is self.invite else other
        named = first if first.invite or first.from_uri else (self if self.from_uri else other)
        out.from_uri, out.from_user = named.from_uri, named.from_user
        out.to_uri, out.to_user = named.to_uri, named.to_user
        out.asserted = first.asserted or self.asserted or other.asserted
        for name in _FIRST:
            setattr(out, name, earliest(getattr(self, name), getattr(other, name)))
        out.failure = latest(self.failure, other.failure)
        for name in _SETS:
            setattr(out, name, unite(getattr(self, name), getattr(other, name), MAX_CSEQS))
        for key, told in other.sdp.items():
            old = out.sdp.get(key)
            if old is None or old[:2] <= told[:2]:
                out.sdp[key] = told
        for name in ("retransmissions", "answers_again", "messages"):
            setattr(out, name, getattr(self, name) + getattr(other, name))
        ends = [at for at in (self.last_ns, other.last_ns) if at is not None]
        out.last_ns = max(ends) if ends else None
        return out

    def copy(self) -> Call:
        out = copy.copy(self)
        for name in (*_SETS, "sdp"):
            setattr(out, name, getattr(self, name).copy())
        return out

    # What follows from it.

    @property
    def state(self) -> State:
        if self.bye is not None:
            return "completed"
        if self.answer is not None:
            return "answered"
        if self.invite is None and self.failure is None:
            return "partial"
        if self.failure is not None and self.failure.code is not None:
            if self.failure.code == 487 or (self.cancel is not None and self.failure.code != 486):
                return "cancelled"
            return "redirected" if self.failure.code < 400 else "failed"
        if self.cancel is not None:
            return "cancelled"
        if self.challenge is not None and self.ringing is None and not self._after_challenge:
            return "challenged"
        return "ringing" if self.ringing is not None else "unanswered"

    @property
    def _after_challenge(self) -> bool:
        """Something came behind the challenge: another attempt is on its way."""
        at = self.challenge
        return at is not None and self.trying is not None and self.trying[:2] > at[:2]

    @property
    def end(self) -> Event | None:
        """BYE, CANCEL or the last refusal; None: it goes on, or its end is not in the capture."""
        if self.bye is not None:
            return self.bye
        if self.answer is not None:
            return None
        return earliest(self.cancel, self.failure)

    @property
    def ended_by(self) -> str | None:
        """caller, callee, network (a refusal that no callee sent), or None."""
        end = self.end
        if end is None:
            return None
        if end is self.failure:
            return "callee" if end.tag and end.tag in self.callee_tags and end.code in _BY_CALLEE else "network"
        if self.invite is None:
            return None
        return "caller" if end.tag == self.invite.tag else "callee"

    @property
    def final(self) -> Event | None:
        """The final response that counts: 2xx, else the last refusal, else the challenge."""
        return self.answer or self.failure or self.challenge

    @property
    def duration_ns(self) -> int | None:
        """From the answer to the BYE."""
        if self.answer is None or self.bye is None:
            return None
        return max(0, self.bye.time_ns - self.answer.time_ns)

    def sides(self) -> tuple[list[Description], list[Description]]:
        """Descriptions of the caller and of the callee, in time order."""
        caller = self.invite.tag if self.invite is not None else None
        ordered = sorted(self.sdp.items(), key=lambda item: item[1][:2])
        ours = [told for (tag, _), told in ordered if tag == caller]
        theirs = [told for (tag, _), told in ordered if tag != caller]
        answered = [told for (tag, _), told in ordered if tag in self.answered_tags]
        return ours, answered or theirs


_FIRST = (
    "invite", "trying", "ringing", "challenge", "answer", "ack", "redirect", "cancel", "bye", "bye_answer", "refer",
)  # fmt: skip
_SETS = ("agents", "hops", "callee_tags", "answered_tags", "later_invites", "places")
_BY_CALLEE = frozenset({480, 486, 488, 600, 603, 606, 607, 608})
"""Refusals that a telephone sends by itself or for its user."""
