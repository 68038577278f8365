// The history of what clients asked and what they were answered, and the checks that it keeps the cluster's promises.
// The checks know nothing of the cluster's inside, so histories of real processes are judged by them as well.

import { parseVersion, VERSION_ZERO, type Version } from '../cluster/model/version.ts';

export interface ClientOperation {
  readonly kind: 'get' | 'set' | 'delete';
  readonly key: string;
  readonly startMs: number;
  /** Undefined until it is answered: it may take effect at any time. */
  endMs: number | undefined;
  /** The value that a set writes, which only a restore writes again; or that a get read, undefined if absent. */
  value: string | undefined;
  /** A get demanded nothing older (H21). */
  readonly minVersion?: Version | undefined;
  /** When a set with a ttl expires, by a correct clock that was read as the set began. */
  readonly expiresAtMs?: number | undefined;
  /** Whether it was acknowledged, or for a get: answered with a value or a proof of absence. */
  ok: boolean;
  /** The version that the reply names: of a write, or of what a get read. */
  version: Version | undefined;
  /** Whether the reply said that nothing was stored, and nothing ever will be (D9). */
  refused: boolean;
  status?: number | undefined;
}

/** The operator gave up the data of these keys: acknowledged writes may be gone, or older values be back. */
export interface AcceptedLoss {
  readonly atMs: number;
  readonly keys: ReadonlySet<string>;
}

/** The promises of a run's cluster, by which its history is judged. */
export interface ClusterPromises {
  /**
   * In a cache any key may be absent without a delete (H40); but the version of that answer must be as high as a
   * delete's would be, or an older value could come back.
   */
  readonly isCache?: boolean;
  /** The most that the clocks of two processes may ever differ by. */
  readonly clockSkewMs?: number;
  /** How long an expired value may still be served. */
  readonly expiryGraceMs?: number;
  readonly losses?: readonly AcceptedLoss[];
}

/** The statuses that say that nothing was stored (docs/api.md): unavailable, value too large, storage full. */
const NOTHING_STORED: readonly number[] = [413, 503, 507];

export class History {
  readonly operations: ClientOperation[] = [];
  readonly #promises: ClusterPromises;
  readonly #losses: AcceptedLoss[] = [];

  constructor(promises: ClusterPromises = {}) {
    this.#promises = promises;
  }

  begin(
    kind: ClientOperation['kind'],
    key: string,
    startMs: number,
    value?: string,
    {
      ttlMs,
      minVersion,
    }: { readonly ttlMs?: number | undefined; readonly minVersion?: Version } = {},
  ): ClientOperation {
    const operation: ClientOperation = {
      kind,
      key,
      startMs,
      endMs: undefined,
      value,
      minVersion,
      expiresAtMs: ttlMs === undefined ? undefined : startMs + ttlMs,
      ok: false,
      version: undefined,
      refused: false,
    };
    this.operations.push(operation);
    return operation;
  }

  /** @param versionText the X-Fog-Version header of the reply, if it had one */
  end(
    operation: ClientOperation,
    endMs: number,
    status: number,
    versionText: string | undefined,
  ): void {
    operation.endMs = endMs;
    operation.status = status;
    // 201 and 204 as much as 200: `/v1/` tells by the status whether a key was new, and a set is acknowledged by each.
    operation.ok = (status >= 200 && status < 300) || (operation.kind === 'get' && status === 404);
    operation.version = versionText === undefined ? undefined : parseVersion(versionText);
    operation.refused = NOTHING_STORED.includes(status);
  }

  /** Notes that the operator accepted the loss of all data of these keys, which are those of offline partitions. */
  acceptLoss(keys: Iterable<string>, atMs: number): void {
    this.#losses.push({ atMs, keys: new Set(keys) });
  }

  /** Whether the operator accepted the loss of the data of this key at any time. */
  isGivenUp(key: string): boolean {
    return this.#losses.some(({ keys }) => keys.has(key));
  }

