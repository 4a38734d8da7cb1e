// The example's token endpoint, in a process of its own, on the ring of a fleet.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';

const SERVER = process.env.TOKEN_ENDPOINT_BIN;

export class TokenEndpoint {
  // For `Fleet.start`'s `makeIssuer`: the fleet has its ring by then, and takes tokens of this issuer.
  static async start(fleet) {
    const server = Object.assign(new TokenEndpoint(), { clientId: 'e2e', clientSecret: randomBytes(32).toString('base64url') });
    server.child = spawn(
      SERVER,
      ['--listen', '127.0.0.1:0', '--ring', fleet.ring, '--resource', fleet.url, '--client-id', server.clientId],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TOKEN_ENDPOINT_CLIENT_SECRET: server.clientSecret } },
    );
    server.address = await new Promise((resolve, reject) => {
      createInterface({ input: server.child.stdout }).on('line', (line) => {
        const [, address] = /listening on (\S+)/.exec(line) ?? [];
        if (address) resolve(address);
      });
      server.child.once('exit', (code) => reject(new Error(`the token endpoint ended with ${code} before it listened`)));
    });
    server.url = `http://${server.address}`;
    await writeFile(fleet.jwksPath, await (await fetch(`${server.url}/jwks.json`)).text());
    return server;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}
