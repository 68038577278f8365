// Every request that reaches a frontend is answered exactly once, through pauses of every role, with real processes and
// many connections that set, get and delete a hot key and others. How they are answered does not matter here, nor how
// soon: on a slow machine more of them are refused.
//
// The figures are printed. ONE_ANSWER_CONNECTIONS=1000 ONE_ANSWER_PAUSES=10 is the full run, some five minutes.

import { expect, onTestFinished, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { type Asked, CountingConnection, type Reply } from '../helpers/counting-client.ts';
import { Fleet, type Node, pause } from '../helpers/fleet.ts';

const CONNECTIONS = Number(process.env.ONE_ANSWER_CONNECTIONS ?? 100);
/** Of each role. */
const PAUSES = Number(process.env.ONE_ANSWER_PAUSES ?? 1);
const TIME_SCALE = Number(process.env.ONE_ANSWER_TIME_SCALE ?? 1);
const PAUSE_MS_MIN = 1000 * TIME_SCALE;
const PAUSE_MS_MAX = 7000 * TIME_SCALE;
/** Far above every deadline: what is not answered then never is. */
const ANSWER_MS_MAX = 100_000;
const COLD_KEYS = 50;
/** They do nothing but set the hot key, so that sets coalesce others. */
const HOT_CONNECTIONS = CONNECTIONS / 2;
/**
 * So long before a frontend is stopped they do not wait between their requests. It is to be stopped amid its work: one
 * that was idle looks for what is late before it reads what has come.
 */
const FLOOD_MS = 500;

/** From the least to the most, spread; the first is longer than a set may wait, and shorter than its deadline. */
function pauseMs(index: number): number {
  const share = (0.77 + index * 0.618) % 1;
  return PAUSE_MS_MIN + share * (PAUSE_MS_MAX - PAUSE_MS_MIN);
}

/** Connections that ask, wait for the reply, and ask again a while later. */
class Clients {
  readonly connections: readonly CountingConnection[];
  readonly statuses = new Map<string, number>();
  /** Replies that are none to what was asked. */
  readonly wrong: string[] = [];
  slowestMs = 0;
  hotSetsStored = 0;
  /** While a flood of sets of the hot key is wanted. */
  isFlooded = false;
  readonly #running: readonly Promise<void>[];
  #stopped = false;

  private constructor(connections: readonly CountingConnection[]) {
    this.connections = connections;
    this.#running = connections.map((connection, index) => this.#run(connection, index));
  }

  static async open({ frontends }: Fleet): Promise<Clients> {
    const connections: CountingConnection[] = [];
    while (connections.length < CONNECTIONS) {
      for (const { address } of frontends) connections.push(await CountingConnection.open(address));
    }
    return new Clients(connections);
  }

  async #run(connection: CountingConnection, index: number): Promise<void> {
    const isHot = index < HOT_CONNECTIONS;
    // So many connections, so much longer each waits: some thousand requests a second, however many there are.
    const waitMs = () => Math.random() * this.connections.length;
    await pause(waitMs());
    while (!this.#stopped) {
      const request = isHot ? setOf('hot') : anyRequest();
      const startMs = performance.now();
      const reply = await connection.ask(request.asked);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      const name = `${request.verb} ${reply.status}`;
      this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1);
      if (isHot && reply.status === 200) this.hotSetsStored++;
      if (!answers(request, reply)) this.wrong.push(`${request.asked.path}: ${reply.head}`);
      if (!isHot || !this.isFlooded) await pause(waitMs());
    }
  }

  /** @returns how many of the requests that are under way were not answered */
  async unanswered(): Promise<number> {
    const before = this.connections.map(({ requests }) => requests);
    const left = () =>
      this.connections.filter(({ replies }, index) => replies < (before[index] ?? 0)).length;
    await untilAtMost(() => left() === 0);
    return left();
  }

  /** The next pause should not only meet what still waits because of the last one. */
  async untilHotSetsAreStored(): Promise<void> {
    const before = this.hotSetsStored;
    await untilAtMost(() => this.hotSetsStored > before + this.connections.length);
  }

  /** @returns how many requests were not answered */
  async stop(): Promise<number> {
    this.#stopped = true;
    const left = await this.unanswered();
    if (left === 0) await Promise.all(this.#running);
    return left;
  }

  close(): void {
    this.#stopped = true;
    for (const connection of this.connections) connection.close();
  }

  sum(figure: 'requests' | 'replies' | 'unasked'): number {
    return this.connections.reduce((sum, connection) => sum + connection[figure], 0);
  }
}

