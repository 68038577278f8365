// Wrong programs about files that whole simulated runs must notice, with random faults and clients that judge by what they were told
// alone. Scripted schedules of files are in file-schedules.ts.

import type { Mutant, Programme } from './mutant.ts';

const COMPLETION = 'src/frontend/gateways/broker/completion.ts';

const CLASSES = 'src/files/classes.ts';
const VERDICT = 'src/fileserver/replicator/verdict.ts';

const RUNS: Programme = { kind: 'seeds', first: 1, count: 20, files: 3 };

export const FILE_RUNS_MUTANTS: readonly Mutant[] = [
  {
    name: 'in-runs-a-completion-is-of-what-was-there-once',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: COMPLETION,
        find: 'return answer(isThere ? completedReply(ticket, use) : USED);',
        replace: 'return answer(isThere || true ? completedReply(ticket, use) : USED);',
      },
    ],
    fate: RUNS,
  },
  {
    name: 'in-runs-a-wrong-completion-passes-a-lock',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: COMPLETION,
        find: 'if (refusal !== undefined) return answer(refusal);\n    return parts.files.delete(',
        replace: 'return parts.files.delete(',
      },
      { file: COMPLETION, find: '{ ...asJudged(self), lookAgain }', replace: 'asJudged(self)' },
    ],
    fate: RUNS,
  },
  {
    name: 'in-runs-a-wrong-completion-takes-the-file-of-another',
    rule: 'F2',
    edits: [
      {
        file: COMPLETION,
        find: 'if (file === undefined || !isFileOfUse(file, use)) {',
        replace: 'if (file === undefined) {',
      },
    ],
    fate: RUNS,
  },
  {
    name: 'in-runs-a-wrong-completion-leaves-the-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: COMPLETION,
        find: 'if (file === undefined || !isFileOfUse(file, use)) {',
        replace:
          'if (file !== undefined && isFileOfUse(file, use)) return answer(gone);\n    if (file === undefined || !isFileOfUse(file, use)) {',
      },
    ],
    fate: RUNS,
  },
  {
    name: 'in-runs-the-number-of-a-class-never-changes',
    rule: 'F4',
    edits: [
      {
        file: CLASSES,
        find: '    this.#reader.get(classKey(name), (outcome) => {',
        replace:
          "    const before = this.#remembered.get(name);\n    if (before !== undefined) return callback({ kind: 'known', copies: before.copies });\n    return this.#reader.get(classKey(name), (outcome) => {",
      },
    ],
    fate: RUNS,
  },
  {
    name: 'in-runs-copies-that-a-class-has-no-more-are-trimmed-unconfirmed',
    rule: 'F5',
    edits: [{ file: VERDICT, find: 'mayTrim && isConfirmed(places, said)', replace: 'mayTrim' }],
    fate: RUNS,
  },
];
