"""What every protocol module gives: a machine, the summary it makes, and a description of itself.

State lives where it is cheapest. A machine fed with messages keeps its own and answers from it; a machine over
counters of the Rust core keeps none and answers from the `Snapshot` of the core. Both have one shape: `snapshot` and
`finish` are handed the snapshot of the core taken at the same packet, and use what they need of it.

Laws, tried in tests/laws for every registered module:
- split: any cutting of the input into batches gives the same summary. So a deadline is looked at for each message in
  `feed`; `expire` may only drop what the next message would find overdue as well;
- pure: no clock, randomness, I/O, logging or await; time is integer nanoseconds taken from packets;
- total: any messages give a summary, never an exception; only misuse by the caller raises (StateError);
- bounded: each table has a named limit, an eviction rule and a counter of evictions;
- merge is associative with `empty()` as identity; a capture divided by flow and merged equals the serial run, below
  the limits. Divided by time, cut transactions are counted apart and equality is not promised;
- borrow: nothing keeps a reference to the batch after `feed` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from pcapstream._core import app_names
from pcapstream.errors import StateError

if TYPE_CHECKING:
    from pcapstream._core import Batch, Snapshot


@runtime_checkable
class Summary(Protocol):
    """What a machine found: a frozen value."""

    @classmethod
    def empty(cls) -> Self:
        """The summary of no packets at all."""

    def merge(self, other: Self, /) -> Self:
        """That of both inputs, a new value. `other` comes behind where order matters."""


@runtime_checkable
class Weighed(Protocol):
    """A summary that may be large. Those of the registry are."""

    def memory_bytes(self) -> Mapping[str, int]:
        """About how much memory each of its tables holds, by a name of the table; one that several summaries share has
        the same name in all of them. What a cache of reports goes by."""


class Machine(Protocol):
    """One analysis of one pass. Runs in the decoder thread of a scan; no verb may block."""

    @property
    def name(self) -> str:
        """Key of its summary in `Report.summaries`."""

    @property
    def needs(self) -> frozenset[str]:
        """What the decoder must do for it, out of `NEEDS`."""

    def feed(self, batch: Batch, /) -> None:
        """Messages in capture order; any number, also none."""

    def expire(self, now_ns: int, /) -> None:
        """Packet time has reached `now_ns`, ns since 1970: called after each `feed` and never with less."""

    def snapshot(self, core: Snapshot, /) -> Summary:
        """What is known so far; the machine goes on."""

    def finish(self, core: Snapshot, /) -> Summary:
        """The summary, once; what is still open is counted in it. Afterwards every verb raises StateError."""


APPS = frozenset(app_names())
"""Application protocols of the decoder: its `apps` argument. Messages in TCP streams need "tcp" too."""

NEEDS = frozenset({"tcp", "tally", "packets", "connections"}) | APPS
"""Names of the parts of the decoder that cost time, all off unless a machine asks: arguments of `Decoder`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a module says about itself."""

    title: str
    """One line for people."""
    transports: tuple[str, ...] = ()
    """Wireshark's names of what carries it; empty: any frame."""
    ports: tuple[int, ...] = ()
    """Usual ports: hints, content decides."""
    rfcs: tuple[str, ...] = ()
    """Documents its rules come from."""
    limits: Mapping[str, int] | None = None
    """Named limits of the machine with their defaults, beside those of the core."""


@dataclass(frozen=True, slots=True)
class Module:
    """One line of the registry."""

    name: str
    spec: Spec
    make: Callable[[Mapping[str, int]], Machine]
    """Makes the machine; takes all limits of the scan by name."""
    needs: frozenset[str]
    """What its machine needs, out of `NEEDS`."""


class _Ending(Protocol):
    """A machine with the state that `EndsOnce` looks at."""

    _finished: bool

    @property
    def name(self) -> str: ...


class EndsOnce:
    """Part of a machine: what comes after `finish` is refused."""

    _finished = False

    def _going(self: _Ending) -> None:
        if self._finished:
            raise StateError("finished", f"the machine {self.name!r} has finished")


class CoreMachine(EndsOnce):
    """A machine whose state is the core's: it only turns a core snapshot into a summary."""

    def __init__(self, name: str, needs: frozenset[str], view: Callable[[Snapshot], Summary]) -> None:
        self._name = name
        self._needs = needs
        self._view = view

    @property
    def name(self) -> str:
        return self._name

    @property
    def needs(self) -> frozenset[str]:
        return self._needs

    def feed(self, batch: Batch, /) -> None:
        self._going()

    def expire(self, now_ns: int, /) -> None:
        self._going()

    def snapshot(self, core: Snapshot, /) -> Summary:
        self._going()
        return self._view(core)

    def finish(self, core: Snapshot, /) -> Summary:
        self._going()
        self._finished = True
        return self._view(core)
