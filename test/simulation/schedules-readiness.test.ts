// Scripted schedules about when a frontend is ready: while it can serve something, as it finds by asking itself.

import { describe, expect, test } from 'vitest';
import type { LogFields } from '../../src/cluster/ports.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 2, redundancy: 2, fsync: 'interval' };

function ask(frontend: SimulatedNode, target: string) {
  const reply = frontend.peek(plainGet(target));
  return { status: reply?.status, text: bytesOf(reply).toString() };
}

function unserved(frontend: SimulatedNode): number {
  const line = /^velourfog_unserved_partitions (\d+)$/m.exec(ask(frontend, '/metrics').text);
  return Number(line?.[1] ?? Number.NaN);
}

/** A cluster, one of its frontends, and what that one logs of what it can serve. */
function watched(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const frontend = stage.frontend(0);
  const lines: (readonly [string, LogFields])[] = [];
  stage.listen(frontend, (message, fields) => {
    if (message.includes('partitions can')) lines.push([message, fields]);
  });
  expect(ask(frontend, '/readyz?complete')).toEqual({ status: 200, text: 'ok\n' });
  return { stage, frontend, lines, storages: stage.cluster.storages };
}

describe('a frontend is not ready', () => {
  test.each(SEEDS)('while all storage nodes are gone, though its map has them, seed %i', (seed) => {
    const { stage, frontend, lines, storages } = watched(seed);
    stage.cluster.controller.crash(false);
    for (const node of storages) node.crash(false);
    stage.until('it is not ready', () => ask(frontend, '/readyz').status === 503);
    expect(ask(frontend, '/readyz').text).toMatch(/\[-]storage failed: .*silent: storage\d:/);
    expect(ask(frontend, '/readyz?exclude=storage').status).toBe(200);
    expect(unserved(frontend)).toBe(stage.map.partitions.length);
    stage.pass(8000);
    expect(lines.map(([message]) => message)).toEqual(['partitions cannot be served from here']);
    stage.cluster.controller.start();
    for (const node of storages) node.start();
    stage.until('it is ready', () => ask(frontend, '/readyz?complete').status === 200, 20_000, 50);
    stage.pass(5000);
    expect(lines.at(-1)?.[0]).toBe('all partitions can be served again');
    expect(lines).toHaveLength(2);
  });

  test('while it has no map, and calls nothing well that it cannot judge without one', () => {
    const stage = new Stage(1, SHAPE);
    const frontend = stage.frontend(0);
    frontend.crash(false);
    stage.cluster.controller.crash(false);
    frontend.start();
    stage.pass(3000);
    const { status, text } = ask(frontend, '/readyz?verbose');
    expect(status).toBe(503);
    expect(text).toContain('[-]map failed: ');
    expect(text).toContain('[?]storage unknown: without a cluster map nobody can say\n');
    expect(text).toContain('\n[?]partitions unknown: without a cluster map nobody can say\n');
    expect(text.match(/^\[\+\]\w+/gm)).toEqual(['[+]running']);
  });

  test.each(SEEDS)('while they stand still, or it is cut off from them, seed %i', (seed) => {
    const { stage, frontend, storages } = watched(seed);
    for (const node of storages) node.process.pause();
    stage.until('it is not ready', () => ask(frontend, '/readyz').status === 503);
    for (const node of storages) node.process.resume();
    stage.until('it is ready', () => ask(frontend, '/readyz').status === 200);
    stage.cut([frontend], stage.allBut(frontend));
    stage.until('it is not ready again', () => ask(frontend, '/readyz').status === 503);
    expect(ask(stage.frontend(1), '/readyz').status).toBe(200);
    stage.heal([frontend], stage.allBut(frontend));
    stage.until('it is ready again', () => ask(frontend, '/readyz').status === 200);
  });
});

describe('a frontend stays ready', () => {
  test.each(SEEDS)('while some partitions are offline, and says so, seed %i', (seed) => {
    const { stage, frontend, lines, storages } = watched(seed);
    const [one, two] = storages.slice(0, 2);
    if (one === undefined || two === undefined) throw new Error('four nodes');
    const served = stage.keyOf(...storages.slice(2));
    for (const node of [one, two]) node.crash(true);
    stage.until('some are missing', () => unserved(frontend) > 0 && lines.length > 0);
    for (let round = 0; round < 20; round++) {
      expect(ask(frontend, '/readyz')).toEqual({ status: 200, text: 'ok\n' });
      stage.pass(500);
    }
    const warning = `${unserved(frontend)} of 16 partitions have no storage node`;
    expect(ask(frontend, '/readyz?verbose').text).toContain(`[!]partitions warning: ${warning}`);
    expect(ask(frontend, '/readyz?complete')).toMatchObject({ status: 503 });
    stage.expectStatus(stage.get(frontend, served), 404);
    let status = '';
    frontend.request(plainGet('/status'), (reply) => {
      status = bytesOf(reply).toString();
    });
    stage.until('its status', () => status !== '');
    expect(JSON.parse(status).warnings.partitions).toContain(warning);
    expect(lines.map(([message]) => message)).toEqual(['partitions cannot be served from here']);
    expect(lines[0]?.[1]).toMatchObject({ of: 16, silent: expect.stringContaining('storage0:') });
  });

  test('while the controller is away', () => {
    const { stage, frontend } = watched(1);
    stage.cluster.controller.crash(false);
    stage.pass(20_000);
    expect(ask(frontend, '/readyz?complete').status).toBe(200);
  });
});
