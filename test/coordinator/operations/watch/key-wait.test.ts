// A long poll: answered when a get of the key would be, and else when the time is over. The members and the gets are
// scripted; virtual time.

import { describe, expect, test } from 'vitest';
import { partitionOf } from '../../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../../src/cluster/model/version.ts';
import type {
  ReadCallback,
  ReadOutcome,
} from '../../../../src/coordinator/operations/get/round.ts';
import { UserWatcher } from '../../../../src/coordinator/operations/user-keys.ts';
import { KeyWait } from '../../../../src/coordinator/operations/watch/key-wait.ts';
import { FollowingStage, headOf, partitions } from '../../../helpers/followed-nodes.ts';
import { sampleMap } from '../../../helpers/maps.ts';

const KEY = Buffer.from('key');
const PARTITION = partitionOf(KEY, 1);
/** The member that is asked for the partition first. */
const MEMBER = PARTITION % 2 === 0 ? 'a' : 'b';
const OTHER = MEMBER === 'a' ? 'b' : 'a';
const ABSENT = { kind: 'absent', version: 1n as Version } as ReadOutcome;
const FAILED = { kind: 'failed', code: 'unanswered', detail: 'scripted' } as ReadOutcome;

function valueAt(version: number, expiresAtMs = 0): ReadOutcome {
  const fields = { key: KEY, version: BigInt(version) as Version, expiresAtMs };
  return {
    kind: 'value',
    record: encodeRecord({ ...fields, value: Buffer.from('v') }),
  } as ReadOutcome;
}

/** Waits for a value; each get is answered when the test says so. */
function waiting(isAwaited = ({ kind }: ReadOutcome) => kind === 'value') {
  const stage = new FollowingStage(sampleMap());
  const watcher = new UserWatcher(stage.context);
  const gets: ReadCallback[] = [];
  const outcomes: ReadOutcome[] = [];
  const reader = { get: (_key: Buffer, callback: ReadCallback) => void gets.push(callback) };
  const { time } = stage;
  const awaited = { key: KEY, minVersion: VERSION_ZERO, waitMs: 30_000, isAwaited };
  const wait = new KeyWait({ reader, watcher, timers: time, clock: time }, awaited, (outcome) =>
    outcomes.push(outcome),
  );
  wait.start();
  /** Answers the get that is under way. */
  const got = (outcome: ReadOutcome) => {
    const get = gets.shift();
    if (get === undefined) throw new Error('nothing is got');
    get(outcome);
    stage.pass();
  };
  /** Follows the key, and has found nothing by then. */
  const followed = (first = ABSENT) => {
    got(first);
    stage.answer(MEMBER, { next: 5 });
    got(first);
  };
  return { stage, watcher, wait, gets, outcomes, got, followed };
}

