// The parts of a process that an operation needs, and the observer that is called with each key used. The operations
// themselves are in get/, set/ and restore/.

import type { Times } from '../../cluster/model/limits.ts';
import type { StoredRecord } from '../../cluster/model/record.ts';
import type { HybridClock } from '../../cluster/model/version.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { FailureReports } from '../failure-reports.ts';
import type { MapRefresh, Router } from '../router.ts';

/** Called for every get, set and delete, before its answer, with the stored key. */
export interface KeyObserver {
  /** @param found the record that the get is answered with; undefined when the key is absent or the get failed */
  noteGet(key: Buffer, found: StoredRecord | undefined): void;
  noteSet(key: Buffer, value: Uint8Array): void;
}

export interface OperationContext {
  readonly runtime: Runtime;
  readonly router: Router;
  readonly refresh: MapRefresh;
  readonly versions: HybridClock;
  readonly reports: Pick<FailureReports, 'note'>;
  readonly times: Times;
  /** Absent in a process without clients, where counting keys has no use. */
  readonly hotKeys?: KeyObserver;
}
