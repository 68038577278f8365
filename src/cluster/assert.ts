// The one assertion. It is checked in production too: a broken invariant ends the process with a message before it
// can corrupt anything. Errors of users and of the network are never asserted.

export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/**
 * @param what the condition that holds, as a sentence that makes sense in a crash report
 * @throws InvariantBroken when the condition is false
 */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantBroken(what);
}

/** For the default branch of an exhaustive switch, which the types rule out. @throws InvariantBroken always */
export function unreachable(state: never): never {
  throw new InvariantBroken(`unreachable state: ${JSON.stringify(state)}`);
}
