"""What the tools of the modules diagnostics and performance share: connections as rows, the form of their
tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tcp import TcpSummary
from pcapstream.tools.finding import TcpEvidence
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.tcp import ends

if TYPE_CHECKING:
    from pcapstream._core import Connection, ConnectionOrder
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

COMMON = (
    Key("analysis_type", "string"),
    Key("file", "string"),
    Key("analysis_timestamp", "string"),
    Key("findings", "array", "code, severity, text, count, frames, Wireshark filter"),
)


def tool(
    module: str,
    name: str,
    title: str,
    description: str,
    view: Callable[[Report, Ask], dict[str, Any]],
    needs: tuple[str, ...],
    tables: tuple[tuple[str, str], ...],
) -> ToolSpec:
    """A tool without parameters of its own. tables: (key, what a row is)."""
    return ToolSpec(
        name=name,
        module=module,
        title=title,
        description=description,
        view=view,
        needs=needs,
        default_limit=25,
        keys=(Key("summary", "object", "text and totals", required=True), *COMMON, *table_keys(tables)),
    )


def evidence_within(report: Report, ask: Ask) -> TcpEvidence:
    """All TCP connections of the pass; filters of findings stay within the display filter that was asked for."""
    evidence = TcpEvidence(report.summary(TcpSummary).table)
    evidence.scope = scope_of(ask)
    return evidence


def scope_of(ask: Ask) -> str:
    where = ask["display_filter"]
    return f"({where})" if where else ""


def connection_table(
    ask: Ask,
    name: str,
    columns: Sequence[str],
    row: Callable[[Connection], Sequence[Any]],
    evidence: TcpEvidence,
    *,
    having: str | None = None,
    order: ConnectionOrder = "stream",
    limit: int | None = None,
) -> Any:
    """Connections with a property, a row each: stream, client and server first, then `columns`."""

    def fetch(offset: int, most: int) -> list[list[Any]]:
        chosen = evidence.table.connections(order=order, having=having, offset=offset, limit=most)
        return [[one.stream, *ends(one), *row(one)] for one in chosen]

    total = evidence.table.count(having=having)
    exact = not evidence.table.evicted
    return ask.table(name, ("stream", "client", "server", *columns), fetch, total, exact=exact, limit=limit)


def there(connection: Connection, name: str) -> int:
    """Occurrences of a tcp.analysis event in segments of the client."""
    return connection.to_server.events.get(name, 0)


def back(connection: Connection, name: str) -> int:
    """Occurrences of a tcp.analysis event in segments of the server."""
    return connection.to_client.events.get(name, 0)
