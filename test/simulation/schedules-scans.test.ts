// Scripted schedules about scans: members change, fail and lose their leases in mid-scan, and each key that was there
// throughout is listed exactly once all the same.

import { expect, test } from 'vitest';
import { Writer } from '../../src/coordinator/operations/set/writer.ts';
import type { ClientOperation } from '../../src/simulation/history.ts';
import { requestOf } from '../../src/simulation/requests.ts';
import { WholeScan } from '../../src/simulation/scans.ts';
import { ReadReply } from '../helpers/read-reply.ts';
import { openClusterClient } from './cluster-client.ts';
import { SEEDS, Stage } from './founded.ts';

const KEYS = Array.from({ length: 80 }, (_, index) => `key${index}`);

function filled(seed: number, spares = 1) {
  const stage = new Stage(seed, {
    storages: 3,
    spares,
    frontends: 2,
    redundancy: 2,
    fsync: 'interval',
    // A page has a few records, so that members change between pages of one partition.
    copyChunkBytes: 150,
  });
  for (const key of KEYS) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  const problems: string[] = [];
  /** Scans all keys while `meanwhile` is called again and again. @returns the gets that the scan amounts to */
  const scanned = (meanwhile: (round: number) => void): readonly ClientOperation[] => {
    let reads: readonly ClientOperation[] | undefined;
    const watch = {
      keys: KEYS,
      others: [],
      nameOf: (value: Buffer) => value.toString(),
      violation: (text: string) => problems.push(text),
    };
    new WholeScan(stage.world, stage.cluster, watch, (whole) => {
      reads = whole;
    }).start();
    for (let round = 0; reads === undefined && round < 2000; round++) {
      meanwhile(round);
      stage.pass(20);
    }
    if (reads === undefined) throw new Error('the scan never ends');
    return reads;
  };
  return { stage, scanned, problems };
}

const listed = (reads: readonly ClientOperation[]) =>
  reads.filter(({ value }) => value !== undefined).map(({ key }) => key);

test.each(SEEDS)('R3: a node comes and another one goes in mid-scan, seed %i', (seed) => {
  const { stage, scanned, problems } = filled(seed);
  const [joiner] = stage.cluster.spares;
  const reads = scanned((round) => {
    if (round === 2) joiner?.start();
    if (round === 20) stage.drain(stage.storage(0));
  });
  expect(problems).toEqual([]);
  expect(listed(reads)).toEqual(KEYS);
  stage.expectKept(reads);
});

test.each(SEEDS)('R3: a node is killed in mid-scan, seed %i', (seed) => {
  const { stage, scanned, problems } = filled(seed);
  const reads = scanned((round) => {
    if (round === 3) stage.storage(1).crash(false);
    if (round === 200) stage.storage(1).start();
  });
  expect(problems).toEqual([]);
  expect(listed(reads)).toEqual(KEYS);
  stage.expectKept(reads);
});

test.each(SEEDS)('R1: a member without a lease lists nothing, seed %i', (seed) => {
  const { stage } = filled(seed, 0);
  const stale = stage.storage(0);
  const key = KEYS.find((each) => stage.roleOf(stale, each) === 'serving') ?? '';
  const [near, far] = [stage.frontend(0), stage.frontend(1)];
  // 1. It is cut off together with a frontend, and replaced.
  stage.cut([stale, near], stage.allBut(stale, near));
  stage.until('replaced', () => stage.roleOf(stale, key) !== 'serving', 60_000);
  stage.expectStatus(stage.delete(far, key), 200);
  // 2. That frontend still takes it for a member, and must not list what it has.
  const reply = new ReadReply(near, requestOf('GET', '/v1/scan?limit=1000'));
  stage.until('an answer', () => reply.isOver, 20_000);
  expect(reply.text).not.toContain(`"${key}"`);
});

test.each(SEEDS)('R3: of deletes and sets meanwhile nothing old is listed, seed %i', (seed) => {
  const { stage, scanned, problems } = filled(seed);
  const reads = scanned((round) => {
    const key = KEYS[(round * 7) % 40] ?? '';
    const frontend = stage.frontend(round % 2);
    if (round % 3 === 0) stage.delete(frontend, key);
    else stage.set(frontend, key);
  });
  stage.pass(8000);
  expect(problems).toEqual([]);
  expect(listed(reads)).toEqual(expect.arrayContaining(KEYS.slice(40)));
  stage.expectKept(reads);
});

test('the own keys of the cluster are never listed, nor deleted with everything', () => {
  const { stage } = filled(1, 0);
  const client = openClusterClient(stage);
  const outcomes: string[] = [];
  new Writer(client).set(
    {
      key: Buffer.from('\xfff s', 'latin1'),
      value: Buffer.from('own'),
      tombstone: false,
      expiresAtMs: 0,
      attributes: [],
    },
    ({ kind }) => outcomes.push(kind),
  );
  stage.until('it is stored', () => outcomes.length > 0);
  expect(outcomes).toEqual(['stored']);
  const ask = (method: string, target: string) => {
    const reply = new ReadReply(stage.frontend(0), requestOf(method, target));
    stage.until('an answer', () => reply.isOver, 20_000);
    return reply;
  };
  expect(ask('GET', '/v1/scan').lines).toHaveLength(KEYS.length);
  expect(ask('GET', '/v1/scan?prefix=%FF').lines).toHaveLength(0);
  expect(ask('DELETE', '/v1/scan?prefix=&all=1').json).toEqual([{ deleted: KEYS.length }]);
  const held = stage.cluster.storages.map((node) => stage.heldBy(node, '%FFf%20s'));
  expect(held.filter((value) => value === 'own')).toHaveLength(2);
});
