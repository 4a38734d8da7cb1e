// The checks of the MCP conformance project's server scenario for DPoP, each under the name it has there, and the four newer
// ones (C-1 to C-4): at both protocol revisions, with nonces and without, against three replicas in turn. jose and plain HTTP.
//
// Each refusal follows the same request without the defect, which is accepted: so it is the defect that is refused.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { REVISIONS } from '../lib/client.mjs';
import { Fleet } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { challengeOf, draft, fieldsOf, newKey, post, sign } from '../lib/raw.mjs';
import { bodyOf, headersOf } from '../lib/rpc.mjs';

const PROOF = 'invalid_dpop_proof';
const TOKEN = 'invalid_token';

const tamper = (proof) => {
  const [header, claims, signature] = proof.split('.');
  return [header, claims, (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)].join('.');
};
const tampered = (d) => void (d.proofs = async (d) => [tamper(await sign(d))]);

// Name, requirement, error, and the defect: what it makes of a good draft. `token` gets another token from the issuer.
const REJECTIONS = [
  ['RejectsTamperedSignature', 'R43-6', PROOF, tampered],
  ['RejectsMissingJti', 'R43-3', PROOF, (d) => delete d.claims.jti],
  ['RejectsWrongTyp', 'R43-4', PROOF, (d) => (d.header.typ = 'jwt')],
  ['RejectsHtuMismatch', 'R43-9', PROOF, (d) => (d.claims.htu = 'https://wrong.example/mcp')],
  ['RejectsHtmMismatch', 'R43-8', PROOF, (d) => (d.claims.htm = 'GET')],
  ['RejectsPrivateKeyInJwk', 'R43-7', PROOF, (d, { key }) => (d.header.jwk = key.privateJwk)],
  ['RejectsWrongAth', 'R43-12a', PROOF, (d) => (d.claims.ath = 'not-the-hash-of-the-token')],
  ['RejectsBearerScheme', 'SEP-4', TOKEN, (d) => (d.scheme = 'Bearer')],
  ['RejectsDuplicateDpopHeader', 'R43-1', PROOF, (d) => (d.proofs = async (d) => [await sign(d), await sign(again(d))])],
  ['RejectsMissingHtm', 'R43-3', PROOF, (d) => delete d.claims.htm],
  ['RejectsMissingHtu', 'R43-3', PROOF, (d) => delete d.claims.htu],
  ['RejectsMissingIat', 'R43-3', PROOF, (d) => delete d.claims.iat],
  ['RejectsMissingJwk', 'R43-3', PROOF, (d) => delete d.header.jwk],
  ['RejectsAthAbsent', 'R43-12a', PROOF, (d) => (d.claims.ath = undefined)],
  ['RejectsMalformedProof', 'R43-2', PROOF, (d) => (d.proofs = () => ['this-is-not-a-jwt'])],
  ['RejectsCnfJktMismatch', 'R43-12b', TOKEN, async (d, { token }) => (d.token = await token({ jkt: (await newKey()).thumbprint }))],
  ['RejectsStaleIat', 'SEP-2', PROOF, (d) => (d.claims.iat -= 303)],
  ['RejectsFutureIat', 'SEP-2', PROOF, (d) => (d.claims.iat += 303)],
  ['RejectsAlgNone', 'SEP-5', PROOF, (d) => (d.header.alg = 'none')],
  ['RejectsAlgSymmetric', 'SEP-5', PROOF, (d) => Object.assign(d, { header: { ...d.header, alg: 'HS256' }, key: Buffer.alloc(32, 7) })],
  ['RejectsWrongAudience', 'SEP-6', TOKEN, async (d, { token }) => (d.token = await token({ audience: 'https://other.example/mcp' }))],
];

const again = (d) => ({ ...d, claims: { ...d.claims, jti: randomUUID() } });

