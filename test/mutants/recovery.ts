// Mutants of what a controller without its state may conclude.

import type { Mutant } from './mutant.ts';

export const RECOVERY_MUTANTS: readonly Mutant[] = [];
