// Runs one role as a process: its runtime, its HTTP server, its signals, its end. A role's command says
// what is particular to it; everything that is alike stands here.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openDisk } from '../cluster/io/disk/disk.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { openLogger, type ProcessLogger } from '../cluster/io/process/logger.ts';
import { openHost, systemClock, systemRandom, systemTimers } from '../cluster/io/process/system.ts';
import { type HttpServer, startHttpServer } from '../cluster/io/server/http-server.ts';
import { CannotListen, EVERYWHERE } from '../cluster/io/server/listeners.ts';
import { formatAddress } from '../cluster/model/identity.ts';
import type { DrainOptions, Logger, Runtime, Service } from '../cluster/ports.ts';
import { VERSION } from '../cluster/software.ts';
import type { Arguments } from './options.ts';
import { ignoreHangup, onStopSignals } from './signals.ts';

export interface ServedRole {
  readonly name: 'controller' | 'storage' | 'frontend';
  /** Shown in `ps` and in the logs. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string | undefined;
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  /**
   * How long a stop leaves idle connections open: whoever keeps one may be sending on it just now, and would
   * see a reset. None by default: nodes send again; nor when the whole cluster stops.
   */
  readonly quietMs?: number;
  /** How long idle connections stay open; by default http-server.ts's. */
  readonly idleMs?: number;
  /** How long a stop goes on serving, though it says that it is not ready: nobody is to meet a closed port. */
  readonly shutdownDelayMs?: number;
  make(runtime: Runtime): Service;
}

/** Set by `velour local` for its children, which must not outlive it. */
export const CHILD_VARIABLE = 'VELOUR_LOCAL_CHILD';

/** With this message `velour local` stops its children, all of them. */
export const CLUSTER_STOPS = 'the whole cluster stops';

export async function serve(role: ServedRole, words: Arguments): Promise<void> {
  const logger = openProcess(role, words);
  const service = await openService(role, logger);
  const server = await listen(service, role);
  service.start();
  const timeoutMs = words.positive('drain-timeout') * 1000;
  stopOnSignals(logger, (wholeCluster) =>
    service.drain({ wholeCluster, timeoutMs }, () =>
      // In a cluster that stops nobody is to go elsewhere.
      setTimeout(
        () => leave(server, role, { wholeCluster, timeoutMs }, logger),
        wholeCluster ? 0 : (role.shutdownDelayMs ?? 0),
      ),
    ),
  );
  logListening(server, role, logger);
}

/** Name in `ps`, log, and what ends the process, as every process of a role has them. */
export function openProcess(
  { name, node }: Pick<ServedRole, 'name' | 'node'>,
  words: Arguments,
  worker?: number,
): ProcessLogger {
  ignoreHangup();
  process.title = `velour ${name} ${node}${worker === undefined ? '' : ` worker ${worker}`}`;
  const logger = openLogger({
    role: name,
    node,
    worker,
    level: words.logLevel(),
    pretty: words.prettyLogs(),
  });
  dieOnErrors(logger);
  for (const warning of words.warnings) logger.write('warn', warning);
  // A worker is ended by node:cluster, with its primary.
  if (worker === undefined) dieWithParent(logger);
  return logger;
}

export async function openService(role: ServedRole, logger: ProcessLogger): Promise<Service> {
  const { dataDirectory } = role;
  const disk = dataDirectory === undefined ? undefined : await openDisk(dataDirectory);
  return role.make({
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    network: openNetwork(),
    logger,
    host: openHost(logger),
    disk,
  });
}

export function logListening(server: HttpServer, role: ServedRole, logger: Logger): void {
  const [address, ...others] = server.addresses;
  logger.write('info', 'listening', {
    address,
    alsoAt: others.length === 0 ? undefined : others.join(', '),
    version: VERSION,
    pid: process.pid,
    dataDir: role.dataDirectory,
  });
  for (const failure of server.missing) {
    logger.write('warn', 'an address of the host is not listened on', {
      host: role.host,
      reason: whyNot(failure, role),
    });
  }
}

/** Answers what is in progress, and exits 0. */
export function leave(
  server: HttpServer,
  { quietMs = 0 }: ServedRole,
  { wholeCluster, timeoutMs }: DrainOptions,
  logger: Logger,
): void {
  server.drain(timeoutMs, wholeCluster ? 0 : quietMs).then(
    () => process.exit(0),
    (error: unknown) => fail(logger, error),
  );
}

export async function listen(service: Service, role: ServedRole): Promise<HttpServer> {
  try {
    return await startHttpServer(service, role);
  } catch (error) {
    if (!(error instanceof CannotListen)) throw error;
    throw new FatalError(EXIT.unavailable, whyNot(error, role));
  }
}

export function whyNot(
  { address, code }: CannotListen,
  { host, port }: Pick<ServedRole, 'host' | 'port'>,
) {
  const shown = address.includes(':') ? `[${address}]` : address;
  const isPlain = host === 'localhost' || host === address || host === EVERYWHERE;
  const where = isPlain ? shown : `${shown}, of ${host},`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} on ${where} is in use; stop who has it, or choose another port`,
    EADDRNOTAVAIL: `${where} is not an address of this machine; give one with --host`,
    EAFNOSUPPORT: `${where} is of a family that this machine does not have; give another address with --host`,
    EACCES: `port ${port} on ${where} needs privileges; choose a port above 1023`,
    ENOTFOUND: `${where} cannot be resolved; give an address with --host`,
    EAI_AGAIN: `${where} cannot be resolved, because no name server answers; give an address with --host`,
  };
  return reasons[code] ?? `${formatAddress(address, port)}: ${code}`;
}

/** First signal: finish what is in progress, exit 0. Second: leave at once, 128 + its number. */
export function stopOnSignals(
  logger: Logger,
  finish: (wholeCluster: boolean) => void,
  leaveAtOnce: (code: number) => void = process.exit,
): void {
  let stopping = false;
  const stop = (signal: string, code: number, wholeCluster = false) => {
    if (stopping) return leaveAtOnce(code);
    stopping = true;
    logger.write('info', 'stopping', { signal });
    return finish(wholeCluster);
  };
  // Not by a signal: it would overtake the message that says how many stop.
  process.on('message', (message) => {
    if (message === CLUSTER_STOPS) stop(CLUSTER_STOPS, 143, true);
  });
  onStopSignals((signal, code) => stop(signal, code));
}

/** A broken invariant or an unexpected error ends the process: going on could corrupt. */
function dieOnErrors(logger: Logger): void {
  process.on('uncaughtException', (error) => fail(logger, error));
  process.on('unhandledRejection', (error) => fail(logger, error));
}

function fail(logger: Logger, error: unknown): never {
  if (error instanceof FatalError) {
    logger.write('error', error.message);
    process.exit(error.exitCode);
  }
  logger.write('error', 'crashed', { stack: error instanceof Error ? error.stack : String(error) });
  process.exit(EXIT.failure);
}

/** The channel to `velour local` closes when that ends, even by SIGKILL. */
function dieWithParent(logger: Logger): void {
  if (process.env[CHILD_VARIABLE] === undefined) return;
  const orphaned = () => {
    logger.write('warn', 'the process that started this one is gone: leaving');
    process.exit(0);
  };
  process.on('disconnect', orphaned);
  // It may have gone while this process was still loading.
  if (!process.connected) orphaned();
}
