// The common part of `velour backup` and `velour restore`: a process that is no node opens a cluster client, works on
// the cluster and a directory, and shows its progress.

import { MANIFEST_FILE, type Manifest, parseManifest } from '../backup/manifest.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { Names } from '../cluster/io/network/names.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { openLogger } from '../cluster/io/process/logger.ts';
import { openHost, systemClock, systemRandom, systemTimers } from '../cluster/io/process/system.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { DiskResult, Folder } from '../cluster/ports.ts';
import type { ClientRefused, ClusterClient } from '../coordinator/cluster-client.ts';
import { wrongController } from './named-controller.ts';
import { type Arguments, type OptionTable, SERVER_OPTIONS } from './options.ts';
import { printData, say } from './printing.ts';
import { isTerminal } from './terminal.ts';

const COLUMNS_DEFAULT = 80;
const PROGRESS_MS = { terminal: 500, log: 5000 };

export const CLIENT_OPTIONS: OptionTable = {
  json: { type: 'boolean', default: false, describe: 'Print the summary as JSON' },
  'log-level': { ...SERVER_OPTIONS['log-level'], default: 'warn' },
  // People read it, also through a pipe.
  'log-format': { ...SERVER_OPTIONS['log-format'], default: 'pretty' },
  'time-scale': SERVER_OPTIONS['time-scale'] ?? {},
};

/** @throws FatalError when no cluster can be reached */
export async function openClusterClient(name: string, words: Arguments): Promise<ClusterClient> {
  const controller = words.address('controller');
  const times = protocolTimes(words.positive('time-scale'));
  const level = words.logLevel();
  const logger = openLogger({ role: name, node: controller, level, pretty: words.prettyLogs() });
  const { connectToCluster } = await import('../coordinator/cluster-client.ts');
  const client = await new Promise<ClusterClient | ClientRefused>((resolve) =>
    connectToCluster(
      {
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom,
        network: openNetwork(),
        logger,
        host: openHost(logger),
        disk: undefined,
      },
      { controller, times },
      resolve,
    ),
  );
  if ('refused' in client) {
    const { exitCode, refused } = client;
    if (exitCode !== EXIT.unavailable) throw new FatalError(exitCode, refused);
    // Another node refuses without a word of who it is.
    const todo = 'give the address of the controller';
    const other = await wrongController(controller, new Names(), todo);
    throw other ?? new FatalError(exitCode, refused);
  }
  return client;
}

/**
 * @returns undefined when the directory has none
 * @throws FatalError for one that cannot be read
 */
export async function manifestIn(folder: Folder, directory: string): Promise<Manifest | undefined> {
  const read = await new Promise<DiskResult<Buffer | undefined>>((resolve) =>
    folder.read(MANIFEST_FILE, resolve),
  );
  if (read.kind === 'failed') {
    throw new FatalError(EXIT.config, `${MANIFEST_FILE} in ${directory}: ${read.detail}`);
  }
  if (read.value === undefined) return undefined;
  const manifest = parseManifest(read.value);
  if (typeof manifest !== 'string') return manifest;
  throw new FatalError(EXIT.config, `${MANIFEST_FILE} in ${directory} is of no use: ${manifest}`);
}

/**
 * Shows a line on stderr from time to time, on a terminal in place.
 * @returns the function that ends it
 */
export function showProgress(line: () => string): () => void {
  const inPlace = isTerminal(process.stderr);
  const show = () => {
    // A line that is as wide as the terminal would begin the next one.
    const columns = (process.stderr.columns || COLUMNS_DEFAULT) - 1;
    say(inPlace ? `\r\x1b[K${line().slice(0, columns)}` : `${line()}\n`);
  };
  const timer = setInterval(show, inPlace ? PROGRESS_MS.terminal : PROGRESS_MS.log);
  return () => {
    clearInterval(timer);
    if (inPlace) say('\r\x1b[K');
  };
}

/** Prints the result and exits: the streams to the cluster, and the map polls, would keep the process alive. */
export async function leave(
  words: Arguments,
  answer: unknown,
  text: string,
  code = 0,
): Promise<never> {
  await printData(`${words.flag('json') ? JSON.stringify(answer) : text}\n`);
  process.exit(code);
}

export function printMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
