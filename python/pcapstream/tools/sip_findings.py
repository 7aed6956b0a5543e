"""Findings of analyze_sip_packets about calls, registrations and messages. Those about senders are in sip_security."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import Severity, by_weight, finding
from pcapstream.tools.sip_security import security_findings
from pcapstream.tools.sip_tables import codecs, last_media
from pcapstream.tools.text import count

if TYPE_CHECKING:
    from pcapstream.protocols.sip import Call, SipSummary, Totals
    from pcapstream.tools.sip_media import Media

LEAST_MEDIA_PACKETS = 50
"""One second of speech: fewer packets of the one direction do not show that the other is missing."""
LEAST_DURATION_NS = 2_000_000_000
"""Calls shorter than that may end before their media begin."""
FAILURE_SHARE = 0.3
"""Of the calls that came to an end: more failed ones are severe."""
MOST_FRAMES = 10

_NO_COMMON = frozenset({488, 606})

PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Addresses that nobody outside reaches: RFC 1918, 6598, 3927, 4193, 4291."""
_LOCAL = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "0.0.0.0/8", "::/127", "224.0.0.0/4", "ff00::/8"))
_NETWORKS = {
    version: tuple(tuple(one for one in networks if one.version == version) for networks in (PRIVATE, _LOCAL))
    for version in (4, 6)
}
"""Both by IP version."""
_OCTETS = {str(number): number for number in range(256)}
_FOUR = tuple(tuple((int(one.network_address), int(one.netmask)) for one in networks) for networks in _NETWORKS[4])
"""Those of IPv4 as numbers: network and mask."""


def sip_findings(summary: SipSummary, media: Media) -> list[dict[str, Any]]:
    """All of them, heaviest first. Empty where nothing was counted."""
    calls = list(summary.calls.values())
    found = [
        *_failed(calls),
        *_codecs(calls),
        *_sound(calls, media),
        *_addresses(calls),
        *_ends(calls),
        *_registrations(summary),
        *_messages(summary.totals),
        *security_findings(summary),
    ]
    return by_weight(found)


def frames_filter(frames: Iterable[int]) -> str:
    """Shows these frames: where no field of Wireshark says the same."""
    listed = ", ".join(str(frame) for frame in sorted(set(frames))[:MOST_FRAMES])
    return f"frame.number in {{{listed}}}"


