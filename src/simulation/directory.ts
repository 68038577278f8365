// The names of a simulated directory. All processes of the machine see a change at once; it survives a loss of power
// once the directory was synced, and until then any state since the last sync may come back.

import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { StoredFile } from './stored-file.ts';

export class Directory {
  readonly #files = new Map<string, StoredFile>();
  /** The files that each changed name stood for since the last sync, the oldest first. */
  readonly #earlier = new Map<string, (StoredFile | undefined)[]>();

  get(name: string): StoredFile | undefined {
    return this.#files.get(name);
  }

  get files(): ReadonlyMap<string, StoredFile> {
    return this.#files;
  }

  /** @param file undefined removes the name */
  set(name: string, file: StoredFile | undefined): void {
    const present = this.#files.get(name);
    if (present === file) return;
    const earlier = this.#earlier.get(name) ?? [];
    earlier.push(present);
    this.#earlier.set(name, earlier);
    this.#put(name, file);
  }

  sync(): void {
    this.#earlier.clear();
  }

  /** Each name reverts by itself: changes of several names reach the disk in no given order. */
  losePower(random: SeededRandom): void {
    for (const [name, earlier] of this.#earlier) {
      const states = [...earlier, this.#files.get(name)];
      this.#put(name, states[random.below(states.length)]);
    }
    this.sync();
    for (const file of this.#files.values()) file.losePower(random);
  }

  clear(): void {
    this.#files.clear();
    this.sync();
  }

  /**
   * By file: how many of its first bytes may rot so that a reader notices. In the newest log file with synced appends
   * these end before the last one, whose rot looks like an interrupted append; newer log files may not rot.
   */
  rottable(): ReadonlyMap<string, number> {
    const bytesOf = new Map<string, number>();
    let isLogBehind = false;
    for (const [name, file] of [...this.#files].sort(([a], [b]) => (a < b ? 1 : -1))) {
      const last = file.kind === 'log' && !isLogBehind ? (file.lastSyncedAppend() ?? 0) : undefined;
      if (file.kind === 'log') isLogBehind ||= file.lastSyncedAppend() !== undefined;
      const bytes = last ?? file.syncedLength;
      if (bytes > 0 && !isTemporary(name)) bytesOf.set(name, bytes);
    }
    return bytesOf;
  }

  #put(name: string, file: StoredFile | undefined): void {
    if (file === undefined) this.#files.delete(name);
    else this.#files.set(name, file);
  }
}

/** The temporary file of an unfinished replacement; nobody reads it. */
export function temporaryOf(name: string): string {
  return `${name}.new`;
}

function isTemporary(name: string): boolean {
  return name.endsWith('.new');
}
