// Mutants of what a frontend answers its clients.

import { type Mutant, tests } from './mutant.ts';

const KV = 'src/frontend/gateways/kv/kv.ts';
const BATCH_RUN = 'src/frontend/gateways/v1/batch-run.ts';
const BATCH_RUN_TEST = 'test/frontend/gateways/v1/batch-run.test.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const EXPIRY_SCHEDULES = 'test/simulation/schedules-expiry.test.ts';

export const FRONTEND_MUTANTS: readonly Mutant[] = [
  {
    name: 'ttl-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'clock.wallMs() + ttlSeconds',
        replace: 'clock.forVersions.wallMs() + ttlSeconds',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'a ttl is as long as it was said'),
  },
  {
    name: 'stamped-with-the-time-of-before-the-sleep',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = clock.isKnown;',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'that has just slept'),
  },
  {
    name: 'stamped-before-anybody-told-the-time',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = !clock.isInDoubt();',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'has only just been started'),
  },
  {
    name: 'waits-for-the-time-without-end',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'timers.after(lastRoundMs(times), () => {',
        replace: 'timers.after(1000 * lastRoundMs(times), () => {',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'nobody tells the time'),
  },
  {
    name: 'answers-of-a-batch-as-they-come',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'if (number === this.#placed) this.#place();',
        replace: 'this.#placed++;\n    this.#ready.push(answer);\n    this.#readyBytes += length;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'in the order asked'),
  },
  {
    name: 'a-wrong-item-ends-the-batch',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'if (item.problem?.isLast === true) {',
        replace: 'if (item.problem !== undefined) {',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'has an answer for each line'),
  },
  {
    name: 'all-items-of-a-batch-at-once',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'return this.#underWay < itemsMax && this.#heldBytes < BATCH_ITEM_BYTES_MAX;',
        replace: 'return itemsMax > 0;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'has few under way'),
  },
  {
    name: 'room-of-a-batch-is-lost-with-its-client',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'if (this.#isOver) return this.#room.give();',
        replace: 'if (this.#isOver) return;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'give their room back'),
  },
  {
    name: 'reads-on-for-a-client-that-reads-nothing',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'return this.#underWay < itemsMax && this.#heldBytes < BATCH_ITEM_BYTES_MAX;',
        replace: 'return this.#underWay < itemsMax;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'whose client does not read'),
  },
];
