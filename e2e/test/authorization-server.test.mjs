// Tokens from a real authorization server, with DPoP there and here: RFC 9449 sections 5 to 9, RFC 8707, RFC 9728.
// Nobody here wrote the server (oidc-provider) or the clients (openid-client, the official MCP client).
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import * as jose from 'jose';
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError, auth } from '@modelcontextprotocol/client';
import { AuthorizationServer, CALLBACK, SCOPE, TOKEN_ALGORITHMS, browse } from '../lib/authorization-server.mjs';
import { REVISIONS } from '../lib/client.mjs';
import { Fleet } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { callTool, listTools } from '../lib/rpc.mjs';
import { recorder } from '../lib/wire.mjs';

const OTHER = 'https://other.example/mcp';
const OPAQUE = 'https://opaque.example/mcp';

let as, fleet;

before(async () => {
  const resources = new Map([[OTHER, 'ES256'], [OPAQUE, 'opaque']]);
  as = await AuthorizationServer.start(resources);
  fleet = await Fleet.start(roundRobin, {
    lifetimeS: 120,
    async makeIssuer(fleet) {
      resources.set(fleet.url, 'ES256');
      await as.writeJwks(fleet.jwksPath);
      return as;
    },
  });
});
after(async () => {
  await fleet?.stop();
  await as?.close();
});

// A client with a key of its own; its wire shows both servers.
async function newcomer(makeConfig = () => as.register()) {
  const config = await makeConfig();
  const keys = await client.randomDPoPKeyPair('ES256');
  const dpop = client.getDPoPHandle(config, keys);
  const thumbprint = await jose.calculateJwkThumbprint(await jose.exportJWK(keys.publicKey));
  const wire = recorder();
  config[client.customFetch] = wire;
  const call = (token, { headers, body }) =>
    client.fetchProtectedResource(config, token, new URL(fleet.url), 'POST', body, new Headers(headers), { DPoP: dpop });
  return { config, dpop, thumbprint, wire, call };
}

const statuses = (wire, path) => wire.calls.filter((call) => call.path === path).map((call) => call.status);

// A refusal for good: after the challenge for a nonce, `invalid_token`, and the library gives up.
const invalidToken = (error) => {
  assert.ok(error instanceof client.WWWAuthenticateChallengeError, String(error));
  assert.equal(error.status, 401);
  assert.equal(error.cause[0].scheme, 'dpop');
  assert.equal(error.cause[0].parameters.error, 'invalid_token');
  return true;
};

test('the 401 leads to the authorization server (RFC 9728)', async () => {
  const bare = await fetch(fleet.url, { method: 'POST' });
  const [, where] = /resource_metadata="([^"]+)"/.exec(bare.headers.get('www-authenticate'));
  const metadata = await (await fetch(where)).json();
  assert.deepEqual(metadata.authorization_servers, [as.url]);
  assert.equal(metadata.resource, fleet.url, 'what a client names as the resource');
  const { config } = await newcomer();
  const both = config.serverMetadata().dpop_signing_alg_values_supported.filter((alg) => metadata.dpop_signing_alg_values_supported.includes(alg));
  assert.ok(both.includes('ES256'), `one algorithm serves both: ${both}`);
});

for (const { revision } of REVISIONS) {
  test(`${revision}: a token with DPoP, a call, a refresh with the same key, a call`, async () => {
    const { config, dpop, thumbprint, wire, call } = await newcomer();
    const first = await as.authorize(config, { resource: fleet.url, dpop });
    assert.deepEqual(statuses(wire, '/token'), [400, 200], 'use_dpop_nonce (R8-1), then the token');
    assert.equal(first.token_type, 'dpop');
    const { iss, aud, cnf } = jose.decodeJwt(first.access_token);
    assert.deepEqual({ iss, aud, cnf }, { iss: as.url, aud: fleet.url, cnf: { jkt: thumbprint } });

    const answer = await call(first.access_token, callTool(revision, 'whoami'));
    const me = JSON.parse((await answer.json()).result.content[0].text);
    assert.deepEqual(me, { subject: 'alice', client: config.clientMetadata().client_id, thumbprint });
    assert.deepEqual(statuses(wire, '/mcp'), [401, 200], "R9-2: the authorization server's nonce is not one of ours");
    for (let n = 0; n < 3; n++) await call(first.access_token, listTools(revision));
    assert.deepEqual(statuses(wire, '/mcp'), [401, 200, 200, 200, 200], 'our nonce serves on every replica');

    wire.reset();
    const second = await client.refreshTokenGrant(config, first.refresh_token, { resource: fleet.url }, { DPoP: dpop });
    assert.notEqual(second.access_token, first.access_token);
    assert.deepEqual(jose.decodeJwt(second.access_token).cnf, { jkt: thumbprint });
    assert.equal((await call(second.access_token, callTool(revision, 'add', { a: 20, b: 22 }))).status, 200);
    assert.deepEqual(statuses(wire, '/token'), [200], 'its nonce still serves');
    assert.deepEqual(statuses(wire, '/mcp'), [200], 'a nonce outlives a refresh: it is bound to no token');
  });
}

