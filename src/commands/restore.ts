// `velour restore`: sets the records of a backup in a cluster, perhaps one of another size. Which record wins over one
// that is already there is decided in src/backup, by the versions.

import { MANIFEST_FILE, type Manifest } from '../backup/manifest.ts';
import type { RestoreFigures } from '../backup/restore.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openFolder } from '../cluster/io/disk/folder.ts';
import { whenFullOf } from '../cluster/model/cluster-map.ts';
import { partitionCount } from '../cluster/model/partition.ts';
import type { Folder } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import {
  CLIENT_OPTIONS,
  leave,
  manifestIn,
  openClusterClient,
  printMegabytes,
  showProgress,
} from './client-process.ts';
import type { Command } from './options.ts';
import { say } from './printing.ts';

const BELOW_FLOOR = 'below the floor: perhaps deleted since, so not restored; --as-new would';
/** H40: the same in a cache. */
const BELOW_FLOOR_OF_CACHE =
  'below the floor: what a cache evicts raises it, so what is older is not taken; --as-new would';
const FAILED_AS_NEW =
  'failed: run it again; that sets everything anew, over what clients set meanwhile';

export const restoreCommand: Command = {
  usage: 'restore <controller> <directory>',
  describe: 'Set in a cluster what `velour backup` copied; whatever is newer there stays',
  options: {
    ...CLIENT_OPTIONS,
    'as-new': {
      type: 'boolean',
      default: false,
      describe: 'With new versions, so that it wins over what is there: undoes a mass delete',
    },
    partial: {
      type: 'boolean',
      default: false,
      describe: 'Of an unfinished backup what there is',
    },
  },
  positionals: {
    controller: { describe: 'HOST:PORT of the controller' },
    directory: { describe: 'Where the backup is' },
  },
  examples: [
    ['velour restore 10.0.0.1:12000 /backup/monday', 'what is newer there stays'],
    [
      'velour restore 10.0.0.1:12000 /backup/monday --as-new',
      'all that it has is as on Monday; keys that came later stay',
    ],
  ],
  async run(words) {
    const directory = words.text('directory');
    const folder = openFolder(directory);
    const manifest = await manifestIn(folder, directory);
    if (manifest === undefined) {
      throw new FatalError(EXIT.config, `no backup in ${directory}: it has no ${MANIFEST_FILE}`);
    }
    if (manifest.finishedAtMs === undefined && !words.flag('partial')) {
      throw new FatalError(
        EXIT.config,
        `the backup in ${directory} is not finished: run velour backup again, or give --partial`,
      );
    }
    const { verifyFiles } = await import('../backup/verify.ts');
    const damage = await new Promise<string | undefined>((resolve) =>
      verifyFiles(folder, manifest, resolve),
    );
    if (damage !== undefined) {
      throw new FatalError(EXIT.config, `${directory}: ${damage}; nothing was restored`);
    }
    const client = await openClusterClient('restore', words);
    const asNew = words.flag('as-new');
    const extent = extentOf(manifest);
    const { figures, problem, seconds } = await run(client, folder, manifest, asNew);
    if (problem !== undefined) say(`velour: ${problem}\n`);
    await leave(
      words,
      { ...figures, ...extent, problem, seconds },
      summary({
        ...figures,
        ...extent,
        seconds,
        asNew,
        isCache: whenFullOf(client.map) === 'evict',
      }),
      exitOf(figures, problem),
    );
  },
};

interface Extent {
  /** How many partitions the backed-up cluster had. */
  readonly partitions: number;
  /** Partitions that the backup has whole, and in part; it lacks all others. */
  readonly complete: number;
  readonly inPart: number;
}

function extentOf({ digits, partitions }: Manifest): Extent {
  const complete = [...partitions.values()].filter((of) => of.complete).length;
  return { partitions: partitionCount(digits), complete, inPart: partitions.size - complete };
}

/** The exit code: records that failed or were refused are missing; a newer record in place is no failure. */
function exitOf({ failed, belowFloor }: RestoreFigures, problem: string | undefined): number {
  if (failed > 0 || problem !== undefined) return EXIT.unavailable;
  return belowFloor > 0 ? EXIT.broken : 0;
}

async function run(
  client: ClusterClient,
  folder: Folder,
  manifest: Manifest,
  asNew: boolean,
): Promise<{ figures: RestoreFigures; problem: string | undefined; seconds: number }> {
  const { Restore } = await import('../backup/restore.ts');
  const { clock } = client.runtime;
  const startedMs = clock.monotonicMs();
  return new Promise((resolve) => {
    const restore = new Restore(client, folder, manifest, { asNew }, ({ problem }) => {
      endProgress();
      const seconds = Math.round(clock.monotonicMs() - startedMs) / 1000;
      resolve({ figures: restore.figures, problem, seconds });
    });
    const endProgress = showProgress(() => {
      const { set, there, superseded, bytes } = restore.figures;
      return `${set} records set (${printMegabytes(bytes)}), ${there + superseded} needed no change`;
    });
    restore.start();
  });
}

function summary(
  of: RestoreFigures & Extent & { seconds: number; asNew: boolean; isCache: boolean },
): string {
  const { set, there, superseded, belowFloor, expired, leftOut, failed, notTried, bytes } = of;
  const { partitions, complete, inPart, seconds, asNew, isCache } = of;
  const lines: readonly (readonly [number, string])[] = [
    [there, 'were there already'],
    [superseded, 'superseded by newer ones, which stay'],
    [belowFloor, isCache ? BELOW_FLOOR_OF_CACHE : BELOW_FLOOR],
    [expired, 'expired meanwhile'],
    [leftOut, 'deletes, left out'],
    [failed, asNew ? FAILED_AS_NEW : 'failed: run it again'],
    [notTried, 'not tried, or not waited for: it ended early'],
  ];
  const others = lines.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const total = `${set} records set, ${printMegabytes(bytes)}, in ${seconds} s`;
  const extent = `${complete + inPart} of ${partitions} partitions are in this backup, ${inPart} of them in part`;
  return [total, ...(complete < partitions ? [extent] : []), ...others].join('\n');
}
