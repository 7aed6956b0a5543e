"""From a question to a pass, and from a pass to its report: options in, coverage out. No event loop here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pcapstream._core import default_limits
from pcapstream.digest import blake2b
from pcapstream.errors import LimitError, QueryError, shown
from pcapstream.model import Coverage, Reason, Report
from pcapstream.pipeline import End, State
from pcapstream.protocols import Machine, choose
from pcapstream.selection import EVERYTHING, RowsMachine, Selection

_NEXT_STEP: dict[Reason, str] = {
    "budget": "The analysis goes on in the background: ask again to get it further along.",
    "max_packets": "Raise max_packets or leave it out to read on.",
    "matches": "What was asked for was found before the end: ask for more frames to read on.",
    "damaged": "The numbers leave out the damaged bytes: fetch or record the capture again if they matter.",
    "cancelled": "Ask again to start anew.",
    "run_time": "Ask about a part of the capture with max_packets, or raise the run time limit.",
    "source_error": "Try again.",
}


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a pass computes. Two calls with equal options share a scan.

    modules: names from the registry, None for the default set. limits: by name, see `default_limits`.
    Raises QueryError(unknown_module, bad_parameter), LimitError(unknown_limit, bad_limit).
    """

    modules: Sequence[str] | None = None
    max_packets: int | None = None
    resync: bool = True
    limits: Mapping[str, int] = field(default_factory=dict)
    ports: Sequence[tuple[str, int]] = ()
    """Further ports of application protocols: (protocol, port)."""
    selection: Selection = EVERYTHING
    """The frames it is about."""
    tls_keylog: str | None = None
    """A file with the secrets of TLS sessions, beside those that the capture brings."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "modules", tuple(module.name for module in choose(self.modules)))
        if self.max_packets is not None and self.max_packets < 1:
            raise QueryError("bad_parameter", f"max_packets is {self.max_packets}; it must be at least 1")
        known = self._known_limits()
        for name, value in self.limits.items():
            if name not in known:
                listed = ", ".join(known)
                raise LimitError("unknown_limit", f"there is no limit {shown(name)!r}; the limits are {listed}")
            if value < 1:
                raise LimitError("bad_limit", f"the limit {name} is {value}")
        object.__setattr__(self, "limits", MappingProxyType(dict(sorted(self.limits.items()))))
        object.__setattr__(self, "ports", tuple(sorted(self.ports)))

    def narrowed(self, modules: Sequence[str], ports: Sequence[tuple[str, int]]) -> ScanOptions:
        """These options for a pass of its own: with fewer modules and further ports."""
        return replace(self, modules=modules, ports=ports)

    def selecting(self, modules: Sequence[str], selection: Selection) -> ScanOptions:
        """These options for a pass of its own that is about some frames; with rows it needs no modules."""
        return replace(self, modules=modules, selection=selection)

    @property
    def key(self) -> str:
        """Equal for equal options."""
        limits = ",".join(f"{name}={value}" for name, value in self.limits.items())
        whole = (
            f"{','.join(self.modules or ())};{self.max_packets};{self.resync};{limits};{self.ports};{self.selection}"
        )
        return whole if self.tls_keylog is None else f"{whole};{self.tls_keylog};{_version_of(self.tls_keylog)}"

    def key_log(self) -> bytes | None:
        """The secrets in `tls_keylog`, as far as they are used. Raises QueryError when it cannot be read."""
        if self.tls_keylog is None:
            return None
        most = {**default_limits(), **self.limits}["max_key_log_bytes"]
        try:
            with open(self.tls_keylog, "rb") as file:
                return file.read(most + 1)
        except OSError as error:
            raise QueryError(
                "bad_parameter",
                f"the key log of TLS sessions cannot be read: {error.strerror}",
                "Name a file that can be read with --tls-keylog, or leave it out",
            ) from None

    def machines(self) -> tuple[Machine, ...]:
        """New machines for one pass."""
        limits = {**self._known_limits(), **self.limits}
        machines = tuple(module.make(limits) for module in choose(self.modules))
        rows = self.selection.rows
        return machines if rows is None else (*machines, (rows.machine or RowsMachine)())

    def core_limits(self) -> dict[str, int]:
        """Those of `limits` that are the core's."""
        names = default_limits()
        return {name: value for name, value in self.limits.items() if name in names}

    def _known_limits(self) -> dict[str, int]:
        known = default_limits()
        for module in choose(self.modules):
            known.update(module.spec.limits or {})
        return known


def _version_of(path: str) -> str:
    """Another one when the file has changed."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_ino},{found.st_size},{found.st_mtime_ns}"


def report_of(state: State, name: str, scan_id: str, bytes_total: int | None) -> Report:
    """The report of a state of a pass."""
    capture = state.core.capture
    reason: Reason | None
    match state.end:
        case None:
            reason = "budget"
        case End.CANCELLED:
            reason = "cancelled"
        case End.RUN_TIME:
            reason = "run_time"
        case End.SOURCE_ERROR:
            reason = "source_error"
        case End.MAX_PACKETS:
            reason = "max_packets"
        case End.MATCHES:
            reason = "matches"
        case End.CORRUPT:
            reason = "damaged"
        case End.INPUT:
            reason = "damaged" if capture["damage_count"] else None
    next_step = None if reason is None else _NEXT_STEP[reason]
    if reason == "source_error" and state.error is not None:
        next_step = state.error.next_step + "."
    coverage = Coverage(
        complete=reason is None,
        reason=reason,
        next_step=next_step,
        bytes_read=state.bytes_read,
        bytes_total=bytes_total,
        bytes_skipped=capture["bytes_skipped"],
        packets=capture["frames"],
        recovered_packets=capture["recovered_packets"],
        damage=tuple(capture["damage"]),
        damage_count=capture["damage_count"],
        error=None if state.error is None else state.error.code,
        error_message=None if state.error is None else str(state.error),
        bytes_fetched=state.bytes_fetched,
    )
    return Report(name, scan_id, capture, MappingProxyType(dict(state.summaries)), coverage)


def scan_id_of(identity: str | None, options: ScanOptions) -> str:
    """The same for the same content and options; says nothing of the path, people see it in cursors. New each time for
    what has no identity."""
    if identity is None:
        return os.urandom(8).hex()
    return blake2b(f"{identity}\n{options.key}".encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