for (const nonce of ['required', 'off']) {
  describe(`nonces ${nonce}`, () => {
    let fleet, key, bound, fresh;
    let turn = 0;

    before(async () => {
      // Long enough for all checks, so that no nonce ages between a good request and its defect.
      fleet = await Fleet.start(roundRobin, { nonce, lifetimeS: 600 });
      key = await newKey();
      bound = await token();
      // Any replica's nonce is good at any other.
      [fresh] = (await post(fleet.addresses[0], '/mcp', {})).fields['dpop-nonce'] ?? [];
      assert.equal(fresh !== undefined, nonce === 'required');
    });
    after(() => fleet?.stop());

    const token = (options) => fleet.issuer.token({ audience: fleet.url, jkt: key.thumbprint, ...options });
    const good = (options) => draft({ key, url: fleet.url, token: bound, nonce: fresh, ...options });

    for (const { revision, opening } of REVISIONS) {
      const clientInfo = { name: 'e2e', version: '1' };
      const params = opening === 'initialize' ? { protocolVersion: revision, capabilities: {}, clientInfo } : {};
      const send = (fields) => {
        const replica = fleet.addresses[turn++ % fleet.addresses.length];
        return post(replica, '/mcp', { ...headersOf(revision, opening), ...fields }, bodyOf(revision, opening, params));
      };
      const sendDraft = async (draft) => send(await fieldsOf(draft));

      const accepted = (answer) => {
        assert.equal(answer.status, 200, answer.body);
        assert.ok(JSON.parse(answer.body).result, answer.body);
      };
      const refused = (answer, error) => {
        assert.equal(answer.status, 401, answer.body);
        assert.equal(challengeOf(answer)?.error, error);
        assert.equal(JSON.parse(answer.body).result, undefined);
      };
      const spoiled = async (spoil) => {
        const d = good();
        await spoil(d, { key, token });
        return sendDraft(d);
      };

      describe(`${revision}, ${opening}`, () => {
        test('AcceptsValidProof (SEP-1)', async () => accepted(await sendDraft(good())));

        for (const [name, requirement, error, spoil] of REJECTIONS) {
          test(`${name} (${requirement})`, async () => {
            accepted(await sendDraft(good()));
            refused(await spoiled(spoil), error);
          });
        }

        test('RejectsWith401Challenge (SEP-3, R71-1)', async () => {
          accepted(await sendDraft(good()));
          const answer = await spoiled(tampered);
          refused(answer, PROOF);
          assert.match(challengeOf(answer).algs, /(^| )ES256( |$)/);
          assert.equal(answer.fields['www-authenticate'].filter((value) => /^DPoP /i.test(value)).length, 1);
        });

        test('NonceFlow (R9-1, R43-10)', async () => {
          const answer = await sendDraft(good({ nonce: undefined }));
          // Nobody asks for a nonce, and none is given.
          if (nonce === 'off') {
            accepted(answer);
            assert.equal(answer.fields['dpop-nonce'], undefined);
            return;
          }
          refused(answer, 'use_dpop_nonce');
          const [given] = answer.fields['dpop-nonce'];
          accepted(await sendDraft(good({ nonce: given })));
          refused(await sendDraft(good({ nonce: 'not-one-of-yours' })), 'use_dpop_nonce');
          refused(await sendDraft(good({ nonce: given.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) })), 'use_dpop_nonce');
        });

        test('C-1: a 401 without credentials advertises DPoP, with algs', async () => {
          const bare = await send({});
          assert.equal(bare.status, 401);
          assert.equal(challengeOf(bare).error, undefined, 'nothing was tried, so nothing was wrong (RFC 6750 section 3.1)');
          const algs = challengeOf(bare).algs.split(' ');
          assert.ok(algs.includes('ES256'));
          assert.deepEqual(algs.filter((alg) => /^(none|HS)/.test(alg)), []);
        });

        const metadata = async () => {
          const { resource_metadata } = challengeOf(await send({}));
          const { pathname } = new URL(resource_metadata);
          const answer = await fetch(`http://${fleet.addresses[turn++ % fleet.addresses.length]}${pathname}`);
          assert.equal(answer.status, 200);
          return answer.json();
        };

        test('C-2: the metadata announces DPoP', async () => {
          const said = await metadata();
          assert.equal(typeof said.dpop_bound_access_tokens_required, 'boolean');
          assert.deepEqual(said.dpop_signing_alg_values_supported, challengeOf(await send({})).algs.split(' '));
          assert.equal(said.resource, fleet.url);
        });

        test('C-3: the metadata agrees with what is enforced', async () => {
          const { dpop_bound_access_tokens_required } = await metadata();
          const unbound = await token({ jkt: undefined });
          const answer = await send({ authorization: `Bearer ${unbound}` });
          assert.equal(answer.status === 401, dpop_bound_access_tokens_required ?? false);
          refused(await sendDraft(good({ token: unbound })), TOKEN);
        });

        test('C-4: every refusal names its error', async () => {
          for (const [name, , error, spoil] of REJECTIONS) {
            assert.equal(challengeOf(await spoiled(spoil))?.error, error, name);
          }
          const noProof = await send({ authorization: `DPoP ${bound}` });
          assert.equal(challengeOf(noProof).error, PROOF);
        });
      });
    }
  });
}
