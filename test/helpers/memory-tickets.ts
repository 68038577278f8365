// Tickets without a cluster, for the tests of gateways: sealed under a secret of the test's, at a time of the test's.

import type { BlobId } from '../../src/files/blob-id.ts';
import { type OpenedTicket, openTicket, sealTicket } from '../../src/files/tickets/sealing.ts';
import type { TicketTerms } from '../../src/files/tickets/ticket.ts';
import type { IssueTicketOutcome, TicketState, Tickets } from '../../src/files/tickets/tickets.ts';

export class MemoryTickets implements Tickets {
  nowMs = Date.UTC(2024, 1, 29, 12);
  secret = Buffer.alloc(32, 'secret');
  /** What has become of tickets; all others are unused. */
  readonly states = new Map<BlobId, TicketState>();

  issue(
    terms: TicketTerms,
    lifetimeMs: number,
    callback: (outcome: IssueTicketOutcome) => void,
  ): void {
    const ticket = { ...terms, expiresMs: this.nowMs + lifetimeMs };
    callback({ kind: 'issued', token: sealTicket(ticket, this.secret), ticket });
  }

  open(token: string, callback: (outcome: OpenedTicket) => void): void {
    callback(openTicket(token, this.secret, this.nowMs));
  }

  state(id: BlobId, callback: (state: TicketState) => void): void {
    callback(this.states.get(id) ?? { kind: 'unused' });
  }
}
