"""Prompts of the module dns."""

from __future__ import annotations

from pcapstream.prompts._steps import FACTS, FACTS_FORENSIC, PROTOCOLS, SECURITY, TALKERS
from pcapstream.prompts.spec import PromptSpec, Step

PROMPTS = (
    PromptSpec(
        name="security_analysis",
        module="dns",
        title="DNS security analysis",
        description="Find misused DNS in a capture: tunnels, generated domains, call-home, forged answers.",
        goal=(
            "You examine the DNS traffic of a capture for abuse: data carried in names, algorithmically made "
            "domains, regular "
            "call-home, reconnaissance and forged answers. Find what the packets show, rank it, and say what speaks "
            "against it."
        ),
        main="analyze_dns_packets",
        steps=(
            FACTS,
            Step(
                "analyze_dns_packets",
                "count queries, answers, response codes and names, then page through the rows of the clients that "
                "stand out.",
                (
                    "tunnel: one registered domain with very many distinct, long, random-looking first labels from "
                    "one client; "
                    "TXT, NULL or CNAME types in bulk; large answers. Count names per registered domain, not per query",
                    "generated domains: many NXDOMAIN for unrelated registered domains from one client, names "
                    "without words",
                    "call-home: the same name at near-equal intervals over the whole capture, especially with a "
                    "short TTL",
                    "reconnaissance: AXFR or IXFR, PTR over a whole range, ANY, runs of SRV and host-name guesses",
                    "forgery: two different answers to one query, answers to no query, a source that was not asked, "
                    "sudden change "
                    "of the addresses of a name",
                    "resolvers: clients that ask servers others do not use; DNS on unusual ports (counted apart)",
                    "mDNS, LLMNR and NetBIOS names answered by a host that is asked for everything: name poisoning "
                    "on the local link",
                ),
            ),
            TALKERS,
            SECURITY,
        ),
        proofs=(
            ("names that do not exist", "dns.flags.rcode == 3"),
            ("long names", "dns.qry.name.len > 60"),
            ("TXT and NULL queries", "dns.flags.response == 0 && (dns.qry.type == 16 || dns.qry.type == 10)"),
            ("zone transfers", "dns.qry.type == 252 || dns.qry.type == 251"),
            ("one transaction, when its id is known", "dns.id == 0x1a2b"),
        ),
        doubts=(
            "Content networks, telemetry, anti-virus look-ups, mail block lists and reverse look-ups make long, "
            "random-looking or "
            "frequent names too; browsers probe random names for captive portals. Name the candidate before you say "
            "tunnel or malware.",
            "A cache or forwarder between client and capture hides who asked and how often.",
            "Encrypted DNS (over TLS, HTTPS or QUIC) is not in these numbers: few queries are no proof of few "
            "look-ups.",
        ),
        report=(
            "Verdict in two sentences with its certainty.",
            "Findings by severity: what, which client and server, when (UTC), figures, frames, filter, other "
            "explanation.",
            "What was checked and is clean, and what could not be checked.",
            "Next steps: what to block, isolate or collect, each tied to a finding.",
        ),
    ),
    PromptSpec(
        name="network_troubleshooting",
        module="dns",
        title="DNS troubleshooting",
        description="Find out why name resolution is slow or fails: latency, time-outs, error codes, resolver faults.",
        goal=(
            "You find out whether name resolution works, where it is slow or fails, and whose fault it is: client, "
            "path, resolver or "
            "the authority behind it. The answer is a cause that an administrator can act on."
        ),
        main="analyze_dns_packets",
        steps=(
            FACTS,
            Step(
                "analyze_dns_packets",
                "compare asked with answered, and the times by server.",
                (
                    "response time by server: median and p95, not the mean; one slow server beside fast ones is that "
                    "server or its path",
                    "unanswered queries and repeats: by server, by client, by name, by transport; are they bunched "
                    "in time?",
                    "NXDOMAIN: a search suffix appended to complete names, a misspelt host, a name that exists only "
                    "inside",
                    "SERVFAIL and REFUSED: by name (broken delegation or DNSSEC) or for everything (resolver fault, "
                    "recursion denied)",
                    "truncated answers and whether the same query follows over TCP and is answered there",
                    "late and duplicate answers: a time-out on the client that is shorter than the resolver's",
                    "AAAA asked and unanswered beside A answered; CNAME chains; TTL of 0 or a few seconds that make "
                    "caches useless",
                ),
            ),
            Step(
                "analyze_tcp_connections",
                "see whether DNS over TCP gets through when answers are truncated.",
                ("unanswered or refused connections to port 53: a firewall that allows only UDP",),
                "server_port=53",
            ),
            Step(
                "analyze_icmp_packets",
                "see errors that answer DNS queries.",
                (
                    "port unreachable from a resolver: nothing listens there; unreachable from a router: a filter or "
                    "no route",
                    "packet too big or fragmentation needed: large answers are lost on the way",
                ),
            ),
            PROTOCOLS,
        ),
        proofs=(
            ("answers slower than half a second", "dns.time > 0.5"),
            ("repeated queries", "dns.retransmit_request || dns.retransmit_response"),
            ("queries without an answer", "dns.flags.response == 0 && !dns.response_in"),
            ("resolver failures", "dns.flags.rcode == 2 || dns.flags.rcode == 5"),
            ("truncated answers", "dns.flags.truncated == 1 && dns.flags.response == 1"),
        ),
        doubts=(
            "Queries near the end of the capture may have been answered after it; a capture on one side of a pair of "
            "resolvers or paths "
            "sees queries without their answers.",
            "Time at the capture point is not the user's time: near the client it holds the whole path, near the "
            "server only the server.",
        ),
        report=(
            "Does resolution work? One sentence, with the share answered and the usual time.",
            "Causes by effect on users: who is hit, which server or name, since when (UTC), figures, frames, filter.",
            "What to change and where, and how to see afterwards that it helped.",
            "What this capture cannot tell, and where to capture next.",
        ),
    ),
    PromptSpec(
        name="forensic_investigation",
        module="dns",
        title="DNS forensic investigation",
        description="Reconstruct from DNS what happened, when and from which host, as evidence that others can check.",
        goal=(
            "You reconstruct events from the DNS traffic of a capture for people who must be able to repeat every "
            "step: a dated "
            "sequence of look-ups, attributed as far as the packets allow and no further."
        ),
        main="analyze_dns_packets",
        steps=(
            FACTS_FORENSIC,
            Step(
                "analyze_dns_packets",
                "build the timeline: page until you have every row of the names and clients in question.",
                (
                    "first and last look-up of each relevant name, per client, with the answer that was given at "
                    "that time",
                    "what was looked up just before and after: the sequence often shows cause (download site, then "
                    "call-home)",
                    "answers that change over time, short TTLs, CNAME chains: keep each version with its frame",
                    "gaps in a host's otherwise regular look-ups: switched off, moved, or another resolver",
                ),
            ),
            Step(
                "analyze_dhcp_packets",
                "tie addresses to hosts at that time.",
                ("lease of the client's address around the event: hardware address, host name, from when to when",),
            ),
            Step(
                "analyze_tcp_connections",
                "see whether a look-up was followed by a connection to the answered address.",
                (
                    "connections to an address from an answer, from the same client, after it; their bytes in each "
                    "direction",
                ),
            ),
            TALKERS,
        ),
        proofs=(
            ("all messages about one domain", 'dns.qry.name contains "example.com"'),
            ("who was given an address", "dns.a == 192.0.2.1"),
            ("one host's questions", "ip.src == 192.0.2.1 && dns.flags.response == 0"),
        ),
        doubts=(
            "A look-up shows that a program asked, not that a person went there: prefetching, mail scanners and "
            "security tools ask too.",
            "Behind address translation, a proxy or a forwarder, one address is many hosts. A hardware address can "
            "be set at will.",
            "Times are those of the capturing machine's clock; say so unless you can compare it with another clock.",
        ),
        report=(
            "Evidence: file facts, coverage, and what limits it.",
            "Timeline in UTC: time, frame, host, what was asked, what was answered, what followed.",
            "Attribution: which host, on what grounds, how certain; what would strengthen or break it.",
            "Impact: what is shown, what is likely, what cannot be known from here.",
            "How to repeat it: tools with their arguments, filters, and files to keep.",
        ),
    ),
)
