// Scripts of another origin in a real browser (R-CORS, R9-1, R82-1): what they may send, and what they may read.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { addInPage, haveChromium, launch, openPage, pageServer } from '../lib/browser.mjs';
import { REVISIONS } from '../lib/client.mjs';
import { Fleet, LIFETIME_S } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';

describe('a page of another origin', { skip: !haveChromium() && 'there is no Chromium here' }, () => {
  let allowed, stranger, fleet, browser;

  before(async () => {
    [allowed, stranger] = [await pageServer(), await pageServer()];
    fleet = await Fleet.start(roundRobin, { flags: ['--cors-origin', allowed.origin] });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await fleet?.stop();
    await allowed?.close();
    await stranger?.close();
  });

  const open = ({ origin } = allowed) => openPage(browser, origin, fleet);

  for (const { revision, mode } of REVISIONS) {
    test(`${revision}: reads the challenge and the nonce of a 401, and completes the call`, async () => {
      const { page, jkt, call } = await open();
      const from = fleet.proxy.seen.length;
      const refused = await call(revision, 'whoami');
      assert.equal(refused.status, 401);
      assert.match(refused.challenge ?? '', /^DPoP .*error="use_dpop_nonce"/);
      assert.equal(refused.nonce?.length, 60);

      const answer = await call(revision, 'whoami', refused.nonce);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(JSON.parse(JSON.parse(answer.body).result.content[0].text).thumbprint, jkt);
      assert.equal(answer.nonce, null, 'a young nonce needs no successor');

      const [preflight, post] = fleet.proxy.seen.slice(from);
      assert.equal(preflight.method, 'OPTIONS');
      assert.match(preflight.headers['access-control-request-headers'], /authorization.*\bdpop\b/);
      assert.equal(preflight.headers.authorization, undefined);
      assert.equal(post.method, 'POST');
      assert.equal(post.headers.origin, allowed.origin);
      await page.context().close();
    });

    test(`${revision}: reads the renewed nonce of a 200, and goes on with it`, async () => {
      const { page, call } = await open();
      const { nonce } = await call(revision, 'add');
      await sleep(LIFETIME_S * 0.7 * 1000);
      const renewed = await call(revision, 'add', nonce);
      assert.equal(renewed.status, 200);
      assert.equal(renewed.nonce?.length, 60, `a nonce past half its life is renewed, and to be seen: ${renewed.readable}`);
      assert.notEqual(renewed.nonce, nonce);
      await sleep(LIFETIME_S * 0.6 * 1000);
      assert.equal((await call(revision, 'add', renewed.nonce)).status, 200, 'the first nonce would have expired by now');
      await page.context().close();
    });

    test(`${revision}: the official MCP client in the page`, async () => {
      const { page } = await open();
      const said = await addInPage(page, fleet, mode);
      assert.equal(said.revision, revision);
      assert.equal(said.sum, '42');
      assert.deepEqual(said.statuses.filter((status) => status === 401).length, 1, `one challenge: ${said.statuses}`);
      await page.context().close();
    });
  }

  test('finds the metadata from the 401 of a request without credentials', async () => {
    const { page } = await open();
    const bare = await page.evaluate(async (url) => (await import('/lib/page/dpop.mjs')).read(await fetch(url, { method: 'POST' })), fleet.url);
    assert.equal(bare.status, 401);
    assert.equal(bare.nonce?.length, 60);
    const [, where] = /resource_metadata="([^"]+)"/.exec(bare.challenge);
    const metadata = await page.evaluate(async (url) => (await fetch(url)).json(), where);
    assert.equal(metadata.resource, fleet.url);
    await page.context().close();
  });

  test('an origin that the server does not name is kept out by the browser', async () => {
    const { page, call } = await open(stranger);
    await assert.rejects(call('2026-07-28', 'add'), /Failed to fetch/);
    await page.context().close();
  });
});
