"""An MCP server of the official Python SDK, which knows nothing of DPoP: what the proxy in front of it lets through, it
serves. Prints the port that it listens on, given as its argument."""

import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("python")


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@server.tool()
def headers(ctx: Context) -> dict[str, list[str]]:
    """The header fields of the request as they came, by their names in lower case."""
    seen: dict[str, list[str]] = {}
    for name, value in ctx.request_context.request.headers.items():
        seen.setdefault(name, []).append(value)
    return seen


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Counts, and tells each number on the way: a response in pieces."""
    for n in range(1, to + 1):
        await ctx.report_progress(n, to)
    return "counted"


port = int(sys.argv[1])
server.run("streamable-http", host="127.0.0.1", port=port, stateless_http=True)
