// Lets a test call into a network namespace: this runs inside, listens on a Unix socket, which no
// namespace hides, and passes bytes on to an address that can be reached from there.
// usage: node relay.mjs SOCKET HOST PORT

import { connect, createServer } from 'node:net';

const [socketPath, host, port] = process.argv.slice(2);

const server = createServer((client) => {
  const target = connect({ host, port: Number(port) });
  client.pipe(target);
  target.pipe(client);
  client.on('close', () => target.destroy());
  target.on('close', () => client.destroy());
  client.on('error', () => target.destroy());
  target.on('error', () => client.destroy());
});
server.listen(socketPath, () => process.stdout.write('ready\n'));
