// memcached and Redis where they are installed, filled over one connection each, many sets in flight.

import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort, isInstalled, Process, until, versionOf } from './processes.mjs';

const HOST = '127.0.0.1';
/** Sets are written in blocks of about this size. */
const BLOCK_BYTES = 1024 * 1024;

const RIVALS = [
  {
    name: 'memcached',
    command: 'memcached',
    words: (port, megabytes) => [
      '-u',
      'root',
      '-l',
      HOST,
      '-p',
      port,
      '-U',
      '0',
      '-m',
      megabytes,
      '-t',
      '1',
    ],
    set: (key, value) => `set ${key} 0 0 ${value.length} noreply\r\n${value}\r\n`,
    count: 'stats\r\n',
    counted: /STAT curr_items (\d+)\r\n[\s\S]*END/,
  },
  {
    name: 'Redis',
    command: 'redis-server',
    words: (port) => ['--bind', HOST, '--port', port, '--save', '', '--appendonly', 'no'],
    set: (key, value) =>
      `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
    count: '*1\r\n$6\r\nDBSIZE\r\n',
    counted: /:(\d+)\r\n$/,
  },
];

export function rivals() {
  return RIVALS.filter(({ command }) => isInstalled(command)).map((rival) => ({
    ...rival,
    version: versionOf(rival.command),
  }));
}

/** @returns bytes of memory of the rival when it is empty, and with the items */
export async function fillRival(rival, items, megabytes) {
  const port = String(await freePort());
  const server = new Process(rival.command, rival.words(port, String(megabytes)));
  try {
    let socket;
    await until(`${rival.name} listens`, async () => {
      const opened = connect(Number(port), HOST);
      await once(opened, 'connect');
      socket = opened;
      return true;
    });
    const empty = server.residentBytes();
    let answer = '';
    socket.on('data', (bytes) => {
      answer = (answer + bytes.toString('latin1')).slice(-10_000);
    });
    let block = '';
    let count = 0;
    for (const [key, value] of items()) {
      count++;
      block += rival.set(key, value);
      if (block.length < BLOCK_BYTES) continue;
      if (!socket.write(block, 'latin1')) await once(socket, 'drain');
      block = '';
    }
    socket.write(block + rival.count, 'latin1');
    await until(`${rival.name} counts`, async () => rival.counted.test(answer));
    const held = Number(rival.counted.exec(answer)?.[1]);
    if (held !== count) throw new Error(`${rival.name} has ${held} items, not ${count}`);
    const full = server.residentBytes();
    socket.destroy();
    return { empty, full };
  } finally {
    await server.stop();
  }
}
