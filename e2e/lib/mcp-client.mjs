// The official MCP client against three replicas: SEP-1, SEP-8, R82-1, R9-1, D-4, I1, I4, I9.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { DpopSession, StreamableHTTPClientTransport, Client, withDpop } from '@modelcontextprotocol/client';
import { Fleet, LIFETIME_S, PROPAGATION_S, kidOf } from './fleet.mjs';
import { REVISIONS, connect } from './client.mjs';
import { recorder } from './wire.mjs';

export const add = async (client, a, b) => {
  const answer = await client.callTool({ name: 'add', arguments: { a, b } });
  assert.equal(answer.isError ?? false, false);
  assert.equal(answer.content[0].text, String(a + b));
};

// Calls a tool over and over until `seconds` have passed; any failure is the test's.
async function callFor(client, seconds, every = 40) {
  const end = Date.now() + seconds * 1000;
  let calls = 0;
  while (Date.now() < end) {
    await add(client, calls++, 1);
    await sleep(every);
  }
  return calls;
}

// No request is refused twice in a row: each refusal is repaired by the retry that follows it (I9).
function oneRetryEach(wire) {
  const posts = wire.calls.filter((call) => call.method === 'POST');
  posts.forEach((call, n) => {
    if (call.status === 401) assert.equal(Math.floor((posts[n + 1]?.status ?? 0) / 100), 2, `refusal ${n} was not repaired by its retry`);
  });
  assert.deepEqual(wire.failed(), []);
}

