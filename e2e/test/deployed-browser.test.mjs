// Pages in a browser, in front of each proxy in its configuration of deploy/ (R-CORS, R9-1, R82-1): whose may call, and
// what their scripts may read.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { addInPage, haveChromium, launch, openPage, pageServer } from '../lib/browser.mjs';
import { REVISIONS } from '../lib/client.mjs';
import { Deployed, PROXIES } from '../lib/deployed.mjs';
import { raw } from '../lib/talk.mjs';

const LIFETIME_S = 4;
const SENT = ['authorization', 'content-type', 'dpop', 'last-event-id', 'mcp-method', 'mcp-name', 'mcp-protocol-version', 'mcp-session-id'];
const READ = ['dpop-nonce', 'mcp-session-id', 'www-authenticate'];
const REVISION = '2025-11-25';

const preflight = (origin) => [['Origin', origin], ['Access-Control-Request-Method', 'POST'], ['Access-Control-Request-Headers', SENT.join()]];
// The members of a list, from all fields of this name.
const listOf = ({ head }, name) => [...head.matchAll(new RegExp(`^${name}: *(.*)$`, 'gim'))].flatMap(([, value]) => value.trim().toLowerCase().split(/ *, */)).sort();
const permits = ({ head }) => /^access-control-allow-origin/im.test(head);
const asked = async ({ authz: [{ admin }] }) =>
  [...(await (await fetch(`http://${admin}/metrics`)).text()).matchAll(/^sealstamp_authz_answers_total\{.* (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);

for (const [proxy, { nonceOnSuccess = true }] of Object.entries({ nginx: {}, caddy: {}, traefik: { nonceOnSuccess: false }, envoy: {} })) {
  const skip = !PROXIES[proxy].binary() && `there is no ${proxy} here`;

  describe(`${proxy}: a page of another origin`, { skip: skip || (!haveChromium() && 'there is no Chromium here') }, () => {
    let mine, stranger, deployed, browser;
    before(async () => {
      [mine, stranger] = [await pageServer(), await pageServer()];
      deployed = await Deployed.start(proxy, 'typescript', { replicas: 1, lifetimeS: LIFETIME_S, page: mine.origin });
      browser = await launch();
    });
    after(async () => {
      await browser?.close();
      await deployed?.stop();
      await mine?.close();
      await stranger?.close();
    });

    test('reads the challenge and the nonce of a 401, completes the call, and reads the next nonce', async () => {
      const { page, jkt, call } = await openPage(browser, mine.origin, deployed);
      const refused = await call(REVISION, 'headers');
      assert.equal(refused.status, 401);
      assert.match(refused.challenge ?? '', /^DPoP .*error="use_dpop_nonce"/);
      assert.equal(refused.nonce?.length, 60);
      const answer = await call(REVISION, 'headers', refused.nonce);
      assert.equal(answer.status, 200, answer.body);
      assert.ok(answer.body.includes(jkt), answer.body);
      if (nonceOnSuccess) {
        await sleep(LIFETIME_S * 0.7 * 1000);
        const renewed = await call(REVISION, 'headers', refused.nonce);
        assert.deepEqual([renewed.status, renewed.nonce?.length], [200, 60], JSON.stringify(renewed));
      }
      await page.context().close();
    });

    for (const { revision, mode } of REVISIONS) {
      test(`${revision}: the official MCP client in the page`, async () => {
        const { page } = await openPage(browser, mine.origin, deployed);
        const said = await addInPage(page, deployed, mode);
        assert.deepEqual([said.revision, said.sum], [revision, '42']);
        assert.equal(said.statuses.filter((status) => status === 401).length, 1, `one challenge: ${said.statuses}`);
        await page.context().close();
      });
    }

    test('finds the metadata, with the header fields that MCP clients send', async () => {
      const { page } = await openPage(browser, mine.origin, deployed);
      const bare = await page.evaluate(async (url) => (await import('/lib/page/dpop.mjs')).read(await fetch(url, { method: 'POST' })), deployed.url);
      const [, where] = /resource_metadata="([^"]+)"/.exec(bare.challenge);
      const metadata = await page.evaluate(async (url) => (await fetch(url, { headers: { 'mcp-protocol-version': '2025-11-25' } })).json(), where);
      assert.equal(metadata.resource, deployed.url);
      await page.context().close();
    });

    test('an origin that is not configured is kept out by the browser', async () => {
      const { page, call } = await openPage(browser, stranger.origin, deployed);
      await assert.rejects(call(REVISION, 'add'), /Failed to fetch/);
      await page.context().close();
    });
  });

  describe(`${proxy}: what it says to pages`, { skip }, () => {
    const mine = 'https://app.example';
    let deployed;
    before(async () => {
      deployed = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 600, page: mine, requiredScopes: ['tools:write'] });
    });
    after(() => deployed?.stop());

    test('it answers a preflight of a configured origin itself', async () => {
      const before = await asked(deployed);
      const answer = await raw(deployed, 'OPTIONS', '/mcp', preflight(mine));
      assert.ok([200, 204].includes(answer.status), answer.text);
      assert.equal(answer.body, '');
      assert.deepEqual(listOf(answer, 'access-control-allow-origin'), [mine]);
      assert.deepEqual(listOf(answer, 'access-control-allow-methods'), ['delete', 'get', 'post']);
      assert.deepEqual(listOf(answer, 'access-control-allow-headers'), SENT);
      assert.deepEqual(listOf(answer, 'access-control-max-age'), ['600']);
      assert.deepEqual(listOf(answer, 'access-control-allow-credentials'), []);
      assert.equal(await asked(deployed), before, 'the service was asked');
    });

    test('an OPTIONS that is no preflight needs what any request needs', async () => {
      for (const fields of [[], [['Origin', mine]], [['Access-Control-Request-Method', 'POST']]]) {
        const answer = await raw(deployed, 'OPTIONS', '/mcp', fields);
        assert.equal(answer.status, 401, `${fields}: ${answer.text}`);
      }
      const answer = await raw(deployed, 'POST', '/mcp', preflight(mine));
      assert.equal(answer.status, 401, answer.text);
    });

    test('an origin that is not configured is told nothing, and not let through', async () => {
      for (const origin of ['https://evil.example', 'null', 'none', '*', '', 'http://app.example', `${mine}:8443`, `${mine}.evil.example`, 'https://evil.example/https://app.example', `https://evil.example, ${mine}`, 'https://xapp.example', 'https://app.exampl']) {
        for (const method of ['OPTIONS', 'POST']) {
          const answer = await raw(deployed, method, '/mcp', preflight(origin));
          assert.ok(!permits(answer), `${method} from ${origin}: ${answer.head}`);
          assert.ok(!answer.body.includes('"target"'));
          // Traefik answers every preflight, with no permission in it.
          assert.ok(answer.status === 401 || (proxy === 'traefik' && method === 'OPTIONS' && answer.status === 200), answer.text);
          if (answer.status === 401) assert.ok(listOf(answer, 'vary').includes('origin'), answer.head);
        }
      }
    });

    const readable = (answer, name = '') => {
      assert.deepEqual(listOf(answer, 'access-control-allow-origin'), [mine], `${name} ${answer.text}`);
      assert.deepEqual([...new Set(listOf(answer, 'access-control-expose-headers'))], READ, `${name} ${answer.head}`);
      assert.ok(listOf(answer, 'vary').includes('origin'), `${name} ${answer.head}`);
    };

    test('each refusal is for the page to read, and each good answer', async () => {
      const origin = [['Origin', mine]];
      const { fields } = await deployed.caller();
      readable(await raw(deployed, 'POST', '/mcp', origin), '401');
      const short = await raw(deployed, 'POST', '/mcp', [...origin, ...(await fields())]);
      assert.equal(short.status, 403, short.text);
      readable(short, '403');
      const open = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 600, page: mine });
      try {
        const caller = await open.caller();
        // The server behind has its own opinion of who may call, which does not count.
        const good = await raw(open, 'POST', '/mcp?answer=access-control-allow-origin:*', [...origin, ...(await caller.fields())]);
        assert.equal(good.status, 200, good.text);
        readable(good, '200');
        open.authz[0].child.kill('SIGKILL');
        const alone = await raw(open, 'POST', '/mcp', [...origin, ...(await caller.fields())]);
        assert.ok(alone.status >= 500, alone.text);
        assert.deepEqual(listOf(alone, 'access-control-allow-origin'), [mine], `nobody to ask: ${alone.text}`);
      } finally {
        await open.stop();
      }
    });
  });

  test(`${proxy}: as it stands, no page may call`, { skip }, async () => {
    const deployed = await Deployed.start(proxy, 'echo', { replicas: 1, lifetimeS: 600 });
    try {
      for (const origin of ['https://app.example.com', 'null', '']) {
        for (const method of ['OPTIONS', 'POST']) {
          const answer = await raw(deployed, method, '/mcp', preflight(origin));
          assert.equal(answer.status, 401, answer.text);
          assert.ok(!permits(answer), answer.head);
        }
      }
    } finally {
      await deployed.stop();
    }
  });
}
