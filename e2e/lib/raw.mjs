// Proofs and requests as no client library would make them, from jose and node:http alone.
import http from 'node:http';
import { once } from 'node:events';
import { createHash, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import * as jose from 'jose';

const base64url = (value) => Buffer.from(value).toString('base64url');
const athOf = (token) => createHash('sha256').update(token).digest('base64url');

// A client: one key, in the forms that proofs and their defects need.
export async function newKey() {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const publicJwk = await jose.exportJWK(publicKey);
  return { privateKey, publicJwk, privateJwk: await jose.exportJWK(privateKey), thumbprint: await jose.calculateJwkThumbprint(publicJwk) };
}

// A good request in its parts; a defect changes one of them. Members that are undefined are left out.
export const draft = ({ key, url, token, nonce }) => ({
  scheme: 'DPoP',
  token,
  key: key.privateKey,
  header: { typ: 'dpop+jwt', alg: 'ES256', jwk: key.publicJwk },
  claims: { jti: randomUUID(), htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000), nonce },
  // The values of the `DPoP` field, each sent as a field of its own.
  proofs: async (draft) => [await sign(draft)],
});

export async function sign({ token, key, header, claims }) {
  const payload = JSON.stringify({ ath: athOf(token), ...claims });
  if (header.alg === 'none') return `${base64url(JSON.stringify(header))}.${base64url(payload)}.`;
  return new jose.CompactSign(Buffer.from(payload)).setProtectedHeader(header).sign(key);
}

export const fieldsOf = async (draft) => ({ authorization: `${draft.scheme} ${draft.token}`, dpop: await draft.proofs(draft) });

// `fetch` would join repeated fields; here each goes out as it is, and comes in as it was.
export async function post(address, path, headers, body) {
  const request = http.request(`http://${address}${path}`, { method: 'POST', headers });
  request.end(body);
  const [response] = await once(request, 'response');
  return { status: response.statusCode, fields: response.headersDistinct, body: await text(response) };
}

// The parameters of the `DPoP` challenge, or undefined without one.
export function challengeOf({ fields }) {
  const challenge = fields['www-authenticate']?.find((value) => /^DPoP /i.test(value));
  return challenge && Object.fromEntries([...challenge.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}
