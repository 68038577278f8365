// How a process that is no node reaches the cluster: as a frontend does, with its map, its streams, its
// clock and its rules, but no clients. The controller is not told of it (D14), nor does it report anybody.

import { EXIT } from '../cluster/http/errors.ts';
import { ClusterClock } from '../cluster/model/cluster-clock.ts';
import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { HybridClock } from '../cluster/model/version.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import { MapFollower } from './map-follower.ts';
import type { OperationContext } from './operations/operation-context.ts';
import { Probes } from './probes.ts';
import { Router } from './router.ts';

export interface ClusterClient extends OperationContext {
  /** The one that it was let in with; the router has the present one. */
  readonly map: ClusterMap;
}

/** Why nobody was let in, and what a process ends with for it. */
export interface ClientRefused {
  readonly refused: string;
  readonly exitCode: number;
}

/** @param done with why there is no map, or no storage node that tells its time, within a set's deadline */
export function visit(
  runtime: Runtime,
  options: { readonly controller: Address; readonly times: Times },
  done: (client: ClusterClient | ClientRefused) => void,
): void {
  const { times, controller } = options;
  const router = new Router(runtime, times);
  let isRefused = false;
  const follower = new MapFollower(
    runtime,
    new ControlClient(runtime, times),
    router,
    options,
    (problem) => {
      isRefused = true;
      done({ refused: problem, exitCode: EXIT.config });
    },
  );
  const clock = new ClusterClock(runtime.clock, runtime.logger);
  const probes = new Probes(runtime, router, times, {
    told: (...told) => clock.heard(...told),
    silent: () => undefined,
    asking: () => undefined,
  });
  const context: OperationContext = {
    // H31: whatever is stamped with a time takes it from here.
    runtime: { ...runtime, clock },
    times,
    router,
    refresh: follower,
    versions: new HybridClock(clock),
    reports: { note: () => undefined },
  };
  const startedMs = runtime.clock.monotonicMs();
  const look = () => {
    if (isRefused) return undefined;
    const { map } = router;
    if (map !== undefined && clock.isKnown) return done({ ...context, map });
    if (runtime.clock.monotonicMs() - startedMs > times.setDeadlineMs) {
      const problem = follower.problem ?? `controller ${controller}: no answer`;
      const refused = map === undefined ? problem : 'no storage node answers';
      return done({ refused, exitCode: EXIT.unavailable });
    }
    runtime.timers.after(times.retryMs, look);
    return undefined;
  };
  follower.start();
  probes.start();
  look();
}