describe('a long poll', () => {
  test('is answered at once with what is there already, and follows nothing', () => {
    const { got, outcomes, watcher, stage } = waiting();
    got(valueAt(1));
    expect(outcomes).toEqual([valueAt(1)]);
    expect(watcher.underWay).toBe(0);
    expect(stage.nodes.links).toEqual([]);
    stage.pass(60_000);
    expect(outcomes).toHaveLength(1);
  });

  test('gets the key again once it is followed: it may have changed just before', () => {
    const { got, outcomes, stage, watcher } = waiting();
    got(ABSENT);
    expect(watcher.underWay).toBe(1);
    expect(stage.nodes.asked(MEMBER)).toMatchObject({ isExact: true, values: false, prefix: KEY });
    stage.answer(MEMBER, { next: 5 });
    got(valueAt(1));
    expect(outcomes).toEqual([valueAt(1)]);
    expect(watcher.underWay).toBe(0);
  });

  test('gets the key whenever it has changed, and says what the get says', () => {
    const { followed, got, outcomes, gets, stage } = waiting();
    followed();
    expect(gets).toEqual([]);
    stage.answer(MEMBER, { next: 6, heads: [headOf('key', 3)] });
    got(ABSENT);
    expect(outcomes).toEqual([]);
    stage.answer(MEMBER, { next: 7, heads: [headOf('key', 4)] });
    got(valueAt(4));
    expect(outcomes).toEqual([valueAt(4)]);
  });

  test('H46: gets the key when something may have been missed', () => {
    const { followed, got, outcomes, stage } = waiting();
    followed();
    stage.answer(MEMBER, { next: 6, lost: partitions(PARTITION) });
    stage.pass(1000);
    stage.answer(OTHER, { next: 9 });
    got(valueAt(4));
    expect(outcomes).toEqual([valueAt(4)]);
  });

  test('is answered with what there is when the time is over, once', () => {
    const { followed, outcomes, stage, watcher, gets } = waiting();
    followed();
    stage.pass(29_000);
    expect(outcomes).toEqual([]);
    stage.pass(1000);
    expect(outcomes).toEqual([ABSENT]);
    expect(watcher.underWay).toBe(0);
    stage.pass(60_000);
    expect([outcomes.length, gets.length]).toEqual([1, 0]);
    expect(stage.nodes.links.every(({ isClosed }) => isClosed)).toBe(true);
  });

  test('is answered so when it is ended before, and a get under way is not waited for', () => {
    const { followed, got, wait, outcomes, stage } = waiting();
    followed();
    stage.answer(MEMBER, { next: 6, heads: [headOf('key', 3)] });
    wait.end();
    wait.end();
    expect(outcomes).toEqual([ABSENT]);
    got(valueAt(3));
    stage.pass(60_000);
    expect(outcomes).toEqual([ABSENT]);
  });

  test.each([
    ['ended', (wait: KeyWait) => wait.end()],
    ['over', (_: KeyWait, stage: FollowingStage) => stage.pass(30_000)],
  ])('says what its first get says, though it is %s before', (_, end) => {
    const { got, wait, outcomes, stage, watcher } = waiting();
    end(wait, stage);
    expect(outcomes).toEqual([]);
    got(ABSENT);
    expect(outcomes).toEqual([ABSENT]);
    stage.pass(60_000);
    expect([outcomes.length, watcher.underWay]).toEqual([1, 0]);
  });

  test('gets the key again when its value has expired, of which no member tells', () => {
    const { followed, got, gets, outcomes, stage } = waiting(({ kind }) => kind === 'absent');
    followed(valueAt(1, 10_000));
    stage.pass(9000);
    expect(gets).toEqual([]);
    stage.pass(2000);
    // The clock of the member is late.
    got(valueAt(1, 10_000));
    expect(outcomes).toEqual([]);
    stage.pass(1000);
    got(ABSENT);
    expect(outcomes).toEqual([ABSENT]);
  });

  test('is not woken by a value that expires after it', () => {
    const { followed, outcomes, stage } = waiting(({ kind }) => kind === 'absent');
    followed(valueAt(1, 10 ** 14));
    stage.pass(60_000);
    expect(outcomes).toEqual([valueAt(1, 10 ** 14)]);
  });

  test('fails where a get fails', () => {
    const { got, outcomes, watcher } = waiting();
    got(FAILED);
    expect(outcomes).toEqual([FAILED]);
    expect(watcher.underWay).toBe(0);
  });

  test('fails where nobody can be followed in time', () => {
    const { got, outcomes, stage, watcher } = waiting();
    got(ABSENT);
    stage.pass(stage.context.times.getDeadlineMs);
    expect(outcomes).toMatchObject([{ kind: 'failed', code: 'unanswered' }]);
    expect(watcher.underWay).toBe(0);
  });

  test('is refused where too many watches are under way', () => {
    const { got, outcomes, watcher } = waiting();
    const query = { keys: { kind: 'key', bytes: KEY }, values: false, since: undefined } as const;
    while (!watcher.isBusy) watcher.watch(query, 1);
    got(ABSENT);
    expect(outcomes).toMatchObject([{ kind: 'failed', code: 'overloaded' }]);
  });
});
