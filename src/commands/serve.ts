// Runs one role as a process: its runtime, HTTP server, signals and exit. The command of a role provides what is
// particular to it (controller.ts, storage.ts, frontend.ts).

import { rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openDisk } from '../cluster/io/disk/disk.ts';
import { openFiles } from '../cluster/io/disk/files.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { openLogger, type ProcessLogger } from '../cluster/io/process/logger.ts';
import { openHost, systemClock, systemRandom, systemTimers } from '../cluster/io/process/system.ts';
import {
  type HttpServer,
  type HttpServerOptions,
  startHttpServer,
} from '../cluster/io/server/http-server.ts';
import { CannotListen, EVERYWHERE } from '../cluster/io/server/listeners.ts';
import { type Address, formatAddress } from '../cluster/model/identity.ts';
import type { DrainOptions, HttpService, Logger, Runtime, Service } from '../cluster/ports.ts';
import { VERSION } from '../cluster/software.ts';
import { CHILD_VARIABLE, tellParent } from './local-child.ts';
import { tellOtherNode } from './named-controller.ts';
import type { Arguments } from './options.ts';
import { ignoreHangup, onStopSignals } from './signals.ts';

export interface ServedRole {
  readonly name: 'controller' | 'storage' | 'frontend' | 'fileserver';
  /** The node's name in `ps` and in the logs. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  /** Undefined for the controller itself. */
  readonly controller?: Address;
  readonly dataDirectory: string | undefined;
  /** The directory of a file server, in place of a data directory. */
  readonly filesDirectory?: string;
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  /**
   * How long a stop leaves idle connections open: a client may be sending on one just now, and would see a reset. By
   * default 0, as nodes repeat their requests; also 0 when the whole cluster stops.
   */
  readonly quietMs?: number;
  /** How long idle connections stay open; the default is http-server.ts's. */
  readonly idleMs?: number;
  /** How long a stopping process serves while it reports not ready: load balancers must not meet a closed port. */
  readonly shutdownDelayMs?: number;
  make(runtime: Runtime, logger: ProcessLogger): Service;
}

/** The server of a role, and those of its further interfaces. */
export type Servers = readonly [HttpServer, ...HttpServer[]];

/** Set by it in file servers whose directories go with the cluster, however that ends. */
export const TEMPORARY_VARIABLE = 'VELOUR_LOCAL_TEMPORARY';

/** The message with which `velour local` stops all its children. */
export const CLUSTER_STOPS = 'the whole cluster stops';

export async function serve(role: ServedRole, words: Arguments): Promise<void> {
  const logger = openProcess(role, words);
  const service = await openService(role, logger);
  const servers = await listen(service, role);
  service.start();
  const timeoutMs = words.positive('drain-timeout') * 1000;
  stopOnSignals(logger, (wholeCluster) =>
    service.drain({ wholeCluster, timeoutMs }, () =>
      // If the whole cluster stops, no client can be sent elsewhere.
      setTimeout(
        () => leave(servers, role, { wholeCluster, timeoutMs }, logger),
        wholeCluster ? 0 : (role.shutdownDelayMs ?? 0),
      ),
    ),
  );
  logListening(servers, role, logger);
  const { controller } = role;
  if (controller !== undefined) await tellOtherNode(controller, logger);
}

/** Sets what all processes of a role have in common: the name in `ps`, the log, and the reasons to exit. */
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
  // node:cluster ends a worker together with its primary.
  if (worker === undefined) dieWithParent(logger);
  return logger;
}

export async function openService(role: ServedRole, logger: ProcessLogger): Promise<Service> {
  const { dataDirectory, filesDirectory } = role;
  const disk = dataDirectory === undefined ? undefined : await openDisk(dataDirectory);
  const files = filesDirectory === undefined ? undefined : await openFiles(filesDirectory);
  if (filesDirectory !== undefined) removeTemporaryAtExit(filesDirectory);
  const runtime: Runtime = {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    network: openNetwork(),
    logger,
    host: openHost(logger),
    disk,
    files,
  };
  return role.make(runtime, logger);
}

/** Whoever made the directory may be gone by then. */
function removeTemporaryAtExit(directory: string): void {
  if (process.env[TEMPORARY_VARIABLE] === undefined) return;
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
    try {
      // The one above it goes with the last of them.
      rmdirSync(dirname(directory));
    } catch {
      // Others are still in it.
    }
  });
}

/** @param servers that of the role first, then those of its further interfaces */
export function logListening(
  [server, ...further]: Servers,
  role: ServedRole,
  logger: Logger,
): void {
  const [address, ...others] = server.addresses;
  const beside = further.flatMap(({ addresses }) => addresses);
  logger.write('info', 'listening', {
    address,
    alsoAt: others.length === 0 ? undefined : others.join(', '),
    further: beside.length === 0 ? undefined : beside.join(', '),
    version: VERSION,
    pid: process.pid,
    dataDir: role.dataDirectory ?? role.filesDirectory,
  });
  for (const failure of server.missing) {
    logger.write('warn', 'an address of the host is not listened on', {
      host: role.host,
      reason: whyNot(failure, role),
    });
  }
}

/** Finishes the requests in progress, and exits with 0. */
export function leave(
  servers: Servers,
  { quietMs = 0 }: ServedRole,
  { wholeCluster, timeoutMs }: DrainOptions,
  logger: Logger,
): void {
  Promise.all(servers.map((server) => server.drain(timeoutMs, wholeCluster ? 0 : quietMs))).then(
    () => process.exit(0),
    (error: unknown) => fail(logger, error),
  );
}

/** Listens for a role, and for its further interfaces. @throws FatalError where one of the ports cannot be had */
export async function listen(service: Service, role: ServedRole): Promise<Servers> {
  const own = await listenAt(service, role);
  const further: HttpServer[] = [];
  for (const { service: beside, port } of service.further ?? []) {
    further.push(await listenAt(beside, { ...role, port }));
  }
  return [own, ...further];
}

async function listenAt(service: HttpService, options: HttpServerOptions): Promise<HttpServer> {
  try {
    return await startHttpServer(service, options);
  } catch (error) {
    if (!(error instanceof CannotListen)) throw error;
    throw new FatalError(EXIT.unavailable, whyNot(error, options));
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

/** Calls `finish` at the first signal to stop, and `leaveAtOnce` with 128 + its number at the second. */
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
  // A message, not a signal: a signal could arrive before the message that the whole cluster stops.
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
    tellParent(error.message);
    logger.write('error', error.message);
    process.exit(error.exitCode);
  }
  logger.write('error', 'crashed', { stack: error instanceof Error ? error.stack : String(error) });
  process.exit(EXIT.failure);
}

/** Exits when `velour local` is gone: the channel to it closes even if it was ended by SIGKILL. */
function dieWithParent(logger: Logger): void {
  if (process.env[CHILD_VARIABLE] === undefined) return;
  const orphaned = () => {
    logger.write('warn', 'the process that started this one is gone: leaving');
    process.exit(0);
  };
  process.on('disconnect', orphaned);
  // The parent may have gone while this process was still loading.
  if (!process.connected) orphaned();
}
