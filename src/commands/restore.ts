// `velour restore`: sets the records of a backup in a cluster, perhaps one of another size. Which record wins over one
// that is already there is decided in src/backup, by the versions.

import type {
  BackedUpClasses,
  BlobRestoreFigures,
  BlobRestoreOutcome,
} from '../backup/blob-restore.ts';
import { MANIFEST_FILE, type Manifest, namesBlobs } from '../backup/manifest.ts';
import type { RestoreFigures, RestoreOptions } from '../backup/restore.ts';
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
import { counted } from './cluster/node-texts.ts';
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
    const { BackedUpClasses } = await import('../backup/blob-restore.ts');
    const classes = new BackedUpClasses();
    const damage = await new Promise<string | undefined>((resolve) =>
      verifyFiles(folder, manifest, resolve, (record) => classes.note(record)),
    );
    if (damage !== undefined) {
      throw new FatalError(EXIT.config, `${directory}: ${damage}; nothing was restored`);
    }
    const client = await openClusterClient('restore', words);
    const asNew = words.flag('as-new');
    const extent = extentOf(manifest);
    const blobs = namesBlobs(manifest.partitions)
      ? await restoreBlobs(client, folder, manifest, classes)
      : undefined;
    const { figures, problem, seconds } = await run(client, folder, manifest, {
      asNew,
      lackingBlobs: blobs?.outcome.lacking ?? new Set(),
    });
    if (blobs?.outcome.problem !== undefined) say(`velour: ${blobs.outcome.problem}\n`);
    if (problem !== undefined) say(`velour: ${problem}\n`);
    await leave(
      words,
      { ...figures, ...extent, files: blobs?.figures, problem, seconds },
      summary({
        files: blobs?.figures,
        ...figures,
        ...extent,
        seconds,
        asNew,
        isCache: whenFullOf(client.map) === 'evict',
      }),
      exitOf(figures, problem ?? blobs?.outcome.problem),
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
  options: RestoreOptions,
): Promise<{ figures: RestoreFigures; problem: string | undefined; seconds: number }> {
  const { Restore } = await import('../backup/restore.ts');
  const { clock } = client.runtime;
  const startedMs = clock.monotonicMs();
  return new Promise((resolve) => {
    const restore = new Restore(client, folder, manifest, options, ({ problem }) => {
      endProgress();
      const seconds = Math.round(clock.monotonicMs() - startedMs) / 1000;
      resolve({ figures: restore.figures, problem, seconds });
    });
    const endProgress = showProgress(() => {
      const { set, there, superseded, bytes } = restore.figures;
      return `${counted(set, 'record')} set (${printMegabytes(bytes)}), ${there + superseded} needed no change`;
    });
    restore.start();
  });
}

/**
 * Before any record: a file is there once its record is.
 * @throws FatalError when the backup is damaged, or the cluster cannot have its files; no record was changed then
 */
async function restoreBlobs(
  client: ClusterClient,
  folder: Folder,
  manifest: Manifest,
  classes: BackedUpClasses,
): Promise<{ readonly outcome: BlobRestoreOutcome; readonly figures: BlobRestoreFigures }> {
  const { map } = client;
  if (whenFullOf(map) === 'evict') {
    throw new FatalError(
      EXIT.config,
      'the backup has files, and this cluster is a cache, which may forget any record: nothing was restored',
    );
  }
  if (!Object.values(map.fileServers ?? {}).some(({ state }) => state === 'in')) {
    throw new FatalError(
      EXIT.unavailable,
      'the backup has files, and this cluster has no file server to keep them: start some, and run it again',
    );
  }
  const { BlobRestore } = await import('../backup/blob-restore.ts');
  return new Promise((resolve, reject) => {
    const restore = new BlobRestore(client, folder, manifest, classes, (outcome) => {
      endProgress();
      const { figures } = restore;
      const { blobs } = manifest;
      const lost = blobs === undefined ? 0 : figures.absent - blobs.gone;
      const damage = outcome.ending === 'damaged' ? outcome.problem : lostText(lost);
      if (damage !== undefined) {
        reject(new FatalError(EXIT.config, `${damage}; no record was restored`));
      } else if (outcome.ending === 'given-up') {
        reject(
          new FatalError(
            EXIT.unavailable,
            `${outcome.problem}; no record was restored, run it again`,
          ),
        );
      } else resolve({ outcome, figures });
    });
    const endProgress = showProgress(() => {
      const { sent, sentBytes, there } = restore.figures;
      return `${sent} blobs of files sent (${printMegabytes(sentBytes)}), ${there} were there`;
    });
    restore.start();
  });
}

function lostText(lost: number): string | undefined {
  return lost > 0 ? `${counted(lost, 'blob')} of files missing in the backup` : undefined;
}

function summary(
  of: RestoreFigures &
    Extent & {
      seconds: number;
      asNew: boolean;
      isCache: boolean;
      files: BlobRestoreFigures | undefined;
    },
): string {
  const { set, there, superseded, belowFloor, expired, leftOut, withoutBlob } = of;
  const { failed, notTried, bytes, files } = of;
  const { partitions, complete, inPart, seconds, asNew, isCache } = of;
  const lines: readonly (readonly [number, string])[] = [
    [there, 'were there already'],
    [superseded, 'superseded by newer ones, which stay'],
    [belowFloor, isCache ? BELOW_FLOOR_OF_CACHE : BELOW_FLOOR],
    [expired, 'expired meanwhile'],
    [leftOut, 'deletes, left out'],
    [withoutBlob, 'of files whose bytes are not there, or in too few copies, left out'],
    [failed, asNew ? FAILED_AS_NEW : 'failed: run it again'],
    [notTried, 'not tried, or not waited for: it ended early'],
  ];
  const others = lines.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const total = `${counted(set, 'record')} set, ${printMegabytes(bytes)}, in ${seconds} s`;
  const extent = `${complete + inPart} of ${partitions} partitions are in this backup, ${inPart} of them in part`;
  const blobs = files === undefined ? [] : [blobsText(files)];
  return [total, ...blobs, ...(complete < partitions ? [extent] : []), ...others].join('\n');
}

function blobsText({ sent, sentBytes, there, failed }: BlobRestoreFigures): string {
  const others: readonly (readonly [number, string])[] = [
    [there, 'were there already'],
    [failed, 'failed: run it again'],
  ];
  const parts = others.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [`${counted(sent, 'blob')} of files sent, ${printMegabytes(sentBytes)}`, ...parts].join(
    '; ',
  );
}
