// Checks every second that the log's files are still the ones that are being written, and as long. If somebody
// removes, replaces or truncates one under a running node, every write still succeeds, but the next start has lost
// acknowledged records: so the log fails at once, and other nodes take over. The same holds for the directory, and
// for the files without which the next start cannot use the log.

import type { DirectoryFile, Disk, Timers } from '../../cluster/ports.ts';
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
  /** By file number, the id under which this process first saw a file that an earlier incarnation wrote. */
  readonly #ids = new Map<number, string>();

  /**
   * @param of.neededFiles names the files without which the next start cannot use the log
   * @param lost called when acknowledged records are no longer on disk, so that the store must not count as clean
   *   (H8)
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
    this.#disk.inspect(names, (result) => {
      if (this.#log.hasFailed) return;
      // A disk that does not answer this question fails at the next write.
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
    }: { problem: string | undefined; files: readonly (DirectoryFile | undefined)[] },
  ): void {
    if (problem !== undefined) return this.#fail(problem);
    const missing = needed.find((_, index) => sights[index] === undefined);
    if (missing !== undefined) return this.#fail(`${missing} was removed`);
    // A compaction may have made some of these files superfluous since the question was sent.
    const first = this.#log.filesInUse()[0]?.number ?? 0;
    for (const [index, file] of files.entries()) {
      const sight = sights[needed.length + index];
      const loss = file.number < first ? undefined : this.#lossOf(file, sight);
      if (loss === undefined) continue;
      this.#fail(`${logFileName(file.number)} was ${loss}`);
      return this.#lost();
    }
  }

  #lossOf(
    { number, bytes, id }: WrittenFile,
    sight: DirectoryFile | undefined,
  ): string | undefined {
    if (sight === undefined) return 'removed';
    const known = id ?? this.#ids.get(number) ?? sight.id;
    if (id === undefined) this.#ids.set(number, known);
    if (sight.id !== known) return 'replaced';
    return sight.bytes < bytes ? 'truncated' : undefined;
  }

  #fail(what: string): void {
    this.#log.fail({ what, detail: 'not by this node', isFinal: true, remedy: REMEDY });
  }
}