export function mcpClientAgainst(name, makeProxy, options = {}) {
  describe(`the MCP client, three replicas behind ${name}`, options, () => {
    let fleet;
    before(async () => {
      fleet = await Fleet.start(makeProxy);
    });
    after(() => fleet?.stop());

    for (const { revision, opening, mode } of REVISIONS) {
      describe(`${revision}, by ${opening}`, () => {
        test('connects, lists tools and calls them, with one challenge in all', async () => {
          const { client, session, wire } = await connect(fleet, { mode });
          assert.equal(client.getNegotiatedProtocolVersion(), revision);
          const { tools } = await client.listTools();
          assert.deepEqual(tools.map((tool) => tool.name).sort(), ['add', 'whoami']);
          for (let n = 0; n < 6; n++) await add(client, n, 2);
          const me = JSON.parse((await client.callTool({ name: 'whoami' })).content[0].text);
          assert.equal(me.thumbprint, session.thumbprint);
          assert.equal(me.subject, 'alice');
          await client.close();

          assert.equal(wire.refused().length, 1, 'only the very first request was without a nonce');
          assert.equal(wire.calls[0].status, 401);
          assert.match(wire.calls[0].challenge, /^DPoP .*error="use_dpop_nonce"/);
          assert.match(wire.calls[0].challenge, /algs="[^"]*ES256/);
          oneRetryEach(wire);
          assert.equal(wire.replicas().size, 3, 'the replicas took turns');
        });

        test('a nonce from the 401 of a request without credentials saves the challenge', async () => {
          const session = await DpopSession.create();
          const bare = await fetch(fleet.url, { method: 'POST' });
          assert.equal(bare.status, 401);
          assert.match(bare.headers.get('www-authenticate'), /^DPoP(?!.*error=)/);
          session.observeNonce(bare, fleet.url);
          const { client, wire } = await connect(fleet, { mode, session });
          await add(client, 20, 22);
          await client.close();
          assert.deepEqual(wire.refused(), []);
        });

        test('nonces are renewed on 200, before they expire', async () => {
          const { client, wire } = await connect(fleet, { mode });
          await callFor(client, LIFETIME_S * 1.75);
          await client.close();
          assert.equal(wire.refused().length, 1);
          const renewals = wire.calls.filter((call) => call.status === 200 && call.nonce);
          assert.ok(renewals.length >= 2, `renewed ${renewals.length} times in almost two lifetimes`);
        });

        test('an expired nonce costs one retry', async () => {
          const { client, wire } = await connect(fleet, { mode });
          await sleep((LIFETIME_S + 1.5) * 1000);
          wire.reset();
          await add(client, 1, 1);
          await client.close();
          assert.deepEqual(wire.calls.map((call) => call.status), [401, 200]);
        });

        test('requests at the same time share the nonce', async () => {
          const { client, wire } = await connect(fleet, { mode });
          wire.reset();
          await Promise.all(Array.from({ length: 24 }, (_, n) => add(client, n, n)));
          await client.close();
          assert.deepEqual(wire.refused(), []);
        });

        test('a rotation in the middle is not noticed', async () => {
          const { client, wire } = await connect(fleet, { mode });
          const old = await fleet.activeKid();
          const traffic = callFor(client, PROPAGATION_S + LIFETIME_S + 1);
          await fleet.sealstamp('rotate');
          await traffic;
          await client.close();
          const fresh = await fleet.activeKid();
          assert.notEqual(fresh, old);
          assert.equal(kidOf(wire.nonces().at(-1)), fresh, 'the last nonce is of the new key');
          assert.equal(wire.refused().length, 1, 'no refusal after the first challenge');
        });

        test('a revocation in the middle costs one retry', async () => {
          const { client, session, wire } = await connect(fleet, { mode });
          const revoked = await fleet.activeKid();
          await callFor(client, 0.5);
          wire.reset();
          const traffic = callFor(client, PROPAGATION_S + 1);
          await fleet.sealstamp('revoke', revoked);
          await traffic;
          await fleet.settled();
          await client.close();
          assert.equal(wire.refused().length, 1, 'the nonce that the client held was refused once');
          assert.match(wire.refused()[0].challenge, /use_dpop_nonce/);
          oneRetryEach(wire);
          assert.notEqual(kidOf(session.nonceFor(fleet.url)), revoked);
        });

        test('withDpop alone, without an OAuth provider', async () => {
          const session = await DpopSession.create({ alg: 'EdDSA' });
          const token = await fleet.issuer.token({ audience: fleet.url, jkt: session.thumbprint });
          const wire = recorder();
          const client = new Client({ name: 'sealstamp-e2e', version: '1.0.0' }, { versionNegotiation: { mode } });
          await client.connect(new StreamableHTTPClientTransport(new URL(fleet.url), { fetch: withDpop(session, () => token)(wire) }));
          await add(client, 2, 2);
          await client.close();
          assert.equal(wire.refused().length, 1);
          oneRetryEach(wire);
        });
      });
    }

    for (const alg of ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA']) {
      test(`proofs signed with ${alg}`, async () => {
        const { client, wire } = await connect(fleet, { mode: 'auto', alg });
        await add(client, 3, 4);
        await client.close();
        assert.equal(wire.refused().length, 1);
      });
    }

    // SEP-4, R72-1, SEP-6, R43-12b: refused for good, and the client does not loop.
    const mine = (fleet, session) => fleet.issuer.token({ audience: fleet.url, jkt: session.thumbprint });
    for (const [what, makeToken] of [
      ['a token bound to another key', async (fleet) => mine(fleet, await DpopSession.create())],
      ['a token for another audience', (fleet, session) => fleet.issuer.token({ audience: 'https://other.example/mcp', jkt: session.thumbprint })],
      ['an expired token', (fleet, session) => fleet.issuer.token({ audience: fleet.url, jkt: session.thumbprint, expiresIn: -60 })],
      ['a token of another issuer', (fleet, session) => fleet.issuer.token({ audience: fleet.url, jkt: session.thumbprint, issuer: 'https://evil.example' })],
    ]) {
      test(`${what} is refused, and no retry helps`, async () => {
        const session = await DpopSession.create();
        const token = await makeToken(fleet, session);
        const wire = recorder();
        const send = withDpop(session, () => token)(wire);
        const answer = await send(fleet.url, { method: 'POST', body: '{}' });
        assert.equal(answer.status, 401);
        assert.match(answer.headers.get('www-authenticate'), /error="invalid_token"/);
        assert.equal(wire.calls.length, 2, 'the nonce challenge and its retry, nothing more');
      });
    }

    test('a bound token as Bearer is refused', async () => {
      const session = await DpopSession.create();
      const answer = await fetch(fleet.url, { method: 'POST', headers: { authorization: `Bearer ${await mine(fleet, session)}` } });
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate'), /DPoP .*error="invalid_token"/);
    });

    test('protected resource metadata leads a client here (RFC 9728)', async () => {
      const bare = await fetch(fleet.url, { method: 'POST' });
      const [, where] = /resource_metadata="([^"]+)"/.exec(bare.headers.get('www-authenticate'));
      const metadata = await (await fetch(where)).json();
      assert.equal(metadata.resource, fleet.url);
      assert.deepEqual(metadata.authorization_servers, [fleet.issuer.url]);
      assert.equal(metadata.dpop_bound_access_tokens_required, true);
      assert.ok(metadata.dpop_signing_alg_values_supported.includes('ES256'));
    });
  });
}
