// Lists a directory of a run, each page by any frontend, and checks what comes: each entry that was there before exactly once,
// and nothing that was never there.

import type { DirectoryEntry, ListDirectory } from '../files/outcomes.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import type { World } from './world.ts';

const DIRECTORY = 'd';
/** Few, so that a listing has several pages. */
const PAGE_MAX = 4;

export interface DirectoryListerOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly asker: FileAsker;
  readonly violation: (text: string) => void;
}

export class DirectoryLister {
  readonly #of: DirectoryListerOf;
  /** The paths of all entries that there ever may be. */
  readonly #possible: ReadonlySet<string>;
  /** Those that certainly are, since these times, and are never deleted. */
  readonly #thereMs = new Map<string, number>();

  constructor(of: DirectoryListerOf, possible: readonly string[]) {
    this.#of = of;
    this.#possible = new Set(possible);
  }

  /** The entry was acknowledged, and will never be deleted. */
  isThere(path: string): void {
    const { nowMs } = this.#of.world;
    if (!this.#thereMs.has(path)) this.#thereMs.set(path, nowMs);
  }

  /** What becomes of the entry, nobody promises any more. */
  giveUp(path: string): void {
    this.#thereMs.set(path, Number.POSITIVE_INFINITY);
  }

  /** Lists the directory from its beginning to its end. @param done called where that ends or cannot go on */
  list(done: () => void): void {
    const { world } = this.#of;
    const limit = 1 + world.random.below(PAGE_MAX);
    const startMs = world.nowMs;
    const listed: string[] = [];
    const ended = () => {
      world.occur('directory listed');
      this.#judge(listed, startMs);
      done();
    };
    this.#pages({ domain: 'default', directory: Buffer.from(DIRECTORY), limit }, listed, {
      ended,
      failed: done,
    });
  }

  #pages(
    request: ListDirectory,
    listed: string[],
    ends: { readonly ended: () => void; readonly failed: () => void },
  ): void {
    const { world, cluster, asker } = this.#of;
    const alive = cluster.frontends.filter(({ process }) => process.alive);
    if (alive.length === 0) return ends.failed();
    const frontend = world.random.pick(alive);
    return asker.questions.ask(`list of ${DIRECTORY}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.list(request, (outcome) => {
          if (!answered()) return undefined;
          world.occur(`entries: ${outcome.kind}`);
          if (outcome.kind === 'failed') return ends.failed();
          listed.push(...outcome.entries.map(pathOf));
          const { entries, next } = outcome;
          if (entries.length > request.limit) {
            this.#of.violation(`a page of ${request.limit} entries has ${entries.length}`);
          }
          if (next === undefined) return ends.ended();
          return this.#pages({ ...request, after: next }, listed, ends);
        }),
      ),
    );
  }

  #judge(listed: readonly string[], startMs: number): void {
    const { violation } = this.#of;
    const at = `in a listing that began at ${startMs.toFixed(1)}`;
    const names = new Set(listed);
    if (names.size < listed.length) violation(`R1: an entry is there twice ${at}: ${listed}`);
    for (const name of names) {
      if (!this.#possible.has(name)) violation(`R1: ${name} is none of the entries ${at}`);
    }
    for (const [path, thereMs] of this.#thereMs) {
      if (thereMs < startMs && !names.has(path)) violation(`R1: ${path} is missing ${at}`);
    }
  }
}

function pathOf({ name }: DirectoryEntry): string {
  return `${DIRECTORY}/${name}`;
}
