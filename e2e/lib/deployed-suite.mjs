// What must be true of every proxy in its configuration of deploy/: SEP-1, SEP-3, R9-1, R82-1, C-1, R43-8, R43-9.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REVISIONS, connect } from './client.mjs';
import { Deployed, PROXIES } from './deployed.mjs';
import { kidOf } from './fleet.mjs';
import { Load } from './load.mjs';
import { challengeOf, draft, fieldsOf, newKey, post, sign } from './raw.mjs';
import { pairs, raw, talk } from './talk.mjs';

const LIFETIME_S = 4;
const PROPAGATION_S = 2;
const IDENTITY = ['subject', 'issuer', 'client-id', 'scopes', 'thumbprint', 'token'].map((fact) => `x-sealstamp-${fact}`);

export function deployedBehind(proxy, { replicas = 2, nonceOnSuccess = true } = {}) {
  const skip = !PROXIES[proxy].binary() && `there is no ${proxy} here`;

  for (const server of ['python', 'typescript']) {
    describe(`${proxy}, in front of an MCP server in ${server}`, { skip }, () => {
      let deployed;
      before(async () => {
        deployed = await Deployed.start(proxy, server, { replicas });
      });
      after(() => deployed?.stop());

      for (const { revision, mode } of REVISIONS) {
        test(`${revision}: connects, lists, calls, reads a response in pieces`, async () => {
          const { client, session, wire } = await connect(deployed, { mode });
          assert.equal(client.getNegotiatedProtocolVersion(), revision);
          assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name).sort(), ['add', 'count', 'headers']);
          assert.equal((await client.callTool({ name: 'add', arguments: { a: 20, b: 22 } })).content[0].text, '42');
          const pieces = [];
          const counted = await client.callTool({ name: 'count', arguments: { to: 5 } }, { onprogress: ({ progress }) => pieces.push(progress) });
          assert.equal(counted.content[0].text, 'counted');
          assert.deepEqual(pieces, [1, 2, 3, 4, 5]);
          // Who is calling, as the server behind was told.
          const told = JSON.parse((await client.callTool({ name: 'headers', arguments: {} })).content[0].text);
          assert.deepEqual(told['x-sealstamp-subject'], ['alice']);
          assert.deepEqual(told['x-sealstamp-client-id'], ['e2e']);
          assert.deepEqual(told['x-sealstamp-thumbprint'], [session.thumbprint]);
          await client.close();
          assert.equal(wire.refused().length, 1, 'only the very first request was without a nonce');
          assert.match(wire.refused()[0].challenge, /^DPoP .*error="use_dpop_nonce"/);
        });
      }

      test('a rotation in the middle is not noticed', async () => {
        const { client, wire } = await connect(deployed, { mode: 'auto' });
        const kid = () => JSON.parse(deployed.ringNow()).keys.filter((key) => !key.revoked_at && key.activates_at && Date.parse(key.activates_at) <= Date.now()).at(-1).kid;
        const old = kid();
        await deployed.sealstamp('rotate');
        const end = Date.now() + (PROPAGATION_S + LIFETIME_S + 1) * 1000;
        let calls = 0;
        while (Date.now() < end) {
          assert.equal((await client.callTool({ name: 'add', arguments: { a: calls++, b: 1 } })).content[0].text, String(calls));
          await sleep(40);
        }
        await client.close();
        assert.notEqual(kid(), old);
        if (nonceOnSuccess) {
          assert.equal(kidOf(wire.nonces().at(-1)), kid(), 'the last nonce is of the new key');
          assert.equal(wire.refused().length, 1, 'no refusal after the first challenge');
        } else {
          assert.ok(wire.refused().length <= 1 + Math.ceil((PROPAGATION_S + LIFETIME_S + 1) / LIFETIME_S), `${wire.refused().length} refusals`);
        }
      });
    });
  }

  describe(`${proxy}, what a client sees and what the server behind sees`, { skip }, () => {
    let deployed, key, token, nonce;
    before(async () => {
      deployed = await Deployed.start(proxy, 'echo', { replicas, lifetimeS: 600 });
      key = await newKey();
      token = await deployed.token(key.thumbprint);
      nonce = (await send({})).fields['dpop-nonce'][0];
    });
    after(() => deployed?.stop());

    const address = () => deployed.origin.slice('http://'.length);
    const send = (headers, target = '/mcp') => post(address(), target, headers, '{}');
    const good = (options) => draft({ key, url: deployed.url, token, nonce, ...options });
    const signed = async (change = () => {}) => {
      const d = good();
      change(d);
      return fieldsOf(d);
    };
    // R-CORS: a nonce that scripts may see and caches may not keep.
    const shownAndNotKept = ({ fields }) => {
      assert.deepEqual(fields['cache-control'], ['no-store']);
      assert.match(fields['access-control-expose-headers']?.join() ?? '', /DPoP-Nonce/i);
    };
    const refused = (answer, error) => {
      assert.equal(answer.status, 401, answer.body);
      assert.equal(challengeOf(answer)?.error, error);
      assert.match(challengeOf(answer).algs, /(^| )ES256( |$)/);
      assert.equal(answer.fields['dpop-nonce']?.length, 1);
      assert.match(answer.fields['dpop-nonce'][0], /^[A-Za-z0-9_-]{60}$/);
      shownAndNotKept(answer);
      assert.match(answer.fields['content-type'][0], /^application\/json/);
      assert.equal(JSON.parse(answer.body).fields, undefined, 'the server behind was asked');
    };

    test('no credentials: a challenge without an error, a nonce, and the way to the metadata (C-1)', async () => {
      const answer = await send({});
      refused(answer, undefined);
      const { pathname, origin } = new URL(challengeOf(answer).resource_metadata);
      assert.equal(origin, deployed.origin);
      const metadata = await (await fetch(deployed.origin + pathname)).json();
      assert.equal(metadata.resource, deployed.url);
      assert.deepEqual(metadata.authorization_servers, [deployed.issuer.url]);
      assert.equal(metadata.dpop_bound_access_tokens_required, true);
    });

    test('each kind of refusal has its error (SEP-3)', async () => {
      assert.equal((await send(await signed())).status, 200);
      refused(await send(await signed((d) => delete d.claims.nonce)), 'use_dpop_nonce');
      refused(await send(await signed((d) => (d.claims.htm = 'GET'))), 'invalid_dpop_proof');
      refused(await send(await signed((d) => (d.claims.htu = `${deployed.origin}/other`))), 'invalid_dpop_proof');
      const elsewhere = await deployed.issuer.token({ audience: 'https://other.example/mcp', jkt: key.thumbprint });
      refused(await send(await fieldsOf(good({ token: elsewhere }))), 'invalid_token');
      refused(await send(await signed((d) => (d.scheme = 'Bearer'))), 'invalid_token');
      const twice = await signed();
      twice.dpop.push(await sign(good()));
      refused(await send(twice), 'invalid_dpop_proof');
    });

    test('the next nonce comes with a good answer, and from the service alone (R82-1)', { skip: !nonceOnSuccess && 'it passes nothing on' }, async () => {
      const short = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 4 });
      try {
        const where = short.origin.slice('http://'.length);
        const bound = await short.token(key.thumbprint);
        const [first] = (await post(where, '/mcp', {}, '{}')).fields['dpop-nonce'];
        const fields = () => fieldsOf(draft({ key, url: short.url, token: bound, nonce: first }));
        const young = await post(where, '/mcp', await fields(), '{}');
        assert.equal(young.status, 200, young.body);
        assert.equal(young.fields['dpop-nonce'], undefined, 'a young nonce is not renewed, and the server has none to give');
        await sleep(2600);
        const old = await post(where, '/mcp', await fields(), '{}');
        assert.equal(old.status, 200);
        assert.equal(old.fields['dpop-nonce'].length, 1);
        assert.match(old.fields['dpop-nonce'][0], /^[A-Za-z0-9_-]{60}$/);
        assert.notEqual(old.fields['dpop-nonce'][0], first);
        shownAndNotKept(old);
      } finally {
        await short.stop();
      }
    });

    test('a scope that the token has not: 403, with the scopes in the challenge (M-1); and nobody to ask: 503', async () => {
      const scoped = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 600, requiredScopes: ['tools:write'] });
      try {
        const where = scoped.origin.slice('http://'.length);
        const bound = await scoped.token(key.thumbprint);
        const [first] = (await post(where, '/mcp', {}, '{}')).fields['dpop-nonce'];
        const ask = async () => post(where, '/mcp', await fieldsOf(draft({ key, url: scoped.url, token: bound, nonce: first })), '{}');
        const short = await ask();
        assert.equal(short.status, 403, short.body);
        assert.deepEqual([challengeOf(short).error, challengeOf(short).scope], ['insufficient_scope', 'tools:write']);
        shownAndNotKept(short);
        scoped.authz[0].child.kill('SIGKILL');
        const alone = await ask();
        // Each proxy has its own word for it; what counts is that nobody gets in.
        assert.ok([500, 502, 503, 504].includes(alone.status), alone.body);
        assert.ok(!alone.body.includes('"target"'));
      } finally {
        await scoped.stop();
      }
    });

    // Raw names, so that case and repetition are the client's.
    const forms = (name) => [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replace('-', '_'), name.toUpperCase().replaceAll('-', '_')];

    test('who is calling is what the service says, whatever a client says', async () => {
      // A name at a time, since the service takes a hundred fields.
      for (const also of [[], ...IDENTITY.map((name) => forms(name).flatMap((form) => [[form, 'mallory'], [form, 'mallory']]))]) {
        const answer = await raw(deployed, 'POST', '/mcp', [...also, ...pairs(await signed()), ...also]);
        if (also.length && answer.status === 400) continue;   // refused for its underscores
        assert.equal(answer.status, 200, answer.text);
        const { fields } = JSON.parse(answer.body);
        assert.ok(!JSON.stringify(fields).includes('mallory'), JSON.stringify(fields));
        assert.deepEqual(fields['x-sealstamp-subject'], ['alice']);
        assert.deepEqual(fields['x-sealstamp-thumbprint'], [key.thumbprint]);
        assert.deepEqual(Object.keys(fields).filter((name) => /sealstamp/.test(name) && !IDENTITY.includes(name)), []);
      }
      const plain = IDENTITY.flatMap((name) => [[name, 'mallory'], [name.toUpperCase(), 'mallory']]);
      const answer = await raw(deployed, 'POST', '/mcp', [...plain, ...pairs(await signed())]);
      assert.equal(answer.status, 200);
      assert.ok(!answer.body.includes('mallory'));
    });

    test('method and URL are those of the request, whatever a client says (R43-8, R43-9)', async () => {
      const other = `${deployed.origin}/other`;
      const names = ['X-Original', 'X-Forwarded', 'X-Auth-Request', 'X-Envoy-Original', 'X-Rewrite'];
      const lie = names.flatMap((name) =>
        [['Method', 'GET'], ['URI', '/other'], ['Uri', '/other'], ['URL', other], ['Path', '/other'], ['Host', 'evil.example'], ['Proto', 'https'], ['Port', '443'], ['Prefix', '/other'], ['Server', 'evil.example']]
          .flatMap(([what, value]) => forms(`${name}-${what}`).map((name) => [name, value])),
      );
      lie.push(['Forwarded', 'for=127.0.0.1;host=evil.example;proto=https'], ['X-HTTP-Method-Override', 'GET'], ['X-Method-Override', 'GET']);
      const dashed = lie.filter(([name]) => !name.includes('_'));
      for (const lies of [dashed, lie]) {
        for (const doubled of [lies, [...lies, ...lies]]) {
          // Each alone and all at once: nothing makes a proof of another request good.
          for (const change of [(d) => (d.claims.htm = 'GET'), (d) => (d.claims.htu = other), (d) => (d.claims.htu = 'https://evil.example/mcp'), (d) => Object.assign(d.claims, { htm: 'GET', htu: other })]) {
            const answer = await raw(deployed, 'POST', '/mcp', [...doubled, ...pairs(await signed(change)), ...doubled]);
            assert.ok([400, 401, 431].includes(answer.status), answer.text);
            assert.ok(!answer.body.includes('"target"'));
          }
        }
      }
      for (const [name, value] of dashed) {
        const answer = await raw(deployed, 'POST', '/mcp', [[name, value], ...pairs(await signed((d) => Object.assign(d.claims, { htm: 'GET', htu: other }))), [name, value]]);
        assert.equal(answer.status, 401, `${name}: ${answer.text}`);
        // And the request as it is stays good.
        const good = await raw(deployed, 'POST', '/mcp', [[name, value], ...pairs(await signed())]);
        assert.equal(good.status, 200, `${name}: ${good.text}`);
      }
    });

    test('proxy and server agree on the path, or it is refused', async () => {
      const targets = [
        '/mcp?x=y', '/mcp?next=/other', '/mcp?a=%2F..%2F', '/mcp?a=//b/../c', '/%6dcp', '/mc%70', '/mcp/', '/mcp/x', '/mcp%2F', '/mcp%2fx', '/%2Fmcp', '/mcp%2F..%2Fother', '/mcp%5C', '/mcp\\x', '//mcp', '/mcp//', '///mcp', '/./mcp', '/mcp/.', '/mcp/..', '/mcp/../other',
        '/other/../mcp', '/other/%2e%2e/mcp', '/other/%2E./mcp', '/..%2fmcp', '/mcp;x', '/mcp%00', '/mcp%20', '/mcp%3Fx', '/MCP', '/mcp#x', '/mcp%23', '/other', '/', '*', 'http://evil.example/mcp', 'http://evil.example/other',
      ];
      let passed = 0;
      for (const target of targets) {
        const answer = await raw(deployed, 'POST', target, pairs(await signed()));
        if (!answer.body.includes('"target"')) {
          // Caddy answers a request for another server's name with an empty 200.
          assert.ok((answer.status >= 301 && answer.status < 500) || answer.body === '', `${target}: ${answer.text}`);
          continue;
        }
        passed += 1;
        // What the server behind reads there is what the proof names.
        const seen = new URL(JSON.parse(answer.body).target, deployed.origin);
        assert.equal(decodeURIComponent(seen.pathname), '/mcp', `${target} arrived as ${seen}`);
      }
      assert.ok(passed >= 4, `${passed} of ${targets.length} passed, with queries among them`);
      const { body } = await raw(deployed, 'POST', '/mcp?a=%2F..%2F&b=//', pairs(await signed()));
      assert.equal(JSON.parse(body).target, '/mcp?a=%2F..%2F&b=//', 'the query arrives as it was');
    });
  });

  if (PROXIES[proxy].rewrites) {
    test(`${proxy}: a path that the proxy rewrites is the client's to the service, and the server's to the server`, { skip }, async () => {
      const deployed = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 600, rewritten: true });
      try {
        const key = await newKey();
        const token = await deployed.token(key.thumbprint);
        const ask = async (target, htu, nonce) => raw(deployed, 'POST', target, pairs(await fieldsOf(draft({ key, url: htu, token, nonce }))));
        const { nonce } = await raw(deployed, 'POST', '/public/mcp', []);
        const good = await ask('/public/mcp?x=1', deployed.url, nonce);
        assert.equal(good.status, 200, good.text);
        assert.match(JSON.parse(good.body).target, /^\/mcp(\?x=1)?$/);
        const inner = await ask('/public/mcp', `${deployed.origin}/mcp`, nonce);
        assert.deepEqual([inner.status, inner.error], [401, 'invalid_dpop_proof'], 'a proof of the URL behind the proxy');
        for (const target of ['/mcp', '/public/../mcp', '/public%2Fmcp', '/public//mcp']) {
          for (const htu of [deployed.url, `${deployed.origin}/mcp`]) {
            const answer = await ask(target, htu, nonce);
            assert.ok([400, 401, 404].includes(answer.status), `${target}: ${answer.text}`);
          }
        }
      } finally {
        await deployed.stop();
      }
    });
  }
  battery(proxy, { skip, replicas });
  if (replicas > 1) faults(proxy, { skip });
}

