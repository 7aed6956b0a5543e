"""Prompts of the module tcp."""

from __future__ import annotations

from pcapstream.prompts._steps import CONNECTIONS, FACTS, SECURITY, TALKERS
from pcapstream.prompts.spec import PromptSpec, Step

PROMPTS = (
    PromptSpec(
        name="tcp_connection_troubleshooting",
        module="tcp",
        title="TCP connection troubleshooting",
        description="Find out why connections fail, stall or break, and on whose side the cause lies.",
        goal=(
            "You find out why TCP connections fail, are slow or break off, and on which side the cause lies: client, "
            "server, or the path "
            "with its firewalls and load balancers. End with a fix that someone can apply."
        ),
        main="analyze_tcp_connections",
        steps=(
            FACTS,
            CONNECTIONS,
            Step(
                "analyze_tcp_retransmissions",
                "see how much is sent again, in which direction, and on which connections.",
                (
                    "one direction only: loss on that way; all connections: a shared link; one connection: its hosts "
                    "or path",
                    "spurious ones: the data had arrived and only the acknowledgement was late or lost",
                    "out-of-order instead of loss: parallel paths; segments never seen: the capture missed them, or "
                    "they were lost before it",
                    "SYN or SYN-ACK repeated: a filter or an overloaded listener, not a lossy link",
                ),
            ),
            Step(
                "analyze_tcp_anomalies",
                "see resets, windows and failed handshakes together.",
                (
                    "zero window: the receiving program does not read fast enough; the network is not the cause",
                    "window full: the sender waits for the receiver's buffer or for the round trip",
                    "resets by one side only: after idle time (a firewall or balancer forgot the connection), right "
                    "after the SYN (port closed), "
                    "in the middle of data (program or inspection device)",
                ),
            ),
            Step(
                "analyze_traffic_flow",
                "for the server with the most trouble, compare both directions.",
                (
                    "one direction missing: asymmetric routing or a capture of one side; then loss and times of the "
                    "other side mean little",
                ),
                "server_ip=the server that the earlier steps point to",
            ),
        ),
        proofs=(
            ("SYN without an answer, by stream", "tcp.completeness == 1"),
            ("retransmissions", "tcp.analysis.retransmission"),
            ("receiver out of buffer", "tcp.analysis.zero_window"),
            ("resets", "tcp.flags.reset == 1"),
            ("slow handshakes", "tcp.analysis.initial_rtt > 0.2"),
            ("one connection", "tcp.stream == 0"),
        ),
        doubts=(
            "Where the capture was made decides what loss looks like: near the sender, retransmissions without gaps; "
            "near the receiver, gaps "
            "before them. Say which one you assume.",
            "Segments missing from the capture but acknowledged were lost by the capture, not by the network.",
            "Large segments and wrong checksums on the capturing host come from offloading in its network card.",
            "A reset at the end of a finished exchange is a common way to close and harms nobody.",
        ),
        report=(
            "Cause in two sentences: what, which side, how certain.",
            "Evidence: connections, figures by direction, times (UTC), frames, filter.",
            "Causes that were ruled out, and by which figure.",
            "Fix: setting or device and side, with the check that shows it worked.",
        ),
    ),
    PromptSpec(
        name="tcp_security_analysis",
        module="tcp",
        title="TCP security analysis",
        description="Look for scans, floods, forged resets, odd transfers and long-lived channels in TCP traffic.",
        goal=(
            "You look for hostile use of TCP: scans, SYN floods, injected segments and resets, data leaving in "
            "unusual amounts, channels "
            "that stay open or come back on a schedule. Rank what you find by severity."
        ),
        main="analyze_tcp_connections",
        steps=(
            FACTS,
            CONNECTIONS,
            Step(
                "analyze_tcp_anomalies",
                "see failed handshakes, resets and odd flags by source and direction.",
                (
                    "scan: one source, many ports of one host or one port of many hosts, answered by resets or not "
                    "at all; the few that "
                    "completed are what it found open",
                    "SYN flood: SYNs far above completed handshakes at one port, many sources, half-open connections "
                    "that grow",
                    "resets that come from a hop limit or sequence number unlike the rest of the connection: injected",
                    "resets of one direction for one service only: a firewall's policy",
                ),
            ),
            Step(
                "analyze_traffic_flow",
                "for a host under suspicion, compare what it received with what it sent.",
                (
                    "far more sent than received by a host that should receive; bulk transfer at unusual hours or to "
                    "an address nobody else talks to",
                ),
                "server_ip=the host under suspicion",
            ),
            TALKERS,
            SECURITY,
        ),
        proofs=(
            ("connection attempts of one source", "ip.src == 192.0.2.1 && tcp.flags.syn == 1 && tcp.flags.ack == 0"),
            ("attempts that were refused", "tcp.completeness == 33 || tcp.completeness == 37"),
            ("handshakes left half open", "tcp.completeness == 3"),
            ("odd flags (none, or FIN with PUSH and URG)", "tcp.flags == 0x000 || tcp.flags == 0x029"),
            ("one connection", "tcp.stream == 0"),
        ),
        doubts=(
            "Monitoring, load-balancer checks, vulnerability scans that were ordered, and clients that retry a dead "
            "server look like scans and "
            "floods. Ask what is scheduled before you accuse.",
            "Source addresses of unanswered SYNs can be forged; a completed handshake makes forging unlikely.",
            "Content of encrypted connections is unknown: amounts, times and peers are not proof of theft.",
        ),
        report=(
            "Verdict with certainty.",
            "Findings by severity: who, against whom, period (UTC), figures, frames, filter, whether it succeeded, "
            "other explanation.",
            "Hosts to look at first, and what to collect from them.",
            "Measures, each tied to a finding.",
        ),
    ),
)
