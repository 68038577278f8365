// The least that a redirect costs in node:http: `node bare-redirect.mjs PORT`. Each GET is answered with 302 and a Location
// of the length that the broker's have, and a small page.

import { createServer } from 'node:http';

const [port] = process.argv.slice(2);
const TOKEN = 'T'.repeat(200);

createServer((request, response) => {
  const location = `http://127.0.0.1:12800/t/${TOKEN}${request.url}`;
  const page = `<a href="${location}">${request.url}</a>\n`;
  response.writeHead(302, {
    location,
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(page),
  });
  response.end(page);
}).listen(Number(port), '127.0.0.1', 4096);
