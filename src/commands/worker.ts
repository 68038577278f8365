// One worker process of a frontend that has several: it serves as serve.ts does, but its primary decides when it
// listens and stops. The primary is workers.ts.

import { type CheckResult, whyNotReady } from '../cluster/http/health.ts';
import type { WorkerAnswer } from '../cluster/http/worker-group.ts';
import type { Primary } from '../cluster/io/process/workers.ts';
import type { Arguments } from './options.ts';
import {
  leave,
  listen,
  logListening,
  openProcess,
  openService,
  type ServedRole,
  type Servers,
} from './serve.ts';
import { ignoreStopSignals } from './signals.ts';

const READY_CHECK_MS = 20;
/** So seldom a worker that waits asks whether others are ready. */
const LOOKS_AT_OTHERS_EACH = 10;
/** A worker that waits for longer says what it waits for. */
const WARNED_AFTER_MS = 10_000;

export async function serveAsWorker(
  role: ServedRole,
  words: Arguments,
  primary: Primary,
): Promise<void> {
  const logger = openProcess(role, words, primary.worker);
  // Ctrl-C, or a stop of a control group, reaches all processes; the primary decides in which order they stop.
  ignoreStopSignals();
  const service = await openService(role, logger);
  const timeoutMs = words.positive('drain-timeout') * 1000;
  let servers: Servers | undefined;
  let waits = primary.waits;
  let refuses = false;
  primary.onAsked((what) => {
    switch (what.kind) {
      case 'listen':
        waits = false;
        return;
      case 'retire':
        return service.drain({ wholeCluster: false, timeoutMs }, () => undefined);
      case 'refuse':
        refuses = true;
        for (const server of servers ?? []) server.refuse();
        return primary.send({ kind: 'refuses' });
      case 'drain': {
        const listening = servers;
        if (listening === undefined) process.exit(0);
        const options = { wholeCluster: what.wholeCluster, timeoutMs };
        return service.drain(options, () => leave(listening, role, options, logger));
      }
    }
  });
  // As it is by now: the primary may have asked it to listen while it was loaded.
  const startsBefore = waits;
  if (startsBefore) {
    service.start();
    const warning = setTimeout(() => {
      logger.write('warn', 'takes no connections yet', { problem: ownProblem(primary) });
    }, WARNED_AFTER_MS);
    for (let looks = 0; waits && ownProblem(primary) !== undefined; looks++) {
      if (looks % LOOKS_AT_OTHERS_EACH === 0 && !(await isOtherReady(primary))) break;
      await new Promise((resolve) => setTimeout(resolve, READY_CHECK_MS));
    }
    clearTimeout(warning);
  }
  servers = await listen(service, role);
  primary.send({ kind: 'listens' });
  if (refuses) for (const server of servers) server.refuse();
  if (!startsBefore) service.start();
  logListening(servers, role, logger);
}

/** As /readyz has it: a warning is no reason to leave clients to fewer workers. */
function ownProblem(primary: Primary): string | undefined {
  return whyNotReady(primary.own('checks') as readonly CheckResult[]);
}

/**
 * Whether a worker that takes connections is ready. Who heard that this frontend is ready was told so by that one, and must meet no
 * other one that is not. While none is, nobody was told so: all take connections, so that each has its share when they are ready.
 */
async function isOtherReady(primary: Primary): Promise<boolean> {
  const told = await new Promise<readonly WorkerAnswer[]>((done) => primary.gather('checks', done));
  return told.some(
    ({ answer }) =>
      answer !== undefined && whyNotReady(answer as readonly CheckResult[]) === undefined,
  );
}
