// The tickets of a cluster. Gateways issue them and redirect to a file server; the file server opens them. That one ticket stores
// one file is in ticket-record.ts.

import type { Random } from '../../cluster/ports.ts';
import type { BlobId } from '../blob-id.ts';
import type { FileOperations } from '../file-parts.ts';
import { type OpenedTicket, openTicket, sealTicket, TOKEN_BYTES_MAX } from './sealing.ts';
import { SUBMITTED_MAX, TICKET_MS_MAX, type Ticket, type TicketTerms } from './ticket.ts';
import { TicketRecords } from './ticket-record.ts';
import { type SecretOutcome, TicketSecret } from './ticket-secret.ts';
import type {
  IssueTicketOutcome,
  TicketClock,
  TicketFailure,
  TicketState,
  Tickets,
} from './tickets.ts';

/** So much later than its time allows a ticket may seem to end, in ms: clocks differ. */
export const TICKET_SLACK_MS = 5 * 60 * 1000;

interface TicketRuntime {
  readonly clock: TicketClock;
  readonly random: Random;
}

export class ClusterTickets implements Tickets {
  readonly #runtime: TicketRuntime;
  readonly #secret: TicketSecret;
  readonly records: TicketRecords;

  constructor(runtime: TicketRuntime, operations: FileOperations) {
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
    // By a clock that is days ahead it would be a ticket of days.
    if (this.#runtime.clock.isKnown === false) return callback(NO_TIME);
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
        return this.#withinTime(openTicket(token, known.secret, this.#nowMs));
      case 'absent':
        return { kind: 'forged' };
      case 'failed':
        return known;
    }
  }

  /** A ticket of an hour at most that ends later than in an hour was issued by a wrong clock: another one is to be asked for. */
  #withinTime(opened: OpenedTicket): OpenedTicket {
    if (opened.kind !== 'valid') return opened;
    const isWithin = opened.ticket.expiresMs <= this.#nowMs + TICKET_MS_MAX + TICKET_SLACK_MS;
    return isWithin ? opened : { ...opened, kind: 'expired' };
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
const NO_TIME = {
  kind: 'failed',
  code: 'not-ready',
  detail: 'no storage node has told its time yet, by which tickets end',
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
