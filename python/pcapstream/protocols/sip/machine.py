"""Follows the messages of a capture: transactions, and by them calls, dialogs, registrations, senders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pcapstream.protocols.base import EndsOnce
from pcapstream.protocols.sip import calls
from pcapstream.protocols.sip.calls import Call
from pcapstream.protocols.sip.events import count, event, latest
from pcapstream.protocols.sip.parties import Login, Ping, Registration, Sender
from pcapstream.protocols.sip.summary import DIALOG_CONFIRMED, DIALOG_EARLY, DIALOG_ENDED, SipSummary, Totals
from pcapstream.protocols.sip.transactions import Transaction, Transactions, login_of

if TYPE_CHECKING:
    from pcapstream._core import Batch, Message, Snapshot

LIMITS = {
    "max_sip_calls": 10_000,
    "max_sip_call_ids": 100_000,
    "max_sip_transactions": 50_000,
    "max_sip_rows": 10_000,
    "max_sip_times": 200_000,
}
"""Calls, Call-IDs and dialogs, open transactions, rows of each further table, response times."""

_MAX_AGENTS = 500
_MAX_METHODS = 100

K = TypeVar("K")
V = TypeVar("V")


class SipMachine(EndsOnce):
    """The machine of the module sip."""

    name = "sip"

    def __init__(self, limits: Mapping[str, int], needs: frozenset[str]) -> None:
        limits = {**LIMITS, **limits}
        self.needs = needs
        self._max_calls, self._max_ids = limits["max_sip_calls"], limits["max_sip_call_ids"]
        self._max_rows, self._times_left = limits["max_sip_rows"], limits["max_sip_times"]
        self._totals = Totals()
        self._transactions = Transactions(limits["max_sip_transactions"])
        self._calls: dict[str, Call] = {}
        self._registrations: dict[tuple[str, str, str], Registration] = {}
        self._pings: dict[tuple[str, str], Ping] = {}
        self._senders: dict[str, Sender] = {}
        self._dialogs: dict[tuple[str, str, str], int] = {}
        self._logins: dict[tuple[str, str, str, str], Login] = {}
        self._last_frame = 0

    def feed(self, batch: Batch, /) -> None:
        self._going()
        for message in batch.messages:
            if message.protocol == "sip":
                self._message(message)

    def expire(self, now_ns: int, /) -> None:
        # A deadline is looked at for each message: in a capture out of order the next one may be earlier than now_ns.
        self._going()

    def snapshot(self, core: Snapshot, /) -> SipSummary:
        self._going()
        return self._summary(core)

    def finish(self, core: Snapshot, /) -> SipSummary:
        self._going()
        self._finished = True
        # Nothing changes any more: the summary has the tables themselves.
        return self._closed(
            SipSummary(
                self._totals, self._calls, self._registrations, self._pings, self._senders, self._dialogs,
                self._logins, (core,),
            )
        )  # fmt: skip

    def _summary(self, core: Snapshot) -> SipSummary:
        return self._closed(
            SipSummary(
                self._totals.copy(),
                {key: call.copy() for key, call in self._calls.items()},
                {key: one.copy() for key, one in self._registrations.items()},
                {key: ping.copy() for key, ping in self._pings.items()},
                {key: one.copy() for key, one in self._senders.items()},
                dict(self._dialogs),
                {key: one.copy() for key, one in self._logins.items()},
                (core,),
            )
        )

    def _closed(self, summary: SipSummary) -> SipSummary:
        """With the transactions that are still open."""
        for one in self._transactions.open():
            self._end(one, summary.totals, summary.pings)
        summary.totals.forgotten = self._transactions.forgotten
        return summary

    def _message(self, message: Message) -> None:
        found = message.fields
        self._count(message, found)
        if "unread" in found or "embedded" in found:
            return
        if "method" in found:
            self._request(message, found)
        else:
            self._response(message, found)

    def _count(self, message: Message, found: Mapping[str, Any]) -> None:
        totals = self._totals
        if "hidden" in found or message.only_in_order:
            totals.hidden += "hidden" in found
            totals.only_in_order += "hidden" not in found
            return
        if message.frame != self._last_frame:
            totals.frames += 1
            self._last_frame = message.frame
        if "unread" in found:
            totals.compressed += found["unread"] == "compressed"
            totals.continuations += found["unread"] == "continuation"
            return
        if "method" in found:
            totals.requests += 1
            count(totals.methods, found["method"], _MAX_METHODS)
        else:
            totals.responses += 1
            totals.codes[found["code"]] += 1
        if call_id := found.get("call_id"):
            if call_id in totals.call_ids or len(totals.call_ids) < self._max_ids:
                totals.call_ids.add(call_id)
            else:
                totals.call_ids_left_out += 1
        if "embedded" in found:
            return
        totals.transports[message.transport] += 1
        totals.detected[message.detected_by] += 1
        totals.malformed += "malformed" in found
        totals.with_sdp += "sdp" in found
        if found.get("credentials") == "basic":
            totals.basic_credentials.add(message.frame)
        if any(one.get("keys") == "sdes" for sdp in found.get("sdp", ()) for one in sdp["media"]):
            totals.keys_in_clear.add(message.frame)
        for key in ("agent", "server"):
            if agent := found.get(key):
                count(totals.agents, agent, _MAX_AGENTS)

    def _request(self, message: Message, found: Mapping[str, Any]) -> None:
        method = found["method"]
        again = False
        if method != "ACK":
            _, again, ended = self._transactions.request(message, found)
            for one in ended:
                self._end(one, self._totals)
            if again:
                self._totals.retransmitted_requests.add(message.frame)
            else:
                self._begun(message, found)
        if call := self._call(found, method):
            call.request(message, found, again=again)
        if method == "BYE":
            self._dialog(found, DIALOG_ENDED)

    def _begun(self, message: Message, found: Mapping[str, Any]) -> None:
        """A request that is no copy."""
        method = found["method"]
        count(self._totals.transactions, method, _MAX_METHODS)
        if sender := self._row(self._senders, message.src, Sender):
            sender.request(message, found)
        if (key_of := login_of(message, found)) and (login := self._row(self._logins, key_of, Login)):
            login.request(message)
        if method == "REGISTER":
            key = (found.get("to_uri", ""), message.src, message.dst)
            if registration := self._row(self._registrations, key, Registration):
                registration.request(message, found)
        elif method == "OPTIONS" and (ping := self._row(self._pings, (message.src, message.dst), Ping)):
            ping.requests += 1
            ping.first = ping.first or event(message)

    def _response(self, message: Message, found: Mapping[str, Any]) -> None:
        totals, code, method = self._totals, found["code"], found.get("cseq_method", "")
        request, again = self._transactions.response(message, found)
        if request is None:
            totals.unmatched_responses.add(message.frame)
        elif again:
            totals.retransmitted_responses.add(message.frame)
        else:
            self._answered(message, found, request)
        if call := self._call(found, method):
            call.response(message, found, again=again)
        if found.get("to_tag") and method in ("INVITE", "SUBSCRIBE", "REFER") and 100 < code < 300:
            self._dialog(found, DIALOG_EARLY if code < 200 else DIALOG_CONFIRMED)

    def _answered(self, message: Message, found: Mapping[str, Any], request: Transaction) -> None:
        """A new response to a request of the capture."""
        code = found["code"]
        took = message.time_ns - request.time_ns
        if len(request.answers) == 1:
            self._time(request.method, took)
        if code < 200 or sum(answer >= 200 for answer, _ in request.answers) > 1:
            return
        stale = bool(found.get("stale"))
        if request.login and (login := self._logins.get(request.login)):
            login.response(code, stale=stale)
        if sender := self._senders.get(request.src):
            sender.response(message, code, call=request.begins_call, credentials=request.credentials, stale=stale)
        if request.method == "REGISTER":
            registration = self._registrations.get((request.aor, request.src, request.dst))
            if registration is not None:
                registration.response(message, found, credentials=request.credentials, removing=request.removing)
        elif request.method == "OPTIONS" and (ping := self._pings.get((request.src, request.dst))):
            ping.answered += 1
            ping.codes[code] += 1
            ping.times.add(took)

    def _time(self, method: str, took: int) -> None:
        if self._times_left <= 0 or (method not in self._totals.first_response_ns and self._too_many_methods()):
            self._totals.times_left_out += 1
            return
        self._times_left -= 1
        self._totals.first_response_ns.setdefault(method, []).append(took)

    def _too_many_methods(self) -> bool:
        return len(self._totals.first_response_ns) >= _MAX_METHODS

    def _end(self, one: Transaction, totals: Totals, pings: Mapping[tuple[str, str], Ping] | None = None) -> None:
        """A transaction is over, or looked at as if it were."""
        if one.final:
            return
        (totals.no_final if one.answers else totals.unanswered).add(one.frame)
        ping = (self._pings if pings is None else pings).get((one.src, one.dst)) if one.method == "OPTIONS" else None
        if ping is not None:
            from_here = (one.time_ns, one.frame)
            if ping.last_unanswered is None or ping.last_unanswered[:2] < from_here:
                missing = ping.first._replace(time_ns=one.time_ns, frame=one.frame) if ping.first else None
                ping.last_unanswered = latest(ping.last_unanswered, missing)

    def _call(self, found: Mapping[str, Any], method: str) -> Call | None:
        """The call a message belongs to; None: none, or there is no room for it."""
        call_id = found.get("call_id")
        if not call_id or not (method in calls.METHODS or (method == "REFER" and found.get("to_tag"))):
            return None
        call = self._calls.get(call_id)
        if call is None:
            if len(self._calls) >= self._max_calls:
                self._totals.calls_left_out += method == "INVITE" and "method" in found and not found.get("to_tag")
                return None
            call = self._calls[call_id] = Call(call_id)
        return call

    def _dialog(self, found: Mapping[str, Any], state: int) -> None:
        low, high = sorted((found.get("from_tag", ""), found.get("to_tag", "")))
        key = (found.get("call_id", ""), low, high)
        if key in self._dialogs or len(self._dialogs) < self._max_ids:
            self._dialogs[key] = self._dialogs.get(key, 0) | state

    def _row(self, table: dict[K, V], key: K, make: Callable[[], V]) -> V | None:
        """The row of a key, made if there is room."""
        row = table.get(key)
        if row is None:
            if len(table) >= self._max_rows:
                self._totals.rows_left_out += 1
                return None
            row = table[key] = make()
        return row
