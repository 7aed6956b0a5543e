"""Tables of results: columnar, cut to size by whole rows, continued by cursors.

A cursor names the table, the row to go on from, and what the rows came from: the question and the state of the scan.
It is opaque to clients and needs no memory here: any process that has the same scan goes on with it. It gives access
to nothing that the same call without a cursor would not give, so it is checked against mistakes, not signed.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pcapstream.digest import blake2b
from pcapstream.errors import QueryError

if TYPE_CHECKING:
    from pcapstream.model import Report

T = TypeVar("T")

MAX_RESULT_CHARS = 30_000
"""Most characters of one result as compact JSON, so that hosts hand the whole of it to their model."""

_SHORTER = (200, 50, 10, 2)
"""Entries that lists inside of a row are cut to, one after the other, where single rows are too large."""

_ASKS_NOTHING = ("cursor", "limit")
"""Parameters that do not change which rows there are."""


@dataclass(slots=True)
class Table:
    """Rows offset .. offset+len(rows) of `total`."""

    name: str
    columns: Sequence[str]
    rows: list[list[Any]]
    total: int
    total_is_exact: bool
    limit: int
    offset: int
    more: bool = False
    """There may be rows behind `total`."""
    shown_of: int | None = None
    """Rows there are elsewhere, where this table is only the top of them."""

    @property
    def end(self) -> int:
        return self.offset + len(self.rows)


class Ask:
    """The question put to a view: bound parameters and where the tables go on.

    own_rows: every page of its table is a pass of its own, which reads the rows from the offset of its cursor on.

    Attributes: parameters; limit (rows of each table); only (the table a cursor goes on with, or None); max_packets
    (as the scan was told, or None); geoip_db (paths of databases that tell whose addresses are); series (reports of
    further filters, by filter).
    """

    def __init__(
        self,
        tool: str,
        parameters: Mapping[str, Any],
        report: Report,
        *,
        default_limit: int,
        max_packets: int | None = None,
        own_rows: bool = False,
        geoip_db: Sequence[str] = (),
        series: Mapping[str, Report] | None = None,
    ) -> None:
        self.parameters = parameters
        self.series = series or {}
        self.geoip_db = geoip_db
        self.limit: int = parameters.get("limit") or default_limit
        self.limit_given = parameters.get("limit") is not None
        self.max_packets = max_packets
        self._tool = tool
        self._question = _digest([tool, {k: v for k, v in parameters.items() if k not in _ASKS_NOTHING}])
        self._own_rows = own_rows
        # A pass of its own reads on where the cursor stands: there is no state to compare.
        state = [] if own_rows else [report.scan_id, report.coverage.packets, report.coverage.bytes_read]
        self._state = _digest(state)
        self._offset = 0
        self.tables: set[str] = set()
        """Names of the tables the view made or left out."""
        self.only: str | None = None
        cursor = parameters.get("cursor")
        if cursor:
            self.only, self._offset = self._open(cursor)

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def table(
        self,
        name: str,
        columns: Sequence[str],
        fetch: Callable[[int, int], Sequence[Sequence[Any]]],
        total: int,
        *,
        exact: bool = True,
        limit: int | None = None,
    ) -> Table | None:
        """The rows asked for, `fetch(offset, limit)`; None where a cursor goes on with another table.

        limit: another default than the tool's; a limit given by the caller wins.
        """
        self.tables.add(name)
        if self.only not in (None, name):
            return None
        rows = limit if limit is not None and not self.limit_given else self.limit
        offset = self._offset if self.only else 0
        if offset > total:
            raise QueryError("bad_cursor", "the cursor points behind the end of its table")
        found = [list(row) for row in fetch(offset, rows)] if offset < total else []
        return Table(name, columns, found[:rows], total, exact, rows, offset)

    def made(
        self,
        name: str,
        columns: Sequence[str],
        items: Sequence[T],
        make: Callable[[T], Sequence[Any]],
        **more: Any,
    ) -> Table | None:
        """A table of items all at hand; only those of the page are made rows."""
        return self.table(
            name,
            columns,
            lambda offset, limit: [make(one) for one in items[offset : offset + limit]],
            len(items),
            **more,
        )

    def rows(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], **more: Any) -> Table | None:
        """A table whose rows are all at hand."""
        return self.table(name, columns, lambda offset, limit: rows[offset : offset + limit], len(rows), **more)

    def matches(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int, *, more: bool
    ) -> Table | None:
        """The page that a pass of its own gave: `rows` from the cursor's offset on, of `total` matches; more: there may
        be further ones."""
        self.tables.add(name)
        if self.only not in (None, name):
            return None
        found = [list(row) for row in rows[: self.limit]]
        return Table(name, columns, found, total, not more, self.limit, self._offset, more=more)

    def check_cursor_used(self) -> None:
        """Once the view has made its tables: the cursor must have named one of them."""
        if self.only is not None and self.only not in self.tables:
            raise QueryError("bad_cursor", "the cursor names a table this tool does not have")

    def cursor(self, table: Table) -> str | None:
        """Where the next rows are; None at the end."""
        if table.end >= table.total and not table.more:
            return None
        body = json.dumps([1, self._tool, table.name, table.end, self._question, self._state], separators=(",", ":"))
        return _to_text(body.encode() + _checksum(body.encode()))

    def _open(self, cursor: str) -> tuple[str, int]:
        tool, table, offset, question, state = _decode(cursor)
        if tool != self._tool or question != self._question:
            raise QueryError(
                "bad_cursor",
                "the cursor belongs to another question",
                "Give it with the same tool and parameters it came from (limit may differ), or leave it out",
            )
        if state != self._state:
            raise QueryError("expired_cursor", "the rows this cursor goes on from are no longer what they were")
        return table, offset


def _decode(cursor: str) -> tuple[str, str, int, str, str]:
    try:
        raw = _to_bytes(cursor)
        body, checksum = raw[:-4], raw[-4:]
        if len(raw) > 1000 or checksum != _checksum(body):
            raise ValueError
        version, tool, table, offset, question, state = json.loads(body)
    except (ValueError, TypeError, UnicodeError, binascii.Error):
        raise QueryError("bad_cursor", "this is no cursor of this server, or it was changed") from None
    if version != 1 or not isinstance(table, str) or not isinstance(offset, int) or offset < 0:
        raise QueryError("bad_cursor", "this is no cursor of this version")
    return tool, table, offset, question, state


def offset_of(parameters: Mapping[str, Any]) -> int:
    """Row at which the cursor of these bound parameters goes on; 0 without one. Raises QueryError(bad_cursor)."""
    cursor = parameters.get("cursor")
    return _decode(cursor)[2] if cursor else 0


def finish(result: Mapping[str, Any], ask: Ask, budget: int | None = MAX_RESULT_CHARS) -> dict[str, Any]:
    """`result` with its tables as JSON objects, whole rows cut from the largest until it fits into `budget` characters.

    Tables a view left out (None) are left out here too.
    """
    tables = _Tables()
    tables.find(result)
    if budget is not None:
        over = len(to_json(_plain(result, ask))) - budget
        # Each round takes the largest table down by what is over; cutting adds a cursor, hence more than one round.
        while over > 0 and tables.cut(over):
            over = len(to_json(_plain(result, ask))) - budget
        # Rows that are too large by themselves: a message can hold thousands of records.
        for most in _SHORTER:
            if over <= 0:
                break
            tables.shorten(most)
            over = len(to_json(_plain(result, ask))) - budget
    final = _plain(result, ask)
    notes = []
    if tables.was_cut:
        notes.append("Tables were cut to keep the answer small: go on with next_cursor.")
    if tables.shortened_to is not None:
        notes.append(f"Lists inside of rows were cut to their first {tables.shortened_to} entries.")
    if notes:
        final["notes"] = [*final.get("notes", []), *notes]
    return final


def to_json(result: object) -> str:
    """Compact JSON, the text form of a result."""
    return json.dumps(result, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(slots=True)
class _Tables:
    """All tables of one result."""

    all: list[Table] = field(default_factory=list)
    was_cut: bool = False
    shortened_to: int | None = None

    def find(self, value: object) -> None:
        if isinstance(value, Table):
            self.all.append(value)
        elif isinstance(value, Mapping):
            for item in value.values():
                self.find(item)

    def cut(self, over: int) -> bool:
        """Takes rows worth `over` characters, at least one, from the largest table; False when none can give one."""
        sized = [(sum(len(to_json(row)) + 1 for row in table.rows), table) for table in self.all if len(table.rows) > 1]
        if not sized:
            return False
        _, table = max(sized, key=lambda pair: pair[0])
        freed = 0
        # 200: room for the cursor and the note that cutting adds.
        while len(table.rows) > 1 and freed < over + 200:
            freed += len(to_json(table.rows.pop())) + 1
        self.was_cut = True
        return True

    def shorten(self, most: int) -> None:
        """Cuts the lists in the rows to `most` entries."""
        for row in (row for table in self.all for row in table.rows):
            for i, cell in enumerate(row):
                if isinstance(cell, list) and len(cell) > most:
                    row[i] = cell[:most]
                    self.shortened_to = most


def _plain(result: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in result.items():
        if isinstance(value, Table):
            plain[key] = _object(value, ask)
        elif isinstance(value, Mapping):
            plain[key] = _plain(value, ask)
        elif value is not None or key not in ask.tables:
            plain[key] = value
    return plain


def _object(table: Table, ask: Ask) -> dict[str, Any]:
    total = "total" if table.total_is_exact else "total_at_least"
    found: dict[str, Any] = {
        "columns": list(table.columns),
        "rows": table.rows,
        total: table.total,
        "limit": table.limit,
    }
    if table.shown_of is not None:
        found["total"] = max(table.shown_of, table.total)
    if table.offset:
        found["offset"] = table.offset
    found["next_cursor"] = ask.cursor(table)
    return found


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def _to_text(data: bytes) -> str:
    """Base 64 for URLs, without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_FOR_URLS).decode()


def _to_bytes(text: str) -> bytes:
    """Raises ValueError for what is no such text."""
    plain = text.encode("ascii")
    if plain.translate(None, _DIGITS):
        raise ValueError("not base 64")
    return binascii.a2b_base64(plain.translate(_FROM_URLS) + b"=" * (-len(plain) % 4))


_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FOR_URLS = bytes.maketrans(b"+/", b"-_")
_FROM_URLS = bytes.maketrans(b"-_", b"+/")


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=4, key=b"pcapstream cursor").digest()
