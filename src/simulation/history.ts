// What clients asked and were answered, and whether that is what the cluster promises. The checkers
// know nothing of the cluster's inside; a history of real processes passes them as well.

import { parseVersion, VERSION_ZERO, type Version } from '../cluster/version.ts';

export interface Operation {
  readonly kind: 'get' | 'set' | 'delete';
  readonly key: string;
  readonly startMs: number;
  /** Undefined while nothing was answered: it may take effect at any time. */
  endMs: number | undefined;
  /** Set: the value, which no other set of the history has. Get: what was read, undefined if absent. */
  value: string | undefined;
  /** Acknowledged, or for a get: answered with a value or a proof of absence. */
  ok: boolean;
  /** Of an acknowledged set or delete, and of what a get read. */
  version: Version | undefined;
  /** Answered that nothing was stored, and nothing ever will be (D9). */
  refused: boolean;
}

/** The operator gave up what these keys had: what was acknowledged before binds nobody after it. */
export interface AcceptedLoss {
  readonly keys: readonly string[];
  readonly atMs: number;
}

export class History {
  readonly operations: Operation[] = [];
  readonly losses: AcceptedLoss[] = [];

  lossAccepted(keys: readonly string[], atMs: number): void {
    if (keys.length > 0) this.losses.push({ keys, atMs });
  }

  begin(kind: Operation['kind'], key: string, startMs: number, value?: string): Operation {
    const operation: Operation = {
      kind,
      key,
      startMs,
      endMs: undefined,
      value,
      ok: false,
      version: undefined,
      refused: false,
    };
    this.operations.push(operation);
    return operation;
  }

  /** @param versionText the X-Fog-Version of the answer, if it had one */
  end(operation: Operation, endMs: number, status: number, versionText: string | undefined): void {
    operation.endMs = endMs;
    operation.ok = status === 200 || (operation.kind === 'get' && status === 404);
    operation.version = versionText === undefined ? undefined : parseVersion(versionText);
    operation.refused = status === 503;
  }

  /** Whether a delete that began may have taken away what was written under this version. */
  mayBeDeleted(key: string, version: Version): boolean {
    return this.operations.some(
      (each) => each.key === key && mayHaveDeleted(each) && (each.version ?? version) >= version,
    );
  }
}

/**
 * @param isCache anything may be absent then, and nobody deleted it (H40); but the version of the answer must
 *   be as high as if somebody had, or an older value could come back
 * @returns what is wrong, one line each; nothing when every promise was kept
 */
export function checkHistory(operations: readonly Operation[], isCache = false): readonly string[] {
  const keys = new Set(operations.map(({ key }) => key));
  return [...keys].flatMap((key) =>
    checkKey(
      operations.filter((each) => each.key === key),
      isCache,
    ),
  );
}

function checkKey(operations: readonly Operation[], isCache: boolean): readonly string[] {
  const writes = operations.filter(({ kind }) => kind !== 'get');
  const acknowledged = new Acknowledged(writes);
  const sets = new Map<Operation['value'], Operation>();
  for (const write of writes) {
    if (write.kind === 'set' && !sets.has(write.value)) sets.set(write.value, write);
  }
  const reads = new Set(operations.filter(({ kind }) => kind === 'get').map(({ value }) => value));
  return [
    ...writes.flatMap((write) => lostUpdate(write, acknowledged, writes, reads)),
    ...operations
      .filter(({ kind, ok }) => kind === 'get' && ok)
      .flatMap((read) => [
        ...staleRead(read, acknowledged),
        ...phantom(read, sets),
        ...(isCache ? [] : unexplained(read, writes, acknowledged)),
      ]),
  ];
}

/** The order of records (H20), as far as a history knows them: version, tombstone, value. */
function compareWrites(a: Operation, b: Operation): number {
  const [one, other] = [a.version ?? VERSION_ZERO, b.version ?? VERSION_ZERO];
  if (one !== other) return one < other ? -1 : 1;
  // A get that returns the highest is compared with the set of it.
  if (a.value === b.value) return 0;
  const tombstones = Number(a.value === undefined) - Number(b.value === undefined);
  return tombstones || Buffer.compare(Buffer.from(a.value ?? ''), Buffer.from(b.value ?? ''));
}

