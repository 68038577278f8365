// memcached and Redis where they are installed, filled and loaded over one connection each, many sets in
// flight.

import { once } from 'node:events';
import { connect } from 'node:net';
import { changes, keyAt, probed, VALUE } from './load.mjs';
import { freePort, isInstalled, Process, until, versionOf } from './processes.mjs';

const HOST = '127.0.0.1';
/** Sets are written in blocks of about this size. */
const BLOCK_BYTES = 1024 * 1024;
const IN_FLIGHT = 1000;
const LINE_FEED = 10;

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
    expire: (key, value, seconds) => `set ${key} 0 ${seconds} ${value.length}\r\n${value}\r\n`,
    overwrite: (key, value) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`,
    delete: (key) => `delete ${key}\r\n`,
    get: 'get KEY\r\n',
    end: 'END\r\n',
    count: 'stats\r\n',
    counted: /STAT curr_items (\d+)\r\n[\s\S]*END/,
  },
  {
    name: 'Redis',
    command: 'redis-server',
    words: (port) => ['--bind', HOST, '--port', port, '--save', '', '--appendonly', 'no'],
    set: (key, value) =>
      `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
    expire: (key, value, seconds) =>
      `*5\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n$2\r\nEX\r\n$${String(seconds).length}\r\n${seconds}\r\n`,
    overwrite: (key, value) => RIVALS[1].set(key, value),
    delete: (key) => `*2\r\n$3\r\nDEL\r\n$${key.length}\r\n${key}\r\n`,
    get: `*2\r\n$3\r\nGET\r\n$16\r\nKEY\r\n`,
    end: `${VALUE}\r\n`,
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
  return await withRival(rival, megabytes, async ({ server, socket }) => {
    const empty = server.residentBytes();
    await fill(rival, socket, items());
    return { empty, full: server.residentBytes() };
  });
}

/** @returns how many changes it took a second, and how long gets took meanwhile */
export async function loadRival(rival, { items, seconds, megabytes }) {
  return await withRival(rival, megabytes, async ({ socket, port }) => {
    await fill(rival, socket, numbered(items));
    let count = 0;
    const { get, end } = rival;
    const gets = await probed({ port, get, end }, async () => {
      count = await change(rival, socket, items, Date.now() + seconds * 1000);
    });
    return { changesPerSecond: count / seconds, gets };
  });
}

function* numbered(items) {
  for (let number = 0; number < items; number++) yield [keyAt(number), VALUE];
}

async function withRival(rival, megabytes, work) {
  const port = await freePort();
  const server = new Process(rival.command, rival.words(String(port), String(megabytes)));
  let socket;
  try {
    await until(`${rival.name} listens`, async () => {
      const opened = connect(port, HOST);
      await once(opened, 'connect');
      socket = opened;
      return true;
    });
    return await work({ server, socket, port });
  } finally {
    socket?.destroy();
    await server.stop();
  }
}

async function fill(rival, socket, items) {
  let answer = '';
  const note = (bytes) => {
    answer = (answer + bytes.toString('latin1')).slice(-10_000);
  };
  socket.on('data', note);
  let block = '';
  let count = 0;
  for (const [key, value] of items) {
    count++;
    block += rival.set(key, value);
    if (block.length < BLOCK_BYTES) continue;
    if (!socket.write(block, 'latin1')) await once(socket, 'drain');
    block = '';
  }
  socket.write(block + rival.count, 'latin1');
  await until(`${rival.name} counts`, async () => rival.counted.test(answer));
  socket.off('data', note);
  const held = Number(rival.counted.exec(answer)?.[1]);
  if (held !== count) throw new Error(`${rival.name} has ${held} items, not ${count}`);
}

/** As many in flight as the storage node has; each is answered by a line. */
async function change(rival, socket, items, untilMs) {
  let sent = 0;
  let answered = 0;
  const room = new EventTarget();
  socket.on('data', (bytes) => {
    for (const byte of bytes) if (byte === LINE_FEED) answered++;
    if (sent - answered <= IN_FLIGHT / 2) room.dispatchEvent(new Event('room'));
  });
  for (const { kind, key } of changes(items)) {
    if (Date.now() >= untilMs) break;
    socket.write(rival[kind](key, VALUE, 1 + (sent % 60)), 'latin1');
    if (++sent - answered >= IN_FLIGHT) await once(room, 'room');
  }
  while (answered < sent) await once(room, 'room');
  return sent;
}
