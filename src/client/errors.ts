// What calls of both clients are rejected with. Programs look at `code`, never at the message.

import { ERRORS } from '../cluster/http/errors.ts';

/** Codes of the clients themselves, beside those of the frontends (docs/api.md, Errors). */
export const CLIENT_ERRORS = {
  /** Something else than a frontend answered: it does not count as an answer about any key. */
  'not-a-frontend': { status: 0, retryable: false },
  /** No frontend could be reached; nothing was sent that may take effect. */
  unreachable: { status: 0, retryable: true },
  /** The time of the call was over; nothing was sent that may take effect. */
  timeout: { status: 0, retryable: true },
  aborted: { status: 0, retryable: false },
  closed: { status: 0, retryable: false },
} as const;

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

export interface ErrorFields {
  /** The HTTP status; by default the one that the code has. */
  readonly status?: number;
  /** By default as the code has it. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class VelourError extends Error {
  override readonly name: string = 'VelourError';
  readonly code: string;
  /** The HTTP status that the code has, also in the direct client; 0 where the client itself gave up. */
  readonly status: number;
  /** Whether the same call may succeed later, and does no harm if an earlier one took effect after all. */
  readonly retryable: boolean;

  constructor(code: string, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    const known = kindOf(code);
    this.code = code;
    this.status = fields.status ?? known?.status ?? 0;
    this.retryable = fields.retryable ?? known?.retryable ?? this.status === 503;
  }
}

/** The condition of a write does not hold: nothing was stored. */
export class ConditionFailedError extends VelourError {
  override readonly name = 'ConditionFailedError';
  /** Of the value that is there; undefined where there is none. */
  readonly etag: string | undefined;

  constructor(message: string, etag: string | undefined) {
    super('condition-failed', message);
    this.etag = etag;
  }
}

/** The AbortSignal of the call was aborted; `cause` is its reason. A write that was sent may take effect all the same. */
export class AbortedError extends VelourError {
  override readonly name = 'AbortError';

  constructor(reason: unknown, mayTakeEffect: boolean) {
    const doubt = mayTakeEffect ? '; it may or may not take effect' : '';
    super('aborted', `the call was aborted${doubt}`, { cause: reason });
  }
}

function kindOf(
  code: string,
): { readonly status: number; readonly retryable: boolean } | undefined {
  if (Object.hasOwn(ERRORS, code)) return ERRORS[code as keyof typeof ERRORS];
  if (Object.hasOwn(CLIENT_ERRORS, code)) return CLIENT_ERRORS[code as ClientErrorCode];
  return undefined;
}
