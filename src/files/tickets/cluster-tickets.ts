// The tickets of a cluster. Gateways issue them and redirect to a file server; the file server opens them. That one ticket stores
// one file is in ticket-record.ts.

import type { Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../blob-id.ts';
import type { FileOperations } from '../file-parts.ts';
import { type OpenedTicket, openTicket, sealTicket, TOKEN_BYTES_MAX } from './sealing.ts';
import { SUBMITTED_MAX, TICKET_MS_MAX, type Ticket, type TicketTerms } from './ticket.ts';
import { TicketRecords } from './ticket-record.ts';
import { type SecretOutcome, TicketSecret } from './ticket-secret.ts';
import type { IssueTicketOutcome, TicketFailure, TicketState, Tickets } from './tickets.ts';

export class ClusterTickets implements Tickets {
  readonly #runtime: Pick<Runtime, 'clock'>;
  readonly #secret: TicketSecret;
  readonly records: TicketRecords;

  /** @param runtime its clock is the cluster's (H31) */
  constructor(runtime: Pick<Runtime, 'clock' | 'random'>, operations: FileOperations) {
    this.#runtime = runtime;
    this.#secret = new TicketSecret(runtime, operations);
    this.records = new TicketRecords(operations);
  }

  issue(
    terms: TicketTerms,
    lifetimeMs: number,
    callback: (outcome: IssueTicketOutcome) => void,
  ): void {
    const submitted = terms.purpose === 'write' ? (terms.submitted ?? []) : [];
    if (submitted.length > SUBMITTED_MAX) return callback(TOO_MANY_TOKENS);
    return this.#secret.make((known) => {
      if (known.kind !== 'known') return callback(known.kind === 'failed' ? known : NO_SECRET);
      const expiresMs = this.#nowMs + Math.ceil(Math.min(lifetimeMs, TICKET_MS_MAX));
      const ticket: Ticket = { ...terms, expiresMs };
      const token = sealTicket(ticket, known.secret);
      return callback(
        token.length <= TOKEN_BYTES_MAX ? { kind: 'issued', token, ticket } : TOO_LONG,
      );
    });
  }

  open(token: string, callback: (outcome: OpenedTicket | TicketFailure) => void): void {
    this.#secret.look((known) => {
      const opened = this.#openWith(known, token);
      if (opened.kind !== 'forged') return callback(opened);
      return this.#secret.lookAgain((again) => callback(this.#openWith(again, token)));
    });
  }

  #openWith(known: SecretOutcome, token: string): OpenedTicket | TicketFailure {
    switch (known.kind) {
      case 'known':
        return openTicket(token, known.secret, this.#nowMs);
      case 'absent':
        return { kind: 'forged' };
      case 'failed':
        return known;
    }
  }

  /** Asks for the secret before it is needed. */
  start(): void {
    this.#secret.look(() => undefined);
  }

  state(id: BlobId, callback: (state: TicketState) => void): void {
    this.records.state(id, callback);
  }

  get #nowMs(): number {
    return Math.floor(this.#runtime.clock.wallMs());
  }
}

const NO_SECRET = {
  kind: 'failed',
  code: 'not-stored',
  detail: 'the secret of tickets could not be made',
} as const;
const TOO_LONG = {
  kind: 'failed',
  code: 'bad-parameter',
  detail: `a ticket for this takes more than ${TOKEN_BYTES_MAX} bytes: give the file fewer or shorter attributes`,
} as const;
const TOO_MANY_TOKENS = {
  kind: 'failed',
  code: 'bad-parameter',
  detail: `an upload may submit ${SUBMITTED_MAX} lock tokens: send those of the file and of what it is in`,
} as const;
