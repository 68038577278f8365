// Mutants of that each set is answered once.

import type { Mutant } from './mutant.ts';

export const WRITER_MUTANTS: readonly Mutant[] = [];
