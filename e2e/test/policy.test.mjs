// A policy by tool with the official MCP client, and the digest of a body with proofs made by hand: D-1, D-2.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../lib/client.mjs';
import { Fleet } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { challengeOf, draft, fieldsOf, newKey, post } from '../lib/raw.mjs';
import { callTool } from '../lib/rpc.mjs';

describe('a guarded tool wants a nonce of at most one second', () => {
  let fleet;
  before(async () => {
    fleet = await Fleet.start(roundRobin, { lifetimeS: 30, flags: ['--guard', 'ad*', '--guard-within', '1s'] });
  });
  after(() => fleet?.stop());

  // Every status since the last reset.
  const statuses = (wire) => wire.calls.splice(0).map((call) => call.status);

  test('2026-07-28: it costs the guarded tool one retry, and the others none', async () => {
    const { client, wire } = await connect(fleet, { mode: { pin: '2026-07-28' } });
    await sleep(2500);
    wire.reset();
    await client.listTools();
    await client.callTool({ name: 'whoami' });
    assert.deepEqual(statuses(wire), [200, 200]);
    const sum = await client.callTool({ name: 'add', arguments: { a: 20, b: 22 } });
    assert.equal(sum.content[0].text, '42');
    assert.deepEqual(statuses(wire), [401, 200]);
    await client.close();
  });

  test('2025-11-25: a client that does not say what it calls is held to the guarded tool', async () => {
    const { client, wire } = await connect(fleet, { mode: 'legacy' });
    await sleep(2500);
    wire.reset();
    await client.listTools();
    assert.deepEqual(statuses(wire), [401, 200]);
    await client.close();
  });
});

describe('a proof names its body', () => {
  let fleet, key, token;
  before(async () => {
    fleet = await Fleet.start(roundRobin, { replicas: 1, lifetimeS: 30, flags: ['--body-digest', 'required'] });
    key = await newKey();
    token = await fleet.issuer.token({ audience: fleet.url, jkt: key.thumbprint });
  });
  after(() => fleet?.stop());

  const digestOf = (body) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

  async function send(signed, sent, nonce) {
    const { headers, body } = callTool('2026-07-28', 'add', { a: 20, b: 22 });
    const one = draft({ key, url: fleet.url, token, nonce });
    if (signed) one.claims.content_digest = digestOf(signed(body));
    return post(fleet.addresses[0], '/mcp', { ...headers, ...(await fieldsOf(one)) }, sent(body));
  }
  const same = (body) => body;
  const other = (body) => body.replace('20', '90');

  test('the metadata says so, and another body is refused', async () => {
    const metadata = await (await fetch(`${new URL(fleet.url).origin}/.well-known/oauth-protected-resource/mcp`)).json();
    assert.deepEqual(metadata.dpop_content_digest_alg_values_supported, ['sha-256']);
    assert.equal(metadata.dpop_content_digest_required, true);

    const first = await send(same, same, undefined);
    assert.equal(challengeOf(first).error, 'use_dpop_nonce');
    const nonce = first.fields['dpop-nonce'][0];
    const good = await send(same, same, nonce);
    assert.equal(good.status, 200, good.body);
    assert.match(good.body, /"42"/);
    for (const [signed, sent] of [[same, other], [other, same], [undefined, same]]) {
      const refused = await send(signed, sent, nonce);
      assert.equal(refused.status, 401);
      assert.equal(challengeOf(refused).error, 'invalid_dpop_proof');
    }
  });
});
