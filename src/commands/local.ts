// `velour local`: a whole cluster on this machine, in the foreground, each node a process of its own, configured by
// environment variables such as NUM_STORAGE. It restarts no node, and no process that it started outlives it. What it
// starts is in local-plan.ts, and how these processes live and end in local-group.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { answererAt, describeAnswerer } from '../cluster/io/network/answerer.ts';
import { Names } from '../cluster/io/network/names.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { openLogger } from '../cluster/io/process/logger.ts';
import { writeWhole } from '../cluster/io/process/output.ts';
import type { Address } from '../cluster/model/identity.ts';
import { rightConfigAt } from './broker/broker-config-file.ts';
import { type Base, ProcessGroup } from './local-group.ts';
import { type Plan, planOf } from './local-plan.ts';
import { viewOf } from './local-view.ts';
import {
  BLOB_OPTIONS,
  BROKER_OPTION,
  type Command,
  MEMORY_OPTION,
  SERVER_OPTIONS,
  SFSS_OPTION,
  VALUE_OPTIONS,
  WHEN_FULL_OPTION,
} from './options.ts';
import { onStopSignals } from './signals.ts';

const SEED_VARIABLES: Readonly<Record<string, string>> = {
  'num-frontend': 'NUM_FRONTEND',
  'num-storage': 'NUM_STORAGE',
  redundancy: 'REDUNDANCY',
  'controller-port': 'CONTROLLER_PORT',
  'storage-port': 'STORAGE_PORT',
  'frontend-port': 'FRONTEND_PORT',
  'num-fileserver': 'NUM_FILESERVER',
  'fileserver-port': 'FILESERVER_PORT',
  'blobs-port': 'BLOBS_PORT',
  'broker-port': 'BROKER_PORT',
  'data-dir': 'DATA_DIR',
  workers: 'WORKERS',
};

/** An option whose variable is in SEED_VARIABLES; settings.ts reads the variable. */
function plainVariable(variable: string, fallback: number | undefined, describe: string) {
  return {
    type: 'string' as const,
    ...(fallback === undefined ? {} : { default: fallback.toString() }),
    describe: `${describe} (${variable})`,
  };
}

/** How long something may take to say what it is that has the controller's port. */
const STRANGER_MS = 1000;

export const localCommand: Command = {
  usage: 'local',
  describe: 'Run a whole cluster on this machine, as scripts/runlocal.sh does',
  options: {
    ...SERVER_OPTIONS,
    ...VALUE_OPTIONS,
    ...SFSS_OPTION,
    ...BLOB_OPTIONS,
    ...BROKER_OPTION,
    ...MEMORY_OPTION,
    ...WHEN_FULL_OPTION,
    'num-frontend': plainVariable('NUM_FRONTEND', 2, 'Frontends'),
    'num-storage': plainVariable('NUM_STORAGE', 4, 'Storage nodes'),
    redundancy: plainVariable('REDUNDANCY', 3, 'Storage nodes that hold each key'),
    'controller-port': plainVariable('CONTROLLER_PORT', 12000, 'Port of the controller'),
    'storage-port': plainVariable('STORAGE_PORT', 12500, 'Port of the first storage node'),
    'frontend-port': plainVariable('FRONTEND_PORT', 12080, 'Port of the first frontend'),
    'num-fileserver': plainVariable('NUM_FILESERVER', 3, 'File servers; a cache has none'),
    'fileserver-port': plainVariable(
      'FILESERVER_PORT',
      undefined,
      'Port of the first file server; by default 300 above that of the first storage node',
    ),
    'blobs-port': plainVariable(
      'BLOBS_PORT',
      undefined,
      'Port of the first blob service; by default 100 above that of the first frontend',
    ),
    'broker-port': plainVariable(
      'BROKER_PORT',
      undefined,
      'Port of the first broker; by default 200 above that of the first frontend',
    ),
    workers: plainVariable('WORKERS', 1, 'Processes of each frontend, or auto'),
    'data-dir': plainVariable('DATA_DIR', undefined, 'Keep state below this directory'),
    host: {
      type: 'string',
      default: 'localhost',
      describe: 'The address to listen on, or a name: all that it has',
    },
  },
  variables: SEED_VARIABLES,
  serves: true,
  positionals: {},
  examples: [['NUM_STORAGE=10 velour local', 'ten storage nodes']],
  async run(words) {
    process.title = 'velour local';
    const plan = planOf(words);
    const brokerConfig = words.optionalText('broker-config');
    // Each frontend would say it, and end: it is said once, before anything starts.
    const config = brokerConfig === undefined ? undefined : rightConfigAt(brokerConfig).config;
    const logger = openLogger({
      role: 'local',
      node: plan.host,
      level: words.logLevel(),
      pretty: words.prettyLogs(),
    });
    for (const warning of words.warnings) logger.write('warn', warning);
    await refuseStranger(plan.controller);
    const network = openNetwork();
    const group = new ProcessGroup(
      logger,
      network,
      plan.controller,
      words.positive('drain-timeout') * 1000,
    );
    onStopSignals((_, code) => group.signalled(code));
    const fileServers = plan.nodes.filter(({ role }) => role === 'fileserver');
    for (const node of plan.nodes) if (!fileServers.includes(node)) group.start(node);
    const started = (await group.isCache(plan)) ? [] : fileServers;
    const base = started.length === 0 ? undefined : baseOf(plan);
    for (const node of started) group.start(node, base);
    const ready = await group.ready();
    if (!ready) return;
    // The redundancy that the cluster was founded with counts, whatever the command line says.
    const founded = await viewOf(network, plan.controller);
    const redundancy = founded?.redundancy ?? plan.redundancy;
    const greeting = plan.greeting(redundancy, started.length, config);
    const failure = await writeWhole('stdout', greeting);
    // The cluster serves even if nobody reads the greeting.
    if (failure !== undefined) logger.write('warn', 'the greeting was not printed', { failure });
  },
};

/**
 * Storage nodes that reach another controller at the address of their own, before that one has found its port in use, join
 * its cluster.
 * @throws FatalError where something answers there before the start
 */
async function refuseStranger(controller: Address): Promise<void> {
  const answerer = await answererAt(controller, STRANGER_MS, new Names());
  if (answerer.kind === 'silent') return;
  const what = `${describeAnswerer(answerer)} answers at ${controller}, where the controller is to be`;
  throw new FatalError(
    EXIT.unavailable,
    `${what}: stop it, or choose other ports by CONTROLLER_PORT, STORAGE_PORT, FILESERVER_PORT, FRONTEND_PORT, BLOBS_PORT and BROKER_PORT`,
  );
}

function baseOf({ dataDirectory }: Plan): Base {
  if (dataDirectory !== undefined) return { path: dataDirectory, isTemporary: false };
  const path = mkdtempSync(join(tmpdir(), 'velour-files-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return { path, isTemporary: true };
}
