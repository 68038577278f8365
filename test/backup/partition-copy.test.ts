// One partition into its file: on with another member, on after a kill, and anew when the file is not what
// the manifest says. The members are scripted, the files are real.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../src/backup/manifest.ts';
import { type CopyStep, PartitionCopy } from '../../src/backup/partition-copy.ts';
import type { IncarnationId } from '../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../src/cluster/peers/storage-channel.ts';
import type { Cursor, Operation } from '../../src/cluster/wire/operations.ts';
import type { ClusterClient } from '../../src/coordinator/cluster-client.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { sampleMap } from '../helpers/maps.ts';

const NOW = 1000;
const PARTITION = 3 as PartitionId;
const record = (key: string, more: { tombstone?: boolean; expiresAtMs?: number } = {}) =>
  encodeRecord({
    key: Buffer.from(key),
    version: 1n as Version,
    value: Buffer.from(more.tombstone ? '' : `value of ${key}`),
    ...more,
  });
const behind = (key: string): Cursor => ({ bucket: 1, afterKey: Buffer.from(key) });

const listing = (records: ReturnType<typeof record>[], next?: Cursor): MemberAnswer => ({
  kind: 'records',
  floor: VERSION_ZERO,
  differing: new Set(),
  records,
  next,
});

/** A client whose members answer in turn what is scripted; `asked` is whom, and from where. */
function clientWith(answers: MemberAnswer[]) {
  const asked: string[] = [];
  const nothing = () => undefined;
  const client = {
    map: sampleMap({ epoch: 7 }),
    runtime: { clock: { wallMs: () => NOW }, random: { below: () => 0 } },
    router: {
      map: undefined,
      send: (
        { node }: IncarnationId,
        operation: Operation,
        callback: (answer: MemberAnswer) => void,
      ) => {
        if (operation.kind !== 'copy') throw new Error(operation.kind);
        asked.push(`${node} at ${operation.epoch} after ${operation.from.afterKey}`);
        callback(answers.shift() ?? { kind: 'not-serving' });
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
  } as unknown as ClusterClient;
  return { client, asked };
}

const step = (copy: PartitionCopy) => new Promise<CopyStep>((resolve) => copy.step(resolve));

describe('a copy of a partition', () => {
  test('is all records but the expired ones, deletes among them, in the order of the answers', async () => {
    const { path, folder } = temporaryFolder();
    const kept = [
      record('a'),
      record('b', { tombstone: true }),
      record('c', { expiresAtMs: NOW + 1 }),
      record('d'),
    ];
    const { client } = clientWith([
      listing([...kept.slice(0, 2), record('x', { expiresAtMs: NOW })], behind('x')),
      listing(kept.slice(2)),
    ]);
    const copy = new PartitionCopy(client, folder, PARTITION);
    expect(await step(copy)).toEqual({ kind: 'more' });
    expect(await step(copy)).toEqual({ kind: 'complete' });
    expect(readFileSync(join(path, 'partition-3.records'))).toEqual(Buffer.concat(kept));
    expect(copy.content).toMatchObject({ records: 4, deletes: 1, expiring: 1, complete: true });
  });

  test('goes on with another member where one stops, behind the last key', async () => {
    const { path, folder } = temporaryFolder();
    const { client, asked } = clientWith([
      listing([record('a')], behind('a')),
      { kind: 'unanswered', detail: 'killed' },
      listing([record('b')]),
    ]);
    const copy = new PartitionCopy(client, folder, PARTITION);
    expect(await step(copy)).toEqual({ kind: 'more' });
    expect(await step(copy)).toMatchObject({ kind: 'stuck' });
    expect(await step(copy)).toEqual({ kind: 'complete' });
    expect(asked).toEqual(['a at 7 after ', 'a at 7 after a', 'b at 7 after a']);
    expect(readFileSync(join(path, 'partition-3.records'))).toEqual(
      Buffer.concat([record('a'), record('b')]),
    );
  });

  test('asks nobody when nobody serves', async () => {
    const { folder } = temporaryFolder();
    const { client, asked } = clientWith([]);
    const offline = sampleMap({ role: 'joining' });
    const frozen = offline.partitions.map((entry) => ({ ...entry, frozen: true }));
    const copy = new PartitionCopy(
      { ...client, map: { ...offline, partitions: frozen } },
      folder,
      PARTITION,
    );
    expect(await step(copy)).toEqual({ kind: 'stuck', reason: 'it is offline' });
    expect(asked).toEqual([]);
  });

  test('says what is wrong with the file', async () => {
    const { path, folder } = temporaryFolder();
    writeFileSync(join(path, 'd'), '');
    const { client } = clientWith([listing([record('a')])]);
    const nowhere = {
      ...folder,
      open: (_: string, __: unknown, done: never) => folder.open('d/x', { create: true }, done),
    };
    expect(await step(new PartitionCopy(client, nowhere, PARTITION))).toMatchObject({
      kind: 'broken',
      reason: expect.stringMatching(/partition-3.records cannot be written: ENOTDIR/),
    });
  });
});

describe('after a kill', () => {
  /** What a run leaves that ended after its first answer; more of the second is in the file. */
  async function leftBehind(path: string, folder: ReturnType<typeof temporaryFolder>['folder']) {
    const { client } = clientWith([listing([record('a')], behind('a'))]);
    const copy = new PartitionCopy(client, folder, PARTITION);
    await step(copy);
    copy.close();
    const file = join(path, 'partition-3.records');
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(1000, 'torn')]));
    return { file, content: copy.content };
  }

  async function resume(folder: ReturnType<typeof temporaryFolder>['folder'], content: Content) {
    const { client, asked } = clientWith([listing([record('b')])]);
    const copy = new PartitionCopy(client, folder, PARTITION, content);
    expect(await step(copy)).toEqual({ kind: 'complete' });
    return asked;
  }

  test('it goes on where the manifest says', async () => {
    const { path, folder } = temporaryFolder();
    const { file, content } = await leftBehind(path, folder);
    expect(await resume(folder, content)).toEqual(['a at 7 after a']);
    expect(readFileSync(file)).toEqual(Buffer.concat([record('a'), record('b')]));
  });

  test('it begins anew when the machine lost what the manifest says', async () => {
    const { path, folder } = temporaryFolder();
    const { file, content } = await leftBehind(path, folder);
    truncateSync(file, 10);
    expect(await resume(folder, content)).toEqual(['a at 7 after ']);
    expect(readFileSync(file)).toEqual(record('b'));
  });
});
