// What the package exports: two clients with one interface. `VelourClient` reaches the cluster through its frontends, by
// HTTP; `connect` makes this process a frontend of its own.

export type {
  ExplainedMember,
  ExplainedRecord,
  Explanation,
} from '../coordinator/operations/get/explanation.ts';
export { type ConnectOptions, connect } from './direct-client.ts';
export { AbortedError, ConditionFailedError, VelourError } from './errors.ts';
export { VelourClient, type VelourClientOptions } from './http-client.ts';
export type {
  Awaited,
  AwaitOptions,
  Bytes,
  CommonOptions,
  ConditionOptions,
  DeletePrefixOptions,
  ETags,
  ExplainOptions,
  GetOptions,
  ManyEntry,
  Result,
  ScannedEntry,
  ScanOptions,
  SetOptions,
  SetResult,
  Stored,
  StoredEntry,
  Valued,
  Velour,
  Watch,
  WatchEvent,
  WatchOptions,
} from './velour.ts';
