// Makes backups of a run's cluster, and now and then restores one: with the records' own versions, which removes
// nothing newer (D16), or as new sets.

import { backupReads } from './backup-oracle.ts';
import { SimulatedBackup } from './backups.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation, History } from './history.ts';
import type { RunShape } from './run-shape.ts';
import { nameOf } from './values.ts';
import type { World } from './world.ts';

const RESTS_MS = [5000, 25_000] as const;
const RESTORED = 0.4;

export class BackupKeeper {
  readonly #world: World;
  readonly #shape: RunShape;
  readonly #history: History;
  readonly #backup: SimulatedBackup;
  readonly #violation: (text: string) => void;
  /** The content of each finished backup, as gets (backup-oracle.ts). */
  readonly reads: ClientOperation[] = [];
  #stopped = false;

  constructor(
    world: World,
    cluster: SimulatedCluster,
    shape: RunShape,
    history: History,
    violation: (text: string) => void,
  ) {
    this.#world = world;
    this.#shape = shape;
    this.#history = history;
    this.#violation = violation;
    this.#backup = new SimulatedBackup(world, cluster, { nameOf });
  }

  start(): void {
    if (this.#shape.isBackedUp) this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#backup.kill(false);
  }

  #later(): void {
    this.#world.at(this.#world.random.between(...RESTS_MS), () => {
      if (!this.#stopped) this.#begin();
    });
  }

  #begin(): void {
    const { random } = this.#world;
    this.#backup.backup((end) => {
      this.#world.occur(end.isFinished ? 'backup finished' : 'backup not finished');
      if (!end.isFinished) return this.#later();
      const reads = backupReads(this.#backup.node.disk.image(), this.#shape.keys, end, nameOf);
      if (typeof reads === 'string') this.#violation(`backup: ${reads}`);
      else this.reads.push(...reads);
      if (random.chance(RESTORED)) this.#world.at(random.between(0, 5000), () => this.#restore());
      else this.#another();
    });
  }

  #restore(): void {
    if (this.#stopped) return;
    const asNew = this.#world.random.chance(0.4);
    this.#backup.restore(this.#history, { asNew }, ({ isWhole }) => {
      const what = asNew ? 'restored as new' : 'restored';
      this.#world.occur(isWhole ? what : `${what}, not whole`);
      this.#another();
    });
  }

  /** Begins another backup in an empty directory. */
  #another(): void {
    this.#backup.node.disk.wipe();
    this.#later();
  }
}
