// Mutants of versions that are far ahead of all clocks, because those were wrong when they were minted.

import { type Mutant, tests } from './mutant.ts';

const FAR_SCHEDULES = 'test/simulation/schedules-far-ahead.test.ts';
const MEMORY_SCHEDULES = 'test/simulation/schedules-memory.test.ts';
const VERSION = 'src/cluster/model/version.ts';

export const FAR_AHEAD_MUTANTS: readonly Mutant[] = [
  {
    name: 'any-version-moves-the-clock',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(version, this.#clock.wallMs(), VERSION_OBSERVED_AHEAD_MS_MAX)) return;',
        replace: '',
      },
    ],
    fate: tests('test/cluster/model/version.test.ts', 'hide what clocks in order'),
  },
  {
    name: 'own-wrong-clock-lasts',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;',
        replace: '',
      },
    ],
    fate: tests(FAR_SCHEDULES, 'every key is set, read and deleted'),
  },
  {
    name: 'far-successor-moves-the-clock',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(above, wallMs, VERSION_OBSERVED_AHEAD_MS_MAX)) return this.#above(above, count);',
        replace: '',
      },
      {
        file: VERSION,
        find: 'if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;',
        replace: '',
      },
    ],
    fate: tests('test/cluster/model/version.test.ts', 'that was seen'),
  },
  {
    name: 'far-successor-is-refused',
    rule: 'H31',
    edits: [
      {
        file: 'src/storage/replication/replica.ts',
        find: 'aheadMs > VERSION_AHEAD_MS_MAX && !follows',
        replace: 'aheadMs > VERSION_AHEAD_MS_MAX',
      },
    ],
    fate: tests(FAR_SCHEDULES, 'every key is set, read and deleted'),
  },
  {
    name: 'far-expiry-moves-the-floor',
    rule: 'H31',
    edits: [
      {
        file: 'src/storage/replication/anti-entropy.ts',
        find: '  if (isFarAhead && aboveFloorMs > VERSION_OBSERVED_AHEAD_MS_MAX) return false;\n',
        replace: '',
      },
    ],
    fate: tests(FAR_SCHEDULES, 'what expires takes no floor along'),
  },
  {
    name: 'a-floor-that-is-ahead-keeps-deletes',
    rule: 'R10',
    edits: [
      {
        file: 'src/storage/replication/anti-entropy.ts',
        find: 'isFarAhead && aboveFloorMs > VERSION_OBSERVED_AHEAD_MS_MAX',
        replace: 'isFarAhead',
      },
    ],
    fate: tests(MEMORY_SCHEDULES, 'R10, H31: '),
  },
  {
    name: 'only-the-own-floor-is-looked-at',
    rule: 'R10',
    edits: [
      {
        file: 'src/storage/replication/anti-entropy.ts',
        find: 'if (answer.floor > heard) this.#floors.set(partition, answer.floor);',
        replace: 'if (answer.floor > heard) this.#floors.set(partition, heard);',
      },
    ],
    fate: tests('test/storage/replication/anti-entropy.test.ts', 'a delete that is a day ahead'),
  },
];