test('a token bound to another key is refused (R43-12b)', async () => {
  const { config, dpop } = await newcomer();
  const { access_token } = await as.authorize(config, { resource: fleet.url, dpop });
  const thief = await newcomer();
  await assert.rejects(thief.call(access_token, listTools('2025-11-25')), invalidToken);
  assert.deepEqual(statuses(thief.wire, '/mcp'), [401, 401], 'a nonce, then a refusal for good');
});

test('a token for another resource is refused (SEP-6)', async () => {
  const { config, dpop, wire, call } = await newcomer();
  const { access_token } = await as.authorize(config, { resource: OTHER, dpop });
  assert.equal(jose.decodeJwt(access_token).aud, OTHER);
  await assert.rejects(call(access_token, listTools('2025-11-25')), invalidToken);
  assert.deepEqual(statuses(wire, '/mcp'), [401, 401]);
});

test('an identity token of the same server is no access token', async () => {
  const { config, dpop, call } = await newcomer();
  const { id_token } = await as.authorize(config, { resource: fleet.url, dpop });
  await assert.rejects(call(id_token, listTools('2025-11-25')), invalidToken);
});

test('a bound token as Bearer is refused (SEP-4)', async () => {
  const { config, dpop } = await newcomer();
  const { access_token } = await as.authorize(config, { resource: fleet.url, dpop });
  const { headers, body } = listTools('2025-11-25');
  const answer = await fetch(fleet.url, { method: 'POST', headers: { ...headers, authorization: `Bearer ${access_token}` }, body });
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get('www-authenticate'), /DPoP .*error="invalid_token"/);
});

// All of it by the official client: from the MCP server's URL alone to a tool call, and again after a refresh.
for (const { revision, mode } of REVISIONS) {
  test(`${revision}: the official client finds its own way`, async () => {
    const session = await DpopSession.create();
    const wire = recorder();
    const known = {};
    let redirected;
    const provider = {
      redirectUrl: CALLBACK,
      clientMetadata: {
        client_name: 'e2e',
        application_type: 'native',
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        dpop_bound_access_tokens: true,
      },
      clientInformation: () => known.client,
      saveClientInformation: (information) => void (known.client = information),
      tokens: () => known.tokens,
      saveTokens: (tokens) => void (known.tokens = tokens),
      codeVerifier: () => known.verifier,
      saveCodeVerifier: (verifier) => void (known.verifier = verifier),
      discoveryState: () => known.discovery,
      saveDiscoveryState: (state) => void (known.discovery = state),
      redirectToAuthorization: (url) => void (redirected = url),
      dpop: () => session,
    };
    const transport = () => new StreamableHTTPClientTransport(new URL(fleet.url), { authProvider: provider, fetch: wire });
    const newClient = () => new Client({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode } });

    const first = transport();
    await assert.rejects(newClient().connect(first), UnauthorizedError);
    // `offline_access` is for the user to be asked about, and this user says yes.
    redirected.searchParams.set('scope', `openid offline_access ${SCOPE}`);
    redirected.searchParams.set('prompt', 'consent');
    const back = await browse(redirected, CALLBACK);
    await first.finishAuth(back.searchParams);

    const whoami = async () => {
      const mcp = newClient();
      await mcp.connect(transport());
      assert.equal(mcp.getNegotiatedProtocolVersion(), revision);
      const me = JSON.parse((await mcp.callTool({ name: 'whoami' })).content[0].text);
      await mcp.close();
      return me;
    };
    const me = { subject: 'alice', client: known.client.client_id, thumbprint: session.thumbprint };
    assert.deepEqual(await whoami(), me);
    const earlier = known.tokens;
    assert.equal(await auth(provider, { serverUrl: fleet.url, fetchFn: wire }), 'AUTHORIZED');
    assert.notEqual(known.tokens.access_token, earlier.access_token, 'refreshed');
    wire.reset();
    assert.deepEqual(await whoami(), me);
    assert.deepEqual(wire.refused(), []);
  });
}

// A token of a machine: no user, no refresh.
test('client credentials, and a token without a key', async () => {
  const { config, dpop, thumbprint, call } = await newcomer(() => as.confidential());
  const wanted = { resource: fleet.url, scope: SCOPE };
  const { access_token } = await client.clientCredentialsGrant(config, wanted, { DPoP: dpop });
  const answer = await call(access_token, callTool('2026-07-28', 'whoami'));
  const me = JSON.parse((await answer.json()).result.content[0].text);
  assert.equal(me.thumbprint, thumbprint);
  assert.equal(me.client, config.clientMetadata().client_id);

  const unbound = await client.clientCredentialsGrant(config, wanted);
  assert.equal(unbound.token_type, 'bearer');
  await assert.rejects(call(unbound.access_token, listTools('2026-07-28')), invalidToken);
});

