// Backups and restores in simulated runs: of clusters and directories with faults; and that the oracle can fail.

import { describe, expect, test } from 'vitest';
import { fileOf } from '../../src/backup/manifest.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { isTombstone, recordExpiresAtMs } from '../../src/cluster/model/record.ts';
import { backupReads, recordsIn } from '../../src/simulation/backup-oracle.ts';
import { type BackupEnd, type RestoreEnd, SimulatedBackup } from '../../src/simulation/backups.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const TIMES = { antiEntropyMs: 600, tombstoneGraceMs: 300, expiryGraceMs: 500 };
const SHAPE: ClusterShape = {
  storages: 4,
  frontends: 2,
  redundancy: 2,
  fsync: 'always',
  copyChunkBytes: 1,
  times: TIMES,
};
const KEYS = Array.from({ length: 10 }, (_, index) => `key${index}`);

/** A cluster with clients that go on until `quiet`, and a client that makes backups. */
function withClients(seed: number, shape = SHAPE) {
  const stage = new Stage(seed, shape);
  const { world, cluster } = stage;
  const { random } = world;
  const backup = new SimulatedBackup(world, cluster, { times: { ...protocolTimes(1), ...TIMES } });
  let isQuiet = false;
  const client = () => {
    if (isQuiet) return;
    const [frontend, key] = [random.pick(cluster.frontends), random.pick(KEYS)];
    const what = random.pick(['set', 'set', 'get', 'delete', 'ttl'] as const);
    if (what === 'ttl') stage.set(frontend, key, 0, 1 + random.below(3));
    else stage[what](frontend, key);
    world.at(random.between(5, 60), client);
  };
  for (let clients = 0; clients < 2; clients++) client();
  const quiet = () => {
    isQuiet = true;
    stage.pass(100);
  };
  /** As often as it takes, killed now and then. */
  const finished = (disturb: () => void = () => undefined): BackupEnd => {
    const ends: BackupEnd[] = [];
    for (let tries = 0; tries < 30; tries++) {
      if (!backup.isBusy) backup.backup((end) => ends.push(end));
      stage.pass(random.between(2, 400));
      disturb();
      if (backup.isBusy) stage.pass(random.between(0, 3000));
      const end = ends.find(({ isFinished }) => isFinished);
      if (end !== undefined) return end;
    }
    throw new Error(`no backup: ${ends.map(({ detail }) => detail).join('; ')}`);
  };
  const readsOf = (end: BackupEnd) => {
    const reads = backupReads(backup.node.disk.image(), KEYS, end);
    if (typeof reads === 'string') throw new Error(reads);
    return reads;
  };
  const restored = (asNew: boolean): RestoreEnd => {
    const ends: RestoreEnd[] = [];
    backup.restore(stage.history, { asNew }, (end) => ends.push(end));
    stage.until('it is restored', () => ends.length > 0, 60_000, 10);
    const [end] = ends;
    if (end === undefined) throw new Error('there is one');
    return end;
  };
  return { stage, backup, random, quiet, finished, readsOf, restored };
}

describe('a backup', () => {
  test.each(SEEDS)('has all that was acknowledged before it began, seed %i', (seed) => {
    const { stage, backup, random, quiet, finished, readsOf } = withClients(seed);
    stage.pass(1500);
    const end = finished(() => {
      const node = random.pick(stage.cluster.storages);
      const what = random.below(4);
      if (what === 0) backup.kill(random.chance(0.5));
      if (what === 1) {
        node.crash(true);
        node.start();
      }
      if (what === 2) {
        stage.cut([backup.node], [node]);
        stage.world.at(700, () => stage.heal([backup.node], [node]));
      }
    });
    quiet();
    const records = recordsIn(backup.node.disk.image().files);
    expect(records).toBeInstanceOf(Map);
    stage.pass(5000);
    stage.expectKept(readsOf(end));
  });

  test.each(SEEDS)('goes on when its directory had no room or failed, seed %i', (seed) => {
    const { stage, backup, random, quiet, finished, readsOf } = withClients(seed);
    stage.pass(1000);
    const { disk } = backup.node;
    const end = finished(() => {
      disk.mend();
      const what = random.below(4);
      if (what < 2) disk.fail(random.pick(['append', 'truncate', 'replace', 'open']));
      if (what === 2) disk.limit(disk.usedBytes + random.below(800));
    });
    quiet();
    stage.expectKept(readsOf(end));
  });
});

