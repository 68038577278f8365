// Mutants chosen from the rules and the product's code alone. Drawn runs kill them, or runs with faults aimed at their
// rule; where hardly any run meets what they break, a test does.

import { aimed, type Mutant, SEEDS, tests } from './mutant.ts';

export const UNSCRIPTED_MUTANTS: readonly Mutant[] = [
  {
    name: 'wait-counted-from-the-fence',
    rule: 'R6',
    edits: [
      {
        file: 'src/controller/observations/pending.ts',
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
        file: 'src/storage/replication/anti-entropy.ts',
        find: 'wallMs > expiresAtMs + graces.expiryMs',
        replace: 'wallMs + graces.expiryMs > expiresAtMs',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'expired-records-forgotten-at-once',
    rule: 'D15',
    edits: [
      {
        file: 'src/storage/replication/anti-entropy.ts',
        find: 'wallMs > expiresAtMs + graces.expiryMs',
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
        file: 'src/coordinator/operations/set/round.ts',
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
        file: 'src/coordinator/operations/set/round.ts',
        find: 'versions.nextOf(overtaken + 1, this.#above)',
        replace: 'versions.nextOf(overtaken, this.#above)',
      },
    ],
    fate: aimed('sleeping-frontend'),
  },
  {
    name: 'always-is-not-synced',
    rule: 'D11',
    edits: [
      {
        file: 'src/storage/log/log.ts',
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
        file: 'src/storage/log/compaction.ts',
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
        file: 'src/storage/data-directory/recovery.ts',
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
        file: 'src/cluster/model/record.ts',
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
        find: 'return completeSince <= earlier.incarnation && lives.includes(earlier.incarnation);',
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
        file: 'src/controller/map/generations.ts',
        find: 'Math.max(above + 1, ',
        replace: 'Math.max(above, ',
      },
    ],
    fate: aimed('controller-twice'),
  },
  {
    name: 'goodbye-while-it-lives',
    rule: 'H5',
    edits: [{ file: 'src/storage/shutdown.ts', find: '    this.#life.end();\n', replace: '' }],
    fate: SEEDS,
  },
  {
    name: 'evicted-and-no-floor-raised',
    rule: 'H40',
    edits: [
      {
        file: 'src/storage/memory/segment-store.ts',
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
        file: 'src/cluster/model/record.ts',
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
        file: 'src/cluster/peers/storage-channel.ts',
        find: 'if (batch !== this.#getsBatch) {',
        replace: 'if (batch > this.#getsBatch + 1) {',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'retained-until-one-answers',
    rule: 'H29',
    edits: [
      {
        file: 'src/storage/replication/retained.ts',
        find: 'if (safe >= wanted)',
        replace: 'if (safe >= Math.min(1, wanted))',
      },
      // That it is known to have the map is a guard of its own, and nearly as good.
      {
        file: 'src/storage/replication/retained.ts',
        find: 'answering.filter((member) => this.#knows(member, held.since)).length',
        replace: 'answering.length',
      },
    ],
    fate: aimed('last-copy', 150),
  },
  {
    name: 'unanswered-holds-nothing',
    rule: 'D9',
    edits: [
      {
        file: 'src/cluster/wire/answer-kinds.ts',
        find: "holds: 'perhaps' },",
        replace: "holds: 'no' },",
      },
    ],
    fate: tests('test/coordinator/operations/set/decision.test.ts', 'D9: only these answers'),
  },
  {
    name: 'heard-once-is-alive',
    rule: 'I8',
    edits: [
      {
        file: 'src/controller/observations/failure-detector.ts',
        find: 'return heardMs >= sinceMs && recent && this.death(life) === undefined;',
        replace:
          'return heardMs >= sinceMs && (recent || heardMs > 0) && this.death(life) === undefined;',
      },
    ],
    fate: tests(
      'test/controller/decisions/decide.test.ts',
      'holds while the copy that it counts on is heard',
    ),
  },
  {
    name: 'newest-map-before-highest-epoch',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/decisions/recovered.ts',
        find: '(a, b) => b.entry.epoch - a.entry.epoch || compareMapVersions(b.map.version, a.map.version),',
        replace: '(a, b) => compareMapVersions(b.map.version, a.map.version),',
      },
    ],
    fate: tests('test/controller/decisions/recovered.test.ts', 'of a higher epoch that comes late'),
  },
  {
    name: 'decision-holds-without-who-it-counts-on',
    rule: 'I8',
    edits: [
      {
        file: 'src/controller/decisions/decide.ts',
        find: "(other) => other.role === 'serving' && isGranted(next, other) && view.isAlive(other),",
        replace: "(other) => other.role === 'serving' && isGranted(next, other),",
      },
    ],
    fate: tests('test/controller/decisions/decide.test.ts', 'does not hold when that copy is dead'),
  },
  {
    name: 'older-map-replaces-the-adopted-one',
    rule: 'I1',
    edits: [
      {
        file: 'src/storage/replication/map-adoption.ts',
        find: "      const judgement = this.#replica.judge(next.map);\n      if (judgement === 'adopted') this.#write(disk, next);\n",
        replace:
          "      const judgement = this.#replica.judge(next.map);\n      if (judgement === 'adopted' || judgement === 'already-newer') this.#write(disk, next);\n",
      },
    ],
    fate: tests('test/simulation/schedules-maps.test.ts', 'though an older one arrives'),
  },
  {
    name: 'promise-of-an-empty-store-counts',
    rule: 'D6',
    edits: [
      {
        file: 'src/controller/decisions/recovered.ts',
        find: 'entry?.incarnation === member.incarnation && entry.store === promise.store;',
        replace: 'entry?.incarnation === member.incarnation;',
      },
    ],
    fate: tests('test/controller/decisions/recovered.test.ts', 'with another store only'),
  },
  {
    name: 'named-life-not-on-disk',
    rule: 'I10',
    edits: [
      {
        file: 'src/storage/data-directory/identity.ts',
        find: 'if (this.#incarnation === incarnation) return written(undefined);',
        replace: 'if (this.#incarnation !== undefined) return written(undefined);',
      },
    ],
    fate: tests(
      'test/storage/data-directory/identity-file.test.ts',
      'a life that the controller named',
    ),
  },
  {
    name: 'broken-stream-held-nothing',
    rule: 'D9',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: "const answer = opened ? { kind: 'unanswered' as const, detail: reason } : unreachable;",
        replace: 'const answer = opened ? unreachable : unreachable;',
      },
    ],
    fate: tests('test/cluster/peers/storage-channel.test.ts', 'what was sent perhaps'),
  },
  {
    name: 'trusts-after-a-failed-sync',
    rule: 'H8',
    edits: [
      {
        file: 'src/storage/data-directory/recovery.ts',
        find: 'if (earlier.completeSince > earlier.incarnation) return false;',
        replace: 'if (earlier.completeSince < 0) return false;',
      },
    ],
    fate: tests('test/storage/data-directory/recovery.test.ts', 'a sync had failed'),
  },
  {
    name: 'lost-store-inherits-after-a-recovery',
    rule: 'H8',
    edits: [
      {
        file: 'src/controller/decisions/recovered.ts',
        find: 'since === undefined || since > member.incarnation',
        replace: '(since ?? 0) < 0',
      },
    ],
    fate: aimed('controller-loss-emptied'),
  },
  {
    name: 'copy-with-holes-promoted',
    rule: 'H15',
    edits: [
      {
        file: 'src/storage/replication/transfer.ts',
        find: "record).kind !== 'no-memory';",
        replace: "record).kind !== 'no-memory' || this.#store !== undefined;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'long-answers-are-asked-for-again',
    rule: 'H19',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: 'Math.max(startedMs, this.#arrivedMs)',
        replace: 'Math.max(startedMs, this.#arrivedMs - 1e12)',
      },
    ],
    fate: tests('test/cluster/peers/storage-channel.test.ts', 'waits for its turn among long ones'),
  },
];
