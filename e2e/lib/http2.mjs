// HTTP/2 as bytes (RFC 9113), over plain TCP, for what no HTTP/2 client would send. Fields go out literally (RFC 7541
// section 6.2.2); of the answer, which no field of is read, there is what came as data.
import net from 'node:net';

const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY] = [0, 1, 3, 4, 6, 7];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];

const frame = (type, flags, stream, payload = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

// A string without Huffman's code (RFC 7541 section 5.2).
function literal(text) {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}
const block = (fields) => Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));

// One request on a connection of its own. `fields` has the pseudo-header fields too. Resolves when the answer is whole, the
// stream is reset, or the connection ends.
export function talk2(port, fields, { body = '', trailers } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const end = body === '' && !trailers;
  socket.write(Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(SETTINGS, 0, 0),
    frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), 1, block(fields)),
    ...(end ? [] : [frame(DATA, trailers ? 0 : END_STREAM, 1, Buffer.from(body))]),
    ...(trailers ? [frame(HEADERS, END_HEADERS | END_STREAM, 1, block(trailers))] : []),
  ]));
  return new Promise((done) => {
    let heard = Buffer.alloc(0);
    let data = '';
    const finish = (how) => {
      socket.destroy();
      done({ how, body: data });
    };
    socket.on('error', () => {});
    socket.on('close', () => finish('closed'));
    socket.setTimeout(15_000, () => finish('silence'));
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      while (heard.length >= 9 && heard.length >= 9 + heard.readUIntBE(0, 3)) {
        const payload = heard.subarray(9, 9 + heard.readUIntBE(0, 3));
        const [type, flags] = [heard[3], heard[4]];
        heard = heard.subarray(9 + payload.length);
        if (type === SETTINGS && !(flags & ACK)) socket.write(frame(SETTINGS, ACK, 0));
        if (type === PING && !(flags & ACK)) socket.write(frame(PING, ACK, 0, payload));
        if (type === DATA) data += payload.toString('utf8');
        if (type === RST_STREAM || type === GOAWAY) finish('reset');
        if ((type === DATA || type === HEADERS) && flags & END_STREAM) finish('answer');
      }
    });
  });
}
