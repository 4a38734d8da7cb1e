// What the question costs: requests through nginx with `auth_request`, through the same nginx with a question that the service
// answers without looking, and through the same nginx without any, in turn, one at a time on a connection that is kept.
// Usage: e2e/run --latency [REQUESTS]
import http from 'node:http';
import { Deployed } from './lib/deployed.mjs';
import { draft, fieldsOf, newKey, post } from './lib/raw.mjs';

const requests = Number(process.argv[2] ?? 3000);
const deployed = await Deployed.start('nginx', 'echo', { replicas: 1, lifetimeS: 600, bare: true });
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
try {
  const key = await newKey();
  const token = await deployed.token(key.thumbprint, { expiresIn: 3600 });
  const address = deployed.origin.slice('http://'.length);
  const [nonce] = (await post(address, '/mcp', {}, '{}')).fields['dpop-nonce'];
  const ways = { bare: '/bare', unverified: '/unverified', asked: '/mcp' };
  const times = { bare: [], unverified: [], asked: [] };
  for (let n = -200; n < requests; n++) {
    // Signed before the clock starts. The same fields go all ways. Who goes first changes.
    const headers = await fieldsOf(draft({ key, url: deployed.url, token, nonce }));
    for (const [way, path] of n % 2 ? Object.entries(ways) : Object.entries(ways).reverse()) {
      const took = await timed(address, path, headers);
      if (n >= 0) times[way].push(took);
    }
  }
  for (const way of Object.values(times)) way.sort((a, b) => a - b);
  const at = (way, part) => times[way][Math.floor(times[way].length * part)];
  console.log('through nginx, one at a time          p50       p99   p50 / bare   p99 / bare');
  for (const [way, name] of [['bare', 'nobody is asked'], ['unverified', 'asked, nothing verified'], ['asked', 'asked']]) {
    const [p50, p99] = [at(way, 0.5), at(way, 0.99)];
    const ratios = [p50 / at('bare', 0.5), p99 / at('bare', 0.99)];
    console.log(`${name.padEnd(30)} ${`${p50.toFixed(0)} us`.padStart(9)} ${`${p99.toFixed(0)} us`.padStart(9)} ${ratios.map((ratio) => ratio.toFixed(2).padStart(12)).join(' ')}`);
  }
  console.log(`${requests} requests each way, in turn; ${process.env.AUTHZ_BIN}`);
} finally {
  agent.destroy();
  await deployed.stop();
}

function timed(address, path, headers) {
  return new Promise((done, fail) => {
    const started = process.hrtime.bigint();
    const request = http.request(`http://${address}${path}`, { method: 'POST', agent, headers }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode !== 200) fail(new Error(`${path} answered ${response.statusCode}`));
        done(Number(process.hrtime.bigint() - started) / 1000);
      });
    });
    request.once('error', fail).end('{}');
  });
}
