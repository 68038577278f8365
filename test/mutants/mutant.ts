// What a mutant is: the product with exact texts replaced by others, and what must notice it. The mutants
// themselves are in the other files of this folder.

import type { ProgrammeName } from '../../src/simulation/programmes.ts';

export interface Edit {
  /** From the root of the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export type Programme =
  /** Simulated runs; the mutant is dead when one breaks a promise. */
  | {
      readonly kind: 'seeds';
      readonly first: number;
      readonly count: number;
      /** Aimed faults of one kind only; by default all kinds, as the seed draws them. */
      readonly programme?: ProgrammeName;
      readonly long?: boolean;
      /** So many file servers in each run; by default as the seed has it. */
      readonly files?: number;
    }
  /** Tests of one file, those with `name` in their names; the mutant is dead when one fails. */
  | { readonly kind: 'tests'; readonly file: string; readonly name: string };

export interface Mutant {
  readonly name: string;
  /** As docs/protocol.md has it; of `velour load`, the section of docs/load.md; of HTTP, that of docs/api.md. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** How to kill it; or why nothing can, because what it breaks is kept by another rule as well. */
  readonly fate: Programme | { readonly kind: 'argument'; readonly because: string };
}

/** More than a mutant of this programme ever needed, because any change of the product shifts all seeds. */
export const SEEDS: Programme = { kind: 'seeds', first: 1, count: 300 };

/** As few as its mutants need several times over: each strike goes for their rule. */
export const aimed = (programme: ProgrammeName, count = 40): Programme => ({
  kind: 'seeds',
  first: 1,
  count,
  programme,
});

export const tests = (file: string, name: string): Programme => ({ kind: 'tests', file, name });
