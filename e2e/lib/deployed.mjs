// A proxy in the configuration of deploy/, in front of an MCP server that nobody here wrote, and replicas of
// sealstamp-authz that share nothing but a ring file.
import { spawn, spawnSync, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Issuer } from './issuer.mjs';
import { freePort } from './proxy.mjs';
import { draft, fieldsOf, newKey, post } from './raw.mjs';
import { pairs } from './talk.mjs';

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const deploy = (path) => here(`../deploy/${path}`);
const need = (name) => process.env[name] ?? assertSet(name);
const assertSet = (name) => {
  throw new Error(`${name} is not set: start these tests with e2e/run`);
};

// A file of deploy/, with the addresses of this run in place of its own. Each of them must be in it.
async function placed(from, to, replacements) {
  let text = await readFile(from, 'utf8');
  for (const [old, now] of replacements) {
    const changed = text.replaceAll(old, now);
    if (changed === text) throw new Error(`${from} has no ${old}`);
    text = changed;
  }
  await writeFile(to, text);
}

const SOCKET = 'unix:/run/sealstamp/authz.sock';

// For comparison alone: the same way to the same server. At /bare nobody is asked. At /unverified the service is asked,
// but for a page that it has ready.
const UNPROTECTED = '    location / { return 404; }';
const PASSED_ON = `proxy_pass http://mcp/mcp;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_buffering off;`;
const BARE = `    location = /bare {
        ${PASSED_ON}
    }
    location = /_ready {
        internal;
        proxy_pass http://sealstamp_authz/metadata/mcp;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
    location = /unverified {
        auth_request /_ready;
        ${PASSED_ON}
    }
`;

// Requests of the battery of which a proxy makes good ones: it puts a folded field together again (RFC 9112 section 5.2), or
// drops an empty one. There is nothing wrong with what comes to the service then.
const UNFOLDS = ['a proof on the line after its name', 'a folded token'];

// As the Caddyfile says.
const caddyIsOld = () => spawnSync(process.env.CADDY_BIN, ['version'], { encoding: 'utf8' }).stdout.trim().replace(/^v/, '').startsWith('2.6.');

