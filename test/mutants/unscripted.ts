// Mutants that no schedule was written for: drawn runs kill them, or runs with faults aimed at their rule.

import { aimed, type Mutant, SEEDS } from './mutant.ts';

export const UNSCRIPTED_MUTANTS: readonly Mutant[] = [
  {
    name: 'wait-counted-from-the-fence',
    rule: 'R6',
    edits: [
      {
        file: 'src/controller/pending.ts',
        find: 'fence.blockedMs = nowMs;',
        replace: 'fence.blockedMs = fence.atMs;',
      },
    ],
    fate: aimed('late-word'),
  },
  {
    name: 'living-records-forgotten',
    rule: 'H30',
    edits: [
      {
        file: 'src/storage/anti-entropy.ts',
        find: 'wallMs > expiresAtMs + times.expiryGraceMs',
        replace: 'wallMs + times.expiryGraceMs > expiresAtMs',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'expired-records-forgotten-at-once',
    rule: 'D15',
    edits: [
      {
        file: 'src/storage/anti-entropy.ts',
        find: 'wallMs > expiresAtMs + times.expiryGraceMs',
        replace: 'wallMs > expiresAtMs',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'suspend-ends-no-lease',
    rule: 'H4',
    edits: [
      {
        file: 'src/storage/lease.ts',
        find: 'return apartMs > this.#suspendMs ? 0 : Math.max(0, this.#leaseMs - elapsedMs);',
        replace:
          'return apartMs > Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#leaseMs - elapsedMs);',
      },
    ],
    fate: aimed('suspended'),
  },
  {
    name: 'newer-version-after-504',
    rule: 'D9',
    edits: [
      {
        file: 'src/frontend/write-handler.ts',
        find: '    if (this.#ended === undefined) return;\n    if (this.#elapsedMs() > lastRoundMs(this.#context.times)) {',
        replace:
          '    if (this.#ended !== undefined && this.#elapsedMs() > lastRoundMs(this.#context.times)) {',
      },
    ],
    fate: aimed('sleeping-frontend'),
  },
  {
    name: 'overtaken-with-the-version-of-one-before',
    rule: 'H41',
    edits: [
      {
        file: 'src/frontend/write-handler.ts',
        find: 'versions.nextOf(overtaken + 1, wallMs)',
        replace: 'versions.nextOf(overtaken, wallMs)',
      },
    ],
    fate: aimed('sleeping-frontend'),
  },
  {
    name: 'always-is-not-synced',
    rule: 'D11',
    edits: [
      {
        file: 'src/storage/log.ts',
        find: "if (this.#options.fsync !== 'always') return this.#finish(block);",
        replace: "if (this.#options.fsync !== 'interval') return this.#finish(block);",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'floors-compacted-away',
    rule: 'D7',
    edits: [
      {
        file: 'src/storage/compaction.ts',
        find: "      if (version !== VERSION_ZERO) this.#log.append({ kind: 'floor', partition, version });\n",
        replace:
          "      if (version === VERSION_ZERO) this.#log.append({ kind: 'floor', partition, version });\n",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'eviction-replayed-without-floor',
    rule: 'H40',
    edits: [
      {
        file: 'src/storage/recovery.ts',
        find: "      case 'evicted':\n        store.raiseFloor(entry.partition, entry.version);\n",
        replace: "      case 'evicted':\n",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'order-without-values',
    rule: 'H20',
    edits: [
      {
        file: 'src/cluster/record.ts',
        find: '    recordAttributeBytes(a).compare(recordAttributeBytes(b)) ||\n    recordValue(a).compare(recordValue(b))\n',
        replace: '    recordAttributeBytes(a).compare(recordAttributeBytes(b))\n',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'resumes-from-an-old-copy',
    rule: 'H8',
    edits: [
      {
        file: 'src/controller/registrations.ts',
        find: 'return completeSince <= earlier.incarnation && earlier.incarnation <= previous;',
        replace: 'return completeSince <= earlier.incarnation;',
      },
    ],
    fate: aimed('old-copy'),
  },
  {
    name: 'generation-not-above-the-last',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/generations.ts',
        find: 'Math.max(above + 1, ',
        replace: 'Math.max(above, ',
      },
    ],
    fate: aimed('controller-twice'),
  },
  {
    name: 'goodbye-while-it-lives',
    rule: 'H5',
    edits: [{ file: 'src/storage/departure.ts', find: '    this.#life.end();\n', replace: '' }],
    fate: SEEDS,
  },
  {
    name: 'evicted-and-no-floor-raised',
    rule: 'H40',
    edits: [
      {
        file: 'src/storage/memory.ts',
        find: '    state.raiseFloor(version);\n    state.remove(hash, location);',
        replace: '    state.remove(hash, location);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'expires-by-the-second',
    rule: 'H30',
    edits: [
      {
        file: 'src/cluster/record.ts',
        find: 'return expiresAtMs !== 0 && expiresAtMs <= wallMs;',
        replace:
          'return expiresAtMs !== 0 && Math.floor(expiresAtMs / 1000) < Math.floor(wallMs / 1000);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'get-joins-one-that-has-left',
    rule: 'I5',
    edits: [
      {
        file: 'src/cluster/storage-channel.ts',
        find: 'if (batch !== this.#getsBatch) {',
        replace: 'if (batch > this.#getsBatch + 1) {',
      },
    ],
    fate: SEEDS,
  },
];
