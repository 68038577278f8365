// The port of the load generator, which controls its own connections to frontends: each carries one request and its
// answer at a time. Roles reach each other through Network (ports.ts) instead.

import type { Address } from '../model/identity.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Buffer | undefined;
}

export interface ExchangeAnswer {
  readonly kind: 'answered';
  readonly status: number;
  /** The header X-Fog-Version, unparsed. */
  readonly version: string | undefined;
  /** The header X-Fog-Error, unparsed. */
  readonly error: string | undefined;
  readonly body: Buffer;
}

export const BREAK_KINDS = ['refused', 'reset', 'unreachable', 'exhausted', 'malformed'] as const;
/**
 * Why there is no answer, in this order: nobody listens; the connection broke; the host cannot be reached or its name
 * resolved; this side lacks a descriptor, port or memory for a connection, so nothing is known of the peer; the answer
 * is not HTTP.
 */
export type BreakKind = (typeof BREAK_KINDS)[number];

export type ExchangeOutcome = ExchangeAnswer | { readonly kind: 'broken'; readonly why: BreakKind };

/** One connection, opened by the first request, and anew by the first one after it broke. */
export interface Exchanges {
  /** Sends a request; the one before must be over. @param callback called once, unless `giveUp` is called before */
  send(request: ExchangeRequest, callback: (outcome: ExchangeOutcome) => void): void;
  /** Drops the request under way, whose callback is then never called, and closes the connection. */
  giveUp(): void;
}

export type OpenExchanges = (address: Address) => Exchanges;
