// The least that node:http can do, which everything else is compared with: `node bare.mjs PORT [BYTES]`. A GET is
// answered with so many bytes, 100 by default, by `writeHead` and `end`; of anything else the body is read first, and
// `Ok` comes back.

import { createServer } from 'node:http';

const [port, bytes = '100'] = process.argv.slice(2);
const VALUE = Buffer.alloc(Number(bytes), 'v');
const OK = Buffer.from('Ok\n');
const headers = (length) => ({
  'content-type': 'application/octet-stream',
  'content-length': length,
});

createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, headers(VALUE.length));
    response.end(VALUE);
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(200, headers(OK.length));
    response.end(OK);
  });
}).listen(Number(port), '127.0.0.1', 4096);
