// Keeps the record of a class at the number of copies that somebody wants: a broker for the rules of its configuration.
// Several may do so at once. Reading the numbers is classes.ts's.

import { type Condition, etagOf } from '../cluster/model/condition.ts';
import { recordValue } from '../cluster/model/record.ts';
import { decodeClass, encodeClass } from './classes.ts';
import { classKey, type ReplicationClass } from './file-key.ts';
import type { FileOperations } from './file-parts.ts';

export type KeepClassOutcome =
  /** The record says so now; `changed` tells whether it did not before. */
  | { readonly kind: 'kept'; readonly changed: boolean }
  /** It may or may not say so: ask again. */
  | { readonly kind: 'failed'; readonly detail: string };

export class ClassRecords {
  readonly #operations: Pick<FileOperations, 'reader' | 'conditional'>;

  /** @param operations of stored keys */
  constructor(operations: Pick<FileOperations, 'reader' | 'conditional'>) {
    this.#operations = operations;
  }

  /**
   * Sets the record of a class where it says another number, or is absent or damaged. It is set on the condition that it is
   * still the one that was read: whoever was faster may have wanted the same.
   * @param callback called exactly once
   */
  keep(
    name: ReplicationClass,
    copies: number,
    callback: (outcome: KeepClassOutcome) => void,
  ): void {
    this.#operations.reader.get(classKey(name), (outcome) => {
      switch (outcome.kind) {
        case 'value': {
          const read = decodeClass(recordValue(outcome.record));
          const isKept = read.kind === 'known' && read.copies === copies;
          if (isKept) return callback({ kind: 'kept', changed: false });
          return this.#set(name, copies, { ifMatch: [etagOf(outcome.record)] }, callback);
        }
        case 'absent':
          return this.#set(name, copies, { ifNoneMatch: 'any' }, callback);
        case 'failed':
          return callback({ kind: 'failed', detail: outcome.detail });
      }
    });
  }

  #set(
    name: ReplicationClass,
    copies: number,
    condition: Condition,
    callback: (outcome: KeepClassOutcome) => void,
  ): void {
    const change = {
      kind: 'put',
      value: encodeClass(copies),
      attributes: [],
      expiresAtMs: 0,
    } as const;
    this.#operations.conditional.write({ key: classKey(name), condition, change }, (outcome) => {
      switch (outcome.kind) {
        case 'stored':
          return callback({ kind: 'kept', changed: true });
        case 'unmet':
          return callback({
            kind: 'failed',
            detail: `class ${name} was set by somebody else just now`,
          });
        case 'not-stored':
          return callback({
            kind: 'failed',
            detail: `class ${name} was not set: ${outcome.detail}`,
          });
        case 'unknown':
          return callback({
            kind: 'failed',
            detail: `nobody can tell whether class ${name} was set`,
          });
      }
    });
  }
}
