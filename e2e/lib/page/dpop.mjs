// Runs in the browser: a client of the MCP server in WebCrypto and fetch alone.
const text = new TextEncoder();
const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const json = (value) => base64url(text.encode(JSON.stringify(value)));
const sha256 = async (value) => base64url(await crypto.subtle.digest('SHA-256', text.encode(value)));

// A key that no script can take away.
export async function newKey() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  return { privateKey, jwk: { crv, kty, x, y }, thumbprint: await sha256(JSON.stringify({ crv, kty, x, y })) };
}

async function proof({ privateKey, jwk }, { url, token, nonce }) {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk };
  const claims = { htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID(), ath: await sha256(token), nonce };
  const signed = `${json(header)}.${json(claims)}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, text.encode(signed));
  return `${signed}.${base64url(signature)}`;
}

// One request, and what the script can read of its answer.
export async function call(key, { url, token, nonce, headers, body }) {
  const dpop = await proof(key, { url, token, nonce });
  const response = await fetch(url, { method: 'POST', headers: { ...headers, authorization: `DPoP ${token}`, dpop }, body });
  return read(response);
}

export async function read(response) {
  const { status } = response;
  const [challenge, nonce] = ['WWW-Authenticate', 'DPoP-Nonce'].map((name) => response.headers.get(name));
  return { status, challenge, nonce, body: await response.text(), readable: [...response.headers.keys()] };
}
