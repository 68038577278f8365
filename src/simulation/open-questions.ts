// The questions of a run's clients that are not answered yet: each is answered once, as long as its frontend runs.

import type { Frontend } from '../frontend/frontend.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

interface OpenQuestion {
  readonly what: string;
  readonly frontend: SimulatedNode<Frontend>;
  readonly incarnation: number;
  /** Whether the frontend ran when it was asked; one that is dead hears nothing, and may run again later. */
  readonly isHeard: boolean;
}

export class OpenQuestions {
  readonly #world: World;
  readonly #violation: (text: string) => void;
  readonly #open = new Set<OpenQuestion>();

  constructor(world: World, violation: (text: string) => void) {
    this.#world = world;
    this.#violation = violation;
  }

  /** @param ask asks it; `answered` is called with each answer, and returns whether it is the first */
  ask(
    what: string,
    frontend: SimulatedNode<Frontend>,
    ask: (answered: () => boolean) => void,
  ): void {
    const { incarnation, alive } = frontend.process;
    const asked: OpenQuestion = {
      what: `${what} of ${this.#world.nowMs.toFixed(1)}`,
      frontend,
      incarnation,
      isHeard: alive,
    };
    this.#open.add(asked);
    ask(() => {
      const isFirst = this.#open.delete(asked);
      if (!isFirst) this.#violation(`one answer: ${asked.what} has another`);
      return isFirst;
    });
  }

  /** Called long after the last question. @returns what was never answered, though its frontend runs */
  unanswered(): readonly string[] {
    return [...this.#open]
      .filter(({ frontend: { process }, incarnation, isHeard }) => {
        const isSame = process.alive && process.incarnation === incarnation;
        return isHeard && isSame && !process.paused;
      })
      .map(({ what, frontend }) => `one answer: ${what} at ${frontend.process.name} has none`);
  }
}
