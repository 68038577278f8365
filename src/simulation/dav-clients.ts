// The clients of WebDAV of a run, through the gateways of all frontends: some lock a file, write it under their token and
// unlock it, some try to write it without, and some store another file in place of the very content that they have seen.
// What must hold: a lock is held by one client at a time, no write without its token passes it, and no conditional write is lost.

import { type HttpReply, isWhole, replyHeader } from '../cluster/http/http.ts';
import { directoryFileKey, type FileKey } from '../files/file-key.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { ClientTurns } from './client-turns.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import { FileBodies } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import { checkRegister, type RegisterOperation } from './linearizability.ts';
import type { SimulatedNode } from './node.ts';
import { requestOf } from './requests.ts';
import type { World } from './world.ts';

const DOMAIN = 'default';
const COUNTED = 'counted';
const LOCKERS = 3;
const INTRUDERS = 1;
const SWAPPERS = 3;
/** In a record, and on file servers. */
const BYTES = [1000, 100_000] as const;
/** Longer than any run. */
const LOCK = { timeout: 'Second-86400' } as const;
const LOCK_INFO = Buffer.from(
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
);
/** How long a client does nothing under its lock, while others try, in ms. */
const HOLD_MS = [0, 1000] as const;
/** Where nobody may ever release a lock, as its LOCK had no answer, clients go on with another name. */
const LEAVE_CHANCE = 0.2;

type Headers = Readonly<Record<string, string>>;

interface HeldByClient {
  readonly name: string;
  /** From its answer until its client begins to give it back. */
  readonly fromMs: number;
  untilMs: number;
}

export class DavClients {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #asker: FileAsker;
  readonly #violation: (text: string) => void;
  readonly #turns: ClientTurns;
  readonly #bodies: FileBodies;
  readonly #names: string[] = [];
  readonly #locks: HeldByClient[] = [];
  readonly #swaps: RegisterOperation[] = [];
  /** What was sent for the conditional file, by the ETags that the clients have seen. */
  readonly #contents = new Map<string, FileContent>();
  readonly #givenUp = new Set<string>();

  constructor({ world, cluster, asker, thinkMs, violation }: JudgedClientsOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#asker = asker;
    this.#violation = violation;
    this.#turns = new ClientTurns(world, cluster, thinkMs);
    this.#bodies = new FileBodies(world);
  }

  start(): void {
    this.#nextName();
    for (let client = 0; client < LOCKERS; client++) {
      this.#turns.begin((...turn) => this.#lock(...turn));
    }
    for (let client = 0; client < INTRUDERS; client++) {
      this.#turns.begin((...turn) => this.#intrude(...turn));
    }
    for (let client = 0; client < SWAPPERS; client++) {
      this.#turns.begin((...turn) => this.#swap(...turn));
    }
  }

  stop(): void {
    this.#turns.stop();
  }

