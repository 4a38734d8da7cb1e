// An authorization server with nonces of its own from the fleet's ring (RFC 9449 sections 5 and 8), and a client that
// nobody here wrote.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import * as jose from 'jose';
import { Fleet, kidOf } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { draft, newKey, post, sign } from '../lib/raw.mjs';
import { callTool } from '../lib/rpc.mjs';
import { TokenEndpoint } from '../lib/token-endpoint.mjs';
import { recorder } from '../lib/wire.mjs';

const INSECURE = { [oauth.allowInsecureRequests]: true };
let fleet, as;

before(async () => {
  fleet = await Fleet.start(roundRobin, {
    lifetimeS: 120,
    replicas: 2,
    makeIssuer: async (fleet) => (as = await TokenEndpoint.start(fleet)),
  });
});
after(async () => {
  await fleet?.stop();
  await as?.stop();
});

const discovered = async () =>
  oauth.processDiscoveryResponse(
    new URL(as.url),
    await oauth.discoveryRequest(new URL(as.url), { algorithm: 'oauth2', ...INSECURE }),
  );

// A client with a key of its own, that asks once more when it is told to.
async function newcomer() {
  const server = await discovered();
  const keys = await oauth.generateKeyPair('ES256');
  const client = { client_id: as.clientId };
  const dpop = oauth.DPoP(client, keys);
  const wire = recorder();
  const options = { DPoP: dpop, [oauth.customFetch]: wire, ...INSECURE };
  const token = async (secret = as.clientSecret, resource = fleet.url) => {
    const ask = async () => {
      const auth = oauth.ClientSecretPost(secret);
      const response = await oauth.clientCredentialsGrantRequest(server, client, auth, { resource }, options);
      return oauth.processClientCredentialsResponse(server, client, response);
    };
    try {
      return await ask();
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return ask();
    }
  };
  const call = (token, { headers, body }) =>
    oauth.protectedResourceRequest(token, 'POST', new URL(fleet.url), new Headers(headers), body, options);
  const thumbprint = await jose.calculateJwkThumbprint(await jose.exportJWK(keys.publicKey));
  return { wire, token, call, thumbprint };
}

const statuses = (wire, path) => wire.calls.filter((call) => call.path === path).map((call) => call.status);

test('a nonce, a token, a call (R8-1, R8-2)', async () => {
  const { wire, token, call, thumbprint } = await newcomer();
  const first = await token();
  assert.deepEqual(statuses(wire, '/token'), [400, 200], 'use_dpop_nonce, then the token');
  assert.equal(first.token_type, 'dpop');
  const { iss, aud, cnf } = jose.decodeJwt(first.access_token);
  assert.deepEqual({ iss, aud, cnf }, { iss: as.url, aud: fleet.url, cnf: { jkt: thumbprint } });

  const request = callTool('2026-07-28', 'whoami');
  await assert.rejects(call(first.access_token, request), (error) => oauth.isDPoPNonceError(error));
  const answer = await call(first.access_token, request);
  const me = JSON.parse((await answer.json()).result.content[0].text);
  assert.deepEqual(me, { subject: as.clientId, client: as.clientId, thumbprint });

  await token();
  await call(first.access_token, request);
  assert.deepEqual(statuses(wire, '/token'), [400, 200, 200], 'its nonce still serves');
  assert.deepEqual(statuses(wire, '/mcp'), [401, 200, 200], 'and so does that of the fleet');
});

test('a token is bound to the key that asked for it', async () => {
  const [owner, thief] = [await newcomer(), await newcomer()];
  const { access_token } = await owner.token();
  const request = callTool('2026-07-28', 'whoami');
  await assert.rejects(thief.call(access_token, request), (error) => oauth.isDPoPNonceError(error));
  await assert.rejects(thief.call(access_token, request), (error) => error.cause[0].parameters.error === 'invalid_token');
});