// One issuer, many keys: the token says which by its kid.
for (const alg of TOKEN_ALGORITHMS) {
  test(`a token signed with ${alg}`, async () => {
    const { config, dpop, call } = await newcomer(() => as.confidential());
    as.resources.set(fleet.url, alg);
    try {
      const { access_token } = await client.clientCredentialsGrant(config, { resource: fleet.url, scope: SCOPE }, { DPoP: dpop });
      assert.equal(jose.decodeProtectedHeader(access_token).alg, alg);
      assert.equal((await call(access_token, listTools('2026-07-28'))).status, 200);
    } finally {
      as.resources.set(fleet.url, 'ES256');
    }
  });
}

// What a validator that asks the issuer has to go by (RFC 7662, RFC 9449 section 6.2).
describe('opaque tokens', () => {
  const opaque = async () => {
    const { config, dpop, thumbprint, call } = await newcomer(() => as.confidential());
    const { access_token } = await client.clientCredentialsGrant(config, { resource: OPAQUE, scope: SCOPE }, { DPoP: dpop });
    return { config, token: access_token, thumbprint, call };
  };
  const ask = async (token, { clientId, clientSecret } = as.introspection) => {
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    return fetch(as.introspection.endpoint, { method: 'POST', headers: { authorization }, body: new URLSearchParams({ token }) });
  };

  test('introspection tells whose key, for whom, until when', async () => {
    const { token, thumbprint } = await opaque();
    assert.doesNotMatch(token, /\./);
    const facts = await (await ask(token)).json();
    assert.equal(facts.active, true);
    assert.equal(facts.aud, OPAQUE);
    assert.equal(facts.iss, as.url);
    assert.deepEqual(facts.cnf, { jkt: thumbprint });
    assert.ok(facts.exp > Date.now() / 1000);
  });

  test('a revoked token, one that never was, and a stranger who asks', async () => {
    const { config, token } = await opaque();
    await client.tokenRevocation(config, token);
    assert.deepEqual(await (await ask(token)).json(), { active: false });
    assert.deepEqual(await (await ask('never-was')).json(), { active: false });
    assert.equal((await ask(token, { ...as.introspection, clientSecret: 'guessed' })).status, 401);
  });

  test('a server that takes JWTs refuses one', async () => {
    const { token, call } = await opaque();
    await assert.rejects(call(token, listTools('2026-07-28')), invalidToken);
  });
});

// Replicas that ask the issuer themselves: for its keys, found by its metadata (RFC 8414), and about opaque tokens (RFC 7662).
describe('a server that asks its issuer', () => {
  let asking;
  before(async () => {
    const { endpoint, clientId, clientSecret } = as.introspection;
    asking = await Fleet.start(roundRobin, {
      lifetimeS: 120,
      fetchKeys: true,
      makeIssuer: async () => as,
      flags: ['--introspection', endpoint, '--introspection-client', clientId, '--introspection-secret', clientSecret],
    });
    for (const address of asking.addresses) {
      for (let waited = 0; !(await fetch(`http://${address}/readyz`)).ok; waited += 50) {
        assert.ok(waited < 5000, 'no keys came');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  after(() => asking?.stop());

  const session = async (form) => {
    as.resources.set(asking.url, form);
    const { config, dpop, wire } = await newcomer(() => as.confidential());
    const { access_token } = await client.clientCredentialsGrant(config, { resource: asking.url, scope: SCOPE }, { DPoP: dpop });
    const call = (token, { headers, body }, handle = dpop) =>
      client.fetchProtectedResource(config, token, new URL(asking.url), 'POST', body, new Headers(headers), { DPoP: handle });
    return { config, access_token, call, wire };
  };

  test('a JWT under keys that were fetched', async () => {
    const { access_token, call } = await session('ES256');
    for (let n = 0; n < asking.addresses.length; n++) {
      assert.equal((await call(access_token, listTools('2026-07-28'))).status, 200);
    }
    for (const { keys } of await asking.health()) {
      assert.equal(keys.ready, true);
      assert.equal(keys.keys, TOKEN_ALGORITHMS.length);
      assert.equal(keys.jwks_uri, `${as.url}/jwks`);
      assert.deepEqual({ failing: keys.failing, last_error: keys.last_error }, { failing: false, last_error: null });
    }
  });

  test('an opaque token, until it is revoked', async () => {
    const { config, access_token, call } = await session('opaque');
    assert.ok(!access_token.includes('.'));
    for (let n = 0; n < asking.addresses.length; n++) {
      assert.equal((await call(access_token, callTool('2026-07-28', 'whoami'))).status, 200);
    }
    await client.tokenRevocation(config, access_token);
    await assert.rejects(call(access_token, listTools('2026-07-28')), invalidToken);
  });

  test('an opaque token of another key, and one for another resource', async () => {
    const { config, access_token, call } = await session('opaque');
    const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    await assert.rejects(call(access_token, listTools('2026-07-28'), stranger), invalidToken);
    const { config: other, dpop } = await newcomer(() => as.confidential());
    const elsewhere = await client.clientCredentialsGrant(other, { resource: OPAQUE, scope: SCOPE }, { DPoP: dpop });
    const handle = dpop;
    await assert.rejects(call(elsewhere.access_token, listTools('2026-07-28'), handle), invalidToken);
  });
});
