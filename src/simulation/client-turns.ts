// The turns of clients of a run: each asks one thing after the other, of any frontend that runs, and goes on without an answer
// where none comes.

import type { Frontend } from '../frontend/frontend.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** Without an answer a client goes on after this, in ms; a later answer still counts. */
const PATIENCE_MS = 7000;

export type ClientTurn = (frontend: SimulatedNode<Frontend>, done: () => void) => void;

export class ClientTurns {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #thinkMs: readonly [number, number];
  #isStopped = false;

  /** @param thinkMs how long a client waits between an answer and its next question */
  constructor(world: World, cluster: SimulatedCluster, thinkMs: readonly [number, number]) {
    this.#world = world;
    this.#cluster = cluster;
    this.#thinkMs = thinkMs;
  }

  /** Lets another client begin. */
  begin(turn: ClientTurn): void {
    const { random } = this.#world;
    if (this.#isStopped) return;
    const next = once(() => {
      this.#world.at(random.between(...this.#thinkMs), () => this.begin(turn));
    });
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    if (alive.length === 0) return next();
    this.#world.at(PATIENCE_MS, next);
    return turn(random.pick(alive), next);
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** @returns what runs it at the first call alone */
export function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}
