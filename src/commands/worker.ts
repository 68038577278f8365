// One worker process of a frontend that has several: it serves as serve.ts does, but its primary decides when it
// listens and stops. The primary is workers.ts.

import type { CheckResult } from '../cluster/http/health.ts';
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
  // As /readyz has it: a warning is no reason to leave clients to fewer workers.
  const isReady = () =>
    (primary.own('checks') as readonly CheckResult[]).every(
      ({ problem, isWarning = false }) => problem === undefined || isWarning,
    );
  // Others serve, and who heard that this frontend is ready was told so by them: no connection may meet one that is not.
  if (waits) {
    service.start();
    while (waits && !isReady()) await new Promise((resolve) => setTimeout(resolve, READY_CHECK_MS));
  }
  servers = await listen(service, role);
  primary.send({ kind: 'listens' });
  if (refuses) for (const server of servers) server.refuse();
  if (!primary.waits) service.start();
  logListening(servers, role, logger);
}
