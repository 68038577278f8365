// Each file server of a cluster is replaced while clients of a broker read and store: drained, stopped and removed, one after the
// other, as docs/broker.md walks through it. No request fails, and in the end each file has all of its copies.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { freePorts, type Started, until, velour } from '../helpers/cluster.ts';
import { Fleet, TIME_SCALE } from '../helpers/fleet.ts';

const UNITS = 3;
const CLIENTS = 32;
const NAMES_PER_CLIENT = 10;
/** Longer than what a record would keep. */
const BYTES = 70_000;
const COPIES = 2;

const cleanUps: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const source = randomBytes(1_000_000);

/** Clients that follow redirects, and try nothing twice. */
class RedirectedLoad {
  readonly failures: string[] = [];
  /** The paths of files that are stored. */
  readonly stored = new Set<string>();
  reads = 0;
  #isOver = false;
  readonly #brokers: readonly string[];
  readonly #workers: readonly Promise<void>[];

  constructor(brokers: readonly string[]) {
    this.#brokers = brokers;
    this.#workers = Array.from({ length: CLIENTS }, (_, client) => this.#work(client));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
  }

  async #work(client: number): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      const broker = this.#brokers[turn % this.#brokers.length] ?? '';
      const what = client % 2 === 0 ? this.#upload(client, turn, broker) : this.#read(turn, broker);
      await what.catch((error: unknown) => this.failures.push(String(error)));
    }
  }

  async #upload(client: number, turn: number, broker: string): Promise<void> {
    const path = `/load/${client}/${turn % NAMES_PER_CLIENT}.bin`;
    const begin = (client * 7919 + turn * 104_729) % (source.length - BYTES);
    const body = source.subarray(begin, begin + BYTES);
    const redirect = await call(broker, path, {
      method: 'PUT',
      headers: { 'content-length': '0' },
    });
    if (redirect.status !== 307) return this.#failed('PUT', path, redirect);
    const { host, pathname } = new URL(String(redirect.headers.location));
    const answer = await call(host, pathname, { method: 'PUT', body });
    if (answer.status !== 201 && answer.status !== 204) return this.#failed('PUT', path, answer);
    this.stored.add(path);
  }

  async #read(turn: number, broker: string): Promise<void> {
    const paths = [...this.stored];
    const path = paths[(turn * 7919) % Math.max(1, paths.length)];
    if (path === undefined) return new Promise((resolve) => setImmediate(resolve));
    const redirect = await call(broker, path);
    if (redirect.status !== 302) return this.#failed('GET', path, redirect);
    const { host, pathname } = new URL(String(redirect.headers.location));
    const answer = await call(host, pathname);
    if (answer.status !== 200) return this.#failed('GET', path, answer);
    // Others store another version meanwhile: what comes is the one that the broker has told of.
    const digest = createHash('sha512').update(answer.bytes).digest('base64');
    if (!String(redirect.headers['repr-digest']).includes(`sha-512=:${digest}:`)) {
      this.failures.push(`GET ${path}: bytes of another version`);
    }
    this.reads++;
    return undefined;
  }

  #failed(method: string, path: string, { status, text }: { status: number; text: string }): void {
    this.failures.push(`${method} ${path}: ${status} ${text.slice(0, 200)}`);
  }
}

test('each unit is drained, stopped and removed under load, and no request fails', async () => {
  const [first = 0, second = 0, ...unitPorts] = await freePorts(2 + UNITS);
  const fleet = await Fleet.start({
    storages: 2,
    frontends: 2,
    redundancy: 2,
    fileservers: UNITS,
    optionsFor: ({ role, index }) =>
      role === 'frontend' ? ['--broker-port', `${index === 0 ? first : second}`] : [],
  });
  cleanUps.push(() => fleet.stop());
  const folder = mkdtempSync(join(tmpdir(), 'velour-units-'));
  cleanUps.push(() => rmSync(folder, { recursive: true }));
  const brokers = [first, second].map((port) => `127.0.0.1:${port}`);
  const { address: controller } = fleet.controller;
  await until(async () => (await call(brokers[1] ?? '', '/a', { method: 'PUT' })).status === 307);

  const operate = async (...words: readonly string[]): Promise<void> => {
    const started = velour([...words, '--controller', controller]);
    expect(await started.exit(), `${words.join(' ')}: ${started.stderr}`).toBe(0);
  };
  const startUnit = (port: number): Started => {
    const own = `127.0.0.1:${port}`;
    const data = ['--data-dir', join(folder, `unit-${port}`), '--time-scale', `${TIME_SCALE}`];
    const unit = velour(['fileserver', controller, own, ...data]);
    cleanUps.push(() => unit.stop('SIGKILL'));
    return unit;
  };
  const serversOf = async (broker: string) =>
    JSON.parse((await call(broker, '/.broker/servers')).text).servers as readonly {
      readonly address: string;
      readonly up: boolean;
    }[];

  const load = new RedirectedLoad(brokers);
  cleanUps.push(() => load.stop());
  await until(() => load.reads > 100);
  for (const [index, unit] of fleet.fileservers.entries()) {
    const port = unitPorts[index] ?? 0;
    startUnit(port);
    await until(async () => {
      const all = await Promise.all(brokers.map(serversOf));
      return all.every((servers) =>
        servers.some(({ address, up }) => address === `127.0.0.1:${port}` && up),
      );
    });
    await operate('drain', unit.address);
    const { reads } = load;
    expect(await unit.incarnationId.stop('SIGTERM')).toBe(0);
    await until(() => load.reads > reads + 100);
    await operate('remove', unit.address);
  }
  await until(async () => (await serversOf(brokers[0] ?? '')).length === UNITS);
  const { reads } = load;
  await until(() => load.reads > reads + 100);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.stored.size).toBe((CLIENTS / 2) * NAMES_PER_CLIENT);
  for (const path of load.stored) {
    await until(async () => {
      const { text } = await call(brokers[0] ?? '', `/.broker/files?path=${path}`);
      const { state, copies, locations } = JSON.parse(text);
      return state === 'complete' && copies === COPIES && locations.length === COPIES;
    });
  }
});
