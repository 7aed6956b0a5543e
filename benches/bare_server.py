"""An MCP server with one tool that does nothing: what the protocol library costs by itself."""

from __future__ import annotations

import logging

from mcp.server import MCPServer

logging.basicConfig(level=logging.WARNING)
server = MCPServer("bare", version="1")


@server.tool()
async def nothing() -> dict[str, int]:
    """Nothing."""
    return {"nothing": 0}


if __name__ == "__main__":
    server.run()
