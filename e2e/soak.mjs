// Ten minutes of load on two replicas behind a proxy, with a rotation every 30 s: no request may be refused for good, and
// memory and file descriptors stay where they are. Usage: e2e/run --soak [MINUTES] [nginx|caddy]
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deployed } from './lib/deployed.mjs';
import { Load } from './lib/load.mjs';

const minutes = Number(process.argv[2] ?? 10);
const proxy = process.argv[3] ?? 'nginx';
const ROTATION_S = 30;

// With these times a rotation every 30 s is legal: one takes over before the next begins, and the last nonces of a key are
// over by then.
const deployed = await Deployed.start(proxy, 'echo', { lifetimeS: 10, propagationS: 5 });
const load = await Load.start(deployed, { sessions: 8, pauseMs: 10 });
const started = Date.now();
const seconds = () => Math.round((Date.now() - started) / 1000);
const samples = [];
let rotations = 0;
try {
  for (let next = ROTATION_S; seconds() < minutes * 60; ) {
    await sleep(5000);
    samples.push({ at: seconds(), good: load.good, replicas: await Promise.all(deployed.authz.map(({ child }) => measured(child.pid))) });
    if (seconds() >= next) {
      await deployed.sealstamp('prune').catch(() => {});
      await deployed.sealstamp('rotate');
      rotations += 1;
      next += ROTATION_S;
    }
  }
} finally {
  await load.stop();
  await deployed.stop();
}

const table = samples.filter((_, n) => n % Math.ceil(samples.length / 12) === 0 || n === samples.length - 1);
for (const { at, good, replicas } of table) {
  console.log(`${String(at).padStart(5)} s ${String(good).padStart(8)} good   ${replicas.map(({ rssKiB, fds }) => `${rssKiB} KiB, ${fds} fds`).join('   ')}`);
}
console.log(`${proxy}: ${seconds()} s, ${load.good} good, ${load.failures.length} failed, ${load.refusals.length} use_dpop_nonce repaired by a retry, ${rotations} rotations`);
// Each session has one challenge, its first.
const unexpected = load.refusals.length - load.sessions.length;
if (load.failures.length > 0 || unexpected > 0) {
  console.log(JSON.stringify(load.failures.slice(0, 5)));
  process.exit(1);
}

async function measured(pid) {
  const [, rssKiB] = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  const fds = (await readdir(`/proc/${pid}/fd`)).length;
  return { rssKiB: Number(rssKiB), fds };
}
