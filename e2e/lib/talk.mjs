// Requests as bytes, for what no HTTP client would send.
import net from 'node:net';

export const pairs = (fields) => Object.entries(fields).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));

// A request as bytes, and all that comes back on its connection.
export async function talk(origin, bytes, { patienceMs = 15_000 } = {}) {
  const { hostname, port } = new URL(origin);
  const socket = net.connect(Number(port), hostname);
  const heard = [];
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard.push(chunk);
    // Some proxies keep a connection for a second after `Connection: close`.
    const text = Buffer.concat(heard).toString('latin1');
    const length = /^HTTP\/1\.1 (?!100)[\s\S]*?^content-length: (\d+)\r\n/im.exec(text)?.[1];
    const end = text.indexOf('\r\n\r\n');
    if (length !== undefined && end >= 0 && text.length >= end + 4 + Number(length)) socket.destroy();
  });
  socket.write(bytes);
  await new Promise((done) => socket.once('close', done).setTimeout(patienceMs, () => socket.destroy()));
  const text = Buffer.concat(heard).toString('latin1');
  const last = text.slice(text.lastIndexOf('HTTP/1.'));
  const [head, ...rest] = last.split('\r\n\r\n');
  let body = rest.join('\r\n\r\n');
  if (/^transfer-encoding: chunked/im.test(head)) body = body.replace(/(^|\r\n)[0-9a-f]+\r\n/gi, '').replace(/\r\n$/, '');
  const [, challenge] = /^www-authenticate: *(DPoP .*)$/im.exec(head) ?? [];
  const [, error] = /error="([^"]*)"/.exec(challenge ?? '') ?? [];
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(last)?.[1] ?? 0), error, challenge, nonce: /^dpop-nonce: *(\S+)/im.exec(head)?.[1], head, body, text: last.slice(0, 600) };
}

export const raw = ({ origin }, method, target, fields, options) =>
  talk(origin, [`${method} ${target} HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', ...fields.map(([name, value]) => `${name}: ${value}`), 'Content-Length: 0', '', ''].join('\r\n'), options);
