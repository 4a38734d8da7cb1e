// What of deploy/ runs without the system it is for: the job that keeps the ring in a cluster, the configuration in the
// manifest of a pod, and what an image is built from.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => readFile(join(ROOT, path), 'utf8');

// A Secret in a file. `get` and `patch` are all that the job asks for, and a patch tests what it replaces.
const KUBECTL = `#!/usr/bin/env bash
set -euo pipefail
case "$1" in
  get) cat "$STORE" ;;
  patch)
    python3 -c '
import json, sys
store = sys.argv[1]
test, replace = json.load(sys.stdin)
assert (test["op"], replace["op"]) == ("test", "replace") and test["path"] == replace["path"] == "/data/ring.json"
if len(sys.argv) > 2: open(store, "w").write(sys.argv[2])
if open(store).read() != test["value"]: sys.exit("the server says it is another one")
open(store, "w").write(replace["value"])' "$STORE" \${OTHER:+"$OTHER"} ;;
  *) exit 1 ;;
esac
`;

describe('the CronJob of deploy/kubernetes/ring.yaml, with a kubectl of this test', () => {
  let folder, script, store;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealstamp-deploy-'));
    store = join(folder, 'store');
    const [, block] = /- -c\n +- \|\n((?: {18}.*\n|\n)+)/.exec(await read('deploy/kubernetes/ring.yaml'));
    script = block.replace(/^ {18}/gm, '');
    await writeFile(join(folder, 'kubectl'), KUBECTL);
    await chmod(join(folder, 'kubectl'), 0o755);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const job = (env = {}) =>
    spawnSync('bash', ['-euo', 'pipefail', '-c', script], { encoding: 'utf8', env: { ...process.env, STORE: store, PATH: `${folder}:${dirname(process.env.SEALSTAMP_BIN)}:${process.env.PATH}`, ...env } });
  const ring = async () => Buffer.from(await readFile(store, 'utf8'), 'base64').toString();
  const sealstamp = (args, input) => {
    const { status, stdout, stderr } = spawnSync(process.env.SEALSTAMP_BIN, ['--ring', '-', ...args], { encoding: 'utf8', input });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const keep = (text) => writeFile(store, Buffer.from(text).toString('base64'));

  test('leaves a young ring as it is, and says nothing', async () => {
    await keep(sealstamp(['init']));
    const before = await ring();
    const { status, stdout, stderr } = job();
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.equal(await ring(), before);
  });

  const aged = () => {
    const old = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 19) + 'Z';
    return sealstamp(['init']).replaceAll(/("(?:activates_at|created_at|written_at)": *")[^"]*"/g, `$1${old}"`);
  };

  test('rotates a ring that is old', async () => {
    await keep(aged());
    const before = JSON.parse(await ring());
    const { status, stderr } = job();
    const now = JSON.parse(await ring());
    assert.equal(now.serial, before.serial + 1, stderr);
    assert.equal(status, 0, stderr);
  });

  test('fails, and replaces nothing, where somebody else has stored a ring meanwhile', async () => {
    await keep(aged());
    const other = sealstamp(['init']);
    const { status, stderr } = job({ OTHER: Buffer.from(other).toString('base64') });
    assert.notEqual(status, 0);
    assert.match(stderr, /another one/);
    assert.equal(await ring(), other);
  });

  test('fails, and stores nothing, where there is no ring', async () => {
    await keep('not a ring');
    const { status, stderr } = job();
    assert.notEqual(status, 0);
    assert.match(stderr, /not a ring/);
    assert.equal(await ring(), 'not a ring');
  });
});

test('the configuration in deploy/kubernetes/sidecar.yaml has no mistake', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealstamp-deploy-'));
  try {
    const [, block] = /\n  authz\.toml: \|\n((?: {4}.*\n|\n)+)/.exec(await read('deploy/kubernetes/sidecar.yaml'));
    assert.ok(block.includes('/run/ring/ring.json'));
    await writeFile(join(folder, 'authz.toml'), block.replace(/^ {4}/gm, '').replace('/run/ring/ring.json', 'ring.json'));
    assert.equal(spawnSync(process.env.SEALSTAMP_BIN, ['--ring', join(folder, 'ring.json'), 'init']).status, 0);
    const { status, stderr } = spawnSync(process.env.AUTHZ_BIN, ['--check', '--config', join(folder, 'authz.toml')], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

// With the command that makes the map of files, and each file where the pod has it.
test('nginx takes its files as deploy/kubernetes/sidecar.yaml mounts them', { skip: !process.env.NGINX_BIN }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealstamp-deploy-'));
  try {
    const manifest = await read('deploy/kubernetes/sidecar.yaml');
    const commands = /\n#   (sed .*)\n#   (kubectl [^\n]*(?:\n#     .*)*)/.exec(manifest);
    const made = spawnSync('bash', ['-euc', `cd "$1"; ${commands[1].replaceAll('deploy/', `${ROOT}/deploy/`)}`, '', folder]);
    assert.equal(made.status, 0);
    const files = [...commands[2].matchAll(/--from-file=(\S+)/g)].map(([, path]) => path);
    const mounts = [...manifest.matchAll(/name: nginx, mountPath: \/etc\/nginx\/(\S+), subPath: ([^,]+),/g)];
    assert.deepEqual(mounts.map(([, , key]) => key).sort(), files.map((path) => basename(path)).sort());
    await mkdir(join(folder, 'conf.d'));
    for (const [, at, key] of mounts) {
      const path = files.find((path) => basename(path) === key);
      await copyFile(path.startsWith('deploy/') ? join(ROOT, path) : join(folder, path), join(folder, at));
    }
    const site = await readFile(join(folder, 'conf.d/default.conf'), 'utf8');
    assert.match(site, /listen 0\.0\.0\.0:8080;/);
    // `nginx -t` listens, and somebody may have that port here.
    await writeFile(join(folder, 'conf.d/default.conf'), site.replace('0.0.0.0:8080', `unix:${folder}/socket`));
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ');
    await writeFile(join(folder, 'nginx.conf'), `pid pid; events {} http { access_log off; ${paths} include conf.d/*.conf; }`);
    const { status, stderr } = spawnSync(process.env.NGINX_BIN, ['-t', '-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

// Only what the list beside the Dockerfile lets through, which is how a builder sees it.
test('deploy/Dockerfile copies what is there, and the workspace in it is whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealstamp-deploy-'));
  try {
    const [all, ...let_through] = (await read('deploy/Dockerfile.dockerignore')).trim().split('\n');
    assert.equal(all, '*');
    for (const line of let_through) {
      assert.match(line, /^![\w.-]+$/);
      await access(join(ROOT, line.slice(1)));
      await symlink(join(ROOT, line.slice(1)), join(folder, line.slice(1)));
    }
    const copies = [...(await read('deploy/Dockerfile')).matchAll(/^COPY (?!--from)(.*) \S+$/gm)];
    assert.ok(copies.length > 0);
    for (const name of copies.flatMap(([, names]) => names.split(' '))) await access(join(folder, name));
    const { status, stderr } = spawnSync('cargo', ['metadata', '--locked', '--offline', '--no-deps', '--format-version', '1'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
