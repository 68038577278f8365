// Scripted schedules about records that keep their version (D16), set in a cluster that has forgotten deletes
// meanwhile: by a client of the cluster, as `velour restore` is one.

import { describe, expect, test } from 'vitest';
import {
  encodeRecord,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../src/cluster/model/record.ts';
import type { MemberAnswer } from '../../src/cluster/peers/storage-channel.ts';
import {
  type VersionedWriteOutcome,
  VersionedWriter,
} from '../../src/coordinator/operations/restore/round.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { openClusterClient } from './cluster-client.ts';
import { SEEDS, Stage } from './founded.ts';

const TIMES = { antiEntropyMs: 600, tombstoneGraceMs: 300 };
const SHAPE: ClusterShape = {
  storages: 3,
  frontends: 1,
  redundancy: 2,
  fsync: 'interval',
  times: TIMES,
};

/** A partition on two nodes, of three, two of its keys, and a client of the cluster. */
function withClient(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [one, two] = [stage.storage(0), stage.storage(1)];
  const partition = stage.partitionOf(stage.keyOf(one, two));
  const [key = '', other = ''] = stage.keysIn(partition, 2);
  const client = openClusterClient(stage, TIMES);
  const outcomeOf = (record: StoredRecord) => {
    let outcome: VersionedWriteOutcome | undefined;
    new VersionedWriter(client).write(record, (said) => {
      outcome = said;
    });
    stage.until('the record is settled', () => outcome !== undefined, 20_000);
    return outcome?.kind;
  };
  /** As a backup would have it. */
  const recordOf = (name: string) => {
    const entry = stage.map.partitions[partition];
    const source = entry?.members[0];
    if (entry === undefined || source === undefined) throw new Error('the partition is nowhere');
    const from = { bucket: 0, afterKey: Buffer.alloc(0) };
    let answer: MemberAnswer | undefined;
    client.router.send(source, { kind: 'copy', partition, epoch: entry.epoch, from }, (said) => {
      answer = said;
    });
    stage.until('the copy is there', () => answer !== undefined);
    const records = answer?.kind === 'records' ? answer.records : [];
    const record = records.find((each) => recordKey(each).toString() === name);
    if (record === undefined) throw new Error(`no record of ${name}`);
    return Buffer.from(record) as StoredRecord;
  };
  return { stage, one, two, key, other, frontend: stage.frontend(0), outcomeOf, recordOf };
}

describe('D16: a record that keeps its version', () => {
  test.each(SEEDS)('H24: stays away when it was deleted and that is forgotten, seed %i', (seed) => {
    const { stage, one, two, key, frontend, outcomeOf, recordOf } = withClient(seed);
    stage.expectStatus(stage.set(frontend, key), 200);
    const record = recordOf(key);
    stage.expectStatus(stage.delete(frontend, key), 200);
    expect(outcomeOf(record)).toBe('superseded');
    stage.until('forgotten', () =>
      [one, two].every((node) => stage.heldBy(node, key) === undefined),
    );
    expect(outcomeOf(record)).toBe('below-floor');
    stage.pass(2000);
    expect([one, two].map((node) => stage.heldBy(node, key))).toEqual([undefined, undefined]);
    stage.expectStatus(stage.get(frontend, key), 404);
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('is found where it is, whatever the floor, seed %i', (seed) => {
    const { stage, one, two, key, other, frontend, outcomeOf, recordOf } = withClient(seed);
    stage.expectStatus(stage.set(frontend, key), 200);
    const record = recordOf(key);
    stage.expectStatus(stage.set(frontend, other), 200);
    stage.expectStatus(stage.delete(frontend, other), 200);
    stage.until('forgotten', () =>
      [one, two].every((node) => stage.heldBy(node, other) === undefined),
    );
    expect(outcomeOf(record)).toBe('already-stored');
    stage.expectHealed([key, other], 2);
  });

  test.each(SEEDS)('H24: stays away from a delete that is kept, seed %i', (seed) => {
    const { stage, one, two, key, other, frontend, outcomeOf, recordOf } = withClient(seed);
    stage.expectStatus(stage.set(frontend, key), 200);
    const record = recordOf(key);
    stage.expectStatus(stage.set(frontend, other), 200);
    stage.expectStatus(stage.delete(frontend, other), 200);
    stage.until('another delete is forgotten', () =>
      [one, two].every((node) => stage.heldBy(node, other) === undefined),
    );
    stage.expectStatus(stage.delete(frontend, key), 200);
    expect(outcomeOf(record)).toBe('superseded');
    stage.expectHealed([key, other], 2);
  });

  test.each(SEEDS)(
    'comes to all when one member takes it and another has forgotten, seed %i',
    (seed) => {
      const { stage, one, two, key, other, frontend, outcomeOf, recordOf } = withClient(seed);
      stage.expectStatus(stage.set(frontend, key), 200);
      stage.expectStatus(stage.delete(frontend, key), 200);
      const version = recordVersion(recordOf(key));
      const record = encodeRecord({ key: Buffer.from(other), version, value: Buffer.from('old') });
      const held = () => [one, two].map((node) => stage.heldBy(node, key) === undefined);
      stage.until('forgotten by one of them', () => held().includes(true));
      expect(held()).toContain(false);
      expect(outcomeOf(record)).toBe('below-floor');
      const copies = () => [one, two].map((node) => stage.heldBy(node, other));
      expect(copies()).toContain('old');
      stage.until('both have it', () => copies().every((copy) => copy === 'old'));
      stage.expectKept();
    },
  );
});
