"""`pcapstream filter`: the packets that pass a display filter, line by line as they are found."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from pcapstream.cli.run import read
from pcapstream.errors import QueryError, SourceError, shown
from pcapstream.pcapng_writer import PcapngWriter, create
from pcapstream.report import ScanOptions
from pcapstream.selection import RowQuery, Selection, checked_fields, checked_filter
from pcapstream.tools.packets import row_values
from pcapstream.tools.rows import PACKET_COLUMNS, info_fields, packet_line

if TYPE_CHECKING:
    from pcapstream._core import Batch, Row, Snapshot
    from pcapstream.cli.arguments import Sieve


def sieve(question: Sieve) -> int:
    """Prints, or writes, the packets that pass; gives the exit code."""
    display_filter = checked_filter(question.expression)
    fields = checked_fields([name.strip() for name in question.fields.split(",")]) if question.fields else ()
    out: BinaryIO | None = None
    if question.write is not None:
        try:
            out = create(question.write)
        except FileExistsError:
            raise QueryError("bad_parameter", f"{shown(question.write)} exists: name a new file") from None
        except OSError as error:
            raise SourceError("not_readable", f"{shown(question.write)} cannot be written: {error.strerror}") from None
    writer = None if out is None else PcapngWriter(out)
    show: _Show = _printer(question.json, fields) if writer is None else writer.write
    rows = RowQuery(
        columns=fields or (() if out is not None else info_fields()),
        summaries=not fields,
        data=out is not None,
        max_matches=question.limit,
    )
    options = ScanOptions(
        modules=(),
        max_packets=question.settings.max_packets,
        resync=question.settings.resync,
        selection=Selection(display_filter, None, rows),
        tls_keylog=question.settings.tls_keylog,
    )
    began = time.monotonic()
    try:
        report = read(question.capture, question.settings, options, [_Passing(show, writer)])
    finally:
        if out is not None:
            out.close()
    coverage = report.coverage
    part = "" if coverage.complete or coverage.reason == "matches" else f"; not the whole capture ({coverage.reason})"
    print(
        f"{report.summary(Passed).frames:,} of {coverage.packets:,} packets passed in "
        f"{time.monotonic() - began:.2f} s{part}",
        file=sys.stderr,
    )
    return 0


_Show = Callable[["Row"], None]


@dataclass(frozen=True, slots=True)
class Passed:
    """How many frames passed."""

    frames: int = 0

    @classmethod
    def empty(cls) -> Self:
        return cls()

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.frames + other.frames)


class _Passing:
    """Shows each row as it comes; keeps none."""

    name = "passing"
    needs: frozenset[str] = frozenset()

    def __init__(self, show: _Show, writer: PcapngWriter | None) -> None:
        self._show = show
        self._writer = writer
        self._frames = 0

    def feed(self, batch: Batch, /) -> None:
        if self._writer is not None:
            self._writer.learn(batch)
        for row in batch.rows:
            self._show(row)
            self._frames += 1

    def expire(self, now_ns: int, /) -> None:
        """Nothing here depends on time."""

    def snapshot(self, core: Snapshot, /) -> Passed:
        return Passed(self._frames)

    finish = snapshot


def _printer(as_json: bool, fields: Sequence[str]) -> _Show:
    if fields:
        if as_json:
            return lambda row: _json(dict(zip(fields, row_values(row, len(fields)), strict=True)))
        return lambda row: print("\t".join(map(_joined, row_values(row, len(fields)))))
    columns = info_fields()
    if as_json:
        return lambda row: _json(dict(zip(PACKET_COLUMNS, packet_line(row, columns), strict=True)))
    return lambda row: print(*("" if value is None else value for value in packet_line(row, columns)))


def _json(value: Mapping[str, Any]) -> None:
    print(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def _joined(value: object) -> str:
    """Several occurrences with a comma between them, as tshark prints them."""
    return "" if value is None else ",".join(value) if isinstance(value, list) else str(value)
