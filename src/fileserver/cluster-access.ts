// How a file server reaches the cluster as a client of it: it asks for the records of its blobs' owners, and stores files for clients that a
// broker has sent here. It is no frontend: it reports no failures, which those do.

import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import type { Times } from '../cluster/model/limits.ts';
import { COUNTERS, HybridClock } from '../cluster/model/version.ts';
import type { Runtime } from '../cluster/ports.ts';
import { ConditionalWriter } from '../coordinator/operations/conditional/round.ts';
import { LinearizableReader } from '../coordinator/operations/get/linearizable.ts';
import { Reader } from '../coordinator/operations/get/round.ts';
import type { OperationContext } from '../coordinator/operations/operation-context.ts';
import { PageReader } from '../coordinator/operations/scan/page.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import type { MapRefresh, Router } from '../coordinator/router.ts';
import { ClusterFiles } from '../files/cluster-files.ts';
import type { FileTimes } from '../files/file-times.ts';

export interface ClusterAccess {
  readonly context: OperationContext;
  readonly reader: Reader;
  readonly files: ClusterFiles;
}

export function clusterAccess(
  runtime: Runtime,
  parts: {
    readonly clock: ClusterClock;
    readonly router: Router;
    readonly refresh: MapRefresh;
    readonly times: Times;
    readonly fileTimes: FileTimes;
  },
): ClusterAccess {
  const { clock, router, refresh, times, fileTimes } = parts;
  const context: OperationContext = {
    // H31: what expires does so by the time of the cluster.
    runtime: { ...runtime, clock },
    times,
    router,
    refresh,
    versions: new HybridClock(clock.forVersions, runtime.random.below(COUNTERS)),
    reports: { note: () => undefined },
  };
  const reader = new Reader(context);
  const operations = {
    reader,
    linearizable: new LinearizableReader(context),
    pages: new PageReader(context),
    writer: new Writer(context),
    conditional: new ConditionalWriter(context),
  };
  return { context, reader, files: new ClusterFiles(context, operations, fileTimes) };
}
