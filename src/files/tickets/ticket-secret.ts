// The secret under which tickets are sealed: an internal record of the cluster, which the first process that needs it makes,
// and each remembers. Whoever can read the records of the cluster can make tickets; nobody else can.

import type { ErrorCode } from '../../cluster/http/errors.ts';
import { recordValue } from '../../cluster/model/record.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { ticketSecretKey } from '../file-key.ts';
import type { FileOperations } from '../file-parts.ts';

/** How long a token that does not fit does not make a process ask for the secret again. */
const ASK_AGAIN_MS = 1000;

export type SecretOutcome =
  | { readonly kind: 'known'; readonly secret: Buffer }
  /** No ticket was ever issued. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };
type SecretCallback = (outcome: SecretOutcome) => void;

export class TicketSecret {
  readonly #runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly #operations: Pick<FileOperations, 'linearizable' | 'conditional'>;
  /** What the record said last; undefined until it was read. */
  #latest: Exclude<SecretOutcome, { kind: 'failed' }> | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  /** Those who wait for the answer that is under way. */
  #waiting: SecretCallback[] = [];

  constructor(
    runtime: Pick<Runtime, 'clock' | 'random'>,
    operations: Pick<FileOperations, 'linearizable' | 'conditional'>,
  ) {
    this.#runtime = runtime;
    this.#operations = operations;
  }

  /** For opening tickets. @param callback called exactly once, at once where the secret is known already */
  look(callback: SecretCallback): void {
    if (this.#latest?.kind === 'known') return callback(this.#latest);
    return this.lookAgain(callback);
  }

  /**
   * A token does not fit: the record may be another one by now, where the records of the cluster were lost.
   * @param callback called exactly once, with what the record says now, or said within the last second
   */
  lookAgain(callback: SecretCallback): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    // One that is absent may be made at any moment, and the first ticket be on its way here.
    if (this.#latest?.kind === 'known' && nowMs - this.#askedMs < ASK_AGAIN_MS) {
      return callback(this.#latest);
    }
    return this.#ask(callback);
  }

  /** For issuing tickets: makes one where there is none. @param callback called exactly once */
  make(callback: SecretCallback): void {
    if (this.#latest?.kind === 'known') return callback(this.#latest);
    return this.#ask((outcome) =>
      outcome.kind === 'absent' ? this.#set(callback) : callback(outcome),
    );
  }

  #ask(callback: SecretCallback): void {
    this.#waiting.push(callback);
    if (this.#waiting.length > 1) return;
    this.#askedMs = this.#runtime.clock.monotonicMs();
    // By all members (H21): of a secret that only some of them have another process may not hear, and it would make its own.
    this.#operations.linearizable.get(ticketSecretKey(), (outcome) => {
      const told = this.#noted(
        outcome.kind === 'value'
          ? { kind: 'known', secret: recordValue(outcome.record) }
          : outcome.kind === 'absent'
            ? { kind: 'absent' }
            : { kind: 'failed', code: outcome.code, detail: outcome.detail },
      );
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const each of waiting) each(told);
    });
  }

  #noted(outcome: SecretOutcome): SecretOutcome {
    if (outcome.kind !== 'failed') this.#latest = outcome;
    return outcome;
  }

  /** Where two make one at the same time, the cluster takes one of them, and the other goes by that. */
  #set(callback: SecretCallback): void {
    const { random } = this.#runtime;
    const value = Buffer.from(`${random.token()}${random.token()}`, 'hex');
    const change = { kind: 'put', value, attributes: [], expiresAtMs: 0 } as const;
    const request = { key: ticketSecretKey(), condition: { ifNoneMatch: 'any' }, change } as const;
    this.#operations.conditional.write(request, (outcome) => {
      switch (outcome.kind) {
        case 'stored':
          return callback(this.#noted({ kind: 'known', secret: value }));
        case 'unmet':
          return callback(
            outcome.record === undefined
              ? UNKNOWN
              : this.#noted({ kind: 'known', secret: recordValue(outcome.record) }),
          );
        case 'not-stored':
          return callback({ kind: 'failed', code: outcome.code, detail: outcome.detail });
        case 'unknown':
          return callback(UNKNOWN);
      }
    });
  }
}

const UNKNOWN = {
  kind: 'failed',
  code: 'not-stored',
  detail: 'the secret of tickets could not be made: not everybody confirmed in time',
} as const;
