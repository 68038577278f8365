// The check "one answer": a frontend that stays alive answers every operation exactly once, by its deadline and a
// margin. Whether the answer is right is judged in history.ts, and whether it may be a failure in availability.ts.

import { type HttpReply, replyHeader } from '../cluster/http/http.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { ClientOperation } from './history.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** Allowed beyond a deadline, in ms: for the slowest clock (process.ts), the last sweep of deadlines, and bursts. */
const MARGIN_MS = 1500;

export class Answers {
  readonly #world: World;
  readonly #violation: (text: string) => void;
  readonly #deadlineMs: Readonly<Record<ClientOperation['kind'], number>>;
  #open = 0;
  /** Versions in the replies to sets and deletes, each with its key and the frontend's incarnation that minted it. */
  readonly #versions = new Set<string>();

  constructor(world: World, violation: (text: string) => void) {
    this.#world = world;
    this.#violation = violation;
    const { getDeadlineMs, setDeadlineMs } = protocolTimes(1);
    this.#deadlineMs = { get: getDeadlineMs, set: setDeadlineMs, delete: setDeadlineMs };
  }

  /** How many operations are open: not answered yet, at a frontend that may still answer. */
  get open(): number {
    return this.#open;
  }

  /**
   * @param frontend the frontend that the caller is about to ask
   * @param answered called with the first reply
   * @param deadlineMs by which the frontend must answer; by default that of the operation's kind
   * @returns the callback to pass to the frontend for its reply
   */
  expect(
    frontend: SimulatedNode,
    operation: ClientOperation,
    answered: (reply: HttpReply) => void,
    deadlineMs = this.#deadlineMs[operation.kind],
  ): (reply: HttpReply) => void {
    const { process } = frontend;
    const { incarnation } = process;
    const { kind, key, startMs } = operation;
    const what = `${kind} ${key} of ${startMs.toFixed(1)} at ${process.name}`;
    const limitMs = deadlineMs + MARGIN_MS;
    let answers = 0;
    this.#open++;
    const check = () => {
      if (answers > 0) return;
      // The client of a dead process learns of its death from the connection.
      if (!process.alive || process.incarnation !== incarnation) {
        this.#open--;
        return;
      }
      // Count from when a sleeping process woke: its deadlines run by a clock that may have stood still too.
      const dueMs = Math.max(startMs, process.awakeSinceMs) + limitMs;
      if (process.paused || this.#world.nowMs < dueMs) {
        this.#world.at(Math.max(100, dueMs - this.#world.nowMs), check);
        return;
      }
      this.#open--;
      this.#violation(`one answer: ${what} has none at ${this.#world.nowMs.toFixed(1)}`);
      // A later reply now counts as a second one.
      answers = 1;
    };
    this.#world.at(limitMs, check);
    return (reply) => {
      answers++;
      if (answers > 1) {
        this.#violation(
          `one answer: ${what} has another, ${reply.status}, at ${this.#world.nowMs.toFixed(1)}`,
        );
        return;
      }
      this.#open--;
      if (kind !== 'get') this.#checkVersion(`${process.name} ${incarnation} ${key}`, what, reply);
      answered(reply);
    };
  }

  /** H41: each set is answered with its own version, also a coalesced one; a 412 names the version that is there. */
  #checkVersion(minter: string, what: string, reply: HttpReply): void {
    const version = replyHeader(reply, 'x-fog-version');
    if (version === undefined || reply.status === 412) return;
    const minted = `${minter} ${version}`;
    if (this.#versions.has(minted)) {
      this.#violation(`one version: ${what} was answered v=${version}, as one before it`);
    }
    this.#versions.add(minted);
  }
}
