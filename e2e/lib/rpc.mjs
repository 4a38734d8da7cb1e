// MCP requests by hand, for clients that know HTTP and nothing of MCP. Each is one POST: the server keeps no sessions.
export const headersOf = (revision, method, name) => ({
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-protocol-version': revision,
  ...(revision === '2026-07-28' && { 'mcp-method': method, ...(name && { 'mcp-name': name }) }),
});

export const bodyOf = (revision, method, params = {}, id = 1) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method,
    params: {
      ...params,
      ...(revision === '2026-07-28' && {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': revision,
          'io.modelcontextprotocol/clientInfo': { name: 'e2e', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      }),
    },
  });

export const listTools = (revision) => ({ headers: headersOf(revision, 'tools/list'), body: bodyOf(revision, 'tools/list') });

export const callTool = (revision, name, args = {}) => ({
  headers: headersOf(revision, 'tools/call', name),
  body: bodyOf(revision, 'tools/call', { name, arguments: args }),
});
