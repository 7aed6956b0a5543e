"""The DHCP machine on exchanges made from the RFCs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pcapstream.protocols.dhcp_records import DhcpSummary
from pcapstream.tools.dhcp_findings import findings
from tests.support import dhcp
from tests.support.dhcp import SECOND, answered, answered6, dora, message, message6, sent, sent6
from tests.support.pcap import START_NS, Frame, in_time_order, pcap
from tests.support.play import play

MS = 1_000_000
ONE, TWO = "02:00:00:00:00:01", "02:00:00:00:00:02"


def summary(frames: Iterable[Frame], **limits: int) -> DhcpSummary:
    found = play([pcap(in_time_order([list(frames)]), nanoseconds=True)], machine_limits=limits)["dhcp"]
    assert isinstance(found, DhcpSummary)
    return found


def coded(found: DhcpSummary) -> dict[str, dict[str, Any]]:
    return {one["code"]: one for one in findings(found)}


def test_discover_to_ack_with_the_times_of_the_steps() -> None:
    found = summary(
        dora(1, "192.168.7.11", step_ns=25 * MS, more=dhcp.option(55, b"\x01\x03\x06") + dhcp.option(60, b"MSFT 5.0"))
    )

    [exchange] = found.exchanges
    assert (exchange.kind, exchange.outcome, exchange.address) == ("DISCOVER", "ack", "192.168.7.11")
    assert exchange.steps == ("DISCOVER", "OFFER", "REQUEST", "ACK")
    assert [at - START_NS for at in exchange.times_ns] == [0, 25 * MS, 50 * MS, 75 * MS]
    assert exchange.frames == (1, 2, 3, 4)
    [client] = found.clients
    assert (client.key, client.fingerprint, client.vendor_class) == (ONE, "1,3,6", "MSFT 5.0")
    [server] = found.servers
    assert server.times_ns == (25 * MS, 25 * MS)
    [lease] = found.leases
    assert (lease.address, lease.client, lease.server) == ("192.168.7.11", ONE, dhcp.SERVER)
    assert (lease.from_ns, lease.until_ns) == (START_NS + 75 * MS, START_NS + 75 * MS + 3600 * SECOND)
    assert findings(found) == []


def test_a_request_with_an_identifier_of_its_own_belongs_to_the_offer() -> None:
    frames = dora(1, "192.168.7.11")
    later = dora(1, "192.168.7.11", xid=2)
    [exchange] = summary([*frames[:2], *later[2:]]).exchanges

    assert (exchange.steps, exchange.outcome) == (("DISCOVER", "OFFER", "REQUEST", "ACK"), "ack")


def renewal(at_s: int, xid: int, lease: int = 100) -> list[Frame]:
    ends = {"source": "192.168.7.11", "to": dhcp.SERVER}
    return [
        sent(at_s * SECOND, message(dhcp.REQUEST, xid=xid, own="192.168.7.11"), **ends),
        answered(at_s * SECOND + MS, message(dhcp.ACK, xid=xid, server=dhcp.SERVER, your="192.168.7.11", lease=lease)),
    ]


def test_renewals_make_a_lease_longer_and_later_ones_make_a_new_one() -> None:
    found = summary([*dora(1, "192.168.7.11", lease=100), *renewal(50, 2), *renewal(100, 3), *renewal(500, 4)])

    first, second = found.leases
    assert (first.renewals, first.until_ns) == (2, START_NS + 200 * SECOND + MS)
    assert (second.renewals, second.from_ns) == (0, START_NS + 500 * SECOND + MS)
    assert [exchange.kind for exchange in found.exchanges] == ["DISCOVER", "REQUEST", "REQUEST", "REQUEST"]


def test_a_lease_ends_with_release_decline_and_nak() -> None:
    for kind, end in ((dhcp.RELEASE, "released"), (dhcp.DECLINE, "declined")):
        given = {"own": "192.168.7.11"} if kind == dhcp.RELEASE else {"requested": "192.168.7.11"}
        over = sent(9 * SECOND, message(kind, xid=9, server=dhcp.SERVER, **given))  # type: ignore[arg-type]
        [lease] = summary([*dora(1, "192.168.7.11"), over]).leases
        assert (lease.end, lease.until_ns) == (end, START_NS + 9 * SECOND)
    refused = [renewal(9, 9)[0], answered(9 * SECOND + MS, message(dhcp.NAK, xid=9, server=dhcp.SERVER))]
    found = summary([*dora(1, "192.168.7.11"), *refused])
    assert (found.leases[0].end, found.exchanges[1].outcome) == ("nak", "nak")
    assert coded(found)["refused_requests"]["frames"] == [6]


def test_inform_holds_no_address() -> None:
    frames = [
        sent(0, message(dhcp.INFORM, own="192.168.7.50")),
        answered(MS, message(dhcp.ACK, server=dhcp.SERVER)),
    ]
    found = summary(frames)

    assert ([one.outcome for one in found.exchanges], found.leases) == (["informed"], ())


def test_clients_nobody_answers() -> None:
    frames = [sent(n * SECOND, message(dhcp.DISCOVER, client=2, xid=7)) for n in range(3)]
    found = summary([*dora(1, "192.168.7.11", at_ns=5), *frames])

    one = coded(found)["unanswered_clients"]
    assert (one["count"], one["filter"]) == (1, f"dhcp.hw.mac_addr == {TWO}")
    [waiting] = [exchange for exchange in found.exchanges if exchange.outcome == "unanswered"]
    assert (waiting.client, waiting.repeats) == (TWO, 2)


def test_several_servers_answer_one_client() -> None:
    frames = dora(1, "192.168.7.11", step_ns=50 * MS)
    other = answered(
        60 * MS, message(dhcp.OFFER, server="192.168.7.66", your="10.6.6.6", lease=60), source="192.168.7.66"
    )
    found = summary([*frames, other])

    one = coded(found)["several_servers"]
    assert (one["severity"], one["servers"]) == ("warning", [dhcp.SERVER, "192.168.7.66"])
    assert found.exchanges[0].servers == (dhcp.SERVER, "192.168.7.66")


def test_an_address_given_twice() -> None:
    found = summary([*dora(1, "192.168.7.11"), *dora(2, "192.168.7.11", at_ns=10 * SECOND, xid=2)])
    one = coded(found)["address_given_twice"]
    assert (one["severity"], one["addresses"], one["frames"]) == ("severe", ["192.168.7.11"], [4, 8])
    assert one["filter"] == "dhcp.ip.your == 192.168.7.11"

    given_back = sent(5 * SECOND, message(dhcp.RELEASE, xid=5, own="192.168.7.11"))
    apart = summary([*dora(1, "192.168.7.11"), given_back, *dora(2, "192.168.7.11", at_ns=10 * SECOND, xid=2)])
    assert "address_given_twice" not in coded(apart)
    expired = summary([*dora(1, "192.168.7.11", lease=5), *dora(2, "192.168.7.11", at_ns=10 * SECOND, xid=2)])
    assert "address_given_twice" not in coded(expired)


def test_many_new_clients_and_a_flood_of_one() -> None:
    many = summary(sent(n * MS, message(dhcp.DISCOVER, client=n + 1, xid=n)) for n in range(150))
    assert coded(many)["many_new_clients"]["count"] == 150
    assert "message_flood" not in coded(many)

    flood = summary(sent(n * MS, message(dhcp.DISCOVER, client=1, xid=n)) for n in range(150))
    assert coded(flood)["message_flood"]["count"] == 1
    assert flood.clients[0].peak == 150
    assert "many_new_clients" not in coded(flood)


def test_slow_answers() -> None:
    frames = dora(1, "192.168.7.11", step_ns=3 * SECOND)

    assert coded(summary(frames))["slow_answers"]["frames"] == [2, 4]


def test_copies_made_by_a_relay_are_no_repetitions() -> None:
    relay = {"relay": "10.1.0.1"}
    frames = [
        sent(0, message(dhcp.DISCOVER)),
        sent(MS, message(dhcp.DISCOVER, **relay), source="10.1.0.1", to="10.9.0.1"),
        answered(
            3 * MS, message(dhcp.OFFER, server="10.9.0.1", your="10.1.0.50", lease=60, **relay), source="10.9.0.1"
        ),
        answered(
            4 * MS, message(dhcp.OFFER, server="10.9.0.1", your="10.1.0.50", lease=60, **relay), source="10.1.0.1"
        ),
    ]
    found = summary(frames)

    assert (found.exchanges[0].repeats, found.exchanges[0].outcome) == (0, "offered")
    assert found.servers[0].times_ns == (2 * MS,)
    assert found.servers[0].addresses == ("10.9.0.1", "10.1.0.1")
    assert dict(found.counts["dhcp"].relays) == {"10.1.0.1": 3}


def test_bootp_has_exchanges_too() -> None:
    reply = bytearray(message(None, your="10.0.0.77"))
    reply[0] = 2
    found = summary([sent(0, message(None)), answered(MS, bytes(reply))])

    assert found.counts["dhcp"].untyped == 2
    assert [(one.kind, one.outcome) for one in found.exchanges] == [("BOOTREQUEST", "ack")]
    assert (found.leases[0].address, found.leases[0].until_ns) == ("10.0.0.77", None)


def six() -> list[Frame]:
    held, prefixes = [("2001:db8::5", 7200)], [("2001:db8:ff00::/56", 7200)]
    return [
        sent6(0, message6(dhcp.SOLICIT, xid=0x51)),
        answered6(4 * MS, message6(dhcp.ADVERTISE, server=99, xid=0x51, held=held)),
        sent6(5 * MS, message6(dhcp.REQUEST6, server=99, xid=0x52, held=held, prefixes=prefixes)),
        answered6(9 * MS, message6(dhcp.REPLY, server=99, xid=0x52, held=held, prefixes=prefixes)),
    ]


def test_solicit_to_reply() -> None:
    found = summary(six())

    [exchange] = found.exchanges
    assert (exchange.steps, exchange.outcome) == (("SOLICIT", "ADVERTISE", "REQUEST", "REPLY"), "ack")
    assert [(one.address, one.kind) for one in found.leases] == [
        ("2001:db8::5", "IA_NA"),
        ("2001:db8:ff00::/56", "IA_PD"),
    ]
    assert found.clients[0].mac == ONE
    assert found.servers[0].times_ns == (4 * MS, 4 * MS)
    assert findings(found) == []


def test_dhcpv6_renewed_released_and_withdrawn() -> None:
    held = [("2001:db8::5", 7200)]
    renew = [
        sent6(SECOND, message6(dhcp.RENEW, server=99, xid=0x61, held=held)),
        answered6(SECOND + MS, message6(dhcp.REPLY, server=99, xid=0x61, held=held)),
    ]
    release = [
        sent6(2 * SECOND, message6(dhcp.RELEASE6, server=99, xid=0x62, held=[("2001:db8::5", 0)])),
        answered6(2 * SECOND + MS, message6(dhcp.REPLY, server=99, xid=0x62, status=0)),
    ]
    lease = summary([*six(), *renew, *release]).leases[0]
    assert (lease.renewals, lease.end, lease.until_ns) == (1, "released", START_NS + 2 * SECOND)

    gone = answered6(SECOND + MS, message6(dhcp.REPLY, server=99, xid=0x61, held=[("2001:db8::5", 0)]))
    assert summary([*six(), renew[0], gone]).leases[0].end == "withdrawn"


def test_no_addresses_and_rapid_commit() -> None:
    none = [
        sent6(0, message6(dhcp.SOLICIT, xid=1)),
        answered6(MS, message6(dhcp.ADVERTISE, server=99, xid=1, status=2)),
    ]
    found = summary(none)
    assert coded(found)["no_addresses_available"]["frames"] == [2]
    assert (found.exchanges[0].outcome, found.clients[0].answered) == ("nak", 1)

    again = sent6(SECOND, message6(dhcp.SOLICIT, xid=1))
    offer = answered6(SECOND + MS, message6(dhcp.ADVERTISE, server=98, xid=1, held=[("2001:db8::7", 60)]))
    [exchange] = summary([*none, again, offer]).exchanges
    assert (exchange.outcome, exchange.repeats) == ("offered", 1)

    quick = [
        sent6(0, message6(dhcp.SOLICIT, xid=1, more=dhcp.option6(14, b""))),
        answered6(MS, message6(dhcp.REPLY, server=99, xid=1, held=[("2001:db8::7", 60)], more=dhcp.option6(14, b""))),
    ]
    assert summary(quick).exchanges[0].outcome == "ack"


def test_messages_inside_relays_are_counted_inside_and_out() -> None:
    inner = message6(dhcp.SOLICIT, xid=1)
    frames = [sent6(0, inner), sent6(MS, dhcp.relayed6(dhcp.relayed6(inner), hops=1), source="2001:db8:1::1")]
    counts = summary(frames).counts["dhcpv6"]

    assert dict(counts.types) == {(1, "SOLICIT"): 1, (12, "RELAY-FORW"): 1}
    assert dict(counts.inner_types) == {(1, "SOLICIT"): 2, (12, "RELAY-FORW"): 2}
    assert counts.relayed == 1


def test_tables_are_bounded_and_outcomes_stay_exact() -> None:
    frames = [sent(n * MS, message(dhcp.DISCOVER, client=n % 200, xid=n)) for n in range(400)]
    found = summary(frames, max_dhcp_clients=50, max_dhcp_exchanges=60, max_dhcp_open=10, max_dhcp_values=30)

    assert (len(found.clients), len(found.exchanges)) == (50, 60)
    assert found.total("unanswered") == 400
    assert found.unlisted["exchanges"] == 340
    assert len(found.counts["dhcp"].macs) == 30
    assert found.counts["dhcp"].frames == 400


def test_memory_grows_with_what_is_kept() -> None:
    small, large = (
        summary(dora(1, "192.168.7.11")),
        summary(sent(n, message(dhcp.DISCOVER, client=n, xid=n)) for n in range(300)),
    )
    assert large.memory_bytes()["dhcp"] > small.memory_bytes()["dhcp"] + 300 * 1_000
