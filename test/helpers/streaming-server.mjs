// The built HTTP server around a service whose bodies stream, as a process of its own, so that a test can see its memory:
// PUT counts what comes, GET /out sends as much as it is asked for, GET /memory tells the most that was resident lately.

import { startHttpServer } from '../../dist/cluster/io/server/http-server.js';

const PIECE = Buffer.alloc(64 * 1024, 'x');
const text = (status, line) => ({ status, headers: {}, body: `${line}\n` });
let mostBytes = 0;
let produced = 0;
setInterval(() => {
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
}, 5).unref();

const service = {
  start() {},
  traits: ({ method }) => ({
    changes: method === 'PUT',
    body: { kind: method === 'PUT' ? 'streamed' : 'whole', bytesMax: 4 * 1024 ** 3 },
  }),
  handle({ body, target }, reply) {
    if (body.kind === 'stream') {
      let bytes = 0;
      const take = (part) => {
        if (part.kind !== 'bytes') return reply(text(200, `${part.kind} ${bytes}`));
        bytes += part.bytes.length;
        return body.stream.read(take);
      };
      return body.stream.read(take);
    }
    if (target === '/memory') {
      const told = text(200, JSON.stringify({ mostBytes, produced }));
      mostBytes = 0;
      return reply(told);
    }
    let left = Number(target.slice('/out/'.length));
    produced = 0;
    return reply({
      status: 200,
      headers: {},
      body: {
        length: left,
        read(callback) {
          if (left === 0) return callback({ kind: 'end' });
          const bytes = PIECE.subarray(0, Math.min(left, PIECE.length));
          left -= bytes.length;
          produced += bytes.length;
          return callback({ kind: 'bytes', bytes });
        },
        discard() {},
      },
    });
  },
  accept: () => ({ refused: 'no streams' }),
  drain: (_options, done) => done(),
};

const { port } = await startHttpServer(service, {
  host: '127.0.0.1',
  port: 0,
  bodyBytesMax: 1024 * 1024,
  valueBytesMax: 1024 * 1024,
});
process.stdout.write(`${port}\n`);
