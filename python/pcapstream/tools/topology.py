"""Module triage: analyze_network_topology, awslabs' name: who is there, on which network, behind which router."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.triage import TriageSummary
from pcapstream.selection import RowQuery, Selection
from pcapstream.tools.ranked import Ranked
from pcapstream.tools.spec import DISPLAY_FILTER, Key, ToolSpec, table_keys
from pcapstream.tools.text import count
from pcapstream.topology import COLUMNS, MAX_HOSTS, Host, Mac, TopologyMachine, TopologySummary

if TYPE_CHECKING:
    from pcapstream._core import ConversationKind
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions
    from pcapstream.tools.paging import Ask

_MAX_NAMED = 5
"""Addresses named in one cell."""
_ASSUMED = {4: 24, 6: 64}
"""Prefix lengths where none is known."""
_GATEWAY_NETWORKS = 3
"""What sends for that many networks is a gateway, whatever the times to live."""
_LIMIT = 50

_HOST = (
    "address", "on_link", "mac", "vendor", "ttl", "distance", "frames_sent", "bytes_sent", "frames_received",
    "bytes_received", "first_frame", "more_macs",
)  # fmt: skip
_MAC = ("mac", "vendor", "locally_administered", "frames", "addresses", "more_addresses", "gateway", "first_frame")
_GATEWAY = ("mac", "vendor", "addresses", "hosts_behind", "named", "router_advertisements", "known_by")
_SUBNET = ("subnet", "known_by", "hosts", "gateways")
_CONVERSATION = ("a", "b", "frames_a_to_b", "bytes_a_to_b", "frames_b_to_a", "bytes_b_to_a")


@cache
def vendors_loaded() -> None:
    """Reads the table of MAC address blocks, once."""
    import asyncio

    import aiooui

    failed: list[BaseException] = []

    def load() -> None:
        try:
            asyncio.run(aiooui.async_load())
        except BaseException as error:  # raised again below
            failed.append(error)

    # A thread of its own: the caller's may run an event loop.
    thread = threading.Thread(target=load, name="pcapstream-vendors", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def vendor_of(mac: str) -> str | None:
    """Who bought the block of addresses (IEEE MA-L); None for unknown, group and locally given ones."""
    if int(mac[:2], 16) & 3:
        return None

    import aiooui

    vendors_loaded()
    return aiooui.get_vendor(mac)


class _Map:
    """What follows from a summary."""

    def __init__(self, summary: TopologySummary) -> None:
        self.summary = summary
        self.claimed: dict[str, str] = {}
        """IP address -> MAC address that says it has it."""
        for address, mac in summary.macs.items():
            for claim in mac.claims:
                self.claimed.setdefault(claim, address)
        self.behind = {address: self._behind(mac) for address, mac in summary.macs.items()}
        self.gateways = {
            address: mac
            for address, mac in summary.macs.items()
            if mac.advertisements
            or (self.behind[address] and self._is_shared(address, mac))
            or len(self.networks(mac)) >= _GATEWAY_NETWORKS
        }

    def _behind(self, mac: Mac) -> list[str]:
        """Addresses whose packets it brought from further away than one hop."""
        return [
            source
            for source in mac.sources
            if source not in self.claimed and (host := self.summary.hosts.get(source)) is not None and host.distance
        ]

    def networks(self, mac: Mac) -> set[Any]:
        """Networks, of the assumed size, of the addresses it sends for and that nobody claims."""
        found = (ipaddress.ip_address(source) for source in mac.sources if source not in self.claimed)
        return {
            ipaddress.ip_network(f"{one}/{_ASSUMED[one.version]}", strict=False)
            for one in found
            if not (one.is_link_local or one.is_multicast or one.is_unspecified)
        }

    def _is_shared(self, address: str, mac: Mac) -> bool:
        """It sends for more than one host."""
        return len(mac.sources) > 1 or any(claim not in mac.sources for claim in mac.claims)

    def on_link(self, address: str, host: Host) -> bool | None:
        """On the network the capture was made on; None: nothing tells."""
        if address in self.claimed or _is_link_local(address):
            return True
        if not host.macs:
            return None
        if host.distance:
            return False
        return not any(mac in self.gateways for mac in host.macs) or None

    def own_addresses(self, address: str, mac: Mac) -> list[str]:
        """Addresses of the device itself."""
        found = list(mac.claims)
        found += [source for source in mac.sources if source not in found and _is_link_local(source)]
        return found

    def subnets(self) -> list[tuple[str, str, int, list[str]]]:
        """(network, known by, hosts on it, gateways on it) of the link, most hosts first."""
        known = {}
        for prefix, length in self.summary.prefixes:
            try:
                known[ipaddress.ip_network(f"{prefix}/{length}", strict=False)] = "router advertisement"
            except ValueError:
                continue
        hosts: dict[Any, int] = dict.fromkeys(known, 0)
        for address in {*self.claimed, *self.summary.hosts}:
            host = self.summary.hosts.get(address)
            if address not in self.claimed and (host is None or not self.on_link(address, host)):
                continue
            one = ipaddress.ip_address(address)
            network = next((found for found in known if one in found), None) if one.version == 6 else None
            network = network or ipaddress.ip_network(f"{one}/{_ASSUMED[one.version]}", strict=False)
            hosts[network] = hosts.get(network, 0) + 1
        routers = [
            (ipaddress.ip_address(own), own)
            for address, mac in self.gateways.items()
            for own in self.own_addresses(address, mac)
        ]
        rows = [
            (
                str(network),
                known.get(network, f"assumed /{network.prefixlen}"),
                number,
                [text for one, text in routers if one in network][:_MAX_NAMED],
            )
            for network, number in hosts.items()
        ]
        return sorted(rows, key=lambda row: (-row[2], row[0]))


def _is_link_local(address: str) -> bool:
    return address.startswith(("fe80:", "169.254."))


def _pass(shared: ScanOptions, parameters: Mapping[str, Any]) -> ScanOptions:
    rows = RowQuery(columns=COLUMNS, summaries=True, machine=TopologyMachine)
    return shared.selecting(("triage",), Selection(parameters["display_filter"], None, rows))


def _topology(report: Report, ask: Ask) -> dict[str, Any]:
    summary = report.summary(TopologySummary)
    found = _Map(summary)
    hosts = sorted(
        summary.hosts.items(), key=lambda entry: (-(entry[1].bytes_sent + entry[1].bytes_received), entry[0])
    )
    macs = sorted(summary.macs.items(), key=lambda entry: (-entry[1].frames, entry[0]))
    subnets = found.subnets()
    return {
        "summary": f"{count(len(hosts), 'IP address', 'IP addresses')}, "
        f"{count(len(macs), 'sending MAC address', 'sending MAC addresses')}, "
        f"{count(len(found.gateways), 'gateway')}, {count(len(subnets), 'subnet')} on the link.",
        "analysis_type": "network_topology",
        "display_filter": ask["display_filter"] or "none",
        "gateways": ask.rows("gateways", _GATEWAY, list(_gateway_rows(found))),
        "subnets": ask.rows("subnets", _SUBNET, [list(row) for row in subnets]),
        "hosts": ask.table(
            "hosts",
            _HOST,
            lambda offset, limit: [_host_row(found, *entry) for entry in hosts[offset : offset + limit]],
            len(hosts),
            exact=not summary.hosts_left_out,
        ),
        "macs": ask.table(
            "macs",
            _MAC,
            lambda offset, limit: [_mac_row(found, *entry) for entry in macs[offset : offset + limit]],
            len(macs),
            exact=not summary.macs_left_out,
        ),
        **_conversations(report, ask),
        "notes": list(_notes(summary)),
    }


def _notes(summary: TopologySummary) -> Iterable[str]:
    yield (
        "distance: routers passed, if packets were sent with the nearest usual time to live (64, 128, 255). on_link: "
        "the address was seen in ARP or neighbour discovery, is link-local, or came from no further than this network."
    )
    yield (
        "A gateway sends packets of hosts that are further away or of several networks, or advertises itself as a "
        "router."
    )
    yield "vendor: who bought the block of addresses; none for addresses that are given locally."
    if summary.hosts_left_out:
        packets = count(summary.hosts_left_out, "packet")
        yield f"More than {MAX_HOSTS:,} addresses: {packets} of further ones are left out."


def _gateway_rows(found: _Map) -> Iterable[list[Any]]:
    for address, mac in found.gateways.items():
        behind = found.behind[address]
        signs = (
            ("forwarded packets", bool(behind)),
            ("several networks", len(found.networks(mac)) >= _GATEWAY_NETWORKS),
            ("router advertisements", mac.advertisements > 0),
        )
        known = [sign for sign, seen in signs if seen]
        own = found.own_addresses(address, mac)
        yield [
            address, vendor_of(address), own[:_MAX_NAMED], len(behind), behind[:_MAX_NAMED], mac.advertisements, known,
        ]  # fmt: skip


def _host_row(found: _Map, address: str, host: Host) -> list[Any]:
    on_link = found.on_link(address, host)
    # The MAC address of a host beyond a router is that of the router.
    mac = found.claimed.get(address) or (max(host.macs, key=host.macs.__getitem__) if host.macs and on_link else None)
    return [
        address, on_link, mac, None if mac is None else vendor_of(mac), host.ttl, host.distance, host.frames_sent,
        host.bytes_sent, host.frames_received, host.bytes_received, host.first_frame, max(0, len(host.macs) - 1),
    ]  # fmt: skip


def _mac_row(found: _Map, address: str, mac: Mac) -> list[Any]:
    addresses = list({**mac.claims, **mac.sources})
    return [
        address, vendor_of(address), bool(int(address[:2], 16) & 2), mac.frames, addresses[:_MAX_NAMED],
        max(0, len(addresses) - _MAX_NAMED), address in found.gateways, mac.first_frame,
    ]  # fmt: skip


def _conversations(report: Report, ask: Ask) -> dict[str, Any]:
    """IP conversations, as analyze_pcap_file has them."""
    ranked = Ranked(report, report.summary(TriageSummary).tally)
    kinds: tuple[ConversationKind, ...] = ("ip", "ipv6")
    tables: dict[str, Any] = {}
    for kind in kinds:
        total, more = ranked.conversation_count(kind)
        if total or ask.only:

            def fetch(offset: int, limit: int, kind: ConversationKind = kind) -> list[list[Any]]:
                return [list(row[:6]) for row in ranked.conversations(kind, offset, limit)]

            name = f"{kind}_conversations"
            tables[name] = ask.table(name, _CONVERSATION, fetch, total, exact=not more)
    return tables


TOPOLOGY = ToolSpec(
    name="analyze_network_topology",
    module="triage",
    title="Map of the network",
    description="Use to see who is on the network and behind what: hosts of IPv4 and IPv6 with MAC address, vendor and "
    "distance, gateways, subnets of the link, conversations.",
    parameters=(DISPLAY_FILTER,),
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("analysis_type", "string"),
        Key("display_filter", "string"),
        *table_keys(
            (
                ("gateways", "a device that sends for hosts further away"),
                ("subnets", "a network of the link"),
                ("hosts", "an IP address, most bytes first"),
                ("macs", "a MAC address that sent"),
                ("ip_conversations", ""),
                ("ipv6_conversations", ""),
            )
        ),
    ),
    view=_topology,
    narrow=_pass,
    default_limit=_LIMIT,
)