/** The highest write acknowledged before a time, in O(log n): prefix maxima in the order of the ends. */
class Acknowledged {
  readonly #ends: number[] = [];
  readonly #highest: Operation[] = [];

  constructor(writes: readonly Operation[]) {
    const done = writes
      .filter(({ ok, version }) => ok && version !== undefined)
      .sort((a, b) => (a.endMs ?? 0) - (b.endMs ?? 0));
    let highest: Operation | undefined;
    for (const write of done) {
      if (highest === undefined || compareWrites(write, highest) > 0) highest = write;
      this.#ends.push(write.endMs ?? 0);
      this.#highest.push(highest);
    }
  }

  before(timeMs: number): Operation | undefined {
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
 * G1, the half that writers see: a set that starts after another's acknowledgement must not lose to it.
 * Two deletes under one version, minted by two frontends, are one record: neither loses.
 */
function lostUpdate(
  write: Operation,
  acknowledged: Acknowledged,
  writes: readonly Operation[],
  reads: ReadonlySet<Operation['value']>,
): readonly string[] {
  const floor = acknowledged.before(write.startMs);
  if (!write.ok || floor === undefined || compareWrites(write, floor) >= 0) return [];
  // H41: a newer set may have overtaken it and won for both, just after it and within the time of both. It was
  // never sent then, so its version, which nobody compared with the other's, says nothing against it.
  const { startMs, endMs = 0, value } = write;
  const overtaking = writes.some(
    (other) =>
      other.ok &&
      compareWrites(other, floor) > 0 &&
      other.startMs >= startMs &&
      (other.endMs ?? 0) <= endMs,
  );
  if (overtaking && (value === undefined || !reads.has(value))) return [];
  return [`lost update: ${show(write)} is below ${show(floor)}`];
}

/** G1: after a set was acknowledged, every get that starts later returns it or a newer one. */
function staleRead(read: Operation, acknowledged: Acknowledged): readonly string[] {
  const floor = acknowledged.before(read.startMs);
  if (floor === undefined || compareWrites(read, floor) >= 0) return [];
  return [`stale read: ${show(read)} is below ${show(floor)}`];
}

/** I16: a value read was written by a set that started before; D9: and not by one that was stored nowhere. */
function phantom(
  read: Operation,
  sets: ReadonlyMap<Operation['value'], Operation>,
): readonly string[] {
  if (read.value === undefined) return [];
  const write = sets.get(read.value);
  if (write?.refused) return [`refused: ${show(read)}, which certainly nobody had stored`];
  if (write !== undefined && write.startMs <= (read.endMs ?? 0)) return [];
  return [`phantom: ${show(read)}, which nobody had set`];
}

/**
 * G2: what was acknowledged is absent only if somebody deleted it. The version alone does not tell: where
 * deletes were forgotten, it is the partition's floor, and may be another key's.
 */
function unexplained(
  read: Operation,
  writes: readonly Operation[],
  acknowledged: Acknowledged,
): readonly string[] {
  const floor = acknowledged.before(read.startMs);
  if (read.value !== undefined || floor?.value === undefined) return [];
  if (compareWrites(read, floor) < 0) return []; // a stale read, and said to be one
  const deleted = writes.some(
    (write) =>
      mayHaveDeleted(write) &&
      write.startMs <= (read.endMs ?? 0) &&
      (write.version === undefined || compareWrites(write, floor) > 0),
  );
  return deleted ? [] : [`lost: ${show(read)}, but nobody deleted ${show(floor)}`];
}

function mayHaveDeleted({ kind, refused }: Operation): boolean {
  return kind === 'delete' && !refused;
}

function show({ kind, key, value, startMs, endMs, version }: Operation): string {
  const what = `${kind} ${key}${value === undefined ? '' : `=${value}`}`;
  return `${what} [${startMs.toFixed(1)}, ${endMs?.toFixed(1) ?? 'open'}] v=${version?.toString(16) ?? 'none'}`;
}
