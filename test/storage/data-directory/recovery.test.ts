// A data directory is read back before anything is changed in it; what was reclaimed in the first life is
// reclaimed again while the log is replayed.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { StoredIdentity } from '../../../src/storage/data-directory/identity.ts';
import {
  encodeIdentity,
  IDENTITY_FILE,
} from '../../../src/storage/data-directory/identity-file.ts';
import type { Recovered } from '../../../src/storage/data-directory/recovery.ts';
import { logFileName } from '../../../src/storage/log/log-files.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { incarnationOf } from '../../helpers/maps.ts';
import { EARLIER, RecoveringMachine } from '../../helpers/recovering-machine.ts';

const LIMITS = { segmentBytes: 4096, memoryBytes: 64 * 4096 };

function recordOf(number: number, version: number, bytes = 100) {
  const key = Buffer.from(`key ${number}`);
  return encodeRecord({ key, version: BigInt(version) as Version, value: Buffer.alloc(bytes) });
}

class IncarnationId extends RecoveringMachine {
  readonly store = new SegmentStore(LIMITS);

  constructor(seed = 1) {
    super(seed);
  }

  override recover(store = new SegmentStore(LIMITS)): Recovered {
    return super.recover(store);
  }
}

/** Remembers the most memory that it had while its log was read back. */
class WatchedStore extends SegmentStore {
  most = 0;

  override restore(...given: Parameters<SegmentStore['restore']>) {
    const outcome = super.restore(...given);
    this.most = Math.max(this.most, this.memory().used);
    return outcome;
  }
}

describe('a replay', () => {
  test('waits for the memory of what was dropped, as the first life did', () => {
    const incarnationId = new IncarnationId();
    const { store } = incarnationId;
    const log = incarnationId.log(incarnationId.create(), 2 ** 26);
    const fill = (partition: PartitionId, version: number, bytes: number) => {
      for (let number = 0; ; number++) {
        const record = recordOf(number, version, bytes);
        if (store.putCopied(partition, record).kind === 'no-memory') return store.payloadBytes();
        log.append({ kind: 'record', partition, record });
      }
    };
    const [first, second] = [1 as PartitionId, 2 as PartitionId];
    const held = fill(first, 1, 20);
    store.reset(first);
    log.append({ kind: 'reset', partition: first });
    while (store.work());
    // Long ones, so memory is full before the many that were dropped are released a few with each.
    expect(fill(second, 2, 8000)).toBeGreaterThan(0.8 * held);
    incarnationId.wait((done) => log.sync(done));
    incarnationId.crash();
    const again = new WatchedStore(LIMITS);
    incarnationId.recover(again);
    expect(again.items()).toBe(store.items());
    expect(again.digest(second)).toEqual(store.digest(second));
    expect(again.most).toBeLessThanOrEqual(LIMITS.memoryBytes);
  });

  test('of more than the memory takes says so, and what to do', () => {
    const incarnationId = new IncarnationId();
    const log = incarnationId.log(incarnationId.create(), 2 ** 26);
    for (let number = 0; number < 5000; number++) {
      log.append({ kind: 'record', partition: 1 as PartitionId, record: recordOf(number, 1) });
    }
    incarnationId.wait((done) => log.sync(done));
    incarnationId.crash();
    const refusal = /do not fit into the memory.* has 262144 bytes, and (\d+) are enough.*--memory/;
    let message = '';
    expect(() => {
      try {
        incarnationId.recover();
      } catch (error) {
        message = String(error);
        throw error;
      }
    }).toThrow(refusal);
    const [, enough] = refusal.exec(message) ?? [];
    const larger = new SegmentStore({ ...LIMITS, memoryBytes: Number(enough) });
    incarnationId.crash();
    incarnationId.recover(larger);
    expect(larger.items()).toBe(5000);
  });
});

