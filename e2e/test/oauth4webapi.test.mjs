// A second client that nobody here wrote: its DPoP handle signs, remembers nonces, and says when to try again.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import * as jose from 'jose';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet, LIFETIME_S, kidOf } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { listTools } from '../lib/rpc.mjs';
import { recorder } from '../lib/wire.mjs';

let fleet, session;

before(async () => {
  fleet = await Fleet.start(roundRobin);
  const keys = await oauth.generateKeyPair('ES256');
  const wire = recorder();
  session = {
    wire,
    dpop: oauth.DPoP({ client_id: 'e2e' }, keys),
    token: await fleet.issuer.token({
      audience: fleet.url,
      jkt: await jose.calculateJwkThumbprint(await jose.exportJWK(keys.publicKey)),
    }),
  };
});
after(() => fleet?.stop());

async function request(version) {
  const { headers, body } = listTools(version);
  const send = () =>
    oauth.protectedResourceRequest(session.token, 'POST', new URL(fleet.url), new Headers(headers), body, {
      DPoP: session.dpop,
      [oauth.customFetch]: session.wire,
      [oauth.allowInsecureRequests]: true,
    });
  try {
    return await send();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return send();
  }
}

for (const version of ['2025-11-25', '2026-07-28']) {
  test(`${version}: challenge, retry, reuse, expiry, revocation`, async () => {
    session.wire.reset();
    const first = await request(version);
    assert.equal(first.status, 200);
    assert.match(await first.text(), /whoami/);
    for (let n = 0; n < 5; n++) assert.equal((await request(version)).status, 200);
    assert.ok(session.wire.refused().length <= 1);

    await sleep((LIFETIME_S + 1.5) * 1000);
    session.wire.reset();
    assert.equal((await request(version)).status, 200);
    assert.deepEqual(session.wire.calls.map((call) => call.status), [401, 200]);

    const revoked = await fleet.activeKid();
    await fleet.sealstamp('revoke', revoked);
    await fleet.settled();
    session.wire.reset();
    assert.equal((await request(version)).status, 200);
    assert.deepEqual(session.wire.calls.map((call) => call.status), [401, 200]);
    assert.notEqual(kidOf(session.wire.nonces().at(-1)), revoked);
  });
}

test('the challenge is one that the library can read', async () => {
  const keys = await oauth.generateKeyPair('ES256');
  const stranger = oauth.DPoP({ client_id: 'e2e' }, keys);
  await assert.rejects(
    oauth.protectedResourceRequest('not-a-token', 'POST', new URL(fleet.url), new Headers(), undefined, {
      DPoP: stranger,
      [oauth.allowInsecureRequests]: true,
    }),
    (error) => {
      assert.ok(error instanceof oauth.WWWAuthenticateChallengeError);
      assert.equal(error.cause[0].scheme, 'dpop');
      assert.equal(error.cause[0].parameters.error, 'use_dpop_nonce');
      return true;
    },
  );
});
