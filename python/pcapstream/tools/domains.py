"""Registered domains by the public suffix list, which is the one of the package publicsuffixlist. The core looks them
up: a capture can hold many thousand names, and reading the list there takes a few milliseconds."""

from __future__ import annotations

import functools

from pcapstream._core import Suffixes


def registered_domain(name: str) -> str | None:
    """The domain somebody registered: example.co.uk of www.example.co.uk; None of a public suffix."""
    return suffixes().registered(name)


@functools.cache
def suffixes() -> Suffixes:
    """The rules of the list."""
    from publicsuffixlist import PSLFILE

    with open(PSLFILE, "rb") as file:
        return Suffixes(file.read())
