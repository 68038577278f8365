// The order of a restore: nothing that raises floors before everything else is there. The cluster is scripted,
// the files are real; what members answer is in test/coordinator/operations/restore/decision.test.ts and test/processes/backup.test.ts.

import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { fileOf, type Manifest } from '../../src/backup/manifest.ts';
import { Restore, type RestoreOutcome } from '../../src/backup/restore.ts';
import type { Member } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterId } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { encodeRecord, recordKey, recordVersion } from '../../src/cluster/model/record.ts';
import { HybridClock, type Version } from '../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../src/cluster/peers/storage-channel.ts';
import type { Folder } from '../../src/cluster/ports.ts';
import type { Operation } from '../../src/cluster/wire/operations.ts';
import type { ClusterClient } from '../../src/coordinator/cluster-client.ts';
import { openFile, settled, temporaryFolder } from '../helpers/folder.ts';
import { memberOf } from '../helpers/maps.ts';

const NOW = 1_000_000;
const FILES = 12;
const OLD = 5n as Version;

/** In each file a delete, an expired record, one that will expire and two that stay, the delete first. */
async function writeBackup(folder: Folder): Promise<Manifest> {
  const partitions = new Map();
  for (let index = 0; index < FILES; index++) {
    const record = (kind: string, more: { tombstone?: boolean; expiresAtMs?: number } = {}) =>
      encodeRecord({
        key: Buffer.from(`${kind} ${index}`),
        version: OLD,
        value: Buffer.from(more.tombstone ? '' : 'value'),
        ...more,
      });
    const bytes = Buffer.concat([
      record('delete', { tombstone: true }),
      record('expired', { expiresAtMs: NOW }),
      record('expiring', { expiresAtMs: NOW + 1 }),
      record('lasting'),
      record('lasting too'),
    ]);
    const file = await openFile(folder, fileOf(index as PartitionId, 1), true);
    await settled((done) => file.write(0, bytes, done));
    const counts = { records: 5, deletes: 1, expiring: 2, complete: true, next: undefined };
    partitions.set(index, { bytes: bytes.length, crc: crc32(bytes), ...counts });
  }
  return { cluster: 'c' as ClusterId, digits: 1, startedAtMs: 1, partitions };
}

/** A cluster that takes everything, each set after a turn of its own; `sets` in the order of sending. */
function cluster(answer: MemberAnswer) {
  const sets: { key: string; version: Version; acknowledgedBefore: number }[] = [];
  let acknowledged = 0;
  const nothing = () => undefined;
  const client = {
    runtime: {
      clock: { monotonicMs: () => 0, wallMs: () => NOW },
      random: { below: () => 0 },
      timers: { after: nothing },
    },
    router: {
      locate: () => ({
        partition: 0,
        entry: { epoch: 1, members: [memberOf('a', 'serving')] },
        answering: [true],
      }),
      send: (_: Member, operation: Operation, callback: (answer: MemberAnswer) => void) => {
        if (operation.kind !== 'set') throw new Error(operation.kind);
        const { record } = operation;
        const key = recordKey(record).toString();
        sets.push({ key, version: recordVersion(record), acknowledgedBefore: acknowledged });
        setImmediate(() => {
          acknowledged++;
          callback(answer);
        });
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions: new HybridClock({ wallMs: () => Date.now() }),
    times: protocolTimes(1),
  } as unknown as ClusterClient;
  return { client, sets };
}

async function restore(asNew: boolean, answer: MemberAnswer = { kind: 'applied' }) {
  const { folder } = temporaryFolder();
  const manifest = await writeBackup(folder);
  const { client, sets } = cluster(answer);
  let run: Restore | undefined;
  const outcome = await new Promise<RestoreOutcome>((resolve) => {
    run = new Restore(client, folder, manifest, { asNew }, resolve);
    run.start();
  });
  return { sets, figures: run?.figures, problem: outcome.problem };
}

const kindsOf = (sets: readonly { key: string }[]) =>
  sets.map(({ key }) => key.replace(/ (?:too )?\d+$/, ''));

test('H24: what stays is acknowledged before anything that expires, and deletes come last', async () => {
  const { sets, figures, problem } = await restore(false);
  expect(problem).toBeUndefined();
  const kinds = kindsOf(sets);
  const [stay, expire] = [2 * FILES, FILES];
  expect(kinds.slice(0, stay)).toEqual(Array(stay).fill('lasting'));
  expect(kinds.slice(stay, stay + expire)).toEqual(Array(expire).fill('expiring'));
  expect(kinds.slice(stay + expire)).toEqual(Array(FILES).fill('delete'));
  expect(sets[stay]?.acknowledgedBefore).toBe(stay);
  expect(sets[stay + expire]?.acknowledgedBefore).toBe(stay + expire);
  expect(new Set(sets.map(({ version }) => version))).toEqual(new Set([OLD]));
  expect(figures).toMatchObject({ set: 4 * FILES, expired: FILES, leftOut: 0, failed: 0 });
  expect(figures?.notTried).toBe(0);
});

test('D16: as new, everything that lives has a new version, and deletes are left out', async () => {
  const { sets, figures } = await restore(true);
  expect(new Set(kindsOf(sets))).toEqual(new Set(['lasting', 'expiring']));
  expect(new Set(sets.map(({ version }) => version)).size).toBe(3 * FILES);
  expect(sets.every(({ version }) => version > OLD)).toBe(true);
  expect(figures).toMatchObject({ set: 3 * FILES, expired: FILES, leftOut: FILES, failed: 0 });
});

test('a cluster without room ends it, and what it did not come to is counted', async () => {
  const { figures, problem } = await restore(true, { kind: 'refused', reason: 'no-memory' });
  expect(problem).toMatch(/^partition-\d\.records, byte \d+: storage-full: .* no memory left: .*/);
  const { failed = 0, expired = 0, leftOut = 0, notTried = 0 } = figures ?? {};
  expect(failed).toBe(1);
  expect(notTried).toBeGreaterThan(0);
  expect(failed + expired + leftOut + notTried).toBe(5 * FILES);
});

test('a value that is longer than the storage nodes take is named, with --max-value and its length', async () => {
  const { figures, problem } = await restore(false, { kind: 'refused', reason: 'too-large' });
  expect(problem).toMatch(
    /^partition-\d\.records, byte \d+: value-too-large: .*--max-value; it has \d+ bytes$/,
  );
  expect(figures).toMatchObject({ set: 0, failed: 4 * FILES, notTried: 0 });
});
