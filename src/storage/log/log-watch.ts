// Looks each second whether the files of a log are still the ones that are written to, and as long. Whoever removes,
// replaces or truncates one under a running node does not disturb a single write, but the next start has lost what
// was acknowledged: so the log fails at once, and others take over. The same for the directory, and for the files
// without which the log is of no use.

import type { Disk, FileSight, Timers } from '../../cluster/ports.ts';
import type { RecordLog } from './log.ts';
import { logFileName, type WrittenFile } from './log-files.ts';

const LOOK_MS = 1000;
const REMEDY =
  'others take over what they have; what only this node has is in its memory until it stops, so take a backup first, then put the file back or start with an empty directory';

export class LogWatch {
  readonly #timers: Timers;
  readonly #disk: Disk;
  readonly #log: RecordLog;
  readonly #neededFiles: () => readonly string[];
  readonly #lost: () => void;
  /** Of files that were written by an earlier life, as they were seen first. */
  readonly #ids = new Map<number, string>();

  /**
   * @param of.neededFiles those without which the next start cannot use the log
   * @param lost what was acknowledged is not on the disk any more, so the store is not to be believed (H8)
   */
  constructor(
    timers: Timers,
    disk: Disk,
    of: { readonly log: RecordLog; readonly neededFiles: () => readonly string[] },
    lost: () => void,
  ) {
    this.#timers = timers;
    this.#disk = disk;
    this.#log = of.log;
    this.#neededFiles = of.neededFiles;
    this.#lost = lost;
    this.#lookLater();
  }

  #lookLater(): void {
    this.#timers.after(LOOK_MS, () => {
      if (!this.#log.hasFailed) this.#look();
    });
  }

  #look(): void {
    const files = this.#log.filesInUse();
    const needed = this.#neededFiles();
    const names = [...needed, ...files.map(({ number }) => logFileName(number))];
    this.#disk.look(names, (result) => {
      if (this.#log.hasFailed) return;
      // A disk that cannot be asked shows at the next write.
      if (result.kind === 'done') this.#judge(needed, files, result.value);
      this.#lookLater();
    });
  }

  #judge(
    needed: readonly string[],
    files: readonly WrittenFile[],
    {
      problem,
      files: sights,
    }: { problem: string | undefined; files: readonly (FileSight | undefined)[] },
  ): void {
    if (problem !== undefined) return this.#fail(problem);
    const missing = needed.find((_, index) => sights[index] === undefined);
    if (missing !== undefined) return this.#fail(`${missing} was removed`);
    // Since then a compaction may have made some of them superfluous.
    const first = this.#log.filesInUse()[0]?.number ?? 0;
    for (const [index, file] of files.entries()) {
      const sight = sights[needed.length + index];
      const loss = file.number < first ? undefined : this.#lossOf(file, sight);
      if (loss === undefined) continue;
      this.#fail(`${logFileName(file.number)} was ${loss}`);
      return this.#lost();
    }
  }

  #lossOf({ number, bytes, id }: WrittenFile, sight: FileSight | undefined): string | undefined {
    if (sight === undefined) return 'removed';
    const known = id ?? this.#ids.get(number) ?? sight.id;
    this.#ids.set(number, known);
    if (sight.id !== known) return 'replaced';
    return sight.bytes < bytes ? 'truncated' : undefined;
  }

  #fail(what: string): void {
    this.#log.fail({ what, detail: 'not by this node', isFinal: true, remedy: REMEDY });
  }
}
