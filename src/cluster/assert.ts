// The one assertion. It stays on in production: a broken invariant ends the process with a message
// before it can corrupt anything. Errors of users and of the network are never asserted.

export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/** @param what says what must hold, as a sentence that makes sense in a crash report. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantBroken(what);
}

/** The default branch of an exhaustive switch: a state that the types rule out. */
export function unreachable(state: never): never {
  throw new InvariantBroken(`unreachable state: ${JSON.stringify(state)}`);
}
