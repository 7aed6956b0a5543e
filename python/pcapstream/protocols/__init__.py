"""The registry: one line per protocol module.

A module is imported when it is asked for: a command pays for those it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

from pcapstream.errors import QueryError, shown
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

DEFAULT: tuple[str, ...] = ("dns", "dhcp", "icmp", "sip", "rtp", "capinfos", "tcp", "triage")
"""Modules that run unless others are asked for."""

_MORE = ("http", "ntp", "tls", "quic", "logins", "arp", "probes")
"""Modules that run only where they are asked for."""

ALL: tuple[str, ...] = (*DEFAULT, *_MORE)
"""Every module; each is `MODULE` of the Python module of its name here."""


class _Registry(Mapping[str, Module]):
    """Modules by name; its keys cost nothing, a value the import of its module."""

    def __getitem__(self, name: str) -> Module:
        if name not in ALL:
            raise KeyError(name)
        module: Module = import_module(f"pcapstream.protocols.{name}").MODULE
        return module

    def __iter__(self) -> Iterator[str]:
        return iter(ALL)

    def __len__(self) -> int:
        return len(ALL)

    def __contains__(self, name: object) -> bool:
        return name in ALL


REGISTRY: Mapping[str, Module] = _Registry()
"""All modules by name, in the order they are listed to people."""


def choose(names: Iterable[str] | None) -> tuple[Module, ...]:
    """The modules of these names, each once, in the registry's order; None is the default set.

    Raises QueryError(unknown_module), which lists the modules.
    """
    wanted = set(DEFAULT if names is None else names)
    unknown = sorted(wanted - set(ALL))
    if unknown:
        listed = ", ".join(repr(shown(name)) for name in unknown)
        raise QueryError("unknown_module", f"there is no module {listed}; the modules are {', '.join(ALL)}")
    return tuple(REGISTRY[name] for name in ALL if name in wanted)
