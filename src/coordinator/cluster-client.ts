// A cluster client: a process without HTTP clients of its own, such as a backup, that reaches the cluster as a
// frontend does, with the same map, streams, clock and rules. It does not announce itself to the controller (D14), nor
// does it report nodes that it cannot reach.

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
  /** The map at the time of connecting; the router has the present one. */
  readonly map: ClusterMap;
}

/** Why the process could not become a client of the cluster, and the exit code that it should end with. */
export interface ClientRefused {
  readonly refused: string;
  readonly exitCode: number;
}

/**
 * Connects to the cluster: waits for a map and for the time of the cluster, at most `setDeadlineMs`.
 * @param done gets the client, or the reason why there is none: the controller refuses this time scale (D12), no map
 *   came in time, or no storage node told its time
 */
export function connectToCluster(
  runtime: Runtime,
  options: { readonly controller: Address; readonly times: Times },
  done: (client: ClusterClient | ClientRefused) => void,
): void {
  const { times, controller } = options;
  const router = new Router(runtime, times);
  let isOver = false;
  // Once: the follower goes on after an answer that was given for want of time, and may be refused then.
  const end = (outcome: ClusterClient | ClientRefused) => {
    if (isOver) return;
    isOver = true;
    done(outcome);
  };
  const follower = new MapFollower(
    runtime,
    new ControlClient(runtime, times),
    router,
    options,
    (problem) => end({ refused: problem, exitCode: EXIT.config }),
  );
  const clock = new ClusterClock(runtime.clock, runtime.logger);
  const probes = new Probes(runtime, router, times, {
    told: (...told) => clock.heard(...told),
    silent: () => undefined,
    asking: () => undefined,
  });
  const context: OperationContext = {
    // H31: everything that stamps or judges a time takes it from the time of the cluster.
    runtime: { ...runtime, clock },
    times,
    router,
    refresh: follower,
    versions: new HybridClock(clock),
    reports: { note: () => undefined },
  };
  const startedMs = runtime.clock.monotonicMs();
  const look = () => {
    if (isOver) return undefined;
    const { map } = router;
    if (map !== undefined && clock.isKnown) return end({ ...context, map });
    if (runtime.clock.monotonicMs() - startedMs > times.setDeadlineMs) {
      const problem = follower.problem ?? `controller ${controller}: no answer`;
      const refused = map === undefined ? problem : 'no storage node answers';
      return end({ refused, exitCode: EXIT.unavailable });
    }
    runtime.timers.after(times.retryMs, look);
    return undefined;
  };
  follower.start();
  probes.start();
  look();
}
