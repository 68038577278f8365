// `velour local`: a whole cluster on this machine, in the foreground, each node a process of its own, configured by
// environment variables such as NUM_STORAGE. It restarts no node, and no process that it started outlives it. What it
// starts is in local-plan.ts.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { answererAt, describeAnswerer } from '../cluster/io/network/answerer.ts';
import { Names } from '../cluster/io/network/names.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { openLogger } from '../cluster/io/process/logger.ts';
import { writeWhole } from '../cluster/io/process/output.ts';
import { systemClock } from '../cluster/io/process/system.ts';
import { type IncarnationId, incarnationId } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Logger, Network } from '../cluster/ports.ts';
import type { DeathRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import { Malformed } from '../cluster/wire/shapes.ts';
import { rightConfigAt } from './broker/broker-config-file.ts';
import { LOCAL_ROLES, type LocalNode, type Plan, planOf } from './local-plan.ts';
import { reasonOf, strangersIn, viewOf } from './local-view.ts';
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
import { CHILD_VARIABLE, CLUSTER_STOPS, TEMPORARY_VARIABLE } from './serve.ts';
import { onStopSignals } from './signals.ts';

const READY_POLL_MS = 25;
const READY_CALL_MS = 2000;
const SLOW_START_MS = 20_000;
/** How long offline partitions of an earlier cluster may take to come back with their nodes. */
const STRANGERS_MS = 3000;
const EXPLAIN_POLL_MS = 1000;
const VOUCH_CALL_MS = 1000;
const VOUCH_AGAIN_MS = 200;
const VOUCH_TRIES = 10;
/**
 * Many processes share this machine. A young generation of 2 MiB instead of V8's 16 MiB saves each process 8 MB when
 * idle and 20 MB under load. A heap that grows by half instead of fourfold between collections saves it 16 MB after
 * 20,000 control calls. Neither has a measurable cost per request.
 */
const SMALL_HEAP = ['--max-semi-space-size=2', '--heap-growing-percent=50'];
/** Added to the time after which children exit by themselves. */
const KILL_AFTER_EXTRA_MS = 3000;
/** A terminal tells all of its processes of Ctrl-C, and npm passes it on: what comes within this time is one signal. */
const ONE_SIGNAL_MS = 1000;

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

/** Where the directories of file servers are. */
interface Base {
  readonly path: string;
  /** Whether it goes with the cluster. */
  readonly isTemporary: boolean;
}

function baseOf({ dataDirectory }: Plan): Base {
  if (dataDirectory !== undefined) return { path: dataDirectory, isTemporary: false };
  const path = mkdtempSync(join(tmpdir(), 'velour-files-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return { path, isTemporary: true };
}

interface LocalProcess {
  readonly node: LocalNode;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  /** The incarnation of a storage node, once the child has reported it. */
  incarnationId: IncarnationId | undefined;
}

class ProcessGroup {
  readonly #logger: Logger;
  readonly #network: Network;
  readonly #controller: Address;
  readonly #drainMs: number;
  readonly #running = new Set<LocalProcess>();
  #stopping = false;
  #exitCode = 0;
  #signalledMs: number | undefined;
  #ready = false;

  constructor(logger: Logger, network: Network, controller: Address, drainMs: number) {
    this.#logger = logger;
    this.#network = network;
    this.#controller = controller;
    this.#drainMs = drainMs;
  }

  start(node: LocalNode, base?: Base): void {
    const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
    const { directory } = node;
    const isIn = base !== undefined && directory !== undefined;
    const words = [...node.words, ...(isIn ? ['--data-dir', join(base.path, directory)] : [])];
    const temporary = base?.isTemporary === true ? { [TEMPORARY_VARIABLE]: '1' } : {};
    const child = spawn(process.execPath, [...SMALL_HEAP, cli, node.role, ...words], {
      // A process group of its own: Ctrl-C reaches only the parent, which stops the children in order.
      detached: true,
      // The channel closes when this process ends, even by SIGKILL, and tells the child so.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A --config file is for this command; the children get their options as flags.
      env: { ...process.env, VELOUR_CONFIG: '', [CHILD_VARIABLE]: '1', ...temporary },
    });
    let done: () => void = () => undefined;
    const running: LocalProcess = {
      node,
      child,
      incarnationId: undefined,
      exited: new Promise((resolve) => {
        done = resolve;
      }),
    };
    this.#running.add(running);
    const ended = (code: number | null, how: string) => {
      this.#running.delete(running);
      done();
      this.#ended(running, code, how);
    };
    // The error may be a message that came too late for the child. If it could not be started, 'exit' never comes.
    child.on('error', (error) => {
      if (child.pid === undefined) ended(null, error.message);
    });
    child.on('message', (message) => {
      running.incarnationId = incarnationIn(message);
    });
    child.once('exit', (code, signal) => ended(code, signal ?? `exit code ${code}`));
  }

  /** Whether the cluster is a cache, once that is known: an earlier start may have founded it. */
  async isCache({ isCache, dataDirectory, controller }: Plan): Promise<boolean> {
    if (isCache !== undefined || dataDirectory === undefined) return isCache === true;
    while (!this.#stopping) {
      const seen = await viewOf(this.#network, controller);
      if (seen?.ready === true) return seen.whenFull === 'evict';
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    return true;
  }

  /** Waits until all nodes are ready. @returns false when a stop came first */
  async ready(): Promise<boolean> {
    const waiting = new Set([...this.#running].map(({ node }) => node.address));
    this.#explain(waiting).catch((error: unknown) => {
      throw error;
    });
    await Promise.all(
      [...this.#running].map(async (running) => {
        await this.#untilReady(running);
        waiting.delete(running.node.address);
      }),
    );
    this.#ready = !this.#stopping;
    return this.#ready;
  }

  /** The first signal stops all in order, and a later one ends all at once, as it does each role by itself. */
  signalled(code: number): void {
    this.#stop(0);
    this.#signalledMs ??= systemClock.monotonicMs();
    if (systemClock.monotonicMs() < this.#signalledMs + ONE_SIGNAL_MS) return;
    this.#exitCode = code;
    for (const { child } of this.#running) child.kill('SIGKILL');
  }

  #stop(exitCode: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#exitCode = exitCode;
    this.#logger.write('info', 'stopping the cluster');
    const inOrder = async () => {
      for (const role of LOCAL_ROLES) await this.#stopRole(role);
      process.exit(this.#exitCode);
    };
    inOrder().catch((error: unknown) => Promise.reject(error));
  }

  async #stopRole(role: LocalNode['role']): Promise<void> {
    const these = [...this.#running].filter(({ node }) => node.role === role);
    for (const { child } of these) {
      if (child.connected) child.send(CLUSTER_STOPS);
      else child.kill('SIGTERM');
    }
    // A file server waits for uploads first, and then for downloads.
    const drainMs = role === 'fileserver' ? 2 * this.#drainMs : this.#drainMs;
    const kill = setTimeout(() => {
      for (const late of these.filter((each) => this.#running.has(each))) {
        this.#logger.write('error', 'did not stop in time: killed', { node: late.node.address });
        late.child.kill('SIGKILL');
      }
      this.#exitCode ||= EXIT.failure;
    }, drainMs + KILL_AFTER_EXTRA_MS);
    await Promise.all(these.map(({ exited }) => exited));
    clearTimeout(kill);
  }

  /** H42: reports an incarnation that this process reaped as dead; repeated, as the controller may be starting. */
  #vouch(incarnationId: IncarnationId, tries: number): void {
    const message: DeathRequest = { ...incarnationId, returning: false };
    const { http, reply } = CONTROL.death;
    const call = { address: this.#controller, message, timeoutMs: VOUCH_CALL_MS };
    this.#network.call({ ...http, ...call }, (outcome) => {
      if (readReply(reply, outcome).kind === 'message' || this.#stopping || tries <= 1) return;
      setTimeout(() => this.#vouch(incarnationId, tries - 1), VOUCH_AGAIN_MS);
    });
  }

  #ended({ node, incarnationId }: LocalProcess, code: number | null, how: string): void {
    if (this.#stopping) return;
    this.#logger.write('error', `a ${node.role} ended`, { node: node.address, how });
    if (incarnationId !== undefined) this.#vouch(incarnationId, VOUCH_TRIES);
    // Before the cluster was ready this is a failed start; later the other nodes go on without this one.
    if (!this.#ready) this.#stop(code === null || code === 0 ? EXIT.failure : code);
    else if (this.#running.size === 0) process.exit(EXIT.failure);
  }

  async #untilReady({ node, child }: LocalProcess): Promise<void> {
    while (!this.#stopping && child.exitCode === null && child.signalCode === null) {
      if (await isReady(this.#network, node.address)) break;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  /** While nodes are not ready, logs what may keep them. */
  async #explain(waiting: ReadonlySet<Address>): Promise<void> {
    const said = new Set<string>();
    const own = [...this.#running].map(({ node }) => node.address);
    for (let waitedMs = EXPLAIN_POLL_MS; ; waitedMs += EXPLAIN_POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, EXPLAIN_POLL_MS).unref());
      if (waiting.size === 0 || this.#stopping) return;
      const seen = await viewOf(this.#network, this.#controller);
      const isOffline = (seen?.offlinePartitions ?? 0) > 0;
      const strangers =
        seen === undefined || !isOffline || waitedMs < STRANGERS_MS ? [] : strangersIn(seen, own);
      if (strangers.length === 0 && waitedMs < SLOW_START_MS) continue;
      const reason = reasonOf(seen, strangers);
      if (!said.has(reason)) {
        this.#logger.write('warn', `not ready yet: ${reason}`, {
          waitsFor: [...waiting].join(', '),
        });
      }
      said.add(reason);
    }
  }
}

function incarnationIn(message: unknown): IncarnationId | undefined {
  try {
    return incarnationId(message);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function isReady(network: Network, address: Address): Promise<boolean> {
  return new Promise((resolve) =>
    network.call(
      { address, method: 'GET', path: '/readyz?complete', timeoutMs: READY_CALL_MS },
      (outcome) => resolve(outcome.kind === 'answered' && outcome.status === 200),
    ),
  );
}
