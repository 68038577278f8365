// Reads the reply to a plain HTTP call and checks it against its shape. Processes exchange messages on streams
// instead (control-client.ts); plain HTTP is for commands, and for anyone who asks for what people read.

import type { CallOutcome } from '../ports.ts';
import type { CheckedReply } from '../wire/control-frames.ts';
import { refusal } from '../wire/control-messages.ts';
import { Malformed, type Shape } from '../wire/shapes.ts';

/**
 * @param who the process expected at an address that a person typed: any program may be there, so a reply that makes
 * no sense is failed with the question whether it is this one
 */
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
