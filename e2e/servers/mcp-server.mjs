// An MCP server of the official TypeScript SDK, which knows nothing of DPoP: what the proxy in front of it lets through, it
// serves. Its argument is the port.
import http from 'node:http';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod/v4';

const text = (text) => ({ content: [{ type: 'text', text }] });

function server({ requestInfo }) {
  const server = new McpServer({ name: 'typescript', version: '1.0.0' });
  server.registerTool('add', { description: 'Adds two numbers.', inputSchema: z.object({ a: z.number(), b: z.number() }) }, ({ a, b }) => text(String(a + b)));
  server.registerTool('headers', { description: 'The header fields of the request, by their names in lower case.', inputSchema: z.object({}) }, () =>
    text(JSON.stringify(Object.fromEntries([...requestInfo.headers].map(([name, value]) => [name, [value]])))),
  );
  server.registerTool('count', { description: 'Counts, and tells each number on the way.', inputSchema: z.object({ to: z.number() }) }, async ({ to }, ctx) => {
    const { progressToken } = ctx.mcpReq._meta ?? {};
    for (let progress = 1; progress <= to; progress++) {
      if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: to } });
    }
    return text('counted');
  });
  return server;
}

const handler = toNodeHandler(createMcpHandler(server));
http.createServer((req, res) => handler(req, res)).listen(Number(process.argv[2]), '127.0.0.1');
