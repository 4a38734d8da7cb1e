// Says what reached it: method, target, header fields and trailers as they came, the body's length, and how many requests
// have come. Its argument is the port. A query `answer=NAME:VALUE` adds a field to its answer, and `status=N` is its status.
// It becomes a tunnel for whoever asks for an upgrade.
import http from 'node:http';

let count = 0;
const server = http.createServer({ maxHeaderSize: 1 << 20 }, (req, res) => {
  count += 1;
  let length = 0;
  req.on('data', (chunk) => (length += chunk.length)).once('end', () => {
    const { searchParams } = new URL(req.url, 'http://localhost');
    res.setHeader('content-type', 'application/json').setHeader('dpop-nonce', 'of-the-server');
    for (const field of searchParams.getAll('answer')) {
      const [, name, value] = /^([^:]*):(.*)$/.exec(field);
      res.setHeader(name, value);
    }
    res.statusCode = Number(searchParams.get('status') ?? 200);
    res.end(JSON.stringify({ method: req.method, target: req.url, fields: req.headersDistinct, trailers: req.rawTrailers, length, count }));
  });
});
server.on('upgrade', (req, socket) => {
  socket.on('error', () => {});
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${req.headers.upgrade}\r\n\r\n"target" in a tunnel\r\n`);
  socket.pipe(socket);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
