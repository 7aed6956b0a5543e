"""Prompts of the module sip."""

from __future__ import annotations

from pcapstream.prompts._steps import FACTS, FACTS_FORENSIC, PROTOCOLS, SECURITY, TALKERS
from pcapstream.prompts.spec import PromptSpec, Step

PROMPTS = (
    PromptSpec(
        name="sip_security_analysis",
        module="sip",
        title="SIP security analysis",
        description="Look for password guessing, scans, toll fraud, hijacked calls and exposed addresses in SIP.",
        goal=(
            "You look for attacks on telephony in this capture: guessing of extensions and passwords, scans, calls "
            "at someone else's cost, "
            "taken-over registrations and calls, and what the signalling gives away."
        ),
        main="analyze_sip_packets",
        steps=(
            FACTS,
            Step(
                "analyze_sip_packets",
                "count requests and answers by source, then follow registrations and calls.",
                (
                    "guessing: many REGISTER or INVITE from one source for many users, mostly 401, 403, 404 or 407; "
                    "a 200 among them is the finding",
                    "scan: OPTIONS or REGISTER to many hosts; agent names of known scanners (claims of the sender, "
                    "not proof)",
                    "toll fraud: calls to unusual or premium prefixes, many short attempts with varied prefixes, "
                    "calls out of hours, "
                    "calls from an address that never registered",
                    "hijack: one user registered from two places, a Contact that changes to an unknown address, BYE "
                    "or re-INVITE from a third address",
                    "flood: requests per second of one source, many calls that are never answered",
                    "exposure: private addresses, device models and versions in Via, Contact, Call-ID, SDP; "
                    "passwords or keys in the clear",
                ),
            ),
            TALKERS,
            SECURITY,
        ),
        proofs=(
            ("refused registrations", 'sip.CSeq.method == "REGISTER" && sip.Status-Code >= 400'),
            ("challenges", "sip.Status-Code == 401 || sip.Status-Code == 407"),
            ("calls to a prefix", 'sip.Method == "INVITE" && sip.to.user matches "^00"'),
            ("one call, when its id is known", 'sip.Call-ID == "id"'),
        ),
        doubts=(
            "One 401 or 407 before each success is how SIP signs in, not an attack; count the ones that no success "
            "follows.",
            "A phone with an old password retries for ever; a monitoring system sends OPTIONS on schedule.",
            "SIP over TLS and encrypted media are not readable here: few messages are no proof of few calls.",
        ),
        report=(
            "Verdict with certainty.",
            "Findings by severity: source, accounts or numbers, period (UTC), counts with and without success, "
            "frames, filter, other explanation.",
            "Possible cost: answered calls by destination with duration.",
            "Measures, each tied to a finding; accounts whose passwords have to change.",
        ),
    ),
    PromptSpec(
        name="sip_troubleshooting_analysis",
        module="sip",
        title="SIP troubleshooting",
        description="Find out why registrations or calls fail, drop or have no or bad sound.",
        goal=(
            "You find out why phones do not register, calls do not come about, break off, or have one-way, missing "
            "or bad sound, and which "
            "device or setting has to change."
        ),
        main="analyze_sip_packets",
        steps=(
            FACTS,
            Step(
                "analyze_sip_packets",
                "follow each registration and call from its first request to its end, then its media.",
                (
                    "set-up: INVITE, 100, 180 or 183, 200, ACK. Where does it stop, and who owes the next message? A "
                    "200 that is repeated has no ACK",
                    "final codes: 4xx the caller's side or rights, 404 number, 408 and 480 not reached, 486 busy, "
                    "488 no common codec, 5xx server, "
                    "6xx everywhere refused; read Reason and Warning as data",
                    "registrations: challenge loops (wrong password or clock), 423 interval, expiry shorter than the "
                    "refresh",
                    "calls that end at a round time (30 s, 5 or 15 min): lost ACK, session timer or a translation "
                    "table that forgets",
                    "Via, Contact and SDP addresses against the packet's own addresses: a private address given to a "
                    "public peer explains "
                    "missing or one-way sound",
                    "codecs offered and chosen; media sent to where the SDP says? Loss, jitter and largest gap per "
                    "stream and direction",
                    "requests repeated at 0.5, 1, 2, 4 s: nobody answers, or answers do not come back",
                ),
            ),
            Step(
                "analyze_icmp_packets",
                "see errors that answer signalling or media.",
                (
                    "port unreachable for a media port: the receiver is not listening there; packet too big: long "
                    "INVITEs are lost",
                ),
            ),
            Step(
                "analyze_tcp_connections",
                "see whether SIP over TCP connects and stays.",
                ("refused or reset connections to 5060 and 5061; idle connections that one side has forgotten",),
                "server_port=5060",
            ),
            PROTOCOLS,
        ),
        proofs=(
            ("one call, when its id is known", 'sip.Call-ID == "id"'),
            ("failures", "sip.Status-Code >= 400"),
            ("repeated messages", "sip.resend == 1"),
            ("media of a port that the SDP named", "udp.port == 16384 || rtp"),
            ("how calls end", 'sip.Method == "BYE" || sip.Method == "CANCEL"'),
        ),
        doubts=(
            "A proxy or back-to-back agent makes two calls of one: the Call-ID may change on the way; pair them by "
            "number and time.",
            "Quality figures are those at the capture point; the listener behind it may hear better or worse. An "
            "estimated MOS is an estimate.",
            "Media that is not in the capture may have taken another path.",
        ),
        report=(
            "Cause in two sentences: which step, which device, how certain.",
            "Calls or registrations hit: identifier, from, to, times (UTC), where it stopped, final code, frames, "
            "filter.",
            "Media: per direction, whether it flowed and how well.",
            "Change to make and the check that shows it worked.",
        ),
    ),
    PromptSpec(
        name="sip_forensic_investigation",
        module="sip",
        title="SIP forensic investigation",
        description="Reconstruct who called whom, when, from where and how it ended, as checkable evidence.",
        goal=(
            "You reconstruct calls and registrations for people who must be able to check every step: who called "
            "whom, when, through which "
            "systems, what was agreed, how it ended, and how sure each of these is."
        ),
        main="analyze_sip_packets",
        steps=(
            FACTS_FORENSIC,
            Step(
                "analyze_sip_packets",
                "page until you have every message of the calls in question; keep them by Call-ID and CSeq.",
                (
                    "per call: Call-ID, tags, from, to, first INVITE, ringing, answer, end, who ended it, final "
                    "code, duration",
                    "identities: From is a claim; P-Asserted-Identity and the answer to a challenge weigh more; the "
                    "packet's source is where it came from",
                    "agents and servers named in the messages, Via and Record-Route as the path, in order",
                    "registrations of both parties around the call: which device and address stood for the number then",
                    "transfers, forwards and forks: Refer-To, Diversion, several answers to one INVITE",
                    "states that cannot be told because a message is missing: say open, not failed",
                ),
            ),
            TALKERS,
        ),
        proofs=(
            ("one call, when its id is known", 'sip.Call-ID == "id"'),
            ("calls of one user", 'sip.from.user == "alice" || sip.to.user == "alice"'),
            ("registrations", 'sip.CSeq.method == "REGISTER"'),
        ),
        doubts=(
            "Caller numbers and names can be set by the caller's system: say shown as, unless the network asserts "
            "them.",
            "Answered means that a device answered; it may be a mailbox.",
            "Times are those of the capturing machine's clock; durations are counted from 200 to BYE at this point.",
            "Recordings of media may be protected by law: describe the streams, do not reproduce what was said.",
        ),
        report=(
            "Evidence: file facts, coverage, limits.",
            "Timeline in UTC per call: time, frame, message, from, to, what it shows.",
            "Call table: parties as shown and as asserted, begin, answer, end, who ended it.",
            "Attribution with its grounds and certainty; states left open.",
            "How to repeat it: tools with arguments, filters.",
        ),
    ),
)