def _failed(calls: Iterable[Call]) -> Iterable[dict[str, Any]]:
    ended = [
        call
        for call in calls
        if call.invite is not None and call.state in ("completed", "answered", "failed", "cancelled")
    ]
    failed = [call for call in ended if call.state == "failed"]
    if failed:
        codes = Counter(call.failure.code for call in failed if call.failure is not None)
        listed = ", ".join(
            f"{code} in {n:,}" for code, n in sorted(codes.items(), key=lambda item: (-item[1], item[0] or 0))[:8]
        )
        busy = all(code in (486, 600, 480, 603) for code in codes)
        severe = len(failed) >= 5 and len(failed) > FAILURE_SHARE * len(ended)
        weight: Severity = "info" if busy else "severe" if severe else "warning"
        yield finding(
            "failed_calls", weight,
            f"{count(len(failed), 'call')} of {len(ended):,} ended with a refusal: {listed}.",
            count=len(failed), frames=[call.failure.frame for call in failed if call.failure is not None],
            filter='sip.CSeq.method == "INVITE" && sip.Status-Code >= 400 && !(sip.Status-Code in {401, 407})',
        )  # fmt: skip
    open_ended = [call for call in calls if call.state in ("unanswered", "ringing") and call.invite is not None]
    if open_ended:
        frames = [call.invite.frame for call in open_ended if call.invite is not None]
        yield finding(
            "calls_without_end", "info",
            f"{count(len(open_ended), 'call')} got no final response in this capture.",
            count=len(open_ended), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip
    forked = [call for call in calls if len(call.callee_tags) > 1]
    if forked:
        frames = [call.invite.frame for call in forked if call.invite is not None]
        yield finding(
            "forked_calls", "info",
            f"{count(len(forked), 'call')} reached more than one device: responses to the INVITE with several To tags.",
            count=len(forked), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip
    redirected = [call.redirect.frame for call in calls if call.redirect is not None]
    if redirected:
        yield finding(
            "redirected_calls", "info", f"{count(len(redirected), 'call')} got a redirection (3xx).",
            count=len(redirected), frames=redirected,
            filter='sip.CSeq.method == "INVITE" && sip.Status-Code >= 300 && sip.Status-Code < 400',
        )  # fmt: skip


def _codecs(calls: Iterable[Call]) -> Iterable[dict[str, Any]]:
    refused = [call.failure.frame for call in calls if call.failure is not None and call.failure.code in _NO_COMMON]
    if refused:
        yield finding(
            "media_not_acceptable", "warning",
            f"{count(len(refused), 'call')} had the media offered refused (488 or 606).",
            count=len(refused), frames=refused, filter="sip.Status-Code == 488 || sip.Status-Code == 606",
        )  # fmt: skip
    without: list[int] = []
    for call in calls:
        offered, agreed = codecs(call)
        if call.answer is not None and offered and agreed == [] and not _fax(call):
            without.append(call.answer.frame)
    if without:
        yield finding(
            "no_common_codec", "severe",
            f"{count(len(without), 'call was', 'calls were')} answered with session descriptions without a codec "
            "in common.",
            count=len(without), frames=without, filter=frames_filter(without),
        )  # fmt: skip


def _fax(call: Call) -> bool:
    return any(one.kind == "image" for told in call.sdp.values() for one in told.media)


def _sound(calls: Iterable[Call], media: Media) -> Iterable[dict[str, Any]]:
    one_way: list[Call] = []
    silent: list[Call] = []
    unannounced: list[int] = []
    for call in calls:
        if call.answer is None or not _both_talk(call):
            continue
        flows = media.of_call(call)
        a, b = flows.to_caller.packets, flows.to_callee.packets
        if not a and not b and not flows.unknown.packets:
            if call.duration_ns is None or call.duration_ns >= LEAST_DURATION_NS:
                silent.append(call)
        elif min(a, b) == 0 and max(a, b) >= LEAST_MEDIA_PACKETS:
            one_way.append(call)
        unannounced += _unannounced(call, flows.to_caller.streams + flows.to_callee.streams)
    if one_way:
        frames = [call.answer.frame for call in one_way if call.answer is not None]
        towards = Counter("caller" if media.of_call(call).to_caller.packets else "callee" for call in one_way)
        listed = ", ".join(f"to the {side} only in {n:,}" for side, n in sorted(towards.items()))
        yield finding(
            "one_way_audio", "severe",
            f"{count(len(one_way), 'answered call')} with audio agreed both ways had RTP one way in this capture: "
            f"{listed}. What takes another path is not in it.",
            count=len(one_way), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip
    if silent:
        frames = [call.answer.frame for call in silent if call.answer is not None]
        says = "." if media.any else ", nor of any other: it may have been taken where only signalling passes."
        yield finding(
            "no_rtp", "warning" if media.any else "info",
            f"{count(len(silent), 'answered call')} with audio agreed: this capture holds no RTP of "
            f"{'it' if len(silent) == 1 else 'them'}{says}",
            count=len(silent), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip
    if unannounced:
        yield finding(
            "codec_not_agreed", "warning",
            f"{count(len(unannounced), 'RTP stream')} had a codec (payload type below 96) that the receiver's session "
            "description does not list.",
            count=len(unannounced), frames=unannounced, filter=frames_filter(unannounced),
        )  # fmt: skip


def _both_talk(call: Call) -> bool:
    """Both ends wanted audio, both ways, last."""
    for told in call.sides():
        audio = [one for one in last_media(told) if one.kind == "audio" and one.port]
        if not audio or audio[0].direction != "sendrecv" or audio[0].address in (None, "0.0.0.0"):
            return False
    return True


def _unannounced(call: Call, streams: Iterable[Any]) -> Iterable[int]:
    """First frames of streams with payload types their receiver did not list."""
    listed: dict[tuple[str | None, int], set[int | None]] = {}
    for told in call.sdp.values():
        for one in told.media:
            listed.setdefault((one.address, one.port), set()).update(number for number, _, _ in one.codecs)
    for stream in streams:
        known = listed.get((stream["dst"], stream["dst_port"]))
        # Dynamic types are the RTP part's; a single packet may be one of another stream.
        if known and any(
            one["payload_type"] < 96 and one["payload_type"] not in known and one["packets"] > 1
            for one in stream["types"]
        ):
            yield stream["first_frame"]


def _addresses(calls: Iterable[Call]) -> Iterable[dict[str, Any]]:
    frames = [
        told.frame
        for call in calls
        for told in call.sdp.values()
        if public(told.sender) and any(one.port and private(one.address) for one in told.media)
    ]
    if frames:
        yield finding(
            "private_media_address", "warning",
            f"{count(len(frames), 'session description')} from a public address "
            f"{'asks' if len(frames) == 1 else 'ask'} for media at a private one, which its peer cannot reach unless "
            "something on the way translates it.",
            count=len(frames), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip


def private(address: str | None) -> bool:
    return _place(address)[0]


def public(address: str) -> bool:
    return not any(_place(address))


@functools.lru_cache(maxsize=4_096)
def _place(address: str | None) -> tuple[bool, bool]:
    """(private, of this host or a group)."""
    parts = (address or "").split(".")
    if len(parts) == 4 and all(part in _OCTETS for part in parts):
        number = int.from_bytes([_OCTETS[part] for part in parts])
        private, local = (any(number & mask == net for net, mask in networks) for networks in _FOUR)
        return private, local
    try:
        at = ipaddress.ip_address(address or "")
    except ValueError:
        return False, False
    private, local = (any(at in network for network in networks) for networks in _NETWORKS[at.version])
    return private, local


def _ends(calls: Iterable[Call]) -> Iterable[dict[str, Any]]:
    lost = [call for call in calls if call.answer is not None and call.ack is None and call.answers_again]
    if lost:
        frames = [call.answer.frame for call in lost if call.answer is not None]
        yield finding(
            "missing_ack", "warning",
            f"{count(len(lost), 'call')}: the answer was sent again and no ACK is in the capture. "
            "Without one the callee gives up after about 32 s.",
            count=len(lost), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip
    refused = [
        call.bye_answer.frame for call in calls if call.bye_answer is not None and (call.bye_answer.code or 0) >= 400
    ]
    if refused:
        yield finding(
            "refused_bye", "info", f"{count(len(refused), 'BYE')} got a refusal (4xx to 6xx).",
            count=len(refused), frames=refused, filter='sip.CSeq.method == "BYE" && sip.Status-Code >= 400',
        )  # fmt: skip


def _registrations(summary: SipSummary) -> Iterable[dict[str, Any]]:
    refused = [one for one in summary.registrations.values() if one.state == "refused" and one.last is not None]
    if refused:
        codes = Counter(one.last.code for one in refused if one.last is not None)
        listed = ", ".join(
            f"{code} in {n:,}" for code, n in sorted(codes.items(), key=lambda item: (-item[1], item[0] or 0))
        )
        yield finding(
            "refused_registrations", "warning",
            f"{count(len(refused), 'registration')} of {len(summary.registrations):,} ended with a refusal: {listed}.",
            count=len(refused), frames=[one.last.frame for one in refused if one.last is not None],
            filter='sip.CSeq.method == "REGISTER" && sip.Status-Code >= 400',
        )  # fmt: skip
    silent = [one for one in summary.registrations.values() if one.state == "unanswered" and one.first is not None]
    if silent:
        frames = [one.first.frame for one in silent if one.first is not None]
        yield finding(
            "unanswered_registrations", "warning",
            f"{count(len(silent), 'registration')} got no final response in this capture.",
            count=len(silent), frames=frames, filter=frames_filter(frames),
        )  # fmt: skip


def _messages(totals: Totals) -> Iterable[dict[str, Any]]:
    says: tuple[tuple[Any, str, Severity, str], ...] = (
        (totals.unanswered, "unanswered_requests", "warning", "request|requests|got no response in this capture"),
        (totals.retransmitted_requests, "retransmitted_requests", "info", "request was|requests were|sent again"),
        (
            totals.retransmitted_responses, "retransmitted_responses", "info", "response was|responses were|sent again",
        ),
        (
            totals.unmatched_responses, "unmatched_responses", "info",
            "response|responses|to requests that are not in this capture",
        ),
    )  # fmt: skip
    for evidence, code, weight, words in says:
        if evidence.count:
            one, many, rest = words.split("|")
            yield finding(
                code, weight, f"{count(evidence.count, one, many)} {rest}.",
                count=evidence.count, frames=evidence.frames, filter=frames_filter(evidence.frames),
            )  # fmt: skip
    if totals.basic_credentials.count:
        evidence = totals.basic_credentials
        yield finding(
            "readable_password", "severe",
            f"{count(evidence.count, 'request')} had credentials of the scheme Basic, whose password can be read.",
            count=evidence.count, frames=evidence.frames, filter=frames_filter(evidence.frames),
        )  # fmt: skip
    if totals.keys_in_clear.count:
        evidence = totals.keys_in_clear
        yield finding(
            "media_keys_in_clear", "warning",
            f"{count(evidence.count, 'session description')} held the keys of encrypted media (a=crypto) and "
            f"{'was' if evidence.count == 1 else 'were'} sent unencrypted.",
            count=evidence.count, frames=evidence.frames, filter='sdp.media_attr contains "crypto:"',
        )  # fmt: skip
