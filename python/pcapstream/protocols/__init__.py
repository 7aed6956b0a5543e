"""The registry: one line per protocol module."""

from __future__ import annotations

from collections.abc import Iterable

from pcapstream.errors import QueryError, shown
from pcapstream.protocols import capinfos, dhcp, dns, http, icmp, logins, ntp, quic, rtp, sip, tcp, tls, triage
from pcapstream.protocols.base import NEEDS, CoreMachine, Machine, Module, Spec, Summary, Weighed

__all__ = [
    "ALL",
    "DEFAULT",
    "NEEDS",
    "REGISTRY",
    "CoreMachine",
    "Machine",
    "Module",
    "Spec",
    "Summary",
    "Weighed",
    "choose",
]

_MODULES = (
    dns.MODULE,
    dhcp.MODULE,
    icmp.MODULE,
    sip.MODULE,
    rtp.MODULE,
    capinfos.MODULE,
    tcp.MODULE,
    triage.MODULE,
)

_MORE = (http.MODULE, ntp.MODULE, tls.MODULE, quic.MODULE, logins.MODULE)
"""Modules that run only where they are asked for."""

REGISTRY: dict[str, Module] = {module.name: module for module in (*_MODULES, *_MORE)}
"""All modules by name, in the order they are listed to people."""

DEFAULT: tuple[str, ...] = tuple(module.name for module in _MODULES)
"""Modules that run unless others are asked for."""

ALL: tuple[str, ...] = tuple(REGISTRY)
"""Every module."""


def choose(names: Iterable[str] | None) -> tuple[Module, ...]:
    """The modules of these names, each once, in the registry's order; None is the default set.

    Raises QueryError(unknown_module), which lists the modules.
    """
    wanted = set(DEFAULT if names is None else names)
    unknown = sorted(wanted - REGISTRY.keys())
    if unknown:
        listed = ", ".join(repr(shown(name)) for name in unknown)
        raise QueryError("unknown_module", f"there is no module {listed}; the modules are {', '.join(REGISTRY)}")
    return tuple(module for name, module in REGISTRY.items() if name in wanted)
