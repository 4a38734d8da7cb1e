// Runs in the browser: the official MCP client, as it is on npm.
import { Client, DpopSession, StreamableHTTPClientTransport, withDpop } from '@modelcontextprotocol/client';

export const newSession = () => DpopSession.create({ alg: 'ES256' });

export async function add(session, { url, token, mode, numbers: [a, b] }) {
  const statuses = [];
  const wire = async (...request) => {
    const response = await fetch(...request);
    statuses.push(response.status);
    return response;
  };
  const client = new Client({ name: 'browser', version: '1.0.0' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: withDpop(session, () => token)(wire) }));
  const answer = await client.callTool({ name: 'add', arguments: { a, b } });
  const revision = client.getNegotiatedProtocolVersion();
  await client.close();
  return { revision, sum: answer.content[0].text, statuses };
}
