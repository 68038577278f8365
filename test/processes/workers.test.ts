// One frontend of several processes: to its clients it is one, whatever happens to one of them.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, knock } from '../helpers/client.ts';
import {
  childrenOf,
  freePorts,
  isAlive,
  type LocalCluster,
  type Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

const WORKERS = 3;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A cluster, and beside its own frontend one with workers that is the test's own process. */
async function start(): Promise<{ cluster: LocalCluster; frontend: Started; address: string }> {
  const cluster = await startCluster({ frontends: 1, storages: 2, redundancy: 2 });
  cleanUps.push(() => cluster.stop());
  const { frontend, address } = await startFrontend(cluster.controller);
  await until(async () => (await workersAt(address)) === WORKERS && (await isReady(address)));
  return { cluster, frontend, address };
}

async function startFrontend(controller: string): Promise<{ frontend: Started; address: string }> {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const frontend = velour(['frontend', controller, address, '--workers', `${WORKERS}`]);
  cleanUps.push(() => frontend.stop('SIGKILL'));
  return { frontend, address };
}

/** A way to a controller on which nothing gets through at first but the first connection. */
async function reachedByTheFirst(controller: string) {
  const held: Socket[] = [];
  let isFirst = true;
  let isHeld = true;
  const pass = (from: Socket) => {
    const to = connect(Number(controller.split(':')[1]), '127.0.0.1');
    from.pipe(to).pipe(from);
    for (const end of [from, to]) end.on('error', () => undefined);
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
  };
  const server = createServer((socket) => {
    if (isFirst || !isHeld) pass(socket);
    else held.push(socket.on('error', () => undefined));
    isFirst = false;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  const release = () => {
    isHeld = false;
    for (const socket of held) if (!socket.destroyed) pass(socket);
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, release };
}

function workersOf(frontend: Started): readonly { number: number; pid: number }[] {
  return childrenOf(frontend.pid).flatMap(({ title, pid }) => {
    const number = / worker (\d+)$/.exec(title)?.[1];
    return number === undefined ? [] : [{ number: Number(number), pid }];
  });
}

function pidOf(frontend: Started, worker: number): number {
  return workersOf(frontend).find(({ number }) => number === worker)?.pid ?? 0;
}

/** Each on a connection of its own, so each may be another worker's. */
const ask = (address: string, path: string): Promise<Answer> => knock({ address }, path);

async function isReady(address: string): Promise<boolean> {
  return (await ask(address, '/readyz').catch(() => undefined))?.status === 200;
}

async function metricsOf(address: string): Promise<ReadonlyMap<string, number>> {
  const { text } = await ask(address, '/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}

/** Both ends of the connections to a port, as the system has them: the one of the server tells who has it. */
function connectionsOf(port: number): string {
  const shown = spawnSync('ss', ['-tanp', `( sport = :${port} or dport = :${port} )`]);
  return shown.error?.message ?? `${shown.stdout}`;
}

/** How many take connections; undefined while nobody does. */
async function workersAt(address: string): Promise<number | undefined> {
  return (await metricsOf(address).catch(() => undefined))?.get('velourfog_workers');
}

const taken = (metrics: ReadonlyMap<string, number>, worker: number) =>
  metrics.get(`velourfog_worker_requests_total{worker="${worker}"}`) ?? 0;

/** One connection that is kept as long as it lasts; asks again and again, and notes what came of it. */
class Client {
  readonly outcomes: (number | string)[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ended: Promise<void>;
  #stopped = false;

  constructor(address: string, path: (index: number) => string) {
    this.#ended = this.#run(address, path);
  }

  get failures(): readonly string[] {
    return this.outcomes.filter((outcome) => typeof outcome === 'string');
  }

  /** @returns once the request in progress is answered */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#ended;
  }

  /** Until it is stopped or nobody listens any more. */
  async #run(address: string, path: (index: number) => string): Promise<void> {
    while (!this.#stopped && this.outcomes.at(-1) !== 'ECONNREFUSED') {
      this.outcomes.push(await this.#ask(`http://${address}${path(this.outcomes.length)}`));
    }
    this.#agent.destroy();
  }

  #ask(url: string): Promise<number | string> {
    return new Promise((resolve) => {
      request(url, { agent: this.#agent }, (response) =>
        response
          .resume()
          .on('end', () => resolve(outcomeOf(response)))
          .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)),
      )
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        .end();
    });
  }
}

/** What failed says why, so that a failing test does. */
function outcomeOf({ statusCode = 0, headers }: IncomingMessage): number | string {
  return statusCode === 200 ? 200 : `${statusCode} ${headers['x-fog-error']}`;
}

function startClients(count: number, address: string): readonly Client[] {
  const clients = Array.from(
    { length: count },
    (_, number) => new Client(address, (index) => `/set?key=${number}&value=${index}`),
  );
  cleanUps.push(() => Promise.all(clients.map((client) => client.stop())));
  return clients;
}

const allGoOn = (clients: readonly Client[]) => {
  const before = clients.map(({ outcomes }) => outcomes.length);
  return until(() =>
    clients.every(({ outcomes }, index) => outcomes.length > (before[index] ?? 0)),
  );
};

describe('a frontend with workers', () => {
  test('all of them serve, and each answers for all: readiness, figures, hot keys', async () => {
    const { frontend, address } = await start();
    expect(childrenOf(frontend.pid).map(({ title }) => title)).toEqual(
      [1, 2, 3].map((number) => `velour frontend ${address} worker ${number}`),
    );
    for (let index = 0; index < 30; index++) {
      expect((await ask(address, `/set?key=k${index % 2}&value=x`)).status).toBe(200);
    }
    for (let index = 0; index < 2 * WORKERS; index++) {
      const metrics = await metricsOf(address);
      expect(metrics.get('velourfog_requests_total{op="set",code="200"}')).toBe(30);
      expect(metrics.get('velourfog_request_duration_seconds_count{op="set"}')).toBe(30);
      expect(metrics.get('velourfog_request_duration_seconds_bucket{op="set",le="+Inf"}')).toBe(30);
      expect(metrics.get('velourfog_workers')).toBe(WORKERS);
      expect(metrics.get('velourfog_worker_restarts_total')).toBe(0);
      expect(metrics.get('velourfog_build_info{version="0.1.0",role="frontend"}')).toBe(1);
      for (const worker of [1, 2, 3]) expect(taken(metrics, worker)).toBeGreaterThan(0);
      const sets = JSON.parse((await ask(address, '/v1/hotkeys')).text).sets;
      expect(sets.keys.map(({ key }: { key: string }) => key).sort()).toEqual(['k0', 'k1']);
      const ready = await ask(address, '/readyz?verbose');
      expect([ready.status, ready.text]).toEqual([200, expect.stringContaining('[+]workers ok')]);
    }
  });

  test('without a map all of them say so, and all serve once they have one', async () => {
    const [port = 0] = await freePorts(1);
    const { address } = await startFrontend(`127.0.0.1:${port}`);
    await until(async () => (await workersAt(address)) === WORKERS);
    expect((await ask(address, '/readyz')).text).toMatch(/^\[-\]map failed: worker \d: /m);
    const env = { CONTROLLER_PORT: `${port}` };
    const cluster = await startCluster({ storages: 2, redundancy: 2, env });
    cleanUps.push(() => cluster.stop());
    await until(() => isReady(address));
    expect(await workersAt(address)).toBe(WORKERS);
  });

  test('beside one that is ready the others take connections once they are', async () => {
    const cluster = await startCluster({ storages: 2, redundancy: 2 });
    cleanUps.push(() => cluster.stop());
    // Only the first worker, which is started before the others, reaches the controller.
    const { address: controller, release } = await reachedByTheFirst(cluster.controller);
    const { frontend, address } = await startFrontend(controller);
    // A busy machine may have started them before the first one is ready: they would not wait for it then.
    await until(() => workersOf(frontend).length === WORKERS);
    const others = workersOf(frontend).filter(({ number }) => number > 1);
    for (const { pid } of others) process.kill(pid, 'SIGSTOP');
    await until(() => isReady(address));
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
    for (const worker of [2, 3]) {
      await frontend.printed('stderr', `"worker":${worker},"problem":"map: `);
    }
    expect(await workersAt(address)).toBe(1);
    expect(await isReady(address)).toBe(true);
    release();
    await until(async () => (await workersAt(address)) === WORKERS);
    for (let index = 0; index < 2 * WORKERS; index++) {
      expect((await ask(address, `/set?key=${index}&value=1`)).text).toBe('Ok\n');
    }
  });

  test('kill -9 of one under load breaks its connections only, and it is started again', async () => {
    const { frontend, address } = await start();
    const clients = startClients(12, address);
    await allGoOn(clients);
    const before = await metricsOf(address);
    const victim = pidOf(frontend, 2);
    process.kill(victim, 'SIGKILL');
    await until(() => ![0, victim].includes(pidOf(frontend, 2)));
    await until(async () => (await metricsOf(address)).get('velourfog_workers') === WORKERS);
    const had = taken(await metricsOf(address), 2);
    // Who lost its connection may have found another worker before this one was there: a new connection finds it.
    await until(async () => {
      await knock({ address }, '/livez');
      return taken(await metricsOf(address), 2) > had;
    });
    await allGoOn(clients);
    await Promise.all(clients.map((client) => client.stop()));
    // No answer says that anything failed. A connection broke, and those of others did not; who connected again at once
    // may have been dealt to the dead one again, before its death was noticed.
    for (const { failures } of clients) {
      expect(failures.length).toBeLessThanOrEqual(2);
      for (const failure of failures) expect(['ECONNRESET', 'EPIPE']).toContain(failure);
    }
    const broken = clients.filter(({ failures }) => failures.length > 0);
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.length).toBeLessThan(12);
    // Sums go on from where they were, also of the worker that is gone.
    const after = await metricsOf(address);
    expect(after.get('velourfog_worker_restarts_total')).toBe(1);
    for (const [name, value] of before) {
      if (!/_(?:total|count|bucket|sum)\b/.test(name)) continue;
      expect(after.get(name), name).toBeGreaterThanOrEqual(value);
    }
    expect(frontend.stderr).toMatch(/"msg":"a worker ended".*"worker":2,"how":"SIGKILL"/);
  });

  test('no connection is left open that was dealt to a worker which died before it took it', async () => {
    const { frontend, address } = await start();
    const port = Number(address.split(':')[1]);
    let isOver = false;
    const open = new Set<Socket>();
    const connectOnce = () =>
      new Promise<void>((ended) => {
        // Nothing gives up: a connection that nobody serves stays.
        const socket = connect(port, '127.0.0.1');
        open.add(socket);
        socket.on('connect', () => socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'));
        socket.on('data', () => socket.destroy());
        socket.on('error', () => undefined);
        socket.on('close', () => {
          open.delete(socket);
          ended();
        });
      });
    const connectAgain = async () => {
      while (!isOver) await connectOnce();
    };
    const clients = Array.from({ length: 16 }, connectAgain);
    // Each death finds a connection that was dealt and not taken about every second time.
    for (let death = 0; death < 10; death++) {
      const [victim] = workersOf(frontend);
      process.kill(victim?.pid ?? 0, 'SIGKILL');
      await until(() => workersOf(frontend).every(({ pid }) => pid !== victim?.pid));
      await until(() => workersOf(frontend).length > 0);
    }
    isOver = true;
    await until(() => open.size === 0).catch(() => {
      const left = [...open].map((socket) => `${socket.localPort} ${socket.readyState}`);
      throw new Error(`left are ${left.join(', ')}\n${connectionsOf(port)}\n${frontend.stderr}`);
    });
    await Promise.all(clients);
  });

  test('SIGTERM finishes what is in progress and refuses the rest: no request fails', async () => {
    const { frontend, address } = await start();
    const workers = workersOf(frontend);
    const clients = startClients(12, address);
    await allGoOn(clients);
    expect(await frontend.stop('SIGTERM')).toBe(0);
    await until(() => clients.every(({ outcomes }) => outcomes.at(-1) === 'ECONNREFUSED'));
    for (const { outcomes } of clients) {
      expect(outcomes.slice(0, -1).filter((outcome) => outcome !== 200)).toEqual([]);
    }
    expect(workers.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  test('a signal to the whole group stops it in the same order', async () => {
    const { frontend, address } = await start();
    const clients = startClients(6, address);
    await allGoOn(clients);
    for (const { pid } of workersOf(frontend)) process.kill(pid, 'SIGTERM');
    await allGoOn(clients);
    expect(await frontend.stop('SIGINT')).toBe(0);
    for (const { outcomes } of clients) {
      expect(outcomes.filter((outcome) => ![200, 'ECONNREFUSED'].includes(outcome))).toEqual([]);
    }
  });

  test('a second signal ends all at once, with 143', async () => {
    const { frontend, address } = await start();
    const workers = workersOf(frontend);
    const headers = { 'content-length': 10, expect: '100-continue' };
    const slow = request(`http://${address}/set?key=slow`, { method: 'POST', headers });
    slow.on('error', () => undefined).flushHeaders();
    await once(slow, 'continue');
    slow.write('half');
    frontend.child.kill('SIGTERM');
    await frontend.printed('stderr', '"signal":"SIGTERM"');
    expect(await frontend.stop('SIGTERM')).toBe(143);
    await until(() => workers.every(({ pid }) => !isAlive(pid)));
  });

  test('no worker outlives kill -9 of the primary', async () => {
    const { frontend, address } = await start();
    const workers = workersOf(frontend);
    await frontend.stop('SIGKILL');
    await until(() => workers.every(({ pid }) => !isAlive(pid)));
    await expect(ask(address, '/livez')).rejects.toThrow('ECONNREFUSED');
  });

  test('one that stands in for another takes connections once it can serve, or is the last', async () => {
    const { cluster, frontend, address } = await start();
    expect((await ask(address, '/set?key=a&value=1')).text).toBe('Ok\n');
    const controller = childrenOf(cluster.process.pid).find(({ title }) =>
      title.startsWith('velour controller'),
    );
    process.kill(controller?.pid ?? 0, 'SIGKILL');
    const kill = async (worker: number) => {
      const pid = pidOf(frontend, worker);
      process.kill(pid, 'SIGKILL');
      await until(() => ![0, pid].includes(pidOf(frontend, worker)));
    };
    // Without the controller it gets no map, and has nothing to serve with.
    await kill(1);
    await frontend.printed('stderr', '"worker":1,"problem":"controller');
    for (let index = 0; index < 3 * WORKERS; index++) {
      expect((await ask(address, '/get?key=a')).text).toBe('1');
      expect((await ask(address, '/readyz')).status).toBe(200);
    }
    await kill(2);
    await kill(3);
    await until(async () => {
      const answer = await ask(address, '/readyz').catch(() => undefined);
      return answer?.status === 503 && answer.text.includes('[-]map failed: worker ');
    });
    expect((await ask(address, '/get?key=a')).headers['x-fog-error']).toBe('not-ready');
    // Not only the one that was started last: those that waited were told to wait no more.
    await until(async () => ((await workersAt(address)) ?? 0) >= 2);
  });
});

test('a busy port ends the start with 69 and one line that names it', async () => {
  const [port = 0, controller = 0] = await freePorts(2);
  const holder = createServer().listen(port, '127.0.0.1');
  cleanUps.push(() => holder.close());
  const words = ['frontend', `127.0.0.1:${controller}`, `127.0.0.1:${port}`, '--workers', '4'];
  const frontend = velour(words);
  cleanUps.push(() => frontend.stop('SIGKILL'));
  expect(await frontend.exit()).toBe(69);
  const lines = frontend.stderr.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    `port ${port} on 127.0.0.1 is in use; stop who has it, or choose another port`,
  ]);
});

test('velour local gives its frontends as many, and none outlives it', async () => {
  const cluster = await startCluster({
    frontends: 1,
    storages: 1,
    redundancy: 1,
    env: { WORKERS: '2' },
  });
  cleanUps.push(() => cluster.stop());
  const [address = ''] = cluster.frontends;
  const primary = childrenOf(cluster.process.pid).find(({ title }) => title.endsWith(address));
  await until(async () => (await metricsOf(address)).get('velourfog_workers') === 2);
  const started = childrenOf(primary?.pid ?? 0);
  expect(started.map(({ title }) => title)).toEqual(
    [1, 2].map((number) => `velour frontend ${address} worker ${number}`),
  );
  expect(await cluster.stop()).toBe(0);
  expect(started.filter(({ pid }) => isAlive(pid))).toEqual([]);
});
