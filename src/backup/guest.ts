// How a process that is no node reaches the cluster: as a frontend does, with its map, its streams, its
// clock and its rules, but no clients. The controller is not told of it (D14), nor does it report anybody.

import type { ClusterMap } from '../cluster/cluster-map.ts';
import type { Address } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { HybridClock } from '../cluster/version.ts';
import { FrontendClock } from '../frontend/frontend-clock.ts';
import { MapFollower } from '../frontend/map-follower.ts';
import { Probes } from '../frontend/probes.ts';
import type { OperationContext } from '../frontend/read-handler.ts';
import { Router } from '../frontend/router.ts';

export interface Guest extends OperationContext {
  /** The one that it was let in with; the router has the present one. */
  readonly map: ClusterMap;
}

/** @param done with why there is no map, or no storage node that tells its time, within a set's deadline */
export function visit(
  runtime: Runtime,
  options: { readonly controller: Address; readonly times: Times },
  done: (guest: Guest | { readonly refused: string }) => void,
): void {
  const { times, controller } = options;
  const router = new Router(runtime, times);
  const follower = new MapFollower(runtime, router, options);
  const clock = new FrontendClock(runtime.clock, runtime.log);
  const probes = new Probes(runtime, router, times, {
    told: (node, wallMs) => clock.heard(node, wallMs),
    silent: () => undefined,
  });
  const context: OperationContext = {
    // H31: whatever is stamped with a time takes it from here.
    runtime: { ...runtime, clock },
    times,
    router,
    refresh: follower,
    versions: new HybridClock(),
    reports: { note: () => undefined },
  };
  const startedMs = runtime.clock.monotonicMs();
  const look = () => {
    const { map } = router;
    if (map !== undefined && clock.isChecked) return done({ ...context, map });
    if (runtime.clock.monotonicMs() - startedMs > times.setDeadlineMs) {
      const problem = follower.problem ?? `controller ${controller}: no answer`;
      return done({ refused: map === undefined ? problem : 'no storage node answers' });
    }
    runtime.timers.after(times.retryMs, look);
    return undefined;
  };
  follower.start();
  probes.start();
  look();
}
