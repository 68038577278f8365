// WebDAV on real processes while these are killed and stand still, one after the other: clients who move files, who write them,
// and who lock them, through three frontends. Nothing acknowledged is lost, no lock is held by two or passed by those without
// its token, and what is moved is under one of its names at least.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { dav, lockInfo } from '../helpers/dav-client.ts';
import { Fleet, type Node, pause } from '../helpers/fleet.ts';

const MOVERS = 12;
const WRITERS = 10;
const LOCKERS = 10;
const LOCKS = 3;
const FOLDERS = 4;
/** In a record, and on file servers. */
const BYTES = [300, 70_001] as const;

/** Known beforehand from what it is called. */
function contentOf(name: string): Buffer {
  const seed = createHash('sha256').update(name).digest();
  return Buffer.alloc(BYTES[(seed[0] ?? 0) % BYTES.length] ?? 0, seed);
}

let fleet: Fleet;
/** What no program that keeps its promises does. */
const broken: string[] = [];
let isOver = false;
/** So many requests were answered with a success. */
let done = 0;
let unclear = 0;

beforeAll(async () => {
  fleet = await Fleet.start({ storages: 4, frontends: 3, fileservers: 4, data: 'all' });
});
afterAll(() => fleet?.stop());

/** @returns undefined where the outcome is not known, or nobody can do it now */
async function ask(
  client: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Promise<Answer | undefined> {
  const { address } = fleet.frontend(client % fleet.frontends.length);
  const answer = await dav(address, method, path, headers, body).catch(() => undefined);
  if (answer !== undefined && answer.status < 500) {
    if (answer.status < 300) done++;
    return answer;
  }
  unclear++;
  // So that a frontend that is down is not all that its clients have to do.
  await pause(20);
  return undefined;
}

/** Asks until somebody knows. */
async function told(...request: Parameters<typeof ask>): Promise<Answer> {
  for (;;) {
    const answer = await ask(...request);
    if (answer !== undefined) return answer;
  }
}

/** The names that a file was given; it must be under one of them. */
interface MovedFile {
  readonly content: Buffer;
  readonly names: string[];
}

async function move(client: number, file: MovedFile): Promise<void> {
  const first = `/dav/m0/${client}-0`;
  const put = await told(client, 'PUT', first, {}, file.content);
  if (![201, 204].includes(put.status)) broken.push(`PUT ${put.status} ${put.text}`);
  let from = first;
  for (let round = 1; !isOver; round++) {
    const to = `/dav/m${round % FOLDERS}/${client}-${round}`;
    file.names.push(to);
    let isClear = true;
    for (;;) {
      const moved = await ask(client, 'MOVE', from, { destination: to });
      // Of a 207 the copy may be there, and its former name as well.
      if (moved === undefined || moved.status === 207) {
        isClear = false;
        continue;
      }
      const isMoved = moved.status === 201 || moved.status === 204;
      if (!isMoved && (isClear || moved.status !== 404)) {
        broken.push(`MOVE of ${from}, clear ${isClear}: ${moved.status} ${moved.text}`);
      }
      break;
    }
    const there = await told(client, 'GET', to);
    if (!there.bytes.equals(file.content))
      broken.push(`${to}: ${there.status}, moved from ${from}`);
    if (isClear) {
      const left = await told(client, 'GET', from);
      if (left.status !== 404) broken.push(`${from}: ${left.status} after it was moved`);
    }
    from = to;
  }
}

/** The versions of a file that were sent, and how many of them were acknowledged when a read begins. */
interface WrittenFile {
  readonly sent: string[];
  acknowledged: number;
}

async function write(client: number, file: WrittenFile): Promise<void> {
  const path = `/dav/w${client}`;
  for (let version = 1; !isOver; version++) {
    const name = `${path} ${version}`;
    file.sent.push(name);
    const stored = await ask(client, 'PUT', path, {}, contentOf(name));
    if (stored !== undefined) {
      if (![201, 204].includes(stored.status)) broken.push(`PUT ${stored.status} ${stored.text}`);
      else file.acknowledged = version;
    }
    const from = file.acknowledged;
    // What is stored through one frontend is there for all of them.
    const read = await ask(client + 1, 'GET', path);
    if (read !== undefined && from > 0) expectOneOf(path, read, file.sent.slice(from - 1));
  }
}

function expectOneOf(path: string, read: Answer, names: readonly string[]): void {
  if (names.some((name) => contentOf(name).equals(read.bytes))) return;
  broken.push(
    `${path}: ${read.status}, ${read.bytes.length} bytes of no version that may be there`,
  );
}

/** The client that holds a lock, from its answer until it begins to give it back. */
const holders = new Map<string, string>();
/** Owners whose LOCK had no answer: it may have been granted, or may still be. */
const abandoned = new Set<string>();

async function lock(client: number): Promise<void> {
  for (let round = 0; !isOver; round++) {
    const path = `/dav/locked-${(client + round) % LOCKS}`;
    const owner = `owner ${client}-${round}`;
    const headers = { timeout: 'Second-36000' };
    const locked = await ask(client, 'LOCK', path, headers, lockInfo(owner));
    if (locked === undefined) abandoned.add(owner);
    else if (locked.status === 423) await unlockAbandoned(client, path);
    else if (locked.status < 300)
      await hold(client, path, owner, `${locked.headers['lock-token']}`);
    else broken.push(`LOCK ${locked.status} ${locked.text}`);
  }
}

async function hold(client: number, path: string, owner: string, token: string): Promise<void> {
  const other = holders.get(path);
  if (other !== undefined) broken.push(`${path} is locked by ${other} and ${owner}`);
  holders.set(path, owner);
  const content = contentOf(owner);
  const put = await told(client, 'PUT', path, { if: `(${token})` }, content);
  if (![201, 204].includes(put.status)) broken.push(`PUT under a lock: ${put.status} ${put.text}`);
  const passing = await ask(client + 1, 'PUT', path, {}, 'passed');
  if (passing !== undefined && passing.status !== 423) {
    broken.push(`${path} was written in spite of a lock: ${passing.status}`);
  }
  const read = await told(client + 1, 'GET', path);
  if (!read.bytes.equals(content)) broken.push(`${path} is not what was stored under its lock`);
  holders.delete(path);
  await unlock(client, path, token);
}

async function unlock(client: number, path: string, token: string): Promise<void> {
  let isClear = true;
  for (;;) {
    const unlocked = await ask(client, 'UNLOCK', path, { 'lock-token': token });
    if (unlocked === undefined) {
      isClear = false;
      continue;
    }
    if (unlocked.status !== 204 && (isClear || unlocked.status !== 409)) {
      broken.push(`UNLOCK, clear ${isClear}: ${unlocked.status} ${unlocked.text}`);
    }
    return;
  }
}

/** A lock whose owner never learned of it would last for hours. */
async function unlockAbandoned(client: number, path: string): Promise<void> {
  const body = '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>';
  const found = await ask(client, 'PROPFIND', path, { depth: '0' }, body);
  const [owner = ''] = /owner \d+-\d+/.exec(found?.text ?? '') ?? [];
  const [token = ''] = /urn:uuid:[0-9a-f-]+/.exec(found?.text ?? '') ?? [];
  if (!abandoned.has(owner) || token === '') return;
  // Several may find it: one of them takes it away, and 409 is for the others.
  await ask(client, 'UNLOCK', path, { 'lock-token': `<${token}>` });
}

test('nothing is lost, no lock is held by two or passed, and a MOVE leaves a name', async () => {
  for (let folder = 0; folder < FOLDERS; folder++) await told(0, 'MKCOL', `/dav/m${folder}/`);
  const moved = Array.from({ length: MOVERS }, (_, client) => ({
    content: contentOf(`moved ${client}`),
    names: [`/dav/m0/${client}-0`],
  }));
  const written = Array.from(
    { length: WRITERS },
    (): WrittenFile => ({ sent: [], acknowledged: 0 }),
  );
  const working = Promise.all([
    ...moved.map((file, client) => move(client, file)),
    ...written.map((file, client) => write(client, file)),
    ...Array.from({ length: LOCKERS }, (_, client) => lock(client)),
  ]);
  const more = async () => {
    const before = done;
    await until(() => done >= before + 10 * (MOVERS + WRITERS + LOCKERS));
  };
  const kill = async (node: Node) => {
    await node.kill();
    await more();
    node.start();
    await fleet.untilReady(node);
  };
  const stop = async (node: Node) => {
    node.signal('SIGSTOP');
    await more();
    node.signal('SIGCONT');
  };
  try {
    await more();
    await stop(fleet.storage(0));
    await kill(fleet.fileserver(0));
    await stop(fleet.frontend(1));
    await kill(fleet.storage(1));
    await stop(fleet.fileserver(1));
    await kill(fleet.frontend(2));
    await more();
  } finally {
    isOver = true;
    await working;
  }
  for (const [client, { content, names }] of moved.entries()) {
    const found: number[] = [];
    for (const name of names.toReversed()) {
      const { status, bytes } = await told(client, 'GET', name);
      if (status === 200 && bytes.equals(content)) found.push(status);
      if (found.length > 0) break;
    }
    if (found.length === 0) broken.push(`the file of client ${client} is under no name`);
  }
  for (const [client, { sent, acknowledged }] of written.entries()) {
    const path = `/dav/w${client}`;
    expectOneOf(path, await told(client, 'GET', path), sent.slice(Math.max(0, acknowledged - 1)));
  }
  console.info(`${done} requests done, ${unclear} without an outcome`);
  expect(broken).toEqual([]);
});
