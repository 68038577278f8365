// Mutants of two processes that say they are one node.

import { type Mutant, tests } from './mutant.ts';

const TWINS = 'test/simulation/schedules-twins.test.ts';
const REGISTRATIONS = 'src/controller/registrations.ts';
const RIVALS = 'src/controller/rivals.ts';

export const TWIN_MUTANTS: readonly Mutant[] = [
  {
    name: 'newcomer-always-wins',
    rule: 'I10',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (known === undefined || known.address === address) return undefined;',
        replace: 'if (known === undefined || known.address !== address) return undefined;',
      },
    ],
    fate: tests(TWINS, 'takes no node from one that lives'),
  },
  {
    name: 'silent-original-is-evicted',
    rule: 'I10',
    edits: [{ file: RIVALS, find: 'isThere || (isSilent && wasHeard)', replace: 'isThere' }],
    fate: tests(TWINS, 'one that is silent'),
  },
  {
    name: 'original-is-waited-for-without-end',
    rule: 'I10',
    edits: [
      {
        file: RIVALS,
        find: 'isThere || (isSilent && wasHeard)',
        replace: 'isThere || heardMs !== undefined',
      },
    ],
    fate: tests(TWINS, 'takes its place once'),
  },
];
