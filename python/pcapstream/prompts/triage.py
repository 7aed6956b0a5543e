"""Prompts of the module triage."""

from __future__ import annotations

from pcapstream.prompts._steps import CONNECTIONS, FACTS, TALKERS
from pcapstream.prompts.spec import PCAP_FILE, Argument, PromptSpec, Step

_SERVER_IP = Argument(
    "server_ip",
    "IP address of the slow application's server. Left out: found from the capture.",
    "find the server from the capture and say how you chose it.",
)
_SERVER_PORT = Argument(
    "server_port",
    "Port of the slow application. Left out: all ports of the server.",
    "look at all ports of the server.",
)
_FINDING = Argument(
    "finding",
    "The claim to check, in words, with frames or filter if there are any. Left out: the last claim of this "
    "conversation.",
    "take the last claim made in this conversation. If there is none, ask which one to check.",
)

PROMPTS = (
    PromptSpec(
        name="triage_capture",
        module="triage",
        title="Triage of a capture",
        description="First look at an unknown capture: what it holds, what looks wrong, and what to ask next.",
        goal=(
            "You take a first look at a capture that nobody has explained to you. In a few calls, tell the user what "
            "it is, what happened in "
            "it, what looks wrong, and which question is worth asking next."
        ),
        main="analyze_pcap_file",
        steps=(
            Step(
                "analyze_pcap_file",
                "get the overview: facts, protocols, top talkers, health, what looks wrong.",
                (
                    "what kind of place this is: link types, private ranges, roles of hosts (who asks, who serves)",
                    "findings with the heaviest severity: they choose the next call",
                    "protocols that do not fit the place: tunnels, cleartext log-ins, traffic to unusual ports",
                    "silence: an expected protocol that is absent, one direction only",
                ),
                'analysis_type="summary"',
            ),
            FACTS,
            Step(
                "analyze_pcap_file",
                "see what the overview calls suspicious, and what it says it does not cover.",
                ("findings about few hosts or a short time: they are easier to explain than general noise",),
                'analysis_type="security"',
            ),
            Step(
                "analyze_tcp_connections",
                "when TCP is a good part of the traffic: do connections succeed?",
                ("unanswered and refused connections by server; who sends the resets",),
            ),
            Step(
                "analyze_dns_packets",
                "when there is DNS: names tell what hosts were about to do.",
                ("failed and unanswered look-ups, slow servers, names in bulk under one domain",),
            ),
            Step(
                "analyze_dhcp_packets",
                "when there is DHCP: who is who.",
                ("host names and hardware addresses of the addresses you already know; several servers",),
            ),
            Step(
                "analyze_icmp_packets",
                "when there is ICMP: routers and hosts complain here first.",
                ("unreachable and size errors with the connection they quote; sweeps",),
            ),
            Step(
                "analyze_sip_packets",
                "when there is SIP: calls and their outcome.",
                ("failed calls, refused registrations, missing media",),
            ),
        ),
        proofs=(
            ("everything one host did", "ip.addr == 192.0.2.1"),
            ("what Wireshark itself marks as bad", '_ws.expert.severity >= "Warning"'),
            ("TCP trouble of any kind", "tcp.analysis.flags"),
        ),
        doubts=(
            "You do not know what is normal here: say unusual, and ask, before you say wrong.",
            "The loudest host is not the most important one; a backup is louder than an intruder.",
        ),
        report=(
            "What this capture is: one paragraph (place, time span in UTC, size, main hosts and protocols).",
            "What looks wrong, at most five points by weight: claim, certainty, frames, filter.",
            "What looks fine and was really checked.",
            "Three questions worth asking next, each with the tool call that answers it.",
        ),
    ),
    PromptSpec(
        name="explain_slow_application",
        module="triage",
        title="Explain a slow application",
        description="Split an application's waiting time into names, network, server and client; name the largest.",
        goal=(
            "Users say that an application is slow. Split the time they wait into name resolution, connection "
            "set-up, network round trips, "
            "loss, server and client, and show which part dominates. Rule the others out by figures."
        ),
        main="analyze_tcp_connections",
        main_module="tcp",
        steps=(
            FACTS,
            Step(
                "analyze_dns_packets",
                "take out the time before the first packet to the server.",
                (
                    "slow or unanswered look-ups of the application's names; repeats after 1 to 5 s are waits that "
                    "users feel",
                ),
            ),
            Step(
                "analyze_tcp_connections",
                "see set-up and ends of the application's connections (give server_ip and server_port when known).",
                (
                    "initial round-trip time: the floor of every exchange; many short connections pay it again and "
                    "again",
                    "repeated SYNs: waits of 1, 3, 7 s before anything starts",
                    "long connections with few bytes: waiting, not transferring",
                    "resets and refused attempts that make the application try again",
                ),
                "detailed=true",
            ),
            Step(
                "analyze_tcp_retransmissions",
                "weigh loss.",
                (
                    "share by direction on the application's connections; a share that is small but falls on every "
                    "exchange still costs time-outs",
                ),
            ),
            Step(
                "analyze_tcp_anomalies",
                "weigh buffers and closes.",
                (
                    "zero window from the server: it does not read; from the client: the client does not read",
                    "window full with a long round trip: the window limits the rate, about window size divided by "
                    "round-trip time",
                ),
            ),
            Step(
                "analyze_traffic_flow",
                "compare both directions of the server.",
                (
                    "amounts and shapes: few large answers, or very many small questions one after another (a chatty "
                    "application pays each round trip)",
                ),
                "server_ip=the application's server",
            ),
            TALKERS,
            Step(
                "analyze_icmp_packets",
                "exclude size and routing trouble.",
                ("packet too big or fragmentation needed towards the server: connections that open and then hang",),
            ),
        ),
        proofs=(
            ("time from a request to the next segment of the same connection", "tcp.time_delta > 1"),
            ("slow set-up", "tcp.analysis.initial_rtt > 0.2"),
            ("loss", "tcp.analysis.retransmission || tcp.analysis.fast_retransmission"),
            ("a side that does not read", "tcp.analysis.zero_window"),
            ("slow names", "dns.time > 0.5"),
        ),
        doubts=(
            "A gap between question and answer is the server's only if the network's round trip is known to be short "
            "at that time, and the "
            "capture is near one of the two.",
            "A gap between answer and next question is the client or its user thinking; do not count it as slowness.",
            "The wait may lie behind the server (database, other services) where this capture does not look.",
        ),
        report=(
            "Where the time goes: share per part, with the figure behind each; certainty.",
            "Two or three exchanges as examples: times (UTC), frames, filter, what waited for what.",
            "Parts that were ruled out, by which figure.",
            "What to do about the largest part, and what to capture next if it is behind the server.",
        ),
        arguments=(PCAP_FILE, _SERVER_IP, _SERVER_PORT),
    ),
    PromptSpec(
        name="verify_finding",
        module="triage",
        title="Verify a finding",
        description="Try to refute a claim about a capture: counter-evidence, other explanations, frames and filters.",
        goal=(
            "Somebody claims something about this capture. Try to refute it. Work only with figures you fetch now; "
            "earlier words in this "
            "conversation and the claim itself are not evidence."
        ),
        main="analyze_pcap_file",
        steps=(
            FACTS,
            Step(
                "analyze_pcap_file",
                "write down first which figures would be different if the claim were false, then get the overview.",
                (
                    "do hosts, times and protocols of the claim occur at all?",
                    "how common is what it says among hosts and times it does not name? If everybody shows it, it "
                    "explains nothing",
                ),
                'analysis_type="summary"',
            ),
            CONNECTIONS,
            Step(
                "analyze_tcp_retransmissions",
                "only for claims about loss.",
                ("direction, share and kind against what the claim says; is the capture itself incomplete?",),
            ),
            Step(
                "analyze_tcp_anomalies",
                "only for claims about resets, windows or failed handshakes.",
                ("who sent what; how many, of how many",),
            ),
            Step(
                "analyze_dns_packets",
                "only for claims about names.",
                ("the rows behind the claim, and the same figure for other clients and names",),
            ),
            Step(
                "analyze_dhcp_packets",
                "only for claims about addresses, leases and devices.",
                ("who held the address at that time",),
            ),
            Step(
                "analyze_icmp_packets",
                "only for claims about reachability, paths or probing.",
                ("the quoted packets; rates and targets",),
            ),
            Step(
                "analyze_sip_packets",
                "only for claims about calls.",
                ("each message of the call in order; what is missing",),
            ),
        ),
        proofs=(
            ("the frames that the claim names", "frame.number in {1, 2, 3}"),
            ("the hosts it names, without the protocol it names", "ip.addr == 192.0.2.1 && !dns"),
            ("the minute around it", "frame.time_relative >= 0 && frame.time_relative < 60"),
        ),
        doubts=(
            "Agreement of two tools that read the same counter is one proof, not two.",
            "Weigh the cheapest explanation first: capture artefact, one-sided capture, ordinary behaviour of the "
            "protocol, scheduled task.",
            "Refuted, confirmed and cannot be decided from this capture are all good answers.",
        ),
        report=(
            "The claim in your own words, made precise enough to be false.",
            "Verdict: confirmed, refuted, partly (which part) or undecidable, and how certain.",
            "Evidence for and against: figure, tool, frames, filter.",
            "Other explanations and what rules each in or out.",
            "What to capture or ask to decide what is open.",
        ),
        arguments=(PCAP_FILE, _FINDING),
    ),
)
