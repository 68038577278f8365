// One answer: every operation of a living frontend is answered exactly once, by its deadline and a margin. What
// the answer says is history.ts's to judge, and whether it may fail availability.ts's.

import { type HttpReply, replyHeader } from '../cluster/http/http.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { ClientOperation } from './history.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** For the slowest clock (process.ts), the last sweep and what a burst of others holds up. */
const MARGIN_MS = 1500;

export class Answers {
  readonly #world: World;
  readonly #violation: (text: string) => void;
  readonly #deadlineMs: Readonly<Record<ClientOperation['kind'], number>>;
  #open = 0;
  /** That sets and deletes were answered with, each with the life of a frontend that minted it. */
  readonly #versions = new Set<string>();

  constructor(world: World, violation: (text: string) => void) {
    this.#world = world;
    this.#violation = violation;
    const { getDeadlineMs, setDeadlineMs } = protocolTimes(1);
    this.#deadlineMs = { get: getDeadlineMs, set: setDeadlineMs, delete: setDeadlineMs };
  }

  /** How many are not answered, and may still be. */
  get open(): number {
    return this.#open;
  }

  /**
   * @param frontend that is about to be asked
   * @returns what to give it as the callback for its reply
   */
  expect(
    frontend: SimulatedNode,
    operation: ClientOperation,
    answered: (reply: HttpReply) => void,
  ): (reply: HttpReply) => void {
    const { process } = frontend;
    const { life } = process;
    const { kind, key, startMs } = operation;
    const what = `${kind} ${key} of ${startMs.toFixed(1)} at ${process.name}`;
    const limitMs = this.#deadlineMs[kind] + MARGIN_MS;
    let answers = 0;
    this.#open++;
    const check = () => {
      if (answers > 0) return;
      // Who asked a process that died learns that from the connection.
      if (!process.alive || process.life !== life) {
        this.#open--;
        return;
      }
      // A process that slept has its whole time anew: its deadlines are by a clock that may have slept too.
      const dueMs = Math.max(startMs, process.awakeSinceMs) + limitMs;
      if (process.paused || this.#world.nowMs < dueMs) {
        this.#world.at(Math.max(100, dueMs - this.#world.nowMs), check);
        return;
      }
      this.#open--;
      this.#violation(`one answer: ${what} has none at ${this.#world.nowMs.toFixed(1)}`);
      // What comes later is one too many.
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
      if (kind !== 'get') this.#checkVersion(`${process.name} ${life}`, what, reply);
      answered(reply);
    };
  }

  /** H41: each set has a version of its own, also one that was coalesced. */
  #checkVersion(minter: string, what: string, reply: HttpReply): void {
    const version = replyHeader(reply, 'x-fog-version');
    if (version === undefined) return;
    const minted = `${minter} ${version}`;
    if (this.#versions.has(minted)) {
      this.#violation(`one version: ${what} was answered v=${version}, as one before it`);
    }
    this.#versions.add(minted);
  }
}
