// Says what reached it: method, target and header fields as they came. Its argument is the port.
import http from 'node:http';

const server = http.createServer({ maxHeaderSize: 1 << 20 }, (req, res) => {
  req.resume().once('end', () => {
    res.setHeader('content-type', 'application/json').setHeader('dpop-nonce', 'of-the-server');
    res.end(JSON.stringify({ method: req.method, target: req.url, fields: req.headersDistinct }));
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
