// The interface of both clients: the HTTP client (http-client.ts) and the direct one (direct-client.ts).

import type { Explanation } from '../coordinator/operations/get/explanation.ts';
import type { VelourError } from './errors.ts';

/** A key or a value. A string stands for its bytes in UTF-8. */
export type Bytes = string | Uint8Array;

export interface CommonOptions {
  /** Ends the call with an `AbortedError`. What was sent may take effect all the same. */
  readonly signal?: AbortSignal | undefined;
  /** The time limit of the whole call in ms, with all attempts; by default the client's. */
  readonly timeoutMs?: number | undefined;
}

export interface GetOptions extends CommonOptions {
  /**
   * Asks every member of the partition: of all reads and conditional writes of the key there is then one order. It
   * costs what a set costs, and is refused where a set would be.
   */
  readonly linearizable?: boolean | undefined;
  /**
   * Answers nothing older than this version, 16 hex digits as writes and `entry` return them: who has seen it, in this
   * process or another one, sees it or something newer. The code is `older-version` where nobody has that in time.
   */
  readonly minVersion?: string | undefined;
}

export type ExplainOptions = CommonOptions & Pick<GetOptions, 'minVersion'>;

/** An ETag with its quotes, as `entry` and writes return it, several of them, or `*` for any value. */
export type ETags = string | readonly string[];

export interface ConditionOptions extends CommonOptions {
  /** Writes only over a value with one of these ETags. */
  readonly ifMatch?: ETags | undefined;
  /** Writes only where there is no value with one of these ETags; `*`: where there is no value at all. */
  readonly ifNoneMatch?: ETags | undefined;
}

export interface SetOptions extends ConditionOptions {
  /** Whole seconds, from 1; without it the value stays. */
  readonly ttl?: number | undefined;
  /** Printable ASCII of at most 255 characters; kept with the value. */
  readonly contentType?: string | undefined;
}

/** What identifies a stored value. */
export interface Stored {
  readonly etag: string;
  /** 16 hex digits; the greater one is the newer value. */
  readonly version: string;
}

export interface SetResult extends Stored {
  /** Whether nothing was there before, as the members said. Without a condition two at once may both be told so. */
  readonly created: boolean;
}

export interface Valued extends Stored {
  readonly value: Uint8Array;
}

export interface StoredEntry extends Valued {
  /** As it was set; `application/octet-stream` where it was set without one. */
  readonly contentType: string;
  /**
   * When it expires, in milliseconds since 1970; undefined where it stays. Over HTTP this is known to the second, by
   * the clock of this process; the direct client has the cluster's time.
   */
  readonly expiresAtMs: number | undefined;
}

export interface ManyEntry {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly ttl?: number | undefined;
}

/** The outcome for one key of many: one that failed says nothing of the others. */
export type Result<T> =
  | { readonly key: Bytes; readonly ok: true; readonly value: T }
  | { readonly key: Bytes; readonly ok: false; readonly error: VelourError };

export interface ScanOptions extends CommonOptions {
  /** Lists only keys that begin with these bytes. */
  readonly prefix?: Bytes | undefined;
  /** How many keys to list; all of them by default. */
  readonly limit?: number | undefined;
  /** Whether to list the values as well. */
  readonly values?: boolean | undefined;
}

export interface ScannedEntry extends Stored {
  readonly key: Uint8Array;
  /** Only where values were asked for. */
  readonly value?: Uint8Array;
}

export interface WatchOptions {
  /** Follows only keys that begin with these bytes. */
  readonly prefix?: Bytes | undefined;
  /** Whether events have the values as well. */
  readonly values?: boolean | undefined;
  /** Where to go on: the `place` of an earlier watch, of either client. */
  readonly since?: string | undefined;
  /** Ends the iteration with an `AbortedError`. */
  readonly signal?: AbortSignal | undefined;
  /** For how long nobody may tell changes before the watch fails, in ms; by default the time limit of the client's calls. */
  readonly timeoutMs?: number | undefined;
}

export type WatchEvent =
  /** From now on everything is told; the first event of a watch without `since`. */
  | { readonly kind: 'begun' }
  | (Stored & {
      readonly kind: 'set';
      readonly key: Uint8Array;
      /** Only where values were asked for. */
      readonly value?: Uint8Array;
      /** In milliseconds since 1970; undefined where it stays. Nothing is told when the time has come. */
      readonly expiresAtMs: number | undefined;
    })
  | { readonly kind: 'delete'; readonly key: Uint8Array; readonly version: string }
  /** Some changes may be missing: scan, as after `begun`. What changes from now on is told. */
  | { readonly kind: 'missed' };

