// Keeps the last map that a frontend adopted in a file, so that its next start has a map even while the controller is
// away. The map in the file is only a hint (map-hints.ts): it may be old, and a file that cannot be read or written is
// logged and otherwise ignored.

import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { Folder, Runtime } from '../cluster/ports.ts';
import { explained } from '../cluster/shortage.ts';
import { decodeMapFile, encodeMapFile } from '../cluster/wire/map-file.ts';
import { isNothing } from '../cluster/wire/shapes.ts';

/** Wait between two attempts to write the map file after a failure. */
const AGAIN_MS = 10_000;
const TITLE = 'velour-fog frontend map';

export interface MapFile {
  readonly files: Pick<Folder, 'read' | 'replace'>;
  readonly name: string;
  /** Names the file in log lines. */
  readonly path: string;
  /** True for exactly one of several processes that share the file. */
  readonly writes: boolean;
}

export class CachedMap {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #file: MapFile;
  /** False until the file was read; stays false when the file is somebody else's or another process writes it. */
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

  /**
   * Reads the file once, at the start. A file that is unreadable or malformed is logged and ignored.
   * @param found is called with the map in the file, if the file holds one
   */
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
    // A file of another kind is somebody else's, named by mistake: never overwrite it. An empty file may be.
    const isForeign = !isNothing(bytes) && bytes.toString('latin1', 0, TITLE.length) !== TITLE;
    if (isForeign) this.#mayWrite = false;
    return this.#ignore(isForeign ? `${decoded.reason}, and is left as it is` : decoded.reason);
  }

  /** Schedules a write of the newest map after `probeMs`: maps come in bursts, and those in between are skipped. */
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
      // Try again after a failure too: a newer map may be long in coming, while the disk may soon have room.
      this.#writeSoon(result.kind === 'done' ? undefined : AGAIN_MS);
    });
  }

  #ignore(reason: string): void {
    const { path } = this.#file;
    this.#runtime.logger.write('warn', 'the map file is of no use, and ignored', { path, reason });
  }

  /** Logs when a problem begins, changes or ends. */
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
