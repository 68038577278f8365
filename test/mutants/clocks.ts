// Mutants of clocks that are wrong, and time scales that differ.

import type { Mutant } from './mutant.ts';

export const CLOCK_MUTANTS: readonly Mutant[] = [];
