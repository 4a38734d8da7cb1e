// What the question costs: requests through nginx with `auth_request`, and through the same nginx without it, in turn, one
// at a time on connections that are kept. Usage: e2e/run --latency [REQUESTS]
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
  const times = { asked: [], bare: [] };
  for (let n = -200; n < requests; n++) {
    // Signed before the clock starts. The same fields go both ways.
    const headers = await fieldsOf(draft({ key, url: deployed.url, token, nonce }));
    for (const [way, path] of n % 2 ? [['asked', '/mcp'], ['bare', '/bare']] : [['bare', '/bare'], ['asked', '/mcp']]) {
      const took = await timed(address, path, headers);
      if (n >= 0) times[way].push(took);
    }
  }
  for (const way of Object.values(times)) way.sort((a, b) => a - b);
  const at = (way, part) => times[way][Math.floor(times[way].length * part)];
  for (const [name, part] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99]]) {
    const [asked, bare] = [at('asked', part), at('bare', part)];
    console.log(`${name}: ${bare.toFixed(0)} us without, ${asked.toFixed(0)} us with, ${(asked - bare).toFixed(0)} us more`);
  }
  console.log(`${requests} requests each way, one at a time, in turn; ${process.env.AUTHZ_BIN}`);
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
