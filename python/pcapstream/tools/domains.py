"""Registered domains by the public suffix list, for the many names of a capture at once.

The list is the one of the package publicsuffixlist, and so are the answers; its own look-up is made for single names
and takes ten times as long, reading its list eighty milliseconds.
"""

from __future__ import annotations

import functools

_KEPT_SUFFIXES = 20_000


def registered_domain(name: str) -> str | None:
    """The domain somebody registered: example.co.uk of www.example.co.uk; None of a public suffix."""
    labels = name.lower().removesuffix(".").split(".")
    if "" in labels:
        return None
    public = _public_labels(labels)
    return ".".join(labels[-public - 1 :]) if len(labels) > public else None


def _public_labels(labels: list[str]) -> int:
    """Labels of the public suffix of a name."""
    if len(labels) == 1:
        return 1
    rules = _rules()
    whole = ".".join(labels)
    if f"!{whole}" in rules:
        return len(labels) - 1
    if f"*.{whole}" in rules or whole in rules:
        return len(labels)
    return _public_below(whole.partition(".")[2])


@functools.lru_cache(maxsize=_KEPT_SUFFIXES)
def _public_below(suffix: str) -> int:
    """Labels of the public suffix of any name that ends with a dot and this, and is in no rule itself."""
    rules = _rules()
    depth = suffix.count(".") + 1
    # An exception goes before the wildcard it is from, the wildcard before the plain rule.
    if f"!{suffix}" in rules:
        return depth - 1
    if f"*.{suffix}" in rules:
        return depth + 1
    if suffix in rules or depth == 1:
        return depth
    return _public_below(suffix.partition(".")[2])


@functools.cache
def _rules() -> frozenset[str]:
    from publicsuffixlist import PSLFILE

    rules: set[str] = set()
    with open(PSLFILE, encoding="utf-8") as lines:
        for line in lines:
            rule = line.split(" ", 1)[0].strip().lower()
            if not rule or rule.startswith("//"):
                continue
            rules.add(rule)
            if not rule.isascii():
                mark = "!" if rule[0] == "!" else ""
                rules.add(mark + rule.removeprefix("!").encode("idna").decode("ascii"))
    return frozenset(rules)
