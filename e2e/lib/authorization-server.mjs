// A real authorization server on loopback, oidc-provider: discovery, registration, DPoP with nonces of its own, resource
// indicators (RFC 8707), refresh tokens, introspection. Only its user is ours: one who says yes to everything.
import http from 'node:http';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import * as jose from 'jose';
import * as client from 'openid-client';

// oidc-provider is written for Node 22, and of what is new there it uses this function alone.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);
const { Provider } = await import('oidc-provider');

export const SCOPE = 'tools';
// It has one key for each.
export const TOKEN_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
const SUBJECT = 'alice';
export const CALLBACK = 'http://127.0.0.1/callback';

// A confidential client: as itself (client_credentials), and as a resource server that asks about tokens.
const CONFIDENTIAL = { client_id: 'e2e-confidential', client_secret: randomBytes(32).toString('base64url') };

export class AuthorizationServer {
  // `resources` says what form a resource's access tokens have: `opaque`, or the algorithm of a JWT. It may change later.
  static async start(resources) {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(url, configuration(resources, await Promise.all(TOKEN_ALGORITHMS.map(newJwk))));
    provider.use(yes(provider));
    server.on('request', provider.callback());
    return Object.assign(new AuthorizationServer(), { url, server, resources, provider });
  }

  // For `--issuer-jwks`: the set as the server publishes it.
  async writeJwks(path) {
    const { jwks_uri } = await (await fetch(`${this.url}/.well-known/openid-configuration`)).json();
    await writeFile(path, await (await fetch(jwks_uri)).text());
  }

  // Where and as whom a resource server asks about tokens (RFC 7662), with HTTP Basic.
  get introspection() {
    return { endpoint: `${this.url}/token/introspection`, clientId: CONFIDENTIAL.client_id, clientSecret: CONFIDENTIAL.client_secret };
  }

  // A public client as MCP clients are: found by discovery, registered by itself (RFC 7591).
  async register() {
    const metadata = {
      application_type: 'native',
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      dpop_bound_access_tokens: true,
    };
    return client.dynamicClientRegistration(new URL(this.url), metadata, client.None(), { execute: [client.allowInsecureRequests] });
  }

  async confidential() {
    const { client_id, client_secret } = CONFIDENTIAL;
    const basic = client.ClientSecretBasic(client_secret);
    return client.discovery(new URL(this.url), client_id, undefined, basic, { execute: [client.allowInsecureRequests] });
  }

  // Tokens for a resource by authorization code with PKCE, bound to `dpop`'s key.
  async authorize(config, { resource, dpop }) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const start = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: `openid offline_access ${SCOPE}`,
      prompt: 'consent',
      resource,
      state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    const back = await browse(start, CALLBACK);
    return client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState }, { resource }, { DPoP: dpop });
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

async function newJwk(alg) {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  return { ...(await jose.exportJWK(privateKey)), kid: `issuer-${alg}`, alg, use: 'sig' };
}

const configuration = (resources, keys) => ({
  jwks: { keys },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  clients: [{ ...CONFIDENTIAL, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, interaction) => `/yes/${interaction.uid}` },
  ttl: { AccessToken: 600, ClientCredentials: 600, Grant: 3600, IdToken: 600, Interaction: 60, RefreshToken: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_, asking, token) => asking.clientId === token.clientId },
    introspection: { enabled: true, allowedPolicy: (_, asking) => asking.clientId === CONFIDENTIAL.client_id },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_, resource) {
        const form = resources.get(resource);
        if (!form) throw new Error(`nobody told the authorization server about ${resource}`);
        const jwt = form !== 'opaque' && { jwt: { sign: { alg: form } } };
        return { scope: SCOPE, audience: resource, accessTokenFormat: jwt ? 'jwt' : 'opaque', ...jwt };
      },
    },
  },
});

// The user's side of `/authorize`: logs in and grants what was asked for.
const yes = (provider) => async (ctx, next) => {
  if (!ctx.path.startsWith('/yes/')) return next();
  const { prompt, params } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === 'login') {
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: SUBJECT } });
  }
  const grant = new provider.Grant({ accountId: SUBJECT, clientId: params.client_id });
  grant.addOIDCScope('openid offline_access');
  grant.addResourceScope(params.resource, SCOPE);
  return provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } });
};

// Follows redirects with their cookies, as a browser does, until one leads to `end`.
export async function browse(url, end) {
  const cookies = new Map();
  for (let hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      cookies.set(name, value);
    }
    const where = answer.headers.get('location');
    if (!where) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
    url = new URL(where, url);
    if (url.href.startsWith(end)) return url;
  }
  throw new Error('the redirects do not end');
}
