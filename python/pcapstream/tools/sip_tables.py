"""Rows of the tables of analyze_sip_packets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pcapstream.tools.text import clean, cleaned, join_names, milliseconds, utc

if TYPE_CHECKING:
    from pcapstream._core import Message
    from pcapstream.protocols.sip import Call, Description, Event, SipSummary
    from pcapstream.protocols.sip import Media as SdpMedia
    from pcapstream.tools.paging import Ask, Table
    from pcapstream.tools.sip_media import Media

_CHUNK = 1_000
_SIP_PORTS = (5060, 5061)
_NO_SOUND = frozenset({"telephone-event", "cn", "red", "ulpfec", "rtx"})
"""Encodings that carry no voice or picture of their own."""

CALLS = (
    "call_id", "state", "from", "to", "caller", "callee", "start", "ring_ms", "answer_ms", "duration_s", "ended_by",
    "final_code", "final_reason", "reason", "codecs_offered", "codecs_agreed", "media", "rtp", "hops", "forks",
    "later_invites", "retransmissions", "user_agents", "frames",
)  # fmt: skip


def calls(summary: SipSummary, media: Media, ask: Ask) -> Table | None:
    """By the time of the first INVITE; those that began before the capture come last."""
    chosen = list(summary.calls.values())
    if ask["call_id"] is not None:
        chosen = [call for call in chosen if call.call_id == ask["call_id"]]
    ordered = sorted(
        chosen, key=lambda call: (call.invite is None, call.invite or (call.last_ns or 0, 0), call.call_id)
    )
    return ask.table(
        "calls",
        CALLS,
        lambda at, limit: [_call(one, media) for one in ordered[at : at + limit]],
        len(ordered),
        limit=10,
    )


def _call(call: Call, media: Media) -> list[Any]:
    begin, end, final = call.invite, call.end, call.final
    offered, agreed = codecs(call)
    return [
        clean(call.call_id),
        call.state,
        clean(call.from_uri),
        clean(call.to_uri),
        None if begin is None else join_names(begin.src, begin.src_port),
        None if begin is None else join_names(begin.dst, begin.dst_port),
        None if begin is None else utc(begin.time_ns),
        _since(begin, call.ringing),
        _since(begin, call.answer),
        None if call.duration_ns is None else round(call.duration_ns / 1e9, 3),
        call.ended_by,
        None if final is None else final.code,
        None if final is None else clean(final.text, 80),
        clean(end.text, 80) if end is not None and end is not call.failure and end.text else None,
        offered,
        agreed,
        {"caller": _places(call.sides()[0]), "callee": _places(call.sides()[1])},
        media.of_call(call).row(),
        len(call.hops),
        max(0, len(call.callee_tags) - 1),
        len(call.later_invites),
        call.retransmissions,
        [clean(agent, 60) for agent in sorted(call.agents)],
        frames_of(call),
    ]


def frames_of(call: Call) -> dict[str, int]:
    """Step -> frame."""
    steps: dict[str, Event | None] = {
        "invite": call.invite,
        "ringing": call.ringing,
        "answer": call.answer,
        "ack": call.ack,
        "end": call.end,
    }
    return {name: at.frame for name, at in steps.items() if at is not None}


def _since(begin: Event | None, at: Event | None) -> float | None:
    return None if begin is None or at is None else milliseconds(at.time_ns - begin.time_ns)


def last_media(told: Sequence[Description]) -> tuple[SdpMedia, ...]:
    return told[-1].media if told else ()


def codecs(call: Call) -> tuple[list[str], list[str] | None]:
    """(codecs of the caller, those that the callee has too; None where only one side is known). Encodings of signals
    and silence are left out."""
    ours, theirs = (last_media(side) for side in call.sides())
    offered = _names(ours) or _names(theirs)
    if not ours or not theirs:
        return offered, None
    known = {name.lower() for name in _names(theirs)}
    return offered, [name for name in offered if name.lower() in known]


def _names(media: Iterable[SdpMedia]) -> list[str]:
    out: list[str] = []
    for one in media:
        if one.port:
            out += [clean(name, 40) for _, name, _ in one.codecs if name.lower() not in _NO_SOUND]
    return list(dict.fromkeys(out))


def _places(told: Sequence[Description]) -> list[str]:
    """Distinct addresses and ports, refused media left out."""
    places = [
        join_names(clean(one.address or "?", 60), one.port) for side in told for one in side.media if one.port
    ]  # fmt: skip
    return list(dict.fromkeys(places))[:8]


def registrations(summary: SipSummary, ask: Ask, limit: int) -> Table | None:
    columns = (
        "address_of_record", "client", "registrar", "state", "requests", "challenges", "accepted",
        "refused_credentials", "last_code", "last_reason", "expires_s", "contacts", "user_agents", "first", "last",
        "frame",
    )  # fmt: skip
    ordered = sorted(summary.registrations.items(), key=lambda item: (item[1].first or (0, 0), item[0]))
    rows = [
        [
            clean(aor), client, registrar, one.state, one.requests, one.challenges, one.accepted,
            one.refused_credentials.count, one.last.code if one.last else None,
            clean(one.last.text, 80) if one.last else None, one.expires[1] if one.expires else None,
            [clean(contact, 100) for contact in sorted(one.contacts)], [clean(a, 60) for a in sorted(one.agents)],
            utc(one.first.time_ns) if one.first else None, utc(one.last.time_ns) if one.last else None,
            one.first.frame if one.first else None,
        ]
        for (aor, client, registrar), one in ordered
    ]  # fmt: skip
    return ask.rows("registrations", columns, rows, limit=limit)


def pings(summary: SipSummary, ask: Ask, limit: int) -> Table | None:
    columns = (
        "source", "destination", "requests", "answered", "codes", "min_ms", "mean_ms", "max_ms", "first", "frame",
        "last_unanswered_frame",
    )  # fmt: skip
    ordered = sorted(summary.pings.items(), key=lambda item: (-item[1].requests, item[0]))
    rows = []
    for (source, destination), one in ordered:
        times = one.times
        mean = milliseconds(times.sum_ns // times.count) if times.count else None
        spread = (milliseconds(times.min_ns), mean, milliseconds(times.max_ns)) if times.count else (None, None, None)
        rows.append(
            [
                source, destination, one.requests, one.answered, {str(c): n for c, n in sorted(one.codes.items())},
                *spread, utc(one.first.time_ns) if one.first else None, one.first.frame if one.first else None,
                one.last_unanswered.frame if one.last_unanswered else None,
            ]
        )  # fmt: skip
    return ask.rows("options_pings", columns, rows, limit=limit)


def senders(summary: SipSummary, ask: Ask, limit: int) -> Table | None:
    columns = (
        "source", "requests", "methods", "codes", "targets", "users", "numbers", "answered_calls",
        "refused_credentials", "unknown_users", "user_agents", "first", "last", "frame",
    )  # fmt: skip
    ordered = sorted(summary.senders.items(), key=lambda item: (-item[1].requests, item[0]))
    rows = [
        [
            source, one.requests, {clean(m, 40): n for m, n in one.methods.most_common()},
            {str(code): n for code, n in sorted(one.codes.items())}, len(one.targets), len(one.users), len(one.numbers),
            one.answered_calls, one.refused_credentials.count, one.unknown_users.count,
            [clean(agent, 60) for agent in sorted(one.agents)], utc(one.first_ns), utc(one.last_ns),
            one.frames[0] if one.frames else None,
        ]
        for source, one in ordered
    ]  # fmt: skip
    return ask.rows("senders", columns, rows, limit=limit)


def redirects(summary: SipSummary, ask: Ask, limit: int) -> Table | None:
    found = sorted((call.redirect, call) for call in summary.calls.values() if call.redirect is not None)
    rows = [[clean(call.call_id), clean(call.to_uri), at.src, at.code, clean(at.text), at.frame] for at, call in found]
    return ask.rows("redirects", ("call_id", "to", "by", "code", "contacts", "frame"), rows, limit=limit)


PACKETS = (
    "frame", "timestamp", "source_ip", "source_port", "destination_ip", "destination_port", "transport", "detected_by",
    "known_sip_port", "message_type", "start_line", "method", "request_uri", "sip_version", "status_code",
    "reason_phrase", "call_id", "cseq", "from", "to", "contact", "via", "user_agent", "server", "content_type",
    "content_length", "body_length", "headers", "sdp",
)  # fmt: skip
_OWN = ("call-id", "cseq", "from", "to", "contact", "via", "user-agent", "server", "content-type", "content-length")
"""Headers that have columns of their own."""


def packets(summary: SipSummary, ask: Ask, kept: int) -> Table | None:
    wanted = ask["call_id"]
    if wanted is None:
        return ask.table("packets", PACKETS, lambda at, limit: [_packet(m) for m in summary.messages(at, limit)], kept)
    if ask.only not in (None, "packets"):
        ask.tables.add("packets")
        return None
    chosen = [one for one in _all_rows(summary, kept) if one[PACKETS.index("call_id")] == clean(wanted)]
    return ask.rows("packets", PACKETS, chosen)


def _all_rows(summary: SipSummary, kept: int) -> Iterable[list[Any]]:
    for start in range(0, kept, _CHUNK):
        for message in summary.messages(start, _CHUNK):
            yield _packet(message)


def _packet(message: Message) -> list[Any]:
    fields = message.fields
    headers: dict[str, list[str]] = {}
    for name, value in fields.get("headers", ()):
        headers.setdefault(clean(name, 64), []).append(clean(value, 400))

    def first(name: str) -> str:
        return headers[name][0] if name in headers else ""

    method = fields.get("method")
    return [
        message.frame,
        utc(message.time_ns),
        message.src,
        message.src_port,
        message.dst,
        message.dst_port,
        message.transport.upper(),
        message.detected_by,
        message.src_port in _SIP_PORTS or message.dst_port in _SIP_PORTS,
        "request" if method is not None else "response",
        clean(fields.get("start_line", ""), 300),
        None if method is None else clean(method, 64),
        clean(fields["request_uri"]) if "request_uri" in fields else None,
        "SIP/2.0",
        fields.get("status_code"),
        clean(fields["reason_phrase"]) if "reason_phrase" in fields else None,
        *(first(name) for name in _OWN[:4]),
        first("contact"),
        headers.get("via", []),
        *(first(name) for name in _OWN[6:9]),
        fields.get("content_length"),
        fields.get("body_length"),
        {name: values[0] if len(values) == 1 else values for name, values in headers.items() if _extra(name, values)},
        [cleaned(one) for one in fields.get("sdp", ())],
    ]


def _extra(name: str, values: list[str]) -> bool:
    """Not in a column of its own, or not all of it."""
    return name not in _OWN or (len(values) > 1 and name != "via")