describe('a restore', () => {
  test.each(SEEDS)('takes back nothing that is newer (D16), seed %i', (seed) => {
    const { stage, quiet, finished, restored } = withClients(seed);
    stage.pass(1500);
    finished();
    stage.pass(1500);
    const { figures } = restored(false);
    expect((figures?.superseded ?? 0) + (figures?.there ?? 0)).toBeGreaterThan(0);
    stage.pass(1000);
    quiet();
    stage.expectHealed(KEYS, 2);
  });

  test.each(SEEDS)('brings back what was lost, seed %i', (seed) => {
    const { stage, backup, quiet, finished, readsOf, restored } = withClients(seed);
    stage.pass(1500);
    quiet();
    const end = finished();
    const { nodes } = stage.cluster;
    for (const node of nodes) node.crash(true);
    for (const node of nodes) node.disk.wipe();
    stage.acceptLoss(KEYS);
    for (const node of nodes) node.start();
    stage.pass(4000);
    expect(restored(false).isWhole).toBe(true);
    stage.pass(500);
    const records = recordsIn(backup.node.disk.image().files);
    if (typeof records === 'string') throw new Error(records);
    for (const [key, record] of records) {
      const status = isTombstone(record) ? 404 : 200;
      if (recordExpiresAtMs(record) === 0) {
        stage.expectStatus(stage.get(stage.frontend(0), key), status);
      }
    }
    expect(stage.history.violations(readsOf(end))).toEqual([]);
  });

  test.each(SEEDS)('as new is a set like all others, seed %i', (seed) => {
    const { stage, backup, random, quiet, finished, restored } = withClients(seed);
    stage.pass(1000);
    finished();
    stage.pass(1000);
    if (random.chance(0.5)) {
      backup.restore(stage.history, { asNew: true }, () => undefined);
      stage.pass(random.between(1, 60));
      backup.kill(false);
    }
    const before = stage.history.operations.length;
    const { isWhole } = restored(true);
    stage.pass(500);
    quiet();
    const sets = stage.history.operations.slice(before).filter(({ version, kind, value }) => {
      const again = stage.history.operations.filter((each) => each.value === value);
      return kind === 'set' && version !== undefined && again.length > 1;
    });
    expect(isWhole).toBe(true);
    expect(sets.length).toBeGreaterThan(0);
    expect(sets.every(({ ok }) => ok)).toBe(true);
    stage.expectHealed(KEYS, 2);
  });
});

describe('the oracle of backups', () => {
  /** A quiet cluster with a backup, whose files are changed afterwards. */
  const changed = (change: (files: Map<string, Buffer>, file: string) => void) => {
    const { stage, backup, quiet, finished } = withClients(1);
    stage.pass(500);
    quiet();
    for (const key of KEYS) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const earlier = backup.node.disk.image();
    const end = finished();
    const image = backup.node.disk.image();
    const files = new Map(image.files);
    change(files, fileOf(stage.partitionOf('key0'), stage.map.digits));
    expect(earlier.files.size).toBe(0);
    const reads = backupReads({ ...image, files }, KEYS, end);
    return typeof reads === 'string' ? [reads] : stage.history.violations(reads);
  };
  const manifestWith = (
    files: Map<string, Buffer>,
    file: string,
    change: (content: { bytes: number }) => void,
  ) => {
    const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '');
    change(manifest.partitions[file.replace(/^partition-|\.records$/g, '')]);
    files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  };

  test('passes what nobody changed', () => {
    expect(changed(() => undefined)).toEqual([]);
  });

  test('finds a record that is missing', () => {
    const violations = changed((files, file) => {
      files.set(file, Buffer.alloc(0));
      manifestWith(files, file, (content) => {
        content.bytes = 0;
      });
    });
    expect(violations.join()).toMatch(/lost: get key0/);
  });

  test('finds a file that is cut off, and a backup that is not finished', () => {
    const cut = changed((files, file) => files.set(file, Buffer.from([1])));
    expect(cut.join()).toContain('has 1 bytes');
    const open = changed((files) => {
      const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '');
      files.set(
        'manifest.json',
        Buffer.from(JSON.stringify({ ...manifest, finishedAtMs: undefined })),
      );
    });
    expect(open).toEqual(['the manifest is not finished']);
  });

  test('finds what was set before it began and is in it with an earlier value', () => {
    const { stage, backup, quiet, finished } = withClients(2);
    stage.pass(300);
    quiet();
    for (const key of KEYS) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const end = finished();
    stage.expectStatus(stage.set(stage.frontend(0), 'key3'), 200);
    const reads = (times: { begunMs: number; endedMs: number }) => {
      const all = backupReads(backup.node.disk.image(), KEYS, times);
      if (typeof all === 'string') throw new Error(all);
      return stage.history.violations(all);
    };
    expect(reads(end)).toEqual([]);
    const { nowMs } = stage.world;
    expect(reads({ begunMs: nowMs + 1, endedMs: nowMs + 2 }).join()).toMatch(
      /stale read: get key3/,
    );
  });
});