/** Or until the time is over in which everything is answered. */
async function untilAtMost(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + ANSWER_MS_MAX;
  while (!condition() && performance.now() < endMs) await pause(20);
}

interface Request {
  readonly verb: 'set' | 'get' | 'delete';
  readonly key: string;
  readonly asked: Asked;
}

function anyRequest(): Request {
  const key = Math.random() < 0.5 ? 'hot' : `cold-${Math.floor(Math.random() * COLD_KEYS)}`;
  const chance = Math.random();
  if (chance < 0.3) return { verb: 'get', key, asked: { method: 'GET', path: `/get?key=${key}` } };
  if (chance < 0.7) return setOf(key);
  const asked = { method: 'DELETE', path: `/delete?key=${key}` } as const;
  return { verb: 'delete', key, asked };
}

function setOf(key: string): Request {
  const body = `${key} ${Math.random()}`;
  const asked: Asked =
    Math.random() < 0.5
      ? { method: 'POST', path: `/set?key=${key}`, body }
      : { method: 'GET', path: `/set?key=${key}&value=${encodeURIComponent(body)}` };
  return { verb: 'set', key, asked };
}

/** Whether it can be the reply to that, and not to another request. */
function answers({ verb, key }: Request, { status, body }: Reply): boolean {
  if (status >= 500) return status === 503 || status === 504;
  if (verb === 'get') return status === 404 || (status === 200 && body.startsWith(`${key} `));
  return status === 200 && body === 'Ok\n';
}

async function figureOf({ address }: Node, name: string): Promise<number> {
  const { text } = await call(address, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test('H41, H19: each request is answered once, while each role in turn stands still', {
  timeout: 600_000 + ANSWER_MS_MAX + 3 * PAUSES * 60_000,
}, async () => {
  const fleet = await Fleet.start({ storages: 4, timeScale: TIME_SCALE });
  onTestFinished(() => fleet.stop());
  const clients = await Clients.open(fleet);
  onTestFinished(() => clients.close());
  await pause(PAUSE_MS_MIN);
  const standStill = async (node: Node, stoppedMs: number) => {
    await clients.untilHotSetsAreStored();
    clients.isFlooded = node.role === 'frontend';
    await pause(FLOOD_MS);
    node.signal('SIGSTOP');
    clients.isFlooded = false;
    await pause(stoppedMs);
    node.signal('SIGCONT');
    const after = `after ${stoppedMs.toFixed(0)} ms without ${node.role} ${node.address}`;
    expect(await clients.unanswered(), `unanswered ${after}`).toBe(0);
  };
  for (let index = 0; index < PAUSES; index++) {
    const { frontends, storages, controller } = fleet;
    await standStill(fleet.frontend(index % frontends.length), pauseMs(index));
    await standStill(fleet.storage(index % storages.length), pauseMs(index));
    await standStill(controller, pauseMs(index));
  }
  expect(await clients.stop()).toBe(0);

  const requests = clients.sum('requests');
  const waiting = await Promise.all(
    fleet.frontends.map((node) => figureOf(node, 'velourfog_waiting_sets ')),
  );
  const answered = await Promise.all(
    fleet.frontends.map((node) => figureOf(node, 'velourfog_requests_total')),
  );
  const coalesced = await Promise.all(
    fleet.frontends.map((node) => figureOf(node, 'velourfog_coalesced_sets_total ')),
  );
  console.log(
    [
      `${CONNECTIONS} connections, ${PAUSES} pauses of each role: ${requests} requests`,
      `${clients.sum('replies')} replies, slowest ${clients.slowestMs.toFixed(0)} ms`,
      `waiting sets ${waiting}, coalesced ${coalesced}, answered by the frontends ${answered}`,
      JSON.stringify(Object.fromEntries([...clients.statuses].sort())),
    ].join('; '),
  );
  expect(clients.connections.filter(({ broken }) => broken !== undefined)).toEqual([]);
  expect(clients.wrong).toEqual([]);
  expect([clients.sum('replies'), clients.sum('unasked')]).toEqual([requests, 0]);
  // A second answer to a request does not get as far as its connection, but is counted.
  expect(answered.reduce((sum, count) => sum + count, 0)).toBe(requests);
  expect(waiting).toEqual(fleet.frontends.map(() => 0));
  // Else nothing of it was tested.
  expect(coalesced.every((count) => count > 0)).toBe(true);
});
