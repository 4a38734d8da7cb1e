// The official MCP client as an application would set it up: an OAuth provider that has a DPoP session and a token already.
import { Client, DpopSession, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { recorder } from './wire.mjs';

export const REVISIONS = [
  { revision: '2025-11-25', opening: 'initialize', mode: 'legacy' },
  { revision: '2026-07-28', opening: 'server/discover', mode: { pin: '2026-07-28' } },
];

// `session` and `token` as the caller made them; by default a new key and a token bound to it.
export async function connect(fleet, { mode, session, token, alg = 'ES256' }) {
  session ??= await DpopSession.create({ alg });
  token ??= await fleet.issuer.token({ audience: fleet.url, jkt: session.thumbprint });
  const wire = recorder();
  const provider = {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
    clientInformation: () => ({ client_id: 'e2e' }),
    tokens: () => ({ access_token: token, token_type: 'DPoP' }),
    saveTokens() {},
    codeVerifier: () => '',
    saveCodeVerifier() {},
    // A server that refuses the token sends a client here. No test should: a refusal of a nonce is the client's own to repair.
    redirectToAuthorization() {
      throw new Error('sent to authorize again');
    },
    dpop: () => session,
  };
  const client = new Client({ name: 'sealstamp-e2e', version: '1.0.0' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(fleet.url), { authProvider: provider, fetch: wire });
  await client.connect(transport);
  return { client, session, wire, token };
}
