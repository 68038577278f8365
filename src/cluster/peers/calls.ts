// What came of a call by plain HTTP, after its reply was checked against its shape. Between processes messages travel on
// streams (control-client.ts); this is for commands, and for whoever asks what people ask.

import type { CallOutcome } from '../ports.ts';
import type { CheckedReply } from '../wire/control-frames.ts';
import { refusal } from '../wire/control-messages.ts';
import { Malformed, type Shape } from '../wire/shapes.ts';

/** @param who is meant to be at an address that somebody typed; what answers nonsense may be anybody */
export function readReply<T>(shape: Shape<T>, outcome: CallOutcome, who?: string): CheckedReply<T> {
  if (outcome.kind === 'failed') return outcome;
  const { status, message } = outcome;
  try {
    if (status === 200) return { kind: 'message', message: shape(message) };
    return { kind: 'refused', ...refusal(message) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const doubt = who === undefined ? '' : `; is this ${who}?`;
    return { kind: 'failed', detail: `status ${status}, ${error.message}${doubt}` };
  }
}
