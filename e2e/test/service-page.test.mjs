// The first section of docs/service.md, typed word for word by somebody who has nothing: its files in their order, its
// commands in theirs. Only step 1 is done for them, since scripts/packages is the test of that one.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const skip = !process.env.NGINX_BIN && 'there is no nginx here';

// The section's steps: `{ file, text }`, or `{ command }`.
async function steps() {
  const page = await readFile(join(ROOT, 'docs/service.md'), 'utf8');
  const [, section] = /\n## Ten minutes\n([\s\S]*?)\n## /.exec(page);
  return [...section.matchAll(/(?:^`([\w.-]+)`:\n\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, file, language, text]) =>
    file ? [{ file, text }] : language === 'sh' ? [{ command: text }] : [],
  );
}

// A namespace of its own, so that the page's ports are free, where this machine allows it.
const apart = ['', '--map-root-user'].map((flag) => ['unshare', '--net', ...(flag ? [flag] : [])]).find(([command, ...args]) => spawnSync(command, [...args, 'ip', 'link', 'set', 'lo', 'up']).status === 0);

describe('docs/service.md', { skip }, () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealstamp-page-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('from nothing to a protected server, as the page says', async () => {
    const [install, ...rest] = await steps();
    assert.match(install.command, /^git clone .*\ncargo install --locked --path sealstamp\/crates\/sealstamp-cli\ncargo install --locked --path sealstamp\/crates\/sealstamp-authz\n$/);
    await symlink(ROOT, join(folder, 'sealstamp'));
    const path = [process.env.SEALSTAMP_BIN, process.env.AUTHZ_BIN, process.env.NGINX_BIN].map(dirname).concat(process.env.PATH).join(':');
    const env = { ...process.env, PATH: path };

    // What needs a network comes before all that listens.
    let typed = '';
    for (const step of rest) {
      if (step.file) {
        await writeFile(join(folder, step.file), step.text);
      } else if (/\bpip install\b/.test(step.command)) {
        const { status, stderr } = spawnSync('bash', ['-euc', step.command], { cwd: folder, env, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
      } else {
        typed += step.command;
      }
    }
    const script = `${apart ? 'ip link set lo up\n' : ''}trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${typed}`;
    const [command, ...args] = [...(apart ?? []), 'bash', '-euc', script];
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8', timeout: 120_000 });
    const logs = await Promise.all(['server.log', 'authz.log', 'nginx.log'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
    assert.equal(status, 0, [stdout, stderr, ...logs].join('\n'));
    assert.match(stdout, /HTTP\/1\.1 401[\s\S]*www-authenticate: DPoP algs="[^"]*", resource_metadata="http:\/\/127\.0\.0\.1:8080\/\.well-known\/oauth-protected-resource\/mcp"/i);
    assert.match(stdout, /dpop-nonce: A[\w-]{59}\r/i);
    assert.match(stdout, /200 event: message\r?\ndata: .*"text":"42"/m);
    assert.match(stdout, /200 event: message\r?\ndata: .*"text":"alice"/m);
  });
});
