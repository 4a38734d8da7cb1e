// What stands in front of the fleet: requests go to the next replica each time, whatever connection they came on.
import http from 'node:http';
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// A round robin in a few lines; it knows what was asked, and which replica answered.
export async function roundRobin() {
  let backends = [];
  let turn = 0;
  const agent = new http.Agent({ keepAlive: true });
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push({ method: req.method, path: req.url, headers: req.headers });
    const backend = backends[turn++ % backends.length];
    const [host, port] = backend.split(':');
    const upstream = http.request({ host, port, method: req.method, path: req.url, headers: req.headers, agent }, (answer) => {
      res.writeHead(answer.statusCode, { ...answer.headers, 'x-replica': String(backends.indexOf(backend)) });
      res.flushHeaders();
      answer.pipe(res);
    });
    upstream.on('error', () => {
      if (!res.headersSent) res.writeHead(502);
      res.end();
    });
    res.on('close', () => upstream.destroy());
    req.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    name: 'round robin',
    origin: `http://127.0.0.1:${server.address().port}`,
    seen,
    async use(addresses) {
      backends = addresses;
    },
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const NGINX = process.env.NGINX_BIN ?? 'nginx';
export const haveNginx = () => spawnSync(NGINX, ['-v']).status === 0;

// The real thing, in the configuration that docs/mcp.md shows.
export async function nginx(folder) {
  const port = await freePort();
  let child;
  return {
    name: 'nginx',
    origin: `http://127.0.0.1:${port}`,
    async use(addresses) {
      const home = join(folder, 'nginx');
      await mkdir(home, { recursive: true });
      await writeFile(join(home, 'nginx.conf'), nginxConf(port, addresses));
      child = spawn(NGINX, ['-p', home, '-c', 'nginx.conf', '-e', 'error.log'], { stdio: ['ignore', 'ignore', 'inherit'] });
      await reachable(port);
    },
    async close() {
      if (!child || child.exitCode !== null) return;
      child.kill('SIGQUIT');
      const late = setTimeout(() => child.kill('SIGTERM'), 3000);
      await once(child, 'exit');
      clearTimeout(late);
    },
  };
}

const nginxConf = (port, addresses) => `
daemon off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  # A proof may take 8 KiB, and so may a token.
  large_client_header_buffers 4 16k;
  upstream fleet { ${addresses.map((address) => `server ${address};`).join(' ')} keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://fleet;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering off;        # event streams go out as they come
      proxy_next_upstream off;    # a tool call is not sent twice behind the client's back
      add_header X-Replica $upstream_addr always;
    }
  }
}
`;

export async function freePort() {
  const probe = http.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

async function reachable(port) {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/healthz`);
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}
