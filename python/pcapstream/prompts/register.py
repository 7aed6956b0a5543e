"""Puts the prompts and the completion of their arguments on an MCPServer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver.prompts.base import Prompt, PromptArgument
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, Completion, PromptReference

from pcapstream.errors import QueryError, shown
from pcapstream.prompts import files, of_modules
from pcapstream.prompts.spec import PCAP_FILE, PromptSpec

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp.server.context import ServerMiddleware

_NOTHING = Completion(values=[], total=0, has_more=False)


def register(
    server: MCPServer[Any],
    modules: Iterable[str],
    *,
    tools: Collection[str] | None = None,
    directories: Sequence[Path] = (),
) -> tuple[PromptSpec, ...]:
    """Adds the prompts of `modules`. Returns them, in the order they are listed.

    tools: names of the tools that prompts may name; None asks the server each time. directories: where `pcap_file` is
    completed from; none switches that off.

    A wrong argument or an unknown prompt is a protocol error -32602 with a sentence that helps, in both eras.
    """
    chosen = of_modules(modules)
    for spec in chosen:
        server.add_prompt(_prompt(server, spec, tools))
    server.middleware.append(_refuse_unknown(spec.name for spec in chosen))
    _complete(server, {spec.name for spec in chosen}, directories)
    return chosen


def _prompt(server: MCPServer[Any], spec: PromptSpec, tools: Collection[str] | None) -> Prompt:
    """Built by hand: from a function, the SDK would describe no argument and answer a wrong one with an internal "
    "error."""

    async def render(**arguments: Any) -> str:
        known = {tool.name for tool in await server.list_tools()} if tools is None else tools
        try:
            return spec.render(arguments, known)
        except QueryError as problem:
            raise MCPError(INVALID_PARAMS, str(problem)) from None

    return Prompt(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        arguments=[
            PromptArgument(name=argument.name, description=argument.description, required=False)
            for argument in spec.arguments
        ],
        fn=render,
        context_kwarg=None,
    )


def _refuse_unknown(names: Iterable[str]) -> ServerMiddleware[Any]:
    """Middleware: the SDK answers an unknown prompt with an internal error."""
    known = tuple(names)

    async def refuse(ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        if ctx.method == "prompts/get":
            name = (ctx.params or {}).get("name")
            if isinstance(name, str) and name not in known:
                raise MCPError(
                    INVALID_PARAMS,
                    f"There is no prompt '{shown(name)}'. This server's prompts are: {', '.join(known) or 'none'}.",
                )
        return await call_next(ctx)

    return refuse


def _complete(server: MCPServer[Any], names: Collection[str], directories: Sequence[Path]) -> None:
    one_walk = anyio.CapacityLimiter(1)

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(ref: object, argument: Any, context: object) -> Completion:
        ours = isinstance(ref, PromptReference) and ref.name in names and argument.name == PCAP_FILE.name
        if not ours or not directories or len(argument.value) > files.MAX_TYPED_CHARS:
            return _NOTHING
        found = await anyio.to_thread.run_sync(files.matching, argument.value, directories, limiter=one_walk)
        return Completion(values=list(found.names), total=None if found.more else len(found.names), has_more=found.more)
