// Every get, set, delete and restored record is answered exactly once and in time, whatever the storage nodes do and
// however long the frontend stands still. All of a frontend behind its gateway is real; the nodes are not.

import { expect, test } from 'vitest';
import type { ClusterMap } from '../../../../src/cluster/model/cluster-map.ts';
import { protocolTimes, WAITING_SETS_BYTES_MAX } from '../../../../src/cluster/model/limits.ts';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import { HybridClock } from '../../../../src/cluster/model/version.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import { Reader } from '../../../../src/coordinator/operations/get/round.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';
import { VersionedWriter } from '../../../../src/coordinator/operations/restore/round.ts';
import { Writer } from '../../../../src/coordinator/operations/set/writer.ts';
import { Router } from '../../../../src/coordinator/router.ts';
import { nodeId, sampleMap, sampleNode } from '../../../helpers/maps.ts';
import { MoodyMembers } from '../../../helpers/moody-members.ts';
import { PausableTime } from '../../../helpers/pausable-time.ts';
import { firstFreshSeed, SeededRandom } from '../../../helpers/random.ts';

const RUNS = 125;
const TIMES = protocolTimes(1);
const END_MS_MAX = 10_000;
/** Later than its deadline an operation may be answered by the looks for it and by the wait before a round. */
const LATE_MS = 2 * TIMES.sweepMs + 3 * TIMES.retryMs;
/** The longest that a record is tried, and what its last round may take. */
const KEEP_MS = TIMES.setDeadlineMs + TIMES.setBackgroundMs + 3 * TIMES.tryMs;

const SOMETIMES = [
  ...['stored', 'not-stored', 'unknown'].map((kind) => `set ${kind}`),
  ...['value', 'absent', 'failed'].map((kind) => `get ${kind}`),
  ...['set', 'superseded', 'failed'].map((kind) => `keep ${kind}`),
];

interface Asked {
  readonly verb: string;
  readonly key: string;
  readonly atMs: number;
  readonly deadlineMs: number;
  readonly answers: string[];
  /** When it was answered first. */
  answeredMs: number;
}

