// `velour backup`: copies a cluster into a directory, from which `velour restore` brings it back. What is copied, and
// how an interrupted backup goes on, is decided in src/backup.

import type { BackupFigures, BackupOutcome } from '../backup/backup.ts';
import type { BlobFigures } from '../backup/blob-backup.ts';
import { fileOf, MANIFEST_FILE, type Manifest } from '../backup/manifest.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { claimFolder } from '../cluster/io/disk/folder.ts';
import { systemClock } from '../cluster/io/process/system.ts';
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
import { fileText } from './files/listed-file.ts';
import type { Command } from './options.ts';
import { onOneLine, say } from './printing.ts';

export const backupCommand: Command = {
  usage: 'backup <controller> <directory>',
  describe: 'Copy a cluster, while it serves, into a directory; run again, it goes on',
  options: {
    ...CLIENT_OPTIONS,
    again: {
      type: 'boolean',
      default: false,
      describe: 'Begin anew in a directory that has a backup; its files are overwritten',
    },
  },
  positionals: {
    controller: { describe: 'HOST:PORT of the controller' },
    directory: { describe: 'A new one, or one of an unfinished backup' },
  },
  examples: [['velour backup 10.0.0.1:12000 /backup/monday', 'everything that it has now']],
  async run(words) {
    const directory = words.text('directory');
    const begunMs = systemClock.monotonicMs();
    // Connect before anything else: a wrong address must not leave a new directory.
    const client = await openClusterClient('backup', words);
    const folder = await claimFolder(directory, MANIFEST_FILE);
    const earlier = await manifestIn(folder, directory);
    const again = words.flag('again');
    if (earlier?.finishedAtMs !== undefined && !again) {
      throw new FatalError(
        EXIT.config,
        `${directory} has a finished backup; name another directory, or give --again to replace it`,
      );
    }
    if (earlier !== undefined) refuseForeign(earlier, client, directory);
    const manifest = earlier === undefined || again ? newManifest(client, begunMs) : earlier;
    const { outcome, figures, seconds } = await run(client, folder, manifest);
    const missing = [...outcome.missing].map(([partition, reason]) => ({
      file: fileOf(partition, client.map.digits),
      reason,
    }));
    if (outcome.broken !== undefined) throw new FatalError(EXIT.failure, outcome.broken);
    for (const { file, reason } of missing.slice(0, 10)) {
      say(`missing: ${file}: ${reason}\n`);
    }
    const missingBlobs = outcome.missingBlobs.map(({ name, reason }) => ({
      file: fileText(name),
      reason,
    }));
    for (const { file, reason } of missingBlobs.slice(0, 10)) {
      say(`missing: ${onOneLine(file)}: ${reason}\n`);
    }
    const lacking = missing.length + (figures.files?.missing ?? 0);
    const answer = { ...figures, missing, missingBlobs, seconds };
    await leave(words, answer, summary(figures, seconds, lacking), exitOf(lacking));
  },
};

function exitOf(missing: number): number {
  return missing === 0 ? 0 : EXIT.unavailable;
}

function refuseForeign(
  { cluster, digits }: Manifest,
  { map }: ClusterClient,
  directory: string,
): void {
  if (cluster === map.cluster && digits === map.digits) return;
  throw new FatalError(
    EXIT.config,
    `${directory} has a backup of cluster ${cluster}, and this is ${map.cluster}; name another directory`,
  );
}

/**
 * The backup's start is when the command began, not when its map came: a set acknowledged in between, under a later
 * map, may be missing.
 * @param begunMs monotonic time at which the command began
 */
function newManifest({ map, runtime: { clock } }: ClusterClient, begunMs: number): Manifest {
  const startedAtMs = Math.floor(clock.wallMs() - (clock.monotonicMs() - begunMs));
  const { cluster, digits } = map;
  return { cluster, digits, startedAtMs, partitions: new Map() };
}

interface BackupRun {
  readonly outcome: BackupOutcome;
  readonly figures: BackupFigures;
  readonly seconds: number;
}

async function run(client: ClusterClient, folder: Folder, manifest: Manifest): Promise<BackupRun> {
  const { Backup } = await import('../backup/backup.ts');
  const { clock } = client.runtime;
  const startedMs = clock.monotonicMs();
  return new Promise((resolve) => {
    const backup = new Backup(client, folder, manifest, (outcome) => {
      endProgress();
      const seconds = Math.round(clock.monotonicMs() - startedMs) / 1000;
      resolve({ outcome, figures: backup.figures(), seconds });
    });
    const endProgress = showProgress(() => {
      const { complete, partitions, copiedBytes, files } = backup.figures();
      if (files !== undefined) {
        return `${files.blobs} blobs of files, ${printMegabytes(files.copiedBytes)} copied`;
      }
      return `${complete} of ${partitions} partitions, ${printMegabytes(copiedBytes)} copied`;
    });
    backup.start();
  });
}

function summary(figures: BackupFigures, seconds: number, missing: number): string {
  const { complete, partitions, records, deletes, bytes, skipped, files } = figures;
  const of = `${complete} of ${partitions} partitions`;
  const what = `${records} records, ${deletes} of them deletes, ${printMegabytes(bytes)}`;
  const before = skipped === 0 ? '' : `; ${skipped} partitions were there already`;
  const blobs = files === undefined ? '' : `\n${blobsText(files)}`;
  const text = `${of}: ${what}, in ${seconds} s${before}${blobs}`;
  return missing === 0 ? text : `${text}\nnot finished: run it again when they are back`;
}

function blobsText({ blobs, bytes, copied, gone, missing }: BlobFigures): string {
  const others: readonly (readonly [number, string])[] = [
    [blobs - copied, 'were there already'],
    [gone, 'of files that are overwritten or deleted by now are gone'],
    [missing, 'could not be copied'],
  ];
  const parts = others.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [`${blobs} blobs of files, ${printMegabytes(bytes)}`, ...parts].join('; ');
}
