// What carrying out an operation needs of the process it is carried out in, and what it tells of the keys it is asked for.

import type { Times } from '../../cluster/model/limits.ts';
import type { StoredRecord } from '../../cluster/model/record.ts';
import type { HybridClock } from '../../cluster/model/version.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { FailureReports } from '../failure-reports.ts';
import type { MapRefresh, Router } from '../router.ts';

/** Is told of every get, set and delete, before its answer. */
export interface KeyObserver {
  /** @param found the record that the get is answered with, if it has a value */
  noteGet(key: Uint8Array, found: StoredRecord | undefined): void;
  noteSet(key: Uint8Array, value: Uint8Array): void;
}

export interface OperationContext {
  readonly runtime: Runtime;
  readonly router: Router;
  readonly refresh: MapRefresh;
  readonly versions: HybridClock;
  readonly reports: Pick<FailureReports, 'note'>;
  readonly times: Times;
  /** Absent where there are no clients whose keys are worth counting. */
  readonly hotKeys?: KeyObserver;
}