// What each proxy is started with: `files` writes its configuration, `start` says the command.
export const PROXIES = {
  nginx: {
    rewrites: true,
    binary: () => process.env.NGINX_BIN,
    async files(home, { port, port2, upstream, authz, bare, rewritten, page }) {
      for (const file of ['sealstamp-ask.conf', 'sealstamp-protect.conf', 'sealstamp-cors.conf']) await copyFile(deploy(`nginx/${file}`), join(home, file));
      const servers = authz.map(({ socket }) => `unix:${socket}`).join(' max_fails=0; server ');
      await placed(deploy('nginx/sealstamp.conf'), join(home, 'sealstamp.conf'), [[SOCKET, servers], ...(page ? [['#"https://app.example.com"', `"${page}"`]] : [])]);
      await placed(deploy('nginx/mcp.example.com.conf'), join(home, 'site.conf'), [['listen 127.0.0.1:8080;', `listen 127.0.0.1:${port};${port2 ? ` listen 127.0.0.1:${port2} http2;` : ''}`], ['127.0.0.1:8000', upstream], ...(bare ? [[UNPROTECTED, BARE + UNPROTECTED]] : []), ...(rewritten ? [['location = /mcp {', 'location = /public/mcp {'], ['include sealstamp-protect.conf;', 'include sealstamp-protect.conf;\n        rewrite ^ /mcp break;']] : [])]);
      // What Debian's own nginx.conf has around a site, in this folder.
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`).join(' ');
      // As whoever runs this test, whose folder and sockets these are.
      const user = process.getuid() === 0 ? 'user root;' : '';
      await writeFile(join(home, 'nginx.conf'), `${user} daemon off; pid nginx.pid; worker_processes 1; events { worker_connections 1024; } http { access_log off; ${paths} include site.conf; }\n`);
    },
    start: (home) => ({ args: ['-p', home, '-c', 'nginx.conf', '-e', 'error.log'], stop: 'SIGQUIT' }),
  },
  caddy: {
    mends: UNFOLDS,
    rewrites: true,
    binary: () => process.env.CADDY_BIN,
    async files(home, { port2, rewritten }) {
      await placed(deploy('caddy/Caddyfile'), join(home, 'Caddyfile'), [
        ...(rewritten ? [['@protected path /mcp', '@protected path /public/mcp'], ['handle @protected {', 'handle @protected {\n\t\trewrite * /mcp']] : []),
        ...(port2 ? [['max_header_size 64KB', 'max_header_size 64KB\n\t\tprotocols h1 h2 h2c']] : []),
      ]);
    },
    start: (home, { port, upstream, authz, page }) => ({
      args: ['run', '--adapter', 'caddyfile', '--config', join(home, 'Caddyfile')],
      env: {
        HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home,
        ...(page && { MCP_ORIGIN: page }),
        ...(caddyIsOld() && { MCP_PROXY_OPTIONS: 'buffer_requests' }),
        MCP_SITE: `http://127.0.0.1:${port}`, MCP_SERVER: upstream, SEALSTAMP_AUTHZ: authz.map(({ socket }) => `unix/${socket}`).join(' '),
      },
      stop: 'SIGTERM',
    }),
  },
  traefik: {
    mends: UNFOLDS,
    binary: () => process.env.TRAEFIK_BIN,
    async files(home, { port, upstream, authz, page }) {
      await placed(deploy('traefik/traefik.yaml'), join(home, 'traefik.yaml'), [['127.0.0.1:8080', `127.0.0.1:${port}`], ['dynamic.yaml', join(home, 'dynamic.yaml')]]);
      await placed(deploy('traefik/dynamic.yaml'), join(home, 'dynamic.yaml'), [['127.0.0.1:8000', upstream], ['127.0.0.1:9180', authz[0].address], ...(page ? [['middlewares: [sealstamp, plain]', 'middlewares: [browser, sealstamp, plain]'], ['https://app.example.com', page]] : [])]);
    },
    start: (home) => ({ args: [`--configfile=${join(home, 'traefik.yaml')}`], stop: 'SIGTERM' }),
  },
  envoy: {
    mends: [...UNFOLDS, 'an empty Authorization beside the good one'],
    binary: () => process.env.ENVOY_BIN,
    async files(home, { port, upstream, authz, page }) {
      const [, to] = upstream.split(':');
      await placed(deploy('envoy/envoy.yaml'), join(home, 'envoy.yaml'), [['port_value: 8080', `port_value: ${port}`], ['port_value: 8000', `port_value: ${to}`], ['/run/sealstamp/authz.sock', authz[0].socket], ...(page ? [[/^( {26})#(?! )/gm, '$1'], [/^( {26})#(?=  )/gm, '$1'], ['https://app.example.com', page]] : [])]);
    },
    start: (home) => ({ args: ['-c', join(home, 'envoy.yaml'), '--log-level', 'warning', '--concurrency', '1', '--use-dynamic-base-id', '--disable-hot-restart'], stop: 'SIGTERM' }),
  },
};

// MCP servers of the official SDKs. Each answers /mcp on loopback.
export const SERVERS = {
  python: (port) => [need('MCP_PYTHON'), [here('servers/mcp_server.py'), String(port)]],
  typescript: (port) => [process.execPath, [here('servers/mcp-server.mjs'), String(port)]],
  // Says what reached it, as it came.
  echo: (port) => [process.execPath, [here('servers/echo.mjs'), String(port)]],
};

export class Deployed {
  // `url` is what clients are told, and what tokens are for, if it is not the proxy's own address. `files` names a ring and
  // a JWK set that are there already, with their issuer's URL. `page` is an origin whose pages may call from a
  // browser. With `http2` there is HTTP/2 over plain TCP on `port2`.
  static async start(proxy, server, { replicas = 2, lifetimeS = 4, propagationS = 2, url, files, algorithms, bare, rewritten, requiredScopes, page, http2 } = {}) {
    const d = new Deployed();
    Object.assign(d, { name: proxy, children: new Set(), folder: await mkdtemp(join(tmpdir(), 'sealstamp-deployed-')), algorithms, requiredScopes });
    try {
      const port = await freePort();
      d.origin = `http://127.0.0.1:${port}`;
      d.url = url ?? `${d.origin}${rewritten ? '/public' : ''}/mcp`;
      d.ring = join(d.folder, 'ring.json');
      d.jwksPath = join(d.folder, 'jwks.json');
      if (files) {
        await copyFile(files.ring, d.ring);
        await copyFile(files.jwks, d.jwksPath);
        d.issuer = { url: files.issuer };
      } else {
        await d.sealstamp('init', '--lifetime', `${lifetimeS}s`, '--max-skew', '1s', '--propagation', `${propagationS}s`);
        d.issuer = await Issuer.create('https://issuer.example', d.jwksPath);
      }
      await chmod(d.ring, 0o600);

      const serverPort = await freePort();
      d.upstream = `127.0.0.1:${serverPort}`;
      const [command, args] = SERVERS[server](serverPort);
      d.spawn(command, args);
      d.authz = [];
      for (let n = 0; n < replicas; n++) d.authz.push(await d.replica(n));
      await Promise.all([listening(serverPort), ...d.authz.map((replica) => replica.ready())]);

      // Over plain TCP this nginx speaks either HTTP/1.1 or HTTP/2 on a port; the others find out which it is.
      const port2 = http2 && (proxy === 'nginx' ? await freePort() : port);
      d.port2 = port2;
      const site = { port, port2, upstream: d.upstream, authz: d.authz, bare, rewritten, page };
      const home = join(d.folder, proxy);
      await mkdir(home);
      await PROXIES[proxy].files(home, site);
      const { args: flags, env, stop } = PROXIES[proxy].start(home, site);
      d.proxy = d.spawn(PROXIES[proxy].binary(), flags, { env, stop });
      await listening(port);
      // Traefik listens before it knows its routes.
      for (let waited = 0; waited < 100 && (await fetch(d.origin + new URL(d.url).pathname, { method: 'POST' })).status === 404; waited++) await sleep(100);
      return d;
    } catch (error) {
      await d.stop();
      throw error;
    }
  }

  spawn(command, args, { env, stop = 'SIGTERM' } = {}) {
    const output = process.env.E2E_SHOW ? 'inherit' : 'pipe';
    const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
    child.said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (child.said = (child.said + chunk).slice(-20_000)));
    child.stopSignal = stop;
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  async replica(n) {
    const socket = join(this.folder, `authz-${n}.sock`);
    const [port, admin] = [await freePort(), await freePort()];
    const config = join(this.folder, `authz-${n}.toml`);
    const replica = { socket, address: `127.0.0.1:${port}`, admin: `127.0.0.1:${admin}`, config };
    await writeFile(config, this.configuration(replica));
    replica.start = () => (replica.child = this.spawn(need('AUTHZ_BIN'), ['--config', config]));
    replica.ready = async () => {
      for (let attempt = 0; attempt < 200; attempt++) {
        if (replica.child.exitCode !== null) throw new Error(`sealstamp-authz ended with ${replica.child.exitCode}: ${replica.child.said}`);
        const answer = await fetch(`http://${replica.admin}/readyz`).catch(() => undefined);
        if (answer?.ok) return;
        await sleep(25);
      }
      throw new Error(`sealstamp-authz is not ready: ${replica.child.said}`);
    };
    replica.start();
    return replica;
  }

  // One listener for the proxy's kind, on both of a socket and a port, since not every proxy speaks to sockets.
  configuration({ socket, address, admin }) {
    const dialect = this.name;
    const listener = (where) => `[[listener]]\naddress = "${where}"\ndialect = "${dialect}"\n`;
    const scopes = this.requiredScopes ? `scopes = ${JSON.stringify(this.requiredScopes)}\nrequired_scopes = ${JSON.stringify(this.requiredScopes)}\n` : '';
    const algorithms = this.algorithms ? `algorithms = ${JSON.stringify(this.algorithms)}\n` : '';
    return [
      listener(`unix:${socket}`),
      listener(address),
      `[operator]\naddress = "${admin}"\n`,
      `[ring]\nfile = "${this.ring}"\n`,
      `[[resource]]\nname = "mcp"\npublic_url = "${this.url}"\n${algorithms}${scopes}`,
      `[[resource.issuer]]\nurl = "${this.issuer.url}"\njwks_file = "${this.jwksPath}"\n`,
    ].join('\n');
  }

  async sealstamp(...args) {
    const { stdout } = await run(need('SEALSTAMP_BIN'), ['--ring', this.ring, ...args]);
    return stdout;
  }

  ringNow() {
    return readFileSync(this.ring, 'utf8');
  }

  token(jkt, options) {
    return this.issuer.token({ audience: this.url, jkt, ...options });
  }

  // A client with a key, a token and a nonce. `fields` are those of a request as RFC 9449 has it, but for `change`.
  async caller(options) {
    const key = await newKey();
    const token = await this.token(key.thumbprint, options);
    const [nonce] = (await post(new URL(this.origin).host, new URL(this.url).pathname, {}, '{}')).fields['dpop-nonce'];
    const fields = async (change = () => {}) => {
      const good = draft({ key, url: this.url, token, nonce });
      change(good);
      return pairs(await fieldsOf(good));
    };
    return { key, token, nonce, fields };
  }

  async stop() {
    const children = [...(this.children ?? [])];
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill(child.stopSignal);
        const late = setTimeout(() => child.kill('SIGKILL'), 3000);
        await once(child, 'exit');
        clearTimeout(late);
      }),
    );
    if (process.env.E2E_SHOW) console.log(await readFile(join(this.folder, 'nginx/error.log'), 'utf8').catch(() => ''));
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function listening(port) {
  for (let attempt = 0; attempt < 600; attempt++) {
    const socket = net.connect(port, '127.0.0.1');
    const there = await new Promise((done) => socket.once('connect', () => done(true)).once('error', () => done(false)));
    socket.destroy();
    if (there) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}
