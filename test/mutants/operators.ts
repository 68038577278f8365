// Mutants of reports of frontends, dead nodes, and frontends without a controller.

import type { Mutant } from './mutant.ts';

export const OPERATOR_MUTANTS: readonly Mutant[] = [];
