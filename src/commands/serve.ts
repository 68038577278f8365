// Runs one role as a process: its runtime, its HTTP server, its signals, its end. A role's command says
// what is particular to it; everything that is alike stands here.

import { EXIT, FatalError } from '../cluster/errors.ts';
import { openDisk } from '../cluster/io/disk.ts';
import { type HttpServer, startHttpServer } from '../cluster/io/http-server.ts';
import { openLog } from '../cluster/io/logger.ts';
import { openNetwork } from '../cluster/io/network.ts';
import { openHost, systemClock, systemRandom, systemTimers } from '../cluster/io/system.ts';
import type { Log, Runtime, Service } from '../cluster/runtime.ts';
import { VERSION } from '../cluster/software.ts';
import type { Words } from './options.ts';

export interface Role {
  readonly name: 'controller' | 'storage' | 'frontend';
  /** Shown in `ps` and in the logs. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string | undefined;
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  make(runtime: Runtime): Service;
}

/** Set by `velour local` for its children, which must not outlive it. */
export const CHILD_VARIABLE = 'VELOUR_LOCAL_CHILD';

/** With this message `velour local` stops its children, all of them. */
export const CLUSTER_STOPS = 'the whole cluster stops';

export async function serve(role: Role, words: Words): Promise<void> {
  process.title = `velour ${role.name} ${role.node}`;
  const log = openLog({
    role: role.name,
    node: role.node,
    level: words.logLevel(),
    pretty: words.prettyLogs(),
  });
  dieOnErrors(log);
  dieWithParent(log);
  const { dataDirectory } = role;
  const disk = dataDirectory === undefined ? undefined : await openDisk(dataDirectory);
  const service = role.make({
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    network: openNetwork(),
    log,
    host: openHost(),
    disk,
  });
  const server = await listen(service, role);
  service.start();
  stopOnSignals(service, server, log, words.positive('drain-timeout') * 1000);
  log.write('info', 'listening', {
    address: `${role.host}:${server.port}`,
    version: VERSION,
    pid: process.pid,
    dataDir: dataDirectory,
  });
}

async function listen(service: Service, role: Role): Promise<HttpServer> {
  const { host, port } = role;
  try {
    return await startHttpServer(service, role);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: `port ${port} on ${host} is in use; stop who has it, or choose another port`,
      EADDRNOTAVAIL: `${host} is not an address of this machine; give one with --host`,
      EACCES: `port ${port} on ${host} needs privileges; choose a port above 1023`,
      ENOTFOUND: `${host} cannot be resolved; give an address with --host`,
    };
    throw new FatalError(EXIT.unavailable, reasons[code ?? ''] ?? `${host}:${port}: ${code}`);
  }
}

/** First signal: finish what is in progress, exit 0. Second: leave at once, 128 + its number. */
function stopOnSignals(service: Service, server: HttpServer, log: Log, timeoutMs: number): void {
  let stopping = false;
  const stop = (signal: string, code: number, wholeCluster = false) => {
    if (stopping) process.exit(code);
    stopping = true;
    log.write('info', 'stopping', { signal });
    service.drain({ wholeCluster, timeoutMs }, () =>
      server.drain(timeoutMs).then(
        () => process.exit(0),
        (error: unknown) => fail(log, error),
      ),
    );
  };
  // Not by a signal: it would overtake the message that says how many stop.
  process.on('message', (message) => {
    if (message === CLUSTER_STOPS) stop(CLUSTER_STOPS, 143, true);
  });
  process.on('SIGTERM', () => stop('SIGTERM', 143));
  process.on('SIGINT', () => stop('SIGINT', 130));
}

/** A broken invariant or an unexpected error ends the process: going on could corrupt (STYLE 12). */
function dieOnErrors(log: Log): void {
  process.on('uncaughtException', (error) => fail(log, error));
  process.on('unhandledRejection', (error) => fail(log, error));
}

function fail(log: Log, error: unknown): never {
  if (error instanceof FatalError) {
    log.write('error', error.message);
    process.exit(error.exitCode);
  }
  log.write('error', 'crashed', { stack: error instanceof Error ? error.stack : String(error) });
  process.exit(EXIT.failure);
}

/** The channel to `velour local` closes when that ends, even by SIGKILL. */
function dieWithParent(log: Log): void {
  if (process.env[CHILD_VARIABLE] === undefined) return;
  const leave = () => {
    log.write('warn', 'the process that started this one is gone: leaving');
    process.exit(0);
  };
  process.on('disconnect', leave);
  // It may have gone while this process was still loading.
  if (!process.connected) leave();
}
