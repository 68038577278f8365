// The port of a client of frontends that counts its connections: one request and its answer at a time on each. What
// roles say to each other goes through Network (ports.ts) instead.

import type { Address } from '../model/identity.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Buffer | undefined;
}

export interface ExchangeAnswer {
  readonly kind: 'answered';
  readonly status: number;
  /** X-Fog-Version, as it came. */
  readonly version: string | undefined;
  /** X-Fog-Error, as it came. */
  readonly error: string | undefined;
  readonly body: Buffer;
}

export const BREAK_KINDS = ['refused', 'reset', 'unreachable', 'exhausted', 'malformed'] as const;
/**
 * Why there is no answer: nobody listens, the connection was broken off, the host cannot be reached or resolved, this
 * side has no descriptor, port or memory for a connection (which says nothing of the peer), what came is no HTTP.
 */
export type BreakKind = (typeof BREAK_KINDS)[number];

export type ExchangeOutcome = ExchangeAnswer | { readonly kind: 'broken'; readonly why: BreakKind };

/** Connects when it is first used, and anew after whatever broke it. */
export interface Exchanges {
  /** One at a time. @param callback once, and not when it is given up before */
  send(request: ExchangeRequest, callback: (outcome: ExchangeOutcome) => void): void;
  /** What is under way gets no answer any more; its connection is closed. */
  giveUp(): void;
}

export type OpenExchanges = (address: Address) => Exchanges;
