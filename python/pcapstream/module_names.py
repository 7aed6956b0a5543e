"""The names `--modules` takes. Apart from the tools themselves: a command that runs none need not import them."""

from __future__ import annotations

from collections.abc import Iterable

from pcapstream.errors import QueryError, shown

MODULES: tuple[str, ...] = ("dns", "dhcp", "icmp", "tcp", "sip", "capinfos", "triage", "packets")
"""Names `--modules` takes, and the default set. The module capture is not among them: it needs --allow-capture."""

MORE: tuple[str, ...] = ("http", "ntp", "tls", "quic", "performance", "diagnostics", "security")
"""Further names `--modules` takes; "all" stands for these and the default set."""

CAPTURE = "capture"
"""The module of live capture."""


def check_modules(modules: Iterable[str]) -> frozenset[str]:
    """The names, each once. Raises QueryError(unknown_module), listing the modules."""
    wanted = frozenset(modules)
    unknown = sorted(wanted.difference(MODULES, MORE, (CAPTURE,)))
    if unknown:
        listed = ", ".join(repr(shown(name)) for name in unknown)
        every = ", ".join((*MODULES, *MORE, CAPTURE))
        raise QueryError("unknown_module", f"there is no module {listed}; the modules are {every}")
    return wanted
