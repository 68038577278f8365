// How many copies the files of a class have: one record of the cluster for each class, which the operator writes (FILES.md,
// "Classes"). Whoever uploads, reads or repairs files asks here.

import { recordValue } from '../cluster/model/record.ts';
import type { Clock } from '../cluster/ports.ts';
import { integer, Malformed, object } from '../cluster/wire/shapes.ts';
import type { Reader } from '../coordinator/operations/get/round.ts';
import { classKey, DEFAULT_CLASS, type ReplicationClass } from './file-key.ts';

export const DEFAULT_COPIES = 2;
export const COPIES_MAX = 16;
/** Of so many classes the number of copies is remembered. */
const REMEMBERED_MAX = 1000;

const shape = object({ copies: integer({ min: 1, max: COPIES_MAX }) });

export type CopiesOutcome =
  | { readonly kind: 'known'; readonly copies: number }
  | { readonly kind: 'failed'; readonly detail: string };

/** The class of files that have a number of copies of their own; it has that number without a record. */
export function classOfCopies(copies: number): ReplicationClass {
  return `copies-${copies}` as ReplicationClass;
}

/** @returns the number that the name of a class says; undefined for most, which have a record or are as the default one */
export function copiesInName(name: string): number | undefined {
  const copies = Number(/^copies-([1-9]\d?)$/.exec(name)?.[1]);
  return copies <= COPIES_MAX ? copies : undefined;
}

/**
 * @param said for a file that is stored over another one, or is another one's copy
 * @param present that of the other one, if there is any
 * @returns its class: a number of its own stays with a file until another one is said, and rules give way to it
 */
export function classOver(
  said: ReplicationClass,
  present: ReplicationClass | undefined,
): ReplicationClass {
  if (present === undefined || copiesInName(said) !== undefined) return said;
  return copiesInName(present) === undefined ? said : present;
}

export function encodeClass(copies: number): Buffer {
  return Buffer.from(JSON.stringify({ copies }));
}

export class ReplicationClasses {
  readonly #reader: Pick<Reader, 'get'>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #freshMs: number;
  readonly #remembered = new Map<
    ReplicationClass,
    { readonly copies: number; readonly atMs: number }
  >();

  /** @param freshMs how long `lately` goes by what it has heard */
  constructor(
    reader: Pick<Reader, 'get'>,
    clock: Pick<Clock, 'monotonicMs'>,
    { freshMs }: { readonly freshMs: number },
  ) {
    this.#reader = reader;
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /**
   * @param callback called exactly once; a class without a record has the number in its name, or is as the default one,
   *   which has two copies
   */
  copies(name: ReplicationClass, callback: (outcome: CopiesOutcome) => void): void {
    this.#reader.get(classKey(name), (outcome) => {
      switch (outcome.kind) {
        case 'value':
          return callback(this.#noted(name, decodeClass(recordValue(outcome.record))));
        case 'absent': {
          const named = copiesInName(name);
          if (named === undefined && name !== DEFAULT_CLASS) {
            return this.copies(DEFAULT_CLASS, (known) => callback(this.#noted(name, known)));
          }
          return callback(this.#noted(name, { kind: 'known', copies: named ?? DEFAULT_COPIES }));
        }
        case 'failed':
          return callback({ kind: 'failed', detail: outcome.detail });
      }
    });
  }

  /** As it was lately, or the default: good enough to know where to look first, and never waited for. */
  lately(name: ReplicationClass): number {
    const remembered = this.#remembered.get(name);
    const copies = remembered?.copies ?? copiesInName(name) ?? DEFAULT_COPIES;
    const nowMs = this.#clock.monotonicMs();
    if (remembered === undefined || nowMs - remembered.atMs > this.#freshMs) {
      // Asked once, however many look meanwhile, and whether it is answered or not.
      this.#noted(name, { kind: 'known', copies });
      this.copies(name, () => undefined);
    }
    return copies;
  }

  #noted(name: ReplicationClass, outcome: CopiesOutcome): CopiesOutcome {
    if (outcome.kind === 'failed') return outcome;
    if (this.#remembered.size >= REMEMBERED_MAX && !this.#remembered.has(name)) {
      this.#remembered.clear();
    }
    this.#remembered.set(name, { copies: outcome.copies, atMs: this.#clock.monotonicMs() });
    return outcome;
  }
}

export function decodeClass(bytes: Buffer): CopiesOutcome {
  try {
    return { kind: 'known', copies: shape(JSON.parse(bytes.toString())).copies };
  } catch (error) {
    const why = error instanceof Malformed || error instanceof SyntaxError ? error.message : '';
    return { kind: 'failed', detail: `the record of the class is damaged: ${why}` };
  }
}