  /** What becomes of the files with such keys from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const name of [COUNTED, ...this.#names]) {
      if (isGivenUp(rootKey(name))) this.#givenUp.add(name);
    }
    this.#nextName();
  }

  /** Of the files that were not given up. */
  get keys(): readonly FileKey[] {
    return [COUNTED, ...this.#names].filter((name) => !this.#givenUp.has(name)).map(rootKey);
  }

  /** Called when nobody asks anything any more. */
  violations(): readonly string[] {
    if (this.#givenUp.has(COUNTED)) return [];
    const checked = checkRegister(this.#swaps);
    this.#world.occur(`conditional files ${checked.kind}`);
    if (checked.kind !== 'violated') return [];
    const { startMs, value } = checked.at;
    return [`H39: no order explains ${value}, which was stored from ${startMs.toFixed(1)} on`];
  }

  #nextName(): void {
    this.#names.push(`locked ${this.#names.length}`);
  }

  get #name(): string {
    return this.#names.at(-1) ?? '';
  }

  #lock(frontend: SimulatedNode<Frontend>, done: () => void): void {
    const name = this.#name;
    this.#ask(frontend, 'LOCK', name, LOCK, LOCK_INFO, (reply) => {
      const token = replyHeader(reply, 'lock-token');
      if (reply.status < 300 && token !== undefined) return this.#hold(name, token, done);
      const isUnclear = reply.status !== 423 || this.#world.random.chance(LEAVE_CHANCE);
      if (isUnclear && name === this.#name) this.#nextName();
      return done();
    });
  }

  #hold(name: string, token: string, done: () => void): void {
    const { random, nowMs } = this.#world;
    if (this.#locksOf(name).some(({ untilMs }) => untilMs > nowMs)) {
      this.#break(name, 'H39: was locked by a second client');
    }
    const lock: HeldByClient = { name, fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY };
    this.#locks.push(lock);
    const content = this.#asker.contents.next(random.pick(BYTES));
    this.#world.at(random.between(...HOLD_MS), () => {
      this.#put(this.#anyFrontend(), name, { if: `(${token})` }, content, ({ status }) => {
        if (status === 412 || status === 423) this.#break(name, `a lock was lost: ${status}`);
        lock.untilMs = this.#world.nowMs;
        const given = { 'lock-token': token };
        this.#ask(this.#anyFrontend(), 'UNLOCK', name, given, undefined, (unlocked) => {
          if (unlocked.status === 409) this.#break(name, 'a lock was lost before its UNLOCK');
          done();
        });
      });
    });
  }

  /** Writes without a token: what is answered while somebody held the lock all the time must be a refusal. */
  #intrude(frontend: SimulatedNode<Frontend>, done: () => void): void {
    const { random, nowMs: startMs } = this.#world;
    const name = this.#name;
    const ended = ({ status }: HttpReply) => {
      const { nowMs } = this.#world;
      const isHeld = this.#locksOf(name).some(
        ({ fromMs, untilMs }) => fromMs <= startMs && untilMs >= nowMs,
      );
      if (status < 300 && isHeld) this.#break(name, `H39: was written in spite of a lock`);
      done();
    };
    if (random.chance(0.3)) return this.#ask(frontend, 'DELETE', name, {}, undefined, ended);
    const content = this.#asker.contents.next(random.pick(BYTES));
    return this.#put(frontend, name, {}, content, ended);
  }

  /** Stores a content in place of the one that is there, or where there is none. */
  #swap(frontend: SimulatedNode<Frontend>, done: () => void): void {
    this.#ask(frontend, 'HEAD', COUNTED, {}, undefined, (reply) => {
      const { random } = this.#world;
      const tag = replyHeader(reply, 'etag');
      const seen = tag === undefined ? undefined : this.#contents.get(tag);
      if (seen === undefined && reply.status !== 404) return done();
      const content = this.#asker.contents.next(random.pick(BYTES));
      this.#contents.set(tagOf(content), content);
      const swap: RegisterOperation = {
        kind: 'swap',
        startMs: this.#world.nowMs,
        endMs: undefined,
        value: content.name,
        expected: seen === undefined ? 'absent' : { value: seen.name },
        outcome: 'unknown',
      };
      this.#swaps.push(swap);
      const headers: Headers = seen ? { 'if-match': tagOf(seen) } : { 'if-none-match': '*' };
      return this.#put(this.#anyFrontend(), COUNTED, headers, content, ({ status }) => {
        swap.endMs = this.#world.nowMs;
        // A refusal may be of what was read while another write was under way, so it says nothing of the order.
        swap.outcome = status < 300 ? 'done' : status === 504 ? 'unknown' : 'refused';
        done();
      });
    });
  }

  #put(
    frontend: SimulatedNode<Frontend>,
    name: string,
    headers: Headers,
    content: FileContent,
    ended: (reply: HttpReply) => void,
  ): void {
    const stream = this.#bodies.of(content, 'whole', undefined);
    this.#request(frontend, { method: 'PUT', name, headers }, { kind: 'stream', stream }, ended);
  }

  #ask(
    frontend: SimulatedNode<Frontend>,
    method: string,
    name: string,
    headers: Headers,
    bytes: Buffer | undefined,
    ended: (reply: HttpReply) => void,
  ): void {
    const body = bytes === undefined ? undefined : ({ kind: 'bytes', bytes } as const);
    this.#request(frontend, { method, name, headers }, body, ended);
  }

  #request(
    frontend: SimulatedNode<Frontend>,
    {
      method,
      name,
      headers,
    }: { readonly method: string; readonly name: string; readonly headers: Headers },
    body: Parameters<typeof requestOf>[2],
    ended: (reply: HttpReply) => void,
  ): void {
    const target = `/dav/${encodeURIComponent(name)}`;
    const request = requestOf(method, target, body, { host: 'any', ...headers });
    this.#asker.questions.ask(`${method} of ${name}`, frontend, (answered) =>
      frontend.request(request, (reply) => {
        if (!isWhole(reply)) reply.body.discard();
        if (!answered()) return;
        this.#world.occur(`dav ${method}: ${reply.status}`);
        ended(reply);
      }),
    );
  }

  /** The lock of a client holds for every frontend. */
  #anyFrontend(): SimulatedNode<Frontend> {
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    return this.#world.random.pick(alive.length > 0 ? alive : this.#cluster.frontends);
  }

  #locksOf(name: string): readonly HeldByClient[] {
    return this.#locks.filter((lock) => lock.name === name);
  }

  #break(name: string, text: string): void {
    // Where all clocks are set ahead for days, locks are over, as they should be.
    if (this.#givenUp.has(name) || this.#world.occurred.has('fault: clocks')) return;
    this.#violation(`dav: ${name}: ${text}, at ${this.#world.nowMs.toFixed(1)}`);
  }
}

function tagOf({ sha512 }: FileContent): string {
  return `"${sha512.slice(0, 32)}"`;
}

function rootKey(name: string): FileKey {
  const key = directoryFileKey(DOMAIN, Buffer.alloc(0), Buffer.from(name));
  if (key === undefined) throw new RangeError(`${name} is no entry`);
  return key;
}
