"""The machine of module sip: limits, deadlines, what is merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pcapstream.protocols.sip import SipSummary
from tests.support.pcap import START_NS, Frame, pcap, sip, udp
from tests.support.play import play

PHONE, PROXY = "10.5.0.1", "10.5.0.2"
SECOND = 1_000_000_000


def up(after: float, data: bytes, source: str = PHONE) -> Frame:
    return Frame(START_NS + round(after * SECOND), udp(source, 5060, PROXY, 5060, data))


def down(after: float, data: bytes, target: str = PHONE) -> Frame:
    return Frame(START_NS + round(after * SECOND), udp(PROXY, 5060, target, 5060, data))


def summary(frames: Sequence[Frame], **limits: int) -> SipSummary:
    return cast(SipSummary, play([pcap(frames)], machine_limits=limits)["sip"])


def test_tables_keep_their_limits_and_totals_stay_exact() -> None:
    frames = [up(n, sip("INVITE sip:b@x", f"c{n}", "1 INVITE", branch=str(n)), f"10.6.0.{n}") for n in range(40)]
    small = summary(frames, max_sip_calls=5, max_sip_call_ids=7, max_sip_transactions=6, max_sip_rows=4)

    assert (small.totals.requests, small.totals.methods["INVITE"], small.totals.transactions["INVITE"]) == (40, 40, 40)
    assert (len(small.calls), small.totals.calls_left_out) == (5, 35)
    assert (len(small.totals.call_ids), small.totals.call_ids_left_out) == (7, 33)
    assert (len(small.senders), small.totals.rows_left_out) == (4, 36)
    # Each of the 40 was unanswered, whether it was still open or forgotten for want of room.
    assert (small.totals.forgotten, small.totals.unanswered.count) == (34, 40)
    assert small.totals.unanswered.frames == list(range(1, 21))


def test_a_transaction_ends_some_time_after_its_final_response() -> None:
    ask, answer = sip("OPTIONS sip:b@x", "c", "1 OPTIONS"), sip("SIP/2.0 200 OK", "c", "1 OPTIONS", to_tag="t")
    copy = summary([up(0, ask), down(1, answer), up(60, ask), down(61, answer)])
    again = summary([up(0, ask), down(1, answer), up(66, ask), down(67, answer)])

    assert (copy.totals.retransmitted_requests.frames, copy.totals.retransmitted_responses.frames) == ([3], [4])
    assert (again.totals.retransmitted_requests.count, again.totals.transactions["OPTIONS"]) == (0, 2)
    assert next(iter(again.pings.values())).answered == 2


def test_a_telephone_may_ring_for_minutes() -> None:
    invite = up(0, sip("INVITE sip:b@x", "c", "1 INVITE"))
    ringing = down(1, sip("SIP/2.0 180 Ringing", "c", "1 INVITE", to_tag="t"))
    answer = [down(at, sip("SIP/2.0 200 OK", "c", "1 INVITE", to_tag="t")) for at in (590, 700)]

    assert summary([invite, ringing, answer[0]]).totals.unmatched_responses.count == 0
    late = summary([invite, ringing, answer[1]])
    assert late.totals.unmatched_responses.frames == [3]
    assert late.totals.no_final.frames == [1]
    assert late.calls["c"].state == "answered"


def test_a_call_divided_between_two_captures_is_one_call() -> None:
    begin = [
        up(0, sip("INVITE sip:b@x", "c", "1 INVITE")),
        down(2, sip("SIP/2.0 200 OK", "c", "1 INVITE", to_tag="t")),
    ]
    end = [up(30, sip("BYE sip:b@x", "c", "2 BYE", to_tag="t", branch="2"))]
    one, two = summary(begin), summary(end)

    assert (one.calls["c"].state, two.calls["c"].state) == ("answered", "completed")
    for merged in (one.merge(two), two.merge(one)):
        call = merged.calls["c"]
        assert (call.state, call.ended_by, call.duration_ns) == ("completed", "caller", 28 * SECOND)
        assert merged.totals.requests == 2


def test_the_same_request_on_two_hops_is_no_copy() -> None:
    far = "10.7.0.9"
    first, second = (sip("INVITE sip:b@x", "c", "1 INVITE", branch=hop) for hop in ("1", "2"))
    found = summary([up(0, first), Frame(START_NS + SECOND, udp(PROXY, 5060, far, 5060, second))])

    assert found.totals.retransmitted_requests.count == 0
    assert found.calls["c"].hops == {(PHONE, PROXY), (PROXY, far)}
