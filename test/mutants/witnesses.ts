// Mutants of who the witnesses are and what they must know of.

import type { Mutant } from './mutant.ts';

export const WITNESS_MUTANTS: readonly Mutant[] = [];
