// Resolves host names for connections. The system's look-up blocks a thread of a small pool that file operations and
// exits wait for as well, for ten seconds and more while a name server is silent, and cannot be cancelled. So each
// look-up runs in a process that can be killed, one at a time, and the last good addresses of a name are kept.

import { execFile } from 'node:child_process';
import { type LookupAddress, lookup as lookUpInThread } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** A name that was resolved within this time is not looked up again. */
const FRESH_MS = 1000;
/** A connection waits this long for a look-up before it gets the last good addresses, where there are any. */
const PATIENCE_MS = 100;
/** A look-up that takes longer is killed, so that the next name has its turn. */
const LOOK_UP_MS_MAX = 5000;
/** How many names are kept: many more than a cluster has nodes. */
const NAMES_MAX = 1024;
const WAITING_MAX = 1024;

export type Resolved =
  | { readonly kind: 'addresses'; readonly addresses: readonly LookupAddress[] }
  | { readonly kind: 'failed'; readonly code: string };

/** Resolves a name. Calls `done` once, in bounded time. */
export type Resolve = (name: string, done: (resolved: Resolved) => void) => void;

const TOO_MANY: Resolved = { kind: 'failed', code: 'EAI_AGAIN' };

interface Name {
  /** The result of the last successful look-up. */
  addresses: readonly LookupAddress[] | undefined;
  resolvedMs: number;
  /** Since when a look-up of the name waits or runs; undefined while there is none. */
  askedMs: number | undefined;
  waiting: ((resolved: Resolved) => void)[];
}

export class Names {
  readonly #resolve: Resolve;
  readonly #names = new Map<string, Name>();
  readonly #queue: string[] = [];
  #isLookingUp = false;

  constructor(resolve: Resolve = lookUp) {
    this.#resolve = resolve;
  }

  /** The option `lookup` of `net.connect`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.addressesOf(name, (resolved) => {
      const family = options.family === 4 || options.family === 6 ? options.family : undefined;
      const all = resolved.kind === 'failed' ? [] : resolved.addresses;
      const fitting = all.filter((each) => family === undefined || each.family === family);
      const [first] = fitting;
      if (first === undefined) {
        const code = resolved.kind === 'failed' ? resolved.code : 'ENOTFOUND';
        return callback(failureOf(name, code), '');
      }
      return options.all === true
        ? callback(null, [...fitting])
        : callback(null, first.address, first.family);
    });
  };

  addressesOf(name: string, callback: (resolved: Resolved) => void): void {
    const entry = this.#entryOf(name);
    if (entry === undefined) return queueMicrotask(() => callback(TOO_MANY));
    const now = performance.now();
    const kept = entry.addresses;
    if (kept !== undefined && now - entry.resolvedMs < FRESH_MS) {
      return queueMicrotask(() => callback({ kind: 'addresses', addresses: kept }));
    }
    if (entry.askedMs === undefined) {
      entry.askedMs = now;
      this.#queue.push(name);
    }
    if (kept !== undefined)
      this.#waitForFresh(entry, kept, entry.askedMs + PATIENCE_MS - now, callback);
    else if (entry.waiting.length < WAITING_MAX) entry.waiting.push(callback);
    else queueMicrotask(() => callback(TOO_MANY));
    this.#next();
  }

  #waitForFresh(
    entry: Name,
    addresses: readonly LookupAddress[],
    leftMs: number,
    callback: (resolved: Resolved) => void,
  ): void {
    if (leftMs <= 0 || entry.waiting.length >= WAITING_MAX) {
      return queueMicrotask(() => callback({ kind: 'addresses', addresses }));
    }
    const answer = (resolved: Resolved) => {
      clearTimeout(timer);
      callback(resolved);
    };
    const timer = setTimeout(() => {
      entry.waiting = entry.waiting.filter((waiting) => waiting !== answer);
      callback({ kind: 'addresses', addresses });
    }, leftMs);
    entry.waiting.push(answer);
  }

  #next(): void {
    if (this.#isLookingUp) return;
    const name = this.#queue.shift();
    if (name === undefined) return;
    this.#isLookingUp = true;
    this.#resolve(name, (resolved) => {
      this.#isLookingUp = false;
      const entry = this.#names.get(name);
      if (entry !== undefined) this.#resolved(entry, resolved);
      this.#next();
    });
  }

  #resolved(entry: Name, resolved: Resolved): void {
    entry.askedMs = undefined;
    if (resolved.kind === 'addresses') {
      entry.addresses = resolved.addresses;
      entry.resolvedMs = performance.now();
    }
    const { addresses } = entry;
    const answer: Resolved = addresses === undefined ? resolved : { kind: 'addresses', addresses };
    for (const waiting of entry.waiting.splice(0)) waiting(answer);
  }

  /** @returns undefined when there are NAMES_MAX names already, and a look-up of each waits or runs */
  #entryOf(name: string): Name | undefined {
    let entry = this.#names.get(name);
    if (entry !== undefined) return entry;
    if (this.#names.size >= NAMES_MAX && !this.#dropsOldest()) return undefined;
    entry = { addresses: undefined, resolvedMs: 0, askedMs: undefined, waiting: [] };
    this.#names.set(name, entry);
    return entry;
  }

  #dropsOldest(): boolean {
    for (const [name, { askedMs }] of this.#names) {
      if (askedMs === undefined) return this.#names.delete(name);
    }
    return false;
  }
}

/** `getent ahosts` returns what the system's look-up returns, in the same order; without getent a thread does it. */
function lookUp(name: string, done: (resolved: Resolved) => void): void {
  // A text that getent could take for an option is not a host name.
  if (name.startsWith('-'))
    return queueMicrotask(() => done({ kind: 'failed', code: 'ENOTFOUND' }));
  const child = execFile(
    'getent',
    ['ahosts', name],
    { timeout: LOOK_UP_MS_MAX, killSignal: 'SIGKILL' },
    (error, stdout) => {
      process.removeListener('exit', end);
      if (error === null) return done(resolvedBy(stdout));
      if (error.killed) return done({ kind: 'failed', code: 'EAI_AGAIN' });
      // getent exits with 2 when the name does not exist.
      if (error.code === 2) return done({ kind: 'failed', code: 'ENOTFOUND' });
      return lookUpInThread(name, { all: true, verbatim: true }, (failure, addresses) =>
        done(
          failure === null
            ? { kind: 'addresses', addresses }
            : { kind: 'failed', code: failure.code ?? 'ENOTFOUND' },
        ),
      );
    },
  );
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  return undefined;
}

/** @param output lines of `ADDRESS KIND [NAME]`; an address has one line for each kind of socket */
export function resolvedBy(output: string): Resolved {
  const found = output.split('\n').map((line) => line.split(/\s/)[0] ?? '');
  const addresses = [...new Set(found)].flatMap((address) => {
    const family = isIP(address);
    return family === 0 ? [] : [{ address, family }];
  });
  return addresses.length === 0
    ? { kind: 'failed', code: 'ENOTFOUND' }
    : { kind: 'addresses', addresses };
}

function failureOf(name: string, code: string): NodeJS.ErrnoException {
  const what = code === 'ENOTFOUND' ? 'has no address' : 'could not be looked up';
  const failure: NodeJS.ErrnoException = new Error(`host ${name} ${what} (${code})`);
  failure.code = code;
  return failure;
}
