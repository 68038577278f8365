// What the clients of a run have in common that judge by themselves what they were told of files: what they are made of, and what
// the run asks of them (file-run.ts).

import type { FileKey } from '../files/file-key.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import type { FileOracles } from './file-oracles.ts';
import type { World } from './world.ts';

export interface JudgedClientsOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly oracles: FileOracles;
  readonly asker: FileAsker;
  /** How long a client waits between two of its turns, in ms. */
  readonly thinkMs: readonly [number, number];
  readonly violation: (text: string) => void;
}

export interface JudgedClients {
  start(): void;
  stop(): void;
  giveUp(isGivenUp: (key: FileKey) => boolean): void;
  /** Of their files that were not given up. */
  readonly keys: readonly FileKey[];
  /** Called when nobody asks anything any more, of those that can tell only then. */
  violations?(): readonly string[];
}
