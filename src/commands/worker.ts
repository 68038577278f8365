// One worker of a frontend that has several: serves as `serve` does, but is told by its primary when to listen
// and when to stop. The primary is workers.ts.

import type { CheckResult } from '../cluster/http/health.ts';
import type { Primary } from '../cluster/io/process/workers.ts';
import type { HttpServer } from '../cluster/io/server/http-server.ts';
import type { Arguments } from './options.ts';
import { leave, listen, logListening, openProcess, openService, type ServedRole } from './serve.ts';
import { ignoreStopSignals } from './signals.ts';

const READY_CHECK_MS = 20;

export async function serveAsWorker(
  role: ServedRole,
  words: Arguments,
  primary: Primary,
): Promise<void> {
  const logger = openProcess(role, words, primary.worker);
  // Ctrl-C and a stop of a whole control group reach all processes; in which order they stop is the primary's.
  ignoreStopSignals();
  const service = await openService(role, logger);
  const timeoutMs = words.positive('drain-timeout') * 1000;
  let server: HttpServer | undefined;
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
        server?.refuse();
        return primary.send({ kind: 'refuses' });
      case 'drain': {
        const listening = server;
        if (listening === undefined) process.exit(0);
        const options = { wholeCluster: what.wholeCluster, timeoutMs };
        return service.drain(options, () => leave(listening, role, options, logger));
      }
    }
  });
  const isReady = () =>
    (primary.own('checks') as readonly CheckResult[]).every(({ problem }) => problem === undefined);
  // Whoever it stands in for served until it ended: no connection is to meet one that cannot serve yet.
  if (waits) {
    service.start();
    while (waits && !isReady()) await new Promise((resolve) => setTimeout(resolve, READY_CHECK_MS));
  }
  server = await listen(service, role);
  primary.send({ kind: 'listens' });
  if (refuses) server.refuse();
  if (!primary.waits) service.start();
  logListening(server, role, logger);
}
