"""Facts of ours beside those of a truth file: which are facts, when two are equal, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

LEFT_OUT: tuple[tuple[str, str], ...] = (
    ("file", "the name of the input"),
    ("size", "nothing about packets"),
    ("sha256", "nothing about packets"),
    ("tools.*", "about tshark itself"),
    ("read.*", "messages of tshark"),
    ("capinfos.rc", "exit status of capinfos"),
    ("capinfos.stderr*", "messages of capinfos"),
    ("capinfos.interfaces*", "prose of capinfos; interfaces are compared as frames.interfaces"),
    ("capinfos.file_type", "prose of capinfos"),
    ("capinfos.encapsulation", "prose of capinfos"),
    ("capinfos.time_precision", "prose of capinfos"),
    ("capinfos.snaplen_inferred*", "a guess of capinfos"),
    ("capinfos.strict_time_order", "said in words of our own"),
    ("frames.malformed", "would need every dissector of tshark"),
    ("frames.short", "would need every dissector of tshark"),
    ("layers.*", "names in tshark's dissector tree"),
    ("*.tap_rows", "a check of the truth against itself"),
    ("*_tshark", "tshark's own value where the flags of the packets say otherwise"),
    ("rtp.stream_count_heuristic", "a heuristic with false positives"),
    ("rtp.streams_heuristic*", "a heuristic with false positives"),
)
"""(glob of a fact, why nobody compares it)"""

_LOWER = """eth sll wlan ppp pppoes pppoed null raw arp vlan mpls gre vxlan geneve l2tp gtp ip ipv6 icmp icmpv6 igmp
esp ah tcp udp sctp stp lldp llc ospf"""
_APPLICATION = """dns mdns llmnr nbns dhcp dhcpv6 ntp sip sdp rtp rtcp http http2 websocket tls dtls quic ftp ssh telnet
smtp imap pop snmp bgp syslog tftp ssdp stun smb smb2 nbss"""

LOWER = frozenset(_LOWER.split())
"""Link, network, tunnel and transport layers; their figures are group `lower_layers`, too."""

PROTOCOLS = LOWER.union(_APPLICATION.split())
"""Names compared in group `protocols`."""


@dataclass(frozen=True)
class Exclusion:
    """A difference that docs/accuracy.md explains."""

    file: str
    """Glob of the path below the captures folder."""
    fact: str
    """Glob of the fact."""
    reason: str

    @classmethod
    def read(cls, path: Path) -> list[Exclusion]:
        """Lines `file TAB fact TAB reason`; empty ones and those that begin with # are comments."""
        rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip() and line[0] != "#"]
        return [cls(*row[:3]) for row in rows if len(row) >= 3]


@dataclass
class Group:
    """Figures of one group of facts."""

    matched: int = 0
    compared: int = 0
    excluded: int = 0

    @property
    def over(self) -> int:
        """Exclusions beyond one in a hundred: they count as differences."""
        return max(0, self.excluded - (self.compared + self.excluded) // 100)

    @property
    def percent(self) -> float:
        """Of the facts compared, 100 where there are none."""
        compared = self.compared + self.over
        return round(100 * self.matched / compared, 2) if compared else 100.0


@dataclass(frozen=True)
class Difference:
    """One fact that is not the same."""

    file: str
    fact: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.file}: {self.fact}: ours {self.ours!r}, tshark {self.theirs!r}"


@dataclass
class Comparison:
    """Facts of many captures, compared one capture after the other."""

    groups: frozenset[str] | None = None
    """Only these; None: all."""
    exclusions: Sequence[Exclusion] = ()
    figures: dict[str, Group] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def add(self, file: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        """Compare one capture. Groups that `ours` does not have count as different."""
        known = dict(leaves(ours))
        for fact, value in leaves(theirs):
            group = fact.split(".")[0].split("[")[0]
            counted_in = self._counted_in(group, fact)
            if value is None or not counted_in:
                continue
            left_to_zero = value == 0 and fact not in known and group in ours
            matched = left_to_zero or (fact in known and same(known[fact], value))
            excluded = not matched and any(
                fnmatchcase(file, e.file) and fnmatchcase(fact, e.fact) for e in self.exclusions
            )
            for name in counted_in:
                figure = self.figures.setdefault(name, Group())
                figure.matched += matched
                figure.excluded += excluded
                figure.compared += not excluded
            if not matched and not excluded:
                self.differences.append(Difference(file, fact, known.get(fact), value))

    def _counted_in(self, group: str, fact: str) -> list[str]:
        """Groups whose figures the fact belongs to; none where nobody compares it."""
        names = [group]
        if group == "protocols":
            protocol = fact.split(".", 1)[1]
            names = [group] if protocol in PROTOCOLS else []
            names += ["lower_layers"] if protocol in LOWER else []
        if any(fnmatchcase(fact, glob) for glob, _ in LEFT_OUT):
            return []
        return [name for name in names if self.groups is None or name in self.groups]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(name of the fact, value) of every scalar below `value`. Lists of conversations are named by their ends, so that
    order among equals does not matter; other lists hold plain values, each of which is a fact of its own."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    elif not isinstance(value, list):
        yield path, value
    elif path.startswith("conversations.") and path.endswith(".top"):
        yield from _conversations(value, path)
    elif path.endswith("rtp.streams"):
        for row in value:
            name = f"{path}[{row.get('src')}>{row.get('dst')} {row.get('ssrc')}]"
            yield from ((f"{name}.{key}", row.get(key)) for key in ("packets", "lost", "payload"))
    else:
        yield from ((f"{path}[{text}]", True) for text in sorted(map(str, value)))


def _conversations(rows: list[dict[str, Any]], path: str) -> Iterator[tuple[str, Any]]:
    """Streams between the same ends are told apart by their rank in frames, bytes, bytes sent by `a`."""
    ranks: dict[str, int] = {}
    for row in sorted(rows, key=lambda r: tuple(-(r.get(k) or 0) for k in ("frames", "bytes", "bytes_a_to_b"))):
        pair = "|".join(sorted((str(row["a"]), str(row["b"]))))
        ranks[pair] = rank = ranks.get(pair, 0) + 1
        for key, value in row.items():
            if key not in ("a", "b"):
                one_way = key.endswith(("_to_a", "_to_b"))
                yield f"{path}[{pair} #{rank}].{key}", (row["a"], row["b"], value) if one_way else value


def same(ours: Any, theirs: Any) -> bool:
    """Equal, or for numbers with a fraction within a millionth or half the last digit that is printed."""
    if ours == theirs:
        return True
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return list(ours) == list(theirs)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return False
    try:
        a, b = float(ours), float(theirs)
    except (TypeError, ValueError):
        return str(ours) == str(theirs)
    text = str(theirs)
    scientific = "e" in text.lower()
    if "." not in text and not scientific:
        return a == b
    digits = 9 if scientific else len(text.split(".")[-1])
    return abs(a - b) <= max(1e-6 * abs(b), 0.5001 * 10.0**-digits)
