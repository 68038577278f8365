// The clients of files of a run: each uploads, overwrites, deletes or reads one file after the other, by any frontend that
// runs. Whether the answers are right is file-asker.ts's.

import { type Condition, etagOf } from '../cluster/model/condition.ts';
import type { Frontend } from '../frontend/frontend.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** Without an answer a client goes on after this, in ms; a later answer still counts. */
const PATIENCE_MS = 7000;

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
  readonly #cluster: SimulatedCluster;
  readonly #asker: FileAsker;
  readonly #load: FileLoad;
  #isStopped = false;

  constructor(world: World, cluster: SimulatedCluster, asker: FileAsker, load: FileLoad) {
    this.#world = world;
    this.#cluster = cluster;
    this.#asker = asker;
    this.#load = load;
  }

  start(): void {
    for (let client = 0; client < this.#load.clients; client++) this.#client();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #client(): void {
    const { random } = this.#world;
    if (this.#isStopped) return;
    const next = once(() => {
      this.#world.at(random.between(...this.#load.thinkMs), () => this.#client());
    });
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    if (alive.length === 0) return next();
    this.#world.at(PATIENCE_MS, next);
    const frontend = random.pick(alive);
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

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}