export interface Watch extends AsyncIterable<WatchEvent> {
  /** Behind the events that were taken so far; undefined before `begun`. */
  readonly place: string | undefined;
}

export interface AwaitOptions extends GetOptions {
  /** The ETag of the value that the caller has; by default any value is waited for. */
  readonly newerThan?: string | undefined;
  /** How long to wait, in ms; 30,000 by default. */
  readonly waitMs?: number | undefined;
}

export interface Awaited {
  /** Whether there is something else than the caller has; false when the time is over. */
  readonly changed: boolean;
  /** What there is; undefined where the key is absent. */
  readonly entry: StoredEntry | undefined;
}

export interface DeletePrefixOptions extends CommonOptions {
  /** An empty prefix deletes every key, and wants this as well. */
  readonly all?: boolean | undefined;
}

/** Every method rejects with a VelourError; a TypeError says that an argument is of another type. */
export interface Velour {
  /** @returns the value's bytes; undefined when the key is proven absent, or, in a cache, may have been evicted */
  get(key: Bytes, options?: GetOptions): Promise<Uint8Array | undefined>;
  /** As `get`, as text of UTF-8. */
  getText(key: Bytes, options?: GetOptions): Promise<string | undefined>;
  /** As `get`, with what is known of the value. */
  entry(key: Bytes, options?: GetOptions): Promise<StoredEntry | undefined>;
  /**
   * Reads as with `linearizable`, and returns instead of the value who was asked, what each answered and which answer
   * decided; also of a read that fails, unless no frontend answers at all.
   */
  explain(key: Bytes, options?: ExplainOptions): Promise<Explanation>;
  /** @throws ConditionFailedError when a condition was given that does not hold */
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<SetResult>;
  /**
   * Deletes the key, whether or not it is there.
   * @throws ConditionFailedError when a condition was given that does not hold; with `ifMatch` also where nothing is
   */
  delete(key: Bytes, options?: ConditionOptions): Promise<Pick<Stored, 'version'>>;
  /**
   * Adds to a decimal number; an absent key counts as 0. The ttl stays. Never sent twice: where its outcome is unknown,
   * the code is `effect-unknown`.
   * @returns the sum
   */
  incr(key: Bytes, by?: number, options?: ConditionOptions): Promise<number>;
  /** Adds behind the value; an absent key counts as empty. As `incr` otherwise. @returns the new value */
  append(key: Bytes, value: Bytes, options?: ConditionOptions): Promise<Valued>;
  /** Sets, and returns the value of before; undefined where there was none. */
  getset(key: Bytes, value: Bytes, options?: SetOptions): Promise<Uint8Array | undefined>;
  /** @returns a result for each key, in their order */
  getMany(
    keys: Iterable<Bytes>,
    options?: GetOptions,
  ): Promise<readonly Result<Uint8Array | undefined>[]>;
  /** Sets each for itself; this is no transaction. */
  setMany(
    entries: Iterable<ManyEntry>,
    options?: CommonOptions,
  ): Promise<readonly Result<SetResult>[]>;
  deleteMany(
    keys: Iterable<Bytes>,
    options?: CommonOptions,
  ): Promise<readonly Result<Pick<Stored, 'version'>>[]>;
  /**
   * Lists keys, in no order that means anything: each that is there throughout exactly once, one that comes or goes
   * meanwhile or not. It asks for the next page when the one before was taken, of at most about a MiB, so it takes no
   * more memory for more keys; who leaves the loop ends it. `timeoutMs` is of each page.
   */
  scan(options?: ScanOptions): AsyncIterable<ScannedEntry>;
  /**
   * Deletes all keys that begin with these bytes; one that comes meanwhile may stay. Where it fails, some are deleted:
   * call it again. `timeoutMs` is of each of its steps.
   * @returns how many it deleted
   */
  deletePrefix(prefix: Bytes, options?: DeletePrefixOptions): Promise<number>;
  /**
   * Follows sets and deletes, each key as it is when that is told. It goes on at another frontend or member by itself,
   * and says `missed` where it cannot know that nothing was lost by that. Begins with the loop, and ends with it; it is
   * iterated over once.
   */
  watch(options?: WatchOptions): Watch;
  /** Waits until the key has another value than the caller knows, or none any more. */
  waitFor(key: Bytes, options?: AwaitOptions): Promise<Awaited>;
  /** Closes all connections; calls under way are rejected with the code `closed`, or as unknown. */
  close(): Promise<void>;
}