class Run {
  readonly random: SeededRandom;
  readonly time: PausableTime;
  readonly members: MoodyMembers;
  readonly router: Router;
  readonly writer: Writer;
  readonly #reader: Reader;
  readonly #keeper: VersionedWriter;
  readonly asked: Asked[] = [];
  readonly #pauses: { readonly fromMs: number; readonly toMs: number }[] = [];
  #maps = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.time = new PausableTime(this.random);
    this.members = new MoodyMembers(this.time, this.random);
    const nothing = () => undefined;
    const runtime = {
      clock: this.time,
      timers: this.time,
      random: this.random,
      network: this.members,
      logger: { write: nothing },
    } as unknown as Runtime;
    this.router = new Router(runtime, TIMES);
    const context: OperationContext = {
      runtime,
      router: this.router,
      refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
      reports: { note: nothing },
      versions: new HybridClock(runtime.clock),
      times: TIMES,
    };
    this.writer = new Writer(context);
    this.#reader = new Reader(context);
    this.#keeper = new VersionedWriter(context);
    this.newMap();
  }

  /** Node b lives anew in some of them, and the epochs are others. */
  newMap(): void {
    this.#maps++;
    const map = sampleMap({ number: this.#maps, epoch: this.#maps });
    const incarnation = 1 + (this.random.chance(0.5) ? this.#maps : 0);
    const changed: ClusterMap = { ...map, nodes: { ...map.nodes, b: sampleNode(2, incarnation) } };
    expect(this.router.adopt(changed, 'controller')).toBe('adopted');
  }

  set(key: string, value = Buffer.from('value'), tombstone = false): void {
    const request = { key: Buffer.from(key), value, tombstone, expiresAtMs: 0, attributes: [] };
    this.writer.set(request, this.#ask('set', key, TIMES.setDeadlineMs));
  }

  get(key: string): void {
    this.#reader.get(Buffer.from(key), this.#ask('get', key, TIMES.getDeadlineMs));
  }

  keep(key: string): void {
    const version = new HybridClock(this.time).next();
    const rest = { tombstone: false, expiresAtMs: 0, attributes: [], value: Buffer.from('kept') };
    const record = encodeRecord({ key: Buffer.from(key), version, ...rest });
    this.#keeper.write(record, this.#ask('keep', key, KEEP_MS));
  }

  pause(milliseconds: number): void {
    const fromMs = this.time.monotonicMs();
    this.#pauses.push({ fromMs, toMs: fromMs + milliseconds });
    this.time.pause(milliseconds);
  }

  #ask(verb: string, key: string, deadlineMs: number) {
    const atMs = this.time.monotonicMs();
    const asked: Asked = { verb, key, atMs, deadlineMs, answers: [], answeredMs: -1 };
    this.asked.push(asked);
    return ({ kind }: { readonly kind: string }) => {
      asked.answers.push(kind);
      if (asked.answers.length === 1) asked.answeredMs = this.time.monotonicMs();
      // A client that is answered may ask for the next in the same turn.
      if (this.random.chance(0.2) && this.time.monotonicMs() < END_MS_MAX) this.set('hot');
    };
  }

  /** What was not answered once, and what was so too late. */
  wrong(): readonly string[] {
    return this.asked.flatMap(({ verb, key, atMs, deadlineMs, answers, answeredMs }) => {
      const name = `${verb} ${key} at ${atMs}`;
      if (answers.length !== 1) return [`${name}: ${answers.join(', ') || 'never answered'}`];
      const stoodStillMs = this.#pauses
        .filter(({ fromMs, toMs }) => toMs > atMs && fromMs < answeredMs)
        .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
      const lateMs = answeredMs - atMs - deadlineMs - stoodStillMs;
      return lateMs > LATE_MS ? [`${name}: ${lateMs} ms late`] : [];
    });
  }

  /** After all are answered: as much may wait as ever, and no more. */
  expectNothingWaits(): void {
    expect(this.writer.waiting).toBe(0);
    const before = this.asked.length;
    const answered = () => this.asked.slice(before).map(({ answers }) => answers.length);
    this.set('k', NOTHING);
    this.set('k', LONG);
    this.set('k', NOTHING);
    expect(answered()).toEqual([0, 0, 0]);
    this.set('l', NOTHING);
    this.set('l', NOTHING);
    expect(answered()).toEqual([0, 1, 0, 0, 0]);
  }
}

const NOTHING = Buffer.alloc(0);
/** With its key of one byte, and another one of one byte, just what may wait. */
const LONG = Buffer.alloc(WAITING_SETS_BYTES_MAX - 2);
const NODES = ['a', 'b'].map(nodeId);

/** Two seconds to ten of requests, with pauses, stopped nodes and new maps among them. */
function play(seed: number): Run {
  const run = new Run(seed);
  const { random, time, members } = run;
  const keys = ['hot', 'cold', 'colder'].slice(0, random.whole(1, 3));
  const endMs = random.whole(2000, END_MS_MAX);
  const stepMs = random.pick([20, 100, 400]);
  while (time.monotonicMs() < endMs) {
    time.runTo(time.monotonicMs() + random.below(stepMs));
    const key = random.chance(0.7) ? 'hot' : random.pick(keys);
    const step = random.below(100);
    if (step < 60) run.set(key);
    else if (step < 70) run.set(key, NOTHING, true);
    else if (step < 85) run.get(key);
    else if (step < 90) run.keep(key);
    else if (step < 93) run.newMap();
    else if (step < 96) members.stop(random.pick(NODES), random.whole(500, 7000));
    else if (step < 98) run.pause(random.whole(1, 7000));
  }
  time.runTo(time.monotonicMs() + 60_000);
  return run;
}

/** The same ones every time, and others with each commit. */
const PARTS = [0, 1, 2, 3, 4, 5, 6, 7];
const FIRST = PARTS.map((part) => 1 + part * RUNS);
const FRESH = PARTS.map((part) => firstFreshSeed() + part * RUNS);

test.each([...FIRST, ...FRESH])(
  `H19, H41, D9: through pauses, stopped nodes, broken streams and new maps, ${RUNS} seeds from %i`,
  (first) => {
    const outcomes = new Set<string>();
    let coalesced = 0;
    for (let seed = first; seed < first + RUNS; seed++) {
      const run = play(seed);
      expect(run.wrong(), `seed ${seed}`).toEqual([]);
      expect([run.writer.waiting, run.time.isIdle], `seed ${seed}`).toEqual([0, true]);
      if (seed === first) run.expectNothingWaits();
      for (const { verb, answers } of run.asked) outcomes.add(`${verb} ${answers[0]}`);
      coalesced += run.writer.coalesced;
    }
    // What never occurs is not tested.
    expect([...outcomes]).toEqual(expect.arrayContaining(SOMETIMES));
    expect(coalesced).toBeGreaterThan(0);
  },
);
