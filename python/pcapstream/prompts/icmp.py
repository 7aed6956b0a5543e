"""Prompts of the module icmp."""

from __future__ import annotations

from pcapstream.prompts._steps import CONNECTIONS, FACTS, FACTS_FORENSIC, PROTOCOLS, SECURITY, TALKERS
from pcapstream.prompts.spec import PromptSpec, Step

PROMPTS = (
    PromptSpec(
        name="icmp_network_diagnostics",
        module="icmp",
        title="ICMP network diagnostics",
        description="Read reachability, loss, delay, paths and size problems from ICMP and ICMPv6.",
        goal=(
            "You use what hosts and routers say in ICMP and ICMPv6 to find reachability, loss, delay, routing and "
            "packet-size problems, "
            "and to name the place where they arise."
        ),
        main="analyze_icmp_packets",
        steps=(
            FACTS,
            Step(
                "analyze_icmp_packets",
                "read echo results per pair of hosts, then errors with the packet they quote.",
                (
                    "echo: sent, answered, loss and round-trip times per pair; loss at one pair is that host or "
                    "path, at all it is near the sender",
                    "unanswered echo alone proves little: many hosts do not answer; compare with other traffic to "
                    "the same host",
                    "unreachable: its code says who refuses (port: the host itself; host or network: a router; "
                    "prohibited: a filter), the quoted "
                    "packet says which connection was hit",
                    "time exceeded: a traceroute (rising hop limits from one host) or, with ordinary traffic quoted, "
                    "a routing loop",
                    "fragmentation needed or packet too big: the stated MTU, and whether the sender then sends "
                    "smaller packets",
                    "redirects: hosts with a wrong gateway, or an attack",
                    "IPv6: neighbour solicitations without advertisement (host gone or filtered), router "
                    "advertisements with prefixes, lifetimes",
                ),
            ),
            CONNECTIONS,
            PROTOCOLS,
        ),
        proofs=(
            ("echo requests without an answer", "icmp.resp_not_found || icmpv6.resp_not_found"),
            ("slow answers (milliseconds)", "icmp.resptime > 100"),
            ("unreachable, both versions", "icmp.type == 3 || icmpv6.type == 1"),
            ("packet size problems", "(icmp.type == 3 && icmp.code == 4) || icmpv6.type == 2"),
            ("hop limit ran out", "icmp.type == 11 || icmpv6.type == 3"),
        ),
        doubts=(
            "Routers limit how many errors they send and answer echo at low priority: delay and loss at a middle hop "
            "that later hops do not "
            "show is not a fault of the path.",
            "The way back is not seen in a traceroute, and equal-cost paths mix hops.",
            "Filtered ICMP is the usual cause of silence: absence of errors does not prove a clean path.",
        ),
        report=(
            "What is reachable, what is not, with which loss and delay.",
            "Problems by effect: place (address of the router or host), affected connections, times (UTC), frames, "
            "filter, cause.",
            "Path or MTU facts that were found.",
            "What to try next and where to capture it.",
        ),
    ),
    PromptSpec(
        name="icmp_security_analysis",
        module="icmp",
        title="ICMP security analysis",
        description="Look for sweeps, floods, covert channels, redirects and rogue router advertisements.",
        goal=(
            "You look for misuse of ICMP and ICMPv6: mapping of the network, floods and reflection, data hidden in "
            "payloads, and messages "
            "that change other hosts' routing."
        ),
        main="analyze_icmp_packets",
        steps=(
            FACTS,
            Step(
                "analyze_icmp_packets",
                "compare sources by number of targets, rate, payload and type.",
                (
                    "sweep: one source, echo, timestamp or mask requests to many addresses; which answered is what "
                    "the source learned",
                    "flood: rate per source and target in packets per second; smurf: requests to a broadcast address "
                    "and many answers to one victim",
                    "covert channel: large or varying payloads, payload that differs between request and reply, "
                    "replies without requests, "
                    "a steady two-way flow between one pair over a long time",
                    "redirects and router advertisements: from whom, changing which route; several advertising "
                    "routers with different prefixes",
                    "neighbour advertisements that claim one address for two hardware addresses",
                    "unreachable messages in bulk to one host: the echo of a UDP scan or of an attack with forged "
                    "sources",
                    "types and codes that are obsolete or unassigned",
                ),
            ),
            TALKERS,
            SECURITY,
        ),
        proofs=(
            ("echo requests of one source", "ip.src == 192.0.2.1 && icmp.type == 8"),
            ("large echo payloads", "(icmp.type == 8 || icmp.type == 0) && frame.len > 200"),
            ("redirects", "icmp.type == 5 || icmpv6.type == 137"),
            ("router advertisements", "icmpv6.type == 134"),
            ("mapping by timestamp or mask", "icmp.type == 13 || icmp.type == 17"),
        ),
        doubts=(
            "Monitoring systems ping many hosts at fixed times; path MTU tests and link tests send large payloads; "
            "backup routers advertise too.",
            "Source addresses of floods are often forged: name the address, not the attacker.",
            "Payload patterns of ping programs differ by system; compare with one before you say hidden data.",
        ),
        report=(
            "Verdict with certainty.",
            "Findings by severity: source, targets, period (UTC), rate, frames, filter, other explanation, what the "
            "source could learn or change.",
            "Messages that good policy would not let pass here.",
            "Measures, each tied to a finding.",
        ),
    ),
    PromptSpec(
        name="icmp_forensic_investigation",
        module="icmp",
        title="ICMP forensic investigation",
        description="Reconstruct probing, paths and failures from ICMP as a dated, checkable record.",
        goal=(
            "You reconstruct from ICMP and ICMPv6 who probed whom, what they could learn, which connections failed "
            "and how packets travelled, "
            "as a dated record that others can check."
        ),
        main="analyze_icmp_packets",
        steps=(
            FACTS_FORENSIC,
            Step(
                "analyze_icmp_packets",
                "page through the messages of the hosts and times in question.",
                (
                    "sequence of probes: order and spacing of targets, identifiers and sequence numbers tie probes "
                    "of one process together",
                    "hop limits and their changes: distance of a host, a change of path, two systems behind one "
                    "address",
                    "errors: the quoted packet is evidence of traffic that itself may not be in the capture",
                    "traceroutes: hops with address and time, a map of the path as it was then",
                ),
            ),
            CONNECTIONS,
            TALKERS,
        ),
        proofs=(
            ("one run of a ping program", "icmp.ident == 1234"),
            ("everything about one host, quoted packets included", "icmp && ip.addr == 192.0.2.1"),
            ("low hop limits", "ip.ttl < 5 && icmp"),
        ),
        doubts=(
            "The initial hop limit is a guess from common defaults; it gives a distance, not an identity.",
            "Quoted packets are copied by the router that reports them and may be altered (address translation) or "
            "forged.",
            "Times are those of the capturing machine's clock.",
        ),
        report=(
            "Evidence: file facts, coverage, limits.",
            "Timeline in UTC: time, frame, from, to, type and code in words, what it shows.",
            "Topology that the messages support, each link with its frame.",
            "Impact: what the prober learned, what failed; what is not known.",
            "How to repeat it: tools with arguments, filters.",
        ),
    ),
)