// By hand, since a client keeps the nonces of two origins apart.
async function ask(key, nonce, form = {}) {
  const request = draft({ key, url: `${as.url}/token`, token: '', nonce });
  request.claims.ath = undefined;
  return askWith(await sign(request), form);
}

async function askWith(proof, form = {}) {
  const body = new URLSearchParams({
    grant_type: 'client_credentials', client_id: as.clientId, client_secret: as.clientSecret, resource: fleet.url, ...form,
  });
  const fields = { 'content-type': 'application/x-www-form-urlencoded', ...(proof && { dpop: proof }) };
  const answer = await post(as.address, '/token', fields, body.toString());
  return { ...answer, json: JSON.parse(answer.body), nonce: answer.fields['dpop-nonce']?.[0] };
}

async function call(key, token, nonce) {
  const request = draft({ key, url: fleet.url, token, nonce });
  const { headers, body } = callTool('2026-07-28', 'whoami');
  const answer = await post(fleet.addresses[0], '/mcp', { ...headers, authorization: `DPoP ${token}`, dpop: await sign(request) }, body);
  return { ...answer, nonce: answer.fields['dpop-nonce']?.[0] };
}

test("neither server takes the other's nonce, though both are sealed with one key (R9-2)", async () => {
  const key = await newKey();
  const first = await ask(key);
  assert.deepEqual([first.status, first.json.error], [400, 'use_dpop_nonce']);
  assert.equal(first.fields['content-type'][0], 'application/json');
  assert.equal(first.fields['cache-control'][0], 'no-store');
  const granted = await ask(key, first.nonce);
  assert.deepEqual([granted.status, granted.json.token_type], [200, 'DPoP']);
  assert.equal(granted.fields['cache-control'][0], 'no-store');
  const token = granted.json.access_token;

  const refused = await call(key, token, first.nonce);
  assert.equal(refused.status, 401);
  assert.match(refused.fields['www-authenticate'][0], /error="use_dpop_nonce"/);
  assert.equal(kidOf(refused.nonce), kidOf(first.nonce), 'one key');
  assert.equal((await call(key, token, refused.nonce)).status, 200);

  const back = await ask(key, refused.nonce);
  assert.deepEqual([back.status, back.json.error], [400, 'use_dpop_nonce']);
  assert.equal((await ask(key, back.nonce)).status, 200);
});

test('a proof buys one token, and none without a proof', async () => {
  const key = await newKey();
  const { nonce } = await ask(key);
  const request = draft({ key, url: `${as.url}/token`, token: '', nonce });
  request.claims.ath = undefined;
  const proof = await sign(request);
  assert.equal((await askWith(proof)).status, 200);
  const again = await askWith(proof);
  assert.deepEqual([again.status, again.json.error], [400, 'invalid_dpop_proof']);
  const bare = await askWith(undefined);
  assert.deepEqual([bare.status, bare.json.access_token], [400, undefined]);
  assert.ok(bare.nonce, 'every refusal carries a nonce');
});

test('a good proof does not make up for anything else', async () => {
  const key = await newKey();
  const { nonce } = await ask(key);
  for (const [form, error] of [
    [{ client_secret: 'x' }, 'invalid_client'],
    [{ client_secret: '' }, 'invalid_client'],
    [{ client_id: 'other' }, 'invalid_client'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
  ]) {
    const answer = await ask(key, nonce, form);
    assert.deepEqual([answer.status, answer.json.error], [400, error]);
  }
});

test('a revoked key ends on both', async () => {
  const key = await newKey();
  const { nonce } = await ask(key);
  const revoked = kidOf(nonce);
  await fleet.sealstamp('revoke', revoked);
  await fleet.settled();
  for (let tries = 0; ; tries++) {
    const answer = await ask(key, nonce);
    if (answer.status === 400) {
      assert.equal(answer.json.error, 'use_dpop_nonce');
      assert.notEqual(kidOf(answer.nonce), revoked);
      break;
    }
    assert.ok(tries < 100, 'still good after 10 s');
    await new Promise((done) => setTimeout(done, 100));
  }
});
