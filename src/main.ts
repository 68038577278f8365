// The `velour` command: a table of commands, one line each, and the words they share. A command loads its role
// when it runs: no process holds the code of the others.

import { FatalError } from './cluster/http/errors.ts';
import { backupCommand } from './commands/backup.ts';
import { blobsGetCommand } from './commands/blobs/get.ts';
import { blobsMarkCommand } from './commands/blobs/mark.ts';
import { blobsPutCommand } from './commands/blobs/put.ts';
import { blobsRmCommand } from './commands/blobs/rm.ts';
import { brokerCheckConfigCommand } from './commands/broker/check-config.ts';
import { clusterCommand } from './commands/cluster/cluster.ts';
import { statusCommand } from './commands/cluster/status.ts';
import { topCommand } from './commands/cluster/top.ts';
import { controllerCommand } from './commands/controller.ts';
import { doctorCommand } from './commands/doctor.ts';
import { filesCheckCommand } from './commands/files/check.ts';
import { filesClassCommand } from './commands/files/class.ts';
import { filesGcCommand } from './commands/files/gc.ts';
import { filesLsCommand } from './commands/files/ls.ts';
import { filesRebuildCommand } from './commands/files/rebuild.ts';
import { filesStatCommand } from './commands/files/stat.ts';
import { fileserverCommand } from './commands/fileserver.ts';
import { frontendCommand } from './commands/frontend.ts';
import { deleteCommand } from './commands/keys/delete.ts';
import { exportCommand } from './commands/keys/export.ts';
import { getCommand } from './commands/keys/get.ts';
import { importCommand } from './commands/keys/import.ts';
import { incrCommand } from './commands/keys/incr.ts';
import { mgetCommand } from './commands/keys/mget.ts';
import { scanCommand } from './commands/keys/scan.ts';
import { setCommand } from './commands/keys/set.ts';
import { watchCommand } from './commands/keys/watch.ts';
import { whyCommand } from './commands/keys/why.ts';
import { loadCommand } from './commands/load.ts';
import { localCommand } from './commands/local.ts';
import {
  acceptLossCommand,
  drainCommand,
  forgetCommand,
  planCommand,
  removeCommand,
} from './commands/operate.ts';
import type { Command } from './commands/options.ts';
import { runCommand } from './commands/parser.ts';
import { surviveReaders } from './commands/printing.ts';
import { restoreCommand } from './commands/restore.ts';
import { sayWhy } from './commands/say-why.ts';
import { sfssPostCommand } from './commands/sfss-post.ts';
import { simulateCommand } from './commands/simulate.ts';
import { storageCommand } from './commands/storage.ts';

const COMMANDS: readonly Command[] = [
  controllerCommand,
  storageCommand,
  frontendCommand,
  fileserverCommand,
  localCommand,
  getCommand,
  setCommand,
  deleteCommand,
  incrCommand,
  mgetCommand,
  scanCommand,
  watchCommand,
  whyCommand,
  exportCommand,
  importCommand,
  statusCommand,
  topCommand,
  clusterCommand,
  drainCommand,
  removeCommand,
  forgetCommand,
  acceptLossCommand,
  planCommand,
  doctorCommand,
  filesLsCommand,
  filesStatCommand,
  filesCheckCommand,
  filesGcCommand,
  filesRebuildCommand,
  filesClassCommand,
  blobsPutCommand,
  blobsGetCommand,
  blobsRmCommand,
  blobsMarkCommand,
  brokerCheckConfigCommand,
  backupCommand,
  restoreCommand,
  loadCommand,
  sfssPostCommand,
  simulateCommand,
];

const GROUPS = {
  blobs: 'The blob service: content by its SHA-512, and what the operator forbids of it',
  broker: 'The broker: its configuration',
  files: 'Look after files: list them, see where their copies are, collect, rebuild',
};

surviveReaders();
const words = process.argv.slice(2);
runCommand(words, { commands: COMMANDS, groups: GROUPS, variables: process.env }).catch(
  (error: unknown) => {
    if (!(error instanceof FatalError)) throw error;
    sayWhy(error, words, COMMANDS);
    process.exit(error.exitCode);
  },
);
