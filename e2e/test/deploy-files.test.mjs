// What of deploy/ runs without the system it is for: the job that keeps the ring in a cluster.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const MANIFEST = new URL('../../deploy/kubernetes/ring.yaml', import.meta.url);

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
if open(store).read() != test["value"]: sys.exit("the server says it is another one")
open(store, "w").write(replace["value"])' "$STORE" ;;
  *) exit 1 ;;
esac
`;

describe('the CronJob of deploy/kubernetes/ring.yaml, with a kubectl of this test', () => {
  let folder, script, store;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealstamp-deploy-'));
    store = join(folder, 'store');
    const [, block] = /- -c\n +- \|\n((?: {18}.*\n|\n)+)/.exec(await readFile(MANIFEST, 'utf8'));
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

  test('rotates a ring that is old', async () => {
    const text = sealstamp(['init']);
    const old = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 19) + 'Z';
    await keep(text.replaceAll(/("(?:activates_at|created_at|written_at)": *")[^"]*"/g, `$1${old}"`));
    const before = JSON.parse(await ring());
    const { status, stderr } = job();
    const now = JSON.parse(await ring());
    assert.equal(now.serial, before.serial + 1, stderr);
    assert.equal(status, 0, stderr);
  });

  test('fails, and stores nothing, where there is no ring', async () => {
    await keep('not a ring');
    const { status, stderr } = job();
    assert.notEqual(status, 0);
    assert.match(stderr, /not a ring/);
    assert.equal(await ring(), 'not a ring');
  });
});
