// The last map that a frontend adopted, in a file, for its next start: the controller may be away then. It is a hint
// like any other map. So the file may be old, and what is wrong with it ends nothing.

import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { Folder, Runtime } from '../cluster/ports.ts';
import { explained } from '../cluster/shortage.ts';
import { decodeMapFile, encodeMapFile } from '../cluster/wire/map-file.ts';
import { isNothing } from '../cluster/wire/shapes.ts';

/** Between two attempts to write a map that could not be written. */
const AGAIN_MS = 10_000;
const TITLE = 'velour-fog frontend map';

export interface MapFile {
  readonly files: Pick<Folder, 'read' | 'replace'>;
  readonly name: string;
  /** As people know it. */
  readonly path: string;
  /** Of several processes that share the file, one. */
  readonly writes: boolean;
}

export class CachedMap {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #file: MapFile;
  /** Not before the file was read, and never over somebody else's. */
  #mayWrite = false;
  #newest: ClusterMap | undefined;
  #inFile: ClusterMap | undefined;
  #scheduled = false;
  #problem: string | undefined;

  constructor(runtime: Runtime, times: Times, file: MapFile) {
    this.#runtime = runtime;
    this.#times = times;
    this.#file = file;
  }

  /** @param found is called with the map of the file, if it has one */
  read(found: (map: ClusterMap) => void): void {
    const { files, name, writes } = this.#file;
    files.read(name, (result) => {
      this.#mayWrite = writes;
      if (result.kind === 'failed') this.#ignore(result.detail);
      else if (result.value !== undefined) this.#decode(result.value, found);
      this.#writeSoon();
    });
  }

  #decode(bytes: Buffer, found: (map: ClusterMap) => void): void {
    const decoded = decodeMapFile(TITLE, bytes);
    if (decoded.kind === 'state') {
      this.#inFile = decoded.map;
      return found(decoded.map);
    }
    // A file of another kind is somebody else's, named by mistake: it is not written over. An empty one is nobody's.
    const isForeign = !isNothing(bytes) && bytes.toString('latin1', 0, TITLE.length) !== TITLE;
    if (isForeign) this.#mayWrite = false;
    return this.#ignore(isForeign ? `${decoded.reason}, and is left as it is` : decoded.reason);
  }

  /** Maps come in rows: after a while the newest of them is written. */
  save(map: ClusterMap): void {
    this.#newest = map;
    this.#writeSoon();
  }

  #writeSoon(waitMs = this.#times.probeMs): void {
    if (this.#scheduled || !this.#mayWrite || this.#newest === this.#inFile) return;
    this.#scheduled = true;
    this.#runtime.timers.after(waitMs, () => this.#write());
  }

  #write(): void {
    const map = this.#newest;
    if (map === undefined) return;
    const { files, name } = this.#file;
    files.replace(name, encodeMapFile(TITLE, map), (result) => {
      this.#report(result.kind === 'done' ? undefined : result.detail);
      if (result.kind === 'done') this.#inFile = map;
      this.#scheduled = false;
      // After a failure too: there may be no newer map for long, and room on the disk tomorrow.
      this.#writeSoon(result.kind === 'done' ? undefined : AGAIN_MS);
    });
  }

  #ignore(reason: string): void {
    const { path } = this.#file;
    this.#runtime.logger.write('warn', 'the map file is of no use, and ignored', { path, reason });
  }

  /** When a problem begins, changes or ends. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { path } = this.#file;
    const { logger } = this.#runtime;
    if (problem === undefined) logger.write('info', 'the map file can be written again', { path });
    else {
      const detail = explained(problem);
      logger.write('warn', 'the map file cannot be written', { path, detail });
    }
  }
}
