// Clients that are slow in every way there is, as a process of its own: `node slow-clients.mjs PORT COUNT KEY`.
// A quarter each sends half a head, half a body, reads nothing of what it asked for, or sends nothing. One that
// the server has closed comes back after a second.

import { connect } from 'node:net';

const [port, count, key] = process.argv.slice(2);
/** More than the buffers of two sockets hold, of values of 100 KB. */
const PIPELINED = 100;
const BACK_MS = 1000;

const WAYS = [
  (socket) => socket.write(`GET /get?key=${key} HTTP/1.1\r\nHost: slow\r\nX-Half: `),
  (socket) =>
    socket.write(
      `POST /set?key=slow HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000\r\n\r\n${'v'.repeat(500)}`,
    ),
  (socket) => {
    socket.pause();
    socket.write(`GET /get?key=${key} HTTP/1.1\r\nHost: slow\r\n\r\n`.repeat(PIPELINED));
  },
  () => undefined,
];

function open(way) {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.once('close', () => setTimeout(open, BACK_MS, way));
  socket.once('connect', () => {
    socket.resume();
    way(socket);
  });
}

for (let number = 0; number < Number(count); number++) open(WAYS[number % WAYS.length]);
