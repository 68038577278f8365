// The clients of files of a run: each uploads, overwrites, deletes or reads one file after the other, by any frontend that
// runs. Whether the answers are right is file-asker.ts's.

import { type Condition, etagOf } from '../cluster/model/condition.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { ClientTurns } from './client-turns.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** What the clients of a run do. */
export interface FileLoad {
  readonly clients: number;
  readonly thinkMs: readonly [number, number];
  readonly paths: readonly string[];
  /** None of these paths is deleted. */
  readonly kept: readonly string[];
}

export class FileClients {
  readonly #world: World;
  readonly #asker: FileAsker;
  readonly #load: FileLoad;
  readonly #turns: ClientTurns;

  constructor(world: World, cluster: SimulatedCluster, asker: FileAsker, load: FileLoad) {
    this.#world = world;
    this.#asker = asker;
    this.#load = load;
    this.#turns = new ClientTurns(world, cluster, load.thinkMs);
  }

  start(): void {
    for (let client = 0; client < this.#load.clients; client++) {
      this.#turns.begin((frontend, next) => this.#turn(frontend, next));
    }
  }

  stop(): void {
    this.#turns.stop();
  }

  #turn(frontend: SimulatedNode<Frontend>, next: () => void): void {
    const { random } = this.#world;
    const path = random.pick(this.#load.paths);
    const drawn = random.fraction();
    if (drawn < 0.4)
      return this.#asker.put(frontend, path, this.#asker.contents.draw(random), {}, next);
    if (drawn < 0.5) return this.#putIf(frontend, path, next);
    if (drawn < 0.55 && !this.#load.kept.includes(path))
      return this.#asker.delete(frontend, path, next);
    return this.#asker.read(frontend, path, { isPart: random.chance(0.4) }, next);
  }

  /** Uploads a file only where there is none, or in place of the very one that it has just found. */
  #putIf(frontend: SimulatedNode<Frontend>, path: string, done: () => void): void {
    const { random } = this.#world;
    const content = this.#asker.contents.draw(random);
    if (random.chance(0.3)) {
      return this.#asker.put(frontend, path, content, { condition: { ifNoneMatch: 'any' } }, done);
    }
    return this.#asker.find(frontend, path, (file) => {
      if (file === 'absent' || file === 'failed') return done();
      const condition: Condition = { ifMatch: [etagOf(file.record)] };
      return this.#asker.put(frontend, path, content, { condition }, done);
    });
  }
}