// The adversary's battery (crates/sealstamp-dpop/tests/battery), written for the real clock and sent through the proxy.
function battery(proxy, { skip, replicas }) {
  test(`${proxy}: the battery is refused as it is without a proxy`, { skip }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sealstamp-battery-'));
    let deployed;
    try {
      write(folder);
      const { algorithms, until_ms, cases, at_an_edge, raw } = JSON.parse(await readFile(join(folder, 'battery.json'), 'utf8'));
      deployed = await Deployed.start(proxy, 'echo', {
        replicas, url: 'https://mcp.example.com/mcp', lifetimeS: 120,
        files: { ring: join(folder, 'ring.json'), jwks: join(folder, 'jwks.json'), issuer: 'https://issuer.example.com' }, algorithms,
      });
      const wrong = [];
      const tally = {};
      const check = async ({ name, latin1, status, error }, exact) => {
        const bytes = Buffer.from(latin1.replace('Host: localhost', `Host: ${new URL(deployed.origin).host}`), 'latin1');
        const answer = await talk(deployed.origin, bytes);
        const reached = answer.body.includes('"target"');
        // A head that is malformed or too large, a path that is not protected, another server's name: such a request may be
        // the proxy's own to turn away. Caddy answers one for another name with an empty 200.
        const byProxy = !reached && [0, 200, 400, 404, 405, 421, 426, 431, ...(exact ? [] : [401])].includes(answer.status);
        const asItWas = reached === (status === 200) && answer.status === status && answer.error === (error ?? undefined) && (status !== 401 || answer.nonce?.length === 60);
        const mended = reached && PROXIES[proxy].mends?.includes(name);
        const what = asItWas ? 'as without a proxy' : byProxy ? 'turned away by the proxy' : mended ? 'mended by the proxy' : 'WRONG';
        const right = status === 200 ? asItWas || (!exact && byProxy) : asItWas || byProxy || mended;
        tally[what] = (tally[what] ?? 0) + 1;
        if (!right) wrong.push(`${name}: ${answer.status} ${answer.error} instead of ${status} ${error}: ${answer.text.slice(0, 200)}`);
        if (what === 'turned away by the proxy') byTheProxy.push(name);
      };
      const byTheProxy = [];
      const AT_ONCE = 8;
      const all = [...cases.map((one) => [one, true]), ...raw.map((one) => [one, false])];
      while (all.length > 0) await Promise.all(all.splice(0, AT_ONCE).map((one) => check(...one)));
      assert.ok(Date.now() < until_ms, 'too slow: the cases are over');
      console.log(`# ${proxy}: ${cases.length} cases and ${raw.length} raw requests, ${at_an_edge.length} at the edge of a window left out: ${JSON.stringify(tally)}`);
      if (process.env.E2E_SHOW) console.log(byTheProxy.join('\n'));
      assert.equal(wrong.length, 0, `${wrong.length} wrong:\n${wrong.slice(0, 10).join('\n')}`);
      assert.ok(tally['as without a proxy'] >= 440, JSON.stringify(tally));
    } finally {
      await deployed?.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

function write(folder) {
  const { status, stderr } = spawnSync(process.env.BATTERY_BIN, ['--ignored', '--exact', 'http::write_for_another_server'], { env: { ...process.env, SEALSTAMP_BATTERY_TO: folder }, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

// A replica that dies, and one that is told to read its configuration again, under load.
function faults(proxy, { skip }) {
  describe(`${proxy}, two replicas under load`, { skip }, () => {
    let deployed;
    before(async () => {
      deployed = await Deployed.start(proxy, 'echo', { lifetimeS: 4 });
    });
    after(() => deployed?.stop());

    test('SIGHUP fails no request', async () => {
      const load = await Load.start(deployed);
      for (let n = 0; n < 40; n++) {
        await sleep(50);
        deployed.authz[n % 2].child.kill('SIGHUP');
      }
      await load.stop();
      assert.deepEqual(load.failures.slice(0, 3), []);
      assert.ok(load.good > 200, `${load.good} good ones`);
      for (const { child } of deployed.authz) assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
    });

    test('a killed replica costs at most what was in flight, and is there again at once', async () => {
      const sessions = 8;
      const load = await Load.start(deployed, { sessions });
      await sleep(1000);
      const killed = Date.now();
      deployed.authz[0].child.kill('SIGKILL');
      await sleep(1500);
      const before = load.good;
      deployed.authz[0].start();
      await deployed.authz[0].ready();
      await sleep(1500);
      // Now the other one dies: what it minted is good at the one that is new, and its last requests aside nothing fails.
      const second = Date.now();
      deployed.authz[1].child.kill('SIGKILL');
      await sleep(1500);
      await load.stop();
      deployed.authz[1].start();
      await deployed.authz[1].ready();
      assert.ok(load.good > before);
      const late = load.failures.filter(({ at }) => !(at >= killed - 500 && at < killed + 500) && !(at >= second - 500 && at < second + 500));
      assert.deepEqual(late.slice(0, 3), []);
      if (process.env.E2E_SHOW) console.log(load.failures.map(({ at, status, error }) => `${at - killed} ms: ${status} ${error}`).join('\n'));
      assert.ok(load.failures.length <= 2 * sessions, `${load.failures.length} failed of at most ${2 * sessions} in flight`);
      assert.ok(load.refusals.filter((at) => at >= second).length === 0, 'a nonce of the dead replica was refused by the other');
      console.log(`# ${proxy}: ${load.good} good, ${load.failures.length} failed around two kills`);
    });
  });
}