describe('the identity', () => {
  function damaged(): IncarnationId {
    const incarnationId = new IncarnationId();
    const log = incarnationId.log(incarnationId.create(), 2 ** 26);
    for (let number = 0; number < 5; number++) {
      log.append({ kind: 'record', partition: 1 as PartitionId, record: recordOf(number, 1) });
      incarnationId.wait<void>((done) => log.whenDurable(done));
    }
    incarnationId.crash();
    incarnationId.alter((logs) => {
      const bytes = Buffer.from(logs.get(logFileName(1)) ?? Buffer.alloc(0));
      logs.set(logFileName(1), bytes.fill(0xff, 300, 310));
    });
    return incarnationId;
  }

  test('stays as it was while the log cannot be used', () => {
    const incarnationId = damaged();
    expect(() => incarnationId.recover()).toThrow('is damaged at byte');
    expect(incarnationId.identity()).toMatchObject(EARLIER);
  });

  test('notes a sync that failed while the log was read back: the next one would succeed (H8)', () => {
    const incarnationId = new IncarnationId();
    const log = incarnationId.log(incarnationId.create(), 2 ** 26);
    log.append({ kind: 'record', partition: 1 as PartitionId, record: recordOf(1, 1) });
    incarnationId.wait<void>((done) => log.whenDurable(done));
    incarnationId.crash();
    incarnationId.disk.fail('sync');
    expect(() => incarnationId.recover()).toThrow('records-00000001.log cannot be synced: EIO');
    incarnationId.crash();
    const { incarnation, completeSince } = incarnationId.recover().identity;
    expect(incarnation).toBeGreaterThan(EARLIER.incarnation);
    expect(completeSince).toBe(incarnation);
  });

  test('is not believed for what only memory has after a sync that failed and could not be noted (H8)', () => {
    let found = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const incarnationId = new IncarnationId(seed);
      const log = incarnationId.log(incarnationId.create(), 2 ** 26);
      const append = (number: number) => {
        log.append({ kind: 'record', partition: 1 as PartitionId, record: recordOf(number, 1) });
        incarnationId.wait<void>((done) => log.whenDurable(done));
      };
      append(1);
      incarnationId.wait((done) => log.sync(done));
      append(2);
      const { logs } = incarnationId.disk.image();
      incarnationId.disk.fail('sync');
      incarnationId.wait((done) => log.sync(done));
      incarnationId.crash();
      // The system may have dropped it as well; this is about what it shows, and does not have on the disk.
      const shown = incarnationId.disk.image().logs.get(logFileName(1));
      if (shown?.equals(logs.get(logFileName(1)) ?? Buffer.alloc(0)) !== true) continue;
      found++;
      const { log: open, identity } = incarnationId.recover();
      const again = incarnationId.log(open, 2 ** 26);
      incarnationId.wait((done) => again.sync(done));
      const stored = new StoredIdentity(incarnationId.disk.port(), identity);
      incarnationId.wait((done) => stored.close(again.syncedTo, done));
      incarnationId.crash(true);
      const store = new SegmentStore(LIMITS);
      expect(incarnationId.recover(store).identity.completeSince, `${seed}`).toBe(
        EARLIER.completeSince,
      );
      expect(store.items(), `${seed}`).toBe(2);
    }
    expect(found).toBeGreaterThan(3);
  });

  test('notes where the log ends when the store is closed, and no more once it is open again (H8)', () => {
    const incarnationId = new IncarnationId();
    const log = incarnationId.log(incarnationId.create(), 2 ** 26);
    log.append({ kind: 'record', partition: 1 as PartitionId, record: recordOf(1, 1) });
    incarnationId.wait((done) => log.sync(done));
    const identity = new StoredIdentity(incarnationId.disk.port(), EARLIER);
    incarnationId.wait((done) => identity.close(log.syncedTo, done));
    const { bytes } = log.figures();
    expect(incarnationId.identity()).toMatchObject({
      bootId: undefined,
      closedAt: { file: 1, offset: bytes },
    });
    incarnationId.crash(true);
    // A start that ends before it has an identity leaves it to the next one to judge the log.
    const { process } = incarnationId;
    process.run(process.incarnation, () =>
      incarnationId.begin(new SegmentStore(LIMITS), () => undefined),
    );
    incarnationId.world.runUntil(incarnationId.world.nowMs + 1);
    incarnationId.crash();
    expect(incarnationId.identity()).toMatchObject({ closedAt: { file: 1, offset: bytes } });
    incarnationId.alter((logs) => {
      const whole = logs.get(logFileName(1)) ?? Buffer.alloc(0);
      logs.set(logFileName(1), Buffer.from(whole).fill(0xff, bytes - 3, bytes - 2));
    });
    expect(() => incarnationId.recover()).toThrow('is damaged at byte');
    incarnationId.alter((logs) => {
      const rotten = Buffer.from(logs.get(logFileName(1)) ?? []);
      logs.set(logFileName(1), rotten.fill(0, bytes - 3, bytes - 2));
    });
    incarnationId.crash();
    expect(incarnationId.recover().identity).toMatchObject({
      bootId: 'start 2',
      closedAt: undefined,
    });
    expect(incarnationId.identity()).toMatchObject({ bootId: 'start 2', closedAt: undefined });
  });

  test.each([
    ['the machine lost its power', { bootId: 'an earlier start' }],
    ['a sync had failed', { completeSince: incarnationOf(8) }],
  ])(
    'is written when a hole is cut out, not before: a start that ends in between judges alike (H8), %s',
    (_, change) => {
      const incarnationId = damaged();
      incarnationId.replace(IDENTITY_FILE, encodeIdentity({ ...EARLIER, ...change }));
      // Ends after any time; the last one lets it come to its end.
      for (const ms of [1, 2, 3, 4, 5, 6, 8, 10, 15]) {
        const { process } = incarnationId;
        process.run(process.incarnation, () =>
          incarnationId.begin(new SegmentStore(LIMITS), () => undefined),
        );
        incarnationId.world.runUntil(incarnationId.world.nowMs + ms);
        incarnationId.crash();
      }
      const store = new SegmentStore(LIMITS);
      const { identity } = incarnationId.recover(store);
      expect(store.items()).toBeGreaterThan(0);
      expect(store.items()).toBeLessThan(5);
      expect(identity.completeSince).toBeGreaterThan(EARLIER.incarnation);
    },
  );
});
