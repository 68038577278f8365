// Mutants of what a node that comes back keeps, and copies again.

import type { Mutant } from './mutant.ts';

export const RETURNING_MUTANTS: readonly Mutant[] = [];
