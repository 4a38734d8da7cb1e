// A test authorization server's token endpoint, without the HTTP: one signing key, a JWK set on disk, tokens bound to a key.
import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import * as jose from 'jose';

export class Issuer {
  static async create(url, jwksPath) {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256');
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'test-issuer-1', alg: 'ES256', use: 'sig' };
    await writeFile(jwksPath, JSON.stringify({ keys: [jwk] }));
    return Object.assign(new Issuer(), { url, privateKey, kid: jwk.kid });
  }

  // An RFC 9068 access token. `jkt` binds it to a client's key (RFC 9449 section 6.1); without it, it is a Bearer token.
  token({ audience, jkt, subject = 'alice', expiresIn = 600, issuer = this.url }) {
    const now = Math.floor(Date.now() / 1000);
    return new jose.SignJWT({
      iss: issuer,
      aud: audience,
      sub: subject,
      client_id: 'e2e',
      iat: now,
      exp: now + expiresIn,
      jti: randomUUID(),
      ...(jkt && { cnf: { jkt } }),
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: this.kid })
      .sign(this.privateKey);
  }
}