  /**
   * Whether a delete or an expiry may have removed the value that was written with this version.
   * @param nowMs when the value is found missing
   */
  mayBeDeleted(key: string, version: Version, nowMs = Number.POSITIVE_INFINITY): boolean {
    return this.operations.some(
      (each) =>
        each.key === key &&
        mayBeGone(each, nowMs, this.#promises) &&
        (each.version ?? version) >= version,
    );
  }

  /**
   * Checks the history as `checkHistory` does.
   * @param others further reads, such as those of a backup
   */
  /** @returns the keys of which no get or no write succeeded, among those that began later than this */
  unlively(keys: readonly string[], sinceMs: number): readonly string[] {
    return keys.flatMap((key) =>
      [['get'], ['set', 'delete']].flatMap((kinds) => {
        const late = this.operations.filter(
          (each) => each.key === key && kinds.includes(each.kind) && each.startMs > sinceMs,
        );
        if (late.length <= 3 || late.some(({ ok }) => ok)) return [];
        return [`liveness: no ${kinds.join(' or ')} of ${key} succeeded after healing`];
      }),
    );
  }

  violations(others: readonly ClientOperation[] = []): readonly string[] {
    const { losses = [] } = this.#promises;
    return checkHistory([...this.operations, ...others], {
      ...this.#promises,
      losses: [...losses, ...this.#losses],
    });
  }
}

/** @returns a line for each broken promise */
export function checkHistory(
  operations: readonly ClientOperation[],
  promises: ClusterPromises = {},
): readonly string[] {
  const byKey = new Map<string, ClientOperation[]>();
  for (const operation of operations) {
    const some = byKey.get(operation.key);
    if (some === undefined) byKey.set(operation.key, [operation]);
    else some.push(operation);
  }
  return [...byKey].flatMap(([key, some]) => checkKey(key, some, promises));
}

function checkKey(
  key: string,
  operations: readonly ClientOperation[],
  promises: ClusterPromises,
): readonly string[] {
  const writes = operations.filter(({ kind }) => kind !== 'get');
  const eras = new Eras(key, writes, promises.losses ?? []);
  const sets = new Map<ClientOperation['value'], ClientOperation[]>();
  for (const write of writes) {
    if (write.kind !== 'set') continue;
    sets.set(write.value, [...(sets.get(write.value) ?? []), write]);
  }
  const reads = new Set(operations.filter(({ kind }) => kind === 'get').map(({ value }) => value));
  return [
    ...writes.flatMap((write) => lostUpdate(write, eras.floorOf(write), writes, reads)),
    ...operations
      .filter(({ kind, ok }) => kind === 'get' && ok)
      .flatMap((read) => [
        ...staleRead(withExpiry(read, sets.get(read.value) ?? []), eras.floorOf(read)),
        ...phantom(read, sets.get(read.value) ?? []),
        ...renewed(read, sets.get(read.value) ?? []),
        ...servedTooLong(read, sets.get(read.value) ?? [], promises),
        ...(promises.isCache ? [] : unexplained(read, eras.floorOf(read), writes, promises)),
      ]),
  ];
}

/**
 * Eras: the times between accepted losses of a key. A write that began in an earlier era binds no operation that begins
 * in a later one, whenever it ended; an operation that was open during a loss may have met the state before it or after
 * it.
 */
class Eras {
  readonly #lossesMs: readonly number[];
  readonly #acknowledged: readonly AcknowledgedWrites[];

  constructor(key: string, writes: readonly ClientOperation[], losses: readonly AcceptedLoss[]) {
    this.#lossesMs = losses.filter(({ keys }) => keys.has(key)).map(({ atMs }) => atMs);
    this.#acknowledged = Array.from(
      { length: this.#lossesMs.length + 1 },
      (_, era) => new AcknowledgedWrites(writes.filter((write) => this.#eraOf(write) === era)),
    );
  }

  /** The highest acknowledged write that the operation must not be below; undefined when there is none. */
  floorOf(operation: ClientOperation): ClientOperation | undefined {
    const { startMs, endMs = Number.POSITIVE_INFINITY } = operation;
    if (this.#lossesMs.some((atMs) => startMs < atMs && atMs <= endMs)) return undefined;
    return this.#acknowledged[this.#eraOf(operation)]?.before(startMs);
  }

  #eraOf({ startMs }: ClientOperation): number {
    return this.#lossesMs.filter((atMs) => atMs <= startMs).length;
  }
}

/** Compares writes in the order of records (H20), as far as a history shows it: version, tombstone, expiry, value. */
function compareWrites(a: ClientOperation, b: ClientOperation): number {
  const [one, other] = [a.version ?? VERSION_ZERO, b.version ?? VERSION_ZERO];
  if (one !== other) return one < other ? -1 : 1;
  // A get of the highest value is compared with the set of that value: they are equal.
  if (a.value === b.value) return 0;
  const tombstones = Number(a.value === undefined) - Number(b.value === undefined);
  if (tombstones !== 0) return tombstones;
  const expiring = Number(a.expiresAtMs !== undefined) - Number(b.expiresAtMs !== undefined);
  if (expiring !== 0) return expiring;
  // Which of two expiries is later depends on the clocks of their frontends, which a history does not show.
  if (a.expiresAtMs !== undefined) return 0;
  return Buffer.compare(Buffer.from(a.value ?? ''), Buffer.from(b.value ?? ''));
}

/** The read, with the expiry of the set that wrote its value. */
function withExpiry(read: ClientOperation, sets: readonly ClientOperation[]): ClientOperation {
  return { ...read, expiresAtMs: sets.find(({ expiresAtMs }) => expiresAtMs)?.expiresAtMs };
}

/** The highest write that was acknowledged before a given time, in O(log n): prefix maxima, sorted by end. */
class AcknowledgedWrites {
  readonly #ends: number[] = [];
  readonly #highest: ClientOperation[] = [];

  constructor(writes: readonly ClientOperation[]) {
    const done = writes
      .filter(({ ok, version }) => ok && version !== undefined)
      .sort((a, b) => (a.endMs ?? 0) - (b.endMs ?? 0));
    let highest: ClientOperation | undefined;
    for (const write of done) {
      if (highest === undefined || compareWrites(write, highest) > 0) highest = write;
      this.#ends.push(write.endMs ?? 0);
      this.#highest.push(highest);
    }
  }

  before(timeMs: number): ClientOperation | undefined {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) < timeMs) low = middle + 1;
      else high = middle;
    }
    return this.#highest[low - 1];
  }
}

/**
 * G1, the half that writers see: a set that starts after another's acknowledgement must not lose to it. Two deletes
 * with one version, minted by two frontends, are one record: neither loses.
 */
function lostUpdate(
  write: ClientOperation,
  floor: ClientOperation | undefined,
  writes: readonly ClientOperation[],
  reads: ReadonlySet<ClientOperation['value']>,
): readonly string[] {
  if (!write.ok || floor === undefined || compareWrites(write, floor) >= 0) return [];
  // H41: a newer set may have coalesced this one and won for both, if it ran within this one's time. This one was then
  // never sent, so no node compared its version with the floor's, and a lower version is no loss.
  const { startMs, endMs = 0, value } = write;
  const coalescing = writes.some(
    (other) =>
      other.ok &&
      compareWrites(other, floor) > 0 &&
      other.startMs >= startMs &&
      (other.endMs ?? 0) <= endMs,
  );
  if (coalescing && (value === undefined || !reads.has(value))) return [];
  return [`lost update: ${show(write)} is below ${show(floor)}`];
}

/**
 * G1: after a set was acknowledged, every get that starts later returns it or a newer value. Once it has expired, its
 * absence counts as newer (H30): an older value must not come back.
 */
function staleRead(read: ClientOperation, floor: ClientOperation | undefined): readonly string[] {
  if (floor === undefined || compareWrites(read, floor) >= 0) return [];
  return [`stale read: ${show(read)} is below ${show(floor)}`];
}

/** I16: the value was written by a set that started before the read ended. D9: and not by a set that was refused. */
function phantom(read: ClientOperation, sets: readonly ClientOperation[]): readonly string[] {
  if (read.value === undefined) return [];
  if (sets.length > 0 && sets.every(({ refused }) => refused)) {
    return [`refused: ${show(read)}, which certainly nobody had stored`];
  }
  const isWritten = sets.some(
    ({ startMs, refused }) => !refused && startMs <= (read.endMs ?? Number.POSITIVE_INFINITY),
  );
  return isWritten ? [] : [`phantom: ${show(read)}, which nobody had set`];
}

/**
 * D9: in the background a set goes on with the version that its reply named, never with a higher one: that would win
 * over sets that were acknowledged meanwhile.
 */
function renewed(read: ClientOperation, sets: readonly ClientOperation[]): readonly string[] {
  const { value, version } = read;
  if (value === undefined || version === undefined || sets.length === 0) return [];
  if (!sets.every(({ version: told }) => told !== undefined && told < version)) return [];
  return [`renewed: ${show(read)} is above what its set was answered`];
}

/** H30: a value is not served once it has expired by every clock. */
function servedTooLong(
  read: ClientOperation,
  sets: readonly ClientOperation[],
  promises: ClusterPromises,
): readonly string[] {
  const isOver = (set: ClientOperation) => set.refused || lastMs(set, promises) < read.startMs;
  if (sets.length === 0 || !sets.every(isOver) || sets.every(({ refused }) => refused)) return [];
  return [`expired: ${show(read)}, and it was over`];
}

/**
 * The latest time at which the value may be served: the frontend may have read its clock at any time during the set.
 */
function lastMs(
  set: ClientOperation,
  { clockSkewMs = 0, expiryGraceMs = 0 }: ClusterPromises,
): number {
  const { startMs, endMs = Number.POSITIVE_INFINITY, expiresAtMs } = set;
  if (expiresAtMs === undefined) return Number.POSITIVE_INFINITY;
  return expiresAtMs + (endMs - startMs) + clockSkewMs + expiryGraceMs;
}

/**
 * G2: an acknowledged value is absent only if it was deleted or has expired. The version of the absence proves neither:
 * where tombstones were forgotten it is the partition's floor, which another key's delete may have raised.
 */
function unexplained(
  read: ClientOperation,
  floor: ClientOperation | undefined,
  writes: readonly ClientOperation[],
  promises: ClusterPromises,
): readonly string[] {
  if (read.value !== undefined || floor?.value === undefined) return [];
  if (compareWrites(read, floor) < 0) return []; // staleRead reports it
  const { endMs = Number.POSITIVE_INFINITY } = read;
  const isExplained = writes.some(
    (write) =>
      write.startMs <= endMs &&
      mayBeGone(write, endMs, promises) &&
      (write === floor || write.version === undefined || compareWrites(write, floor) > 0),
  );
  if (isExplained) return [];
  const what = floor.expiresAtMs === undefined ? 'lost' : 'gone too early';
  return [`${what}: ${show(read)}, but nobody deleted ${show(floor)}`];
}

/** Whether this write may have left the key absent by then: a delete, or a set that has expired. */
function mayBeGone(
  write: ClientOperation,
  atMs: number,
  { clockSkewMs = 0 }: ClusterPromises,
): boolean {
  if (write.kind === 'get' || write.refused) return false;
  if (write.kind === 'delete') return true;
  return write.expiresAtMs !== undefined && write.expiresAtMs - clockSkewMs <= atMs;
}

function show({ kind, key, value, startMs, endMs, version, expiresAtMs }: ClientOperation): string {
  const until = expiresAtMs === undefined ? '' : ` until ${expiresAtMs.toFixed(1)}`;
  const what = `${kind} ${key}${value === undefined ? '' : `=${value}`}${until}`;
  return `${what} [${startMs.toFixed(1)}, ${endMs?.toFixed(1) ?? 'open'}] v=${version?.toString(16) ?? 'none'}`;
}
