"""Registered domains are those of the package whose list they come from."""

from __future__ import annotations

import random

from publicsuffixlist import PSLFILE, PublicSuffixList

from pcapstream.tools.domains import registered_domain

LIST = PublicSuffixList()


def _rules() -> set[str]:
    """Those of the list, rules in other scripts in both forms."""
    with open(PSLFILE, encoding="utf-8") as lines:
        listed = {line.split(" ", 1)[0].strip().lower() for line in lines}
    rules = {rule for rule in listed if rule and not rule.startswith("//")}
    other = {rule for rule in rules if not rule.isascii()}
    assert len(other) > 100
    return rules | {"!" * (rule[0] == "!") + rule.removeprefix("!").encode("idna").decode("ascii") for rule in other}


def test_every_rule_and_names_below_it() -> None:
    seed = random.Random(1)
    rules = sorted(_rules())
    for rule in seed.sample(rules, 2_000) + [one for one in rules if one[0] in "!*"]:
        suffix = rule.removeprefix("!").removeprefix("*.")
        parts = suffix.split(".")
        for name in (suffix, f"x.{suffix}", f"y.x.{suffix}", f"z.y.x.{suffix}", ".".join(parts[1:]) or "com"):
            assert registered_domain(name) == LIST.privatesuffix(name), name


def test_what_is_no_rule() -> None:
    names = (
        "Example.CO.UK.", "localhost", "a.b.nowhere", "nowhere", "", ".", "a..b", ".com", "com.", "x.com.",
        "www.ck", "a.www.ck", "city.kobe.jp", "a.b.c.kobe.jp", "kobe.jp", "食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn",
        "4.3.2.1.in-addr.arpa", "b.s3.amazonaws.com", "s3.amazonaws.com",
    )  # fmt: skip
    for name in names:
        assert registered_domain(name) == (LIST.privatesuffix(name.lower()) or None), name
