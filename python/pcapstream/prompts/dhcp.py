"""Prompts of the module dhcp."""

from __future__ import annotations

from pcapstream.prompts._steps import FACTS, FACTS_FORENSIC, PROTOCOLS, SECURITY, TALKERS
from pcapstream.prompts.spec import PromptSpec, Step

PROMPTS = (
    PromptSpec(
        name="dhcp_network_analysis",
        module="dhcp",
        title="DHCP network analysis",
        description="Judge how address assignment works: failed exchanges, slow servers, pool use, relay faults.",
        goal=(
            "You judge how well hosts get their addresses and settings in this capture: which exchanges succeed, "
            "which stall at which "
            "step, how servers and relays behave, and whether the settings handed out are consistent."
        ),
        main="analyze_dhcp_packets",
        steps=(
            FACTS,
            Step(
                "analyze_dhcp_packets",
                "follow each client from its first message to its lease, and compare the servers.",
                (
                    "where exchanges stop: DISCOVER without OFFER (no server, relay or pool), OFFER without REQUEST "
                    "(offer not accepted "
                    "or another server chosen), REQUEST without ACK (server lost it or refuses)",
                    "time of each step by server; clients that repeat a message before they are answered",
                    "NAK and DECLINE: an address of another network, a lease the server forgot, an address already "
                    "in use",
                    "one address given to two clients at overlapping times; one client with many addresses",
                    "settings that differ between servers for one network: mask, router, name servers, domain, lease "
                    "time",
                    "lease time against renewals: very short leases load the server, renewals to a server that stays "
                    "silent end in a broadcast",
                    "relays: requests seen with a relay address but answers that do not come back to it; option 82 "
                    "present on some only",
                    "DHCPv6 beside it: solicit without advertise, prefix delegation, no address left",
                ),
            ),
            Step(
                "analyze_icmp_packets",
                "see address checks and reachability around the exchange.",
                (
                    "echo requests of a server that checks an address before it offers it; router advertisements "
                    "that tell hosts to use DHCPv6",
                ),
            ),
            PROTOCOLS,
        ),
        proofs=(
            ("one exchange, when its id is known", "dhcp.id == 0x12345678"),
            ("one client", "dhcp.hw.mac_addr == 00:00:5e:00:53:01"),
            ("refusals", "dhcp.option.dhcp == 6"),
            ("addresses declined as in use", "dhcp.option.dhcp == 4"),
            ("relayed messages", "dhcp.ip.relay != 0.0.0.0"),
            ("DHCPv6", "dhcpv6"),
        ),
        doubts=(
            "Many DHCP messages are broadcast and their answers are not: a capture on a switch port may hold one "
            "half of an exchange.",
            "A renewal has two messages only, and a client that comes back asks for its old address first: both are "
            "normal.",
            "How full a pool is can be estimated from the addresses seen, never known from a capture.",
        ),
        report=(
            "Does assignment work? Share of exchanges completed and usual time.",
            "Faults by number of clients hit: step, server or relay, times (UTC), frames, filter, likely cause.",
            "Leases and settings that conflict, as a small table.",
            "What to change, and how to check it.",
        ),
    ),
    PromptSpec(
        name="dhcp_security_analysis",
        module="dhcp",
        title="DHCP security analysis",
        description="Look for rogue servers, starvation, spoofed clients and settings that redirect traffic.",
        goal=(
            "You look for attacks that use address assignment: a server that should not be there, settings that "
            "redirect traffic, "
            "exhaustion of the pool, clients that pretend to be others."
        ),
        main="analyze_dhcp_packets",
        steps=(
            FACTS,
            Step(
                "analyze_dhcp_packets",
                "list the servers and what each hands out, then the clients and how they ask.",
                (
                    "second server on one network: compare its identifier, hardware address, answer time, router and "
                    "name servers with "
                    "the other's; the first to answer wins, so a fast newcomer is worth a look",
                    "redirection: router or name server set to the server's own or an unusual address, classless "
                    "routes (121), "
                    "proxy discovery (252), boot server (66, 67)",
                    "starvation: very many hardware addresses in a short time, with DISCOVER only or up to REQUEST, "
                    "from one port",
                    "mismatch of the hardware address in the frame and in the message, without a relay between",
                    "RELEASE or DECLINE in other clients' names; INFORM sweeps",
                    "client fingerprint (order of option 55, vendor class) that changes under one hardware address",
                    "option 82 from places where no relay should be; unknown or oversized options",
                ),
            ),
            TALKERS,
            SECURITY,
        ),
        proofs=(
            ("all offers and acknowledgements", "dhcp.option.dhcp == 2 || dhcp.option.dhcp == 5"),
            ("what one server sent", "dhcp.option.dhcp_server_id == 192.0.2.1"),
            ("a router that was handed out", "dhcp.option.router == 192.0.2.1"),
            ("releases and declines", "dhcp.option.dhcp == 7 || dhcp.option.dhcp == 4"),
        ),
        doubts=(
            "Two servers are often a planned pair (failover, split scope), a relay that asks both, a phone's hot "
            "spot or a forgotten router. "
            "Ask which servers are meant to be there before you say rogue.",
            "Phones and laptops use random hardware addresses; virtual machines and labs make many at once.",
            "A capture does not show who plugged in a device; name the switch data that would.",
        ),
        report=(
            "Verdict with certainty.",
            "Findings by severity: actor (hardware and IP address), victims, times (UTC), figures, frames, filter, "
            "other explanation.",
            "Settings that clients now hold because of it, and until when (lease time).",
            "Containment and hardening, each tied to a finding; what to collect from switches and servers.",
        ),
    ),
    PromptSpec(
        name="dhcp_forensic_investigation",
        module="dhcp",
        title="DHCP forensic investigation",
        description="Establish which device held which address at which time, as checkable evidence.",
        goal=(
            "You establish from address assignment which device was on the network, when, with which address and "
            "settings, for people who "
            "must be able to check every step."
        ),
        main="analyze_dhcp_packets",
        steps=(
            FACTS_FORENSIC,
            Step(
                "analyze_dhcp_packets",
                "page until you have every exchange of the devices and times in question.",
                (
                    "per device: hardware address, client identifier, host name, vendor class, order of requested "
                    "options; do they agree?",
                    "per address: who held it from when to when, from which server, and who before and after",
                    "first appearance and last message of each device; return after absence with its old address",
                    "servers and relays seen: they outline the network as it was then",
                ),
            ),
            Step(
                "analyze_dns_packets",
                "see what the device did under that address.",
                ("look-ups by that address inside its lease only: outside it, the address may be someone else's",),
            ),
            TALKERS,
        ),
        proofs=(
            ("all exchanges of one device", "dhcp.hw.mac_addr == 00:00:5e:00:53:01"),
            ("who was given an address", "dhcp.ip.your == 192.0.2.1"),
            ("a host name that was claimed", 'dhcp.option.hostname == "laptop"'),
        ),
        doubts=(
            "Hardware address, host name and client identifier are claims of the device: say claimed, not proven.",
            "A lease says that an address was granted, not that it was used; look for traffic from it.",
            "Leases granted before the capture began are seen at their next renewal only.",
        ),
        report=(
            "Evidence: file facts, coverage, limits.",
            "Timeline in UTC: time, frame, device, message, address, server.",
            "Table of who held which address from when to when, and what each end of the interval rests on.",
            "Attribution and its certainty; what other records (switch, wireless controller, server log) would "
            "confirm it.",
            "How to repeat it: tools with arguments, filters.",
        ),
    ),
)
