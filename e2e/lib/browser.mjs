// A headless Chromium, and the origin that its pages come from.
import http from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { callTool } from './rpc.mjs';

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
export const haveChromium = () => spawnSync(CHROMIUM, ['--version']).status === 0;

export function launch() {
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  // Chromium's sandbox does not run as root.
  const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: [...sandbox, ...quiet] });
}

// What a bundler would do: packages by name, from node_modules as they are.
const PACKAGES = {
  '@modelcontextprotocol/client': '@modelcontextprotocol/client/dist/index.mjs',
  '@modelcontextprotocol/client/_shims': '@modelcontextprotocol/client/dist/shimsBrowser.mjs',
  '@modelcontextprotocol/core/internal': '@modelcontextprotocol/core/dist/internal.mjs',
  eventsource: 'eventsource/dist/index.js',
  'eventsource-parser': 'eventsource-parser/dist/index.js',
  'eventsource-parser/stream': 'eventsource-parser/dist/stream.js',
  jose: 'jose/dist/webapi/index.js',
  'pkce-challenge': 'pkce-challenge/dist/index.browser.js',
  'zod/v4': 'zod/v4/index.js',
};
const imports = Object.fromEntries(Object.entries(PACKAGES).map(([name, file]) => [name, `/node_modules/${file}`]));
const PAGE = `<!doctype html><title>e2e</title><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script>`;

// Serves an empty page, and the scripts under lib/page/ and node_modules/.
export async function pageServer() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const server = http.createServer(async (req, res) => {
    const { pathname } = new URL(req.url, 'http://localhost');
    if (pathname === '/') return res.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    try {
      if (!/^\/(lib\/page|node_modules)\//.test(pathname)) throw new Error('not a script of ours');
      const script = await readFile(root + pathname);
      res.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    } catch {
      res.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

// A page with a key, and a token for `server` that is bound to it. `call` is one request, and what the script can read.
export async function openPage(browser, origin, server) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(origin);
  const key = await page.evaluateHandle(async () => (await import('/lib/page/dpop.mjs')).newKey());
  const jkt = await key.evaluate((key) => key.thumbprint);
  const token = await server.issuer.token({ audience: server.url, jkt });
  const call = (revision, tool, nonce) =>
    key.evaluate(async (key, request) => (await import('/lib/page/dpop.mjs')).call(key, request), {
      url: server.url,
      token,
      nonce,
      ...callTool(revision, tool, { a: 40, b: 2 }),
    });
  return { page, jkt, call };
}

// 40 + 2 by the official MCP client, in the page.
export async function addInPage(page, server, mode) {
  const session = await page.evaluateHandle(async () => (await import('/lib/page/mcp.mjs')).newSession());
  const jkt = await session.evaluate((session) => session.thumbprint);
  const token = await server.issuer.token({ audience: server.url, jkt });
  const request = { url: server.url, token, mode, numbers: [40, 2] };
  return session.evaluate(async (session, request) => (await import('/lib/page/mcp.mjs')).add(session, request), request);
}
