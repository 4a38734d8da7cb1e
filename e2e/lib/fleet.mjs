// Three replicas of the example server that share nothing but a ring file, and the operator's tool to change it.
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Issuer } from './issuer.mjs';

const run = promisify(execFile);
const SERVER = required('MCP_SERVER_BIN');
const SEALSTAMP = required('SEALSTAMP_BIN');

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start these tests with e2e/run`);
  return value;
}

// Short times, so that a rotation and a whole life of a nonce fit into a test.
export const LIFETIME_S = 4;
export const PROPAGATION_S = 2;

const ourIssuer = (fleet) => Issuer.create('https://issuer.example', fleet.jwksPath);

export class Fleet {
  // `makeIssuer` writes the issuer's keys to `fleet.jwksPath` and knows its own `url`; `flags` are more of the server's.
  // With `fetchKeys`, replicas fetch the keys themselves.
  static async start(makeProxy, { nonce = 'required', replicas = 3, lifetimeS = LIFETIME_S, makeIssuer = ourIssuer, fetchKeys = false, flags = [] } = {}) {
    const fleet = new Fleet();
    fleet.folder = await mkdtemp(join(tmpdir(), 'sealstamp-e2e-'));
    fleet.ring = join(fleet.folder, 'ring.json');
    fleet.jwksPath = join(fleet.folder, 'jwks.json');
    fleet.children = [];
    fleet.keyFlags = fetchKeys ? [] : ['--issuer-jwks', fleet.jwksPath];
    try {
      await fleet.sealstamp('init', '--lifetime', `${lifetimeS}s`, '--max-skew', '1s', '--propagation', `${PROPAGATION_S}s`);
      fleet.proxy = await makeProxy(fleet.folder);
      fleet.url = `${fleet.proxy.origin}/mcp`;
      fleet.issuer = await makeIssuer(fleet);
      fleet.addresses = [];
      for (let n = 0; n < replicas; n++) fleet.addresses.push(await fleet.replica(['--nonce', nonce, ...flags]));
      await fleet.proxy.use(fleet.addresses);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  async replica(flags) {
    const child = spawn(
      SERVER,
      ['--listen', '127.0.0.1:0', '--public-url', this.url, '--ring', this.ring, '--issuer', this.issuer.url, ...this.keyFlags, ...flags],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.children.push(child);
    const lines = createInterface({ input: child.stdout });
    return new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const [, address] = /listening on (\S+)/.exec(line) ?? [];
        if (address) resolve(address);
      });
      child.once('exit', (code) => reject(new Error(`a replica ended with ${code} before it listened`)));
    });
  }

  async sealstamp(...args) {
    const { stdout } = await run(SEALSTAMP, ['--ring', this.ring, ...args]);
    return stdout;
  }

  // The kid of the key that is active now, from the file and its dates alone.
  async activeKid() {
    const { keys } = JSON.parse(await readFile(this.ring, 'utf8'));
    const dated = keys.filter((key) => !key.revoked_at && key.activates_at && Date.parse(key.activates_at) <= Date.now());
    return dated.at(-1).kid;
  }

  async health() {
    return Promise.all(this.addresses.map(async (address) => (await fetch(`http://${address}/healthz`)).json()));
  }

  // Waits until every replica has loaded the file's serial.
  async settled() {
    const { serial } = JSON.parse(await readFile(this.ring, 'utf8'));
    for (let waited = 0; waited < 10_000; waited += 100) {
      if ((await this.health()).every((status) => status.ring.serial === serial)) return;
      await sleep(100);
    }
    throw new Error(`not every replica loaded serial ${serial}: ${JSON.stringify(await this.health())}`);
  }

  async stop() {
    await this.proxy?.close();
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      await once(child, 'exit');
      clearTimeout(late);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

// The key id inside a nonce: bytes 1 to 4 of docs/wire-format.md.
export const kidOf = (nonce) => Buffer.from(nonce, 'base64url').subarray(1, 5).toString('hex');
