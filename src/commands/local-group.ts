// The processes of `velour local`: starts them, waits until they are ready, says what keeps them, and stops them in order.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../cluster/http/errors.ts';
import { systemClock } from '../cluster/io/process/system.ts';
import { type IncarnationId, incarnationId } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Logger, Network } from '../cluster/ports.ts';
import type { DeathRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import { Malformed } from '../cluster/wire/shapes.ts';
import { CHILD_VARIABLE, lastWordsIn } from './local-child.ts';
import { commandOf, failureText } from './local-endings.ts';
import { LOCAL_ROLES, type LocalNode, type Plan } from './local-plan.ts';
import { reasonOf, strangersIn, viewOf } from './local-view.ts';
import { CLUSTER_STOPS, TEMPORARY_VARIABLE } from './serve.ts';

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

/** Where the directories of file servers are. */
export interface Base {
  readonly path: string;
  /** Whether it goes with the cluster. */
  readonly isTemporary: boolean;
}

interface LocalProcess {
  readonly node: LocalNode;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  readonly words: readonly string[];
  /** Whether its directory stays when the cluster goes. */
  readonly hasDirectory: boolean;
  /** The incarnation of a storage node, once the child has reported it. */
  incarnationId: IncarnationId | undefined;
  /** Why it ends, once it has said so. */
  why: string | undefined;
}

export class ProcessGroup {
  readonly #logger: Logger;
  readonly #network: Network;
  readonly #controller: Address;
  readonly #drainMs: number;
  readonly #running = new Set<LocalProcess>();
  #stopping = false;
  #exitCode = 0;
  /** Says why the cluster did not start. What the node said itself may come after its end. */
  #failure: (() => string) | undefined;
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
      // A --config file is for this command; the children get their options as flags. And a name is that of one node.
      env: {
        ...process.env,
        VELOUR_CONFIG: '',
        VELOUR_NAME: '',
        [CHILD_VARIABLE]: '1',
        ...temporary,
      },
    });
    let done: () => void = () => undefined;
    const running: LocalProcess = {
      node,
      child,
      words,
      hasDirectory: words.includes('--data-dir') && base?.isTemporary !== true,
      incarnationId: undefined,
      why: undefined,
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
      running.incarnationId = incarnationIn(message) ?? running.incarnationId;
      running.why = lastWordsIn(message) ?? running.why;
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
    const seconds = this.#drainMs / 1000;
    const what = `waiting for requests in progress: each role for up to ${seconds} s, file servers for twice that; a second Ctrl-C ends all at once`;
    setTimeout(() => this.#logger.write('info', what), ONE_SIGNAL_MS);
    const inOrder = async () => {
      for (const role of LOCAL_ROLES) await this.#stopRole(role);
      // Below all that the others said while they stopped nobody finds the first of it.
      if (this.#failure !== undefined) this.#logger.write('error', this.#failure());
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

  #ended(ended: LocalProcess, code: number | null, how: string): void {
    if (this.#stopping) return;
    const { node, incarnationId, words, hasDirectory } = ended;
    const again = this.#ready ? commandOf(node.role, words) : undefined;
    this.#logger.write('error', `a ${node.role} ended`, { node: node.address, how, again });
    if (incarnationId !== undefined) this.#vouch(incarnationId, VOUCH_TRIES);
    // Before the cluster was ready this is a failed start; later the other nodes go on without this one.
    if (!this.#ready) {
      this.#failure = () => failureText({ node, code, how, why: ended.why, hasDirectory });
      this.#stop(code === null || code === 0 ? EXIT.failure : code);
    } else if (this.#running.size === 0) process.exit(EXIT.failure);
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
