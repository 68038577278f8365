// The clients of a run that change what is in a collection of WebDAV, while others lock it with all that is in it: through the gateways
// of all frontends, without a token. What must hold: whoever has locked a collection finds in it all that is acknowledged while
// the lock lasts, for it was done before; and what was refused because of a lock is not there.

import { type HttpReply, isWhole, replyHeader } from '../cluster/http/http.ts';
import { directoryFileKey, type FileKey } from '../files/file-key.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { ClientTurns } from './client-turns.ts';
import type { FileAsker } from './file-asker.ts';
import { FileBodies } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import type { SimulatedNode } from './node.ts';
import { requestOf } from './requests.ts';
import type { World } from './world.ts';

const DOMAIN = 'default';
const LOCKERS = 2;
const WRITERS = 4;
/** A tree has so many names, and then another one is begun: a listing of a page. */
const NAMES_MAX = 60;
/** Longer than any run. */
const LOCK = { timeout: 'Second-86400', depth: 'infinity' } as const;
const LOCK_INFO = Buffer.from(
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
);
const TAGS = Buffer.from(
  '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:resourcetype/></D:prop></D:propfind>',
);
const HOLD_MS = [0, 300] as const;
/** Where nobody may ever release a lock, as its LOCK had no answer, clients go on with another tree. */
const LEAVE_CHANCE = 0.2;
const BYTES = [1000, 1000, 100_000] as const;

type TreeHeaders = Readonly<Record<string, string>>;
/** What is at a name: nothing, a collection, or a content by its ETag. */
type EntryState = 'absent' | 'collection' | (string & {});

/** A name in the tree; one client at a time changes it, so what is there is known but for what is under way. */
interface TreeEntry {
  readonly name: string;
  state: EntryState;
  /** Under way, or nobody knows how it ended. */
  isBusy: boolean;
  /** How often it was changed, or tried to be. */
  changes: number;
}

/** What a change makes of each of its names. */
type Effects = readonly (readonly [entry: TreeEntry, state: EntryState])[];

interface TreeChange {
  readonly method: 'PUT' | 'MKCOL' | 'DELETE' | 'COPY' | 'MOVE';
  readonly entry: TreeEntry;
  readonly headers?: TreeHeaders;
  readonly content?: FileContent;
  readonly effects: Effects;
}

interface AcknowledgedChange {
  readonly what: string;
  readonly effects: Effects;
  readonly startMs: number;
  readonly endMs: number;
}

interface TreeLock {
  /** From its answer until its client begins to give it back. */
  readonly fromMs: number;
  untilMs: number;
  /** What was in the collection after `fromMs`; undefined before that was told. */
  listing: ReadonlyMap<string, EntryState> | undefined;
}

interface LockedTree {
  readonly path: string;
  readonly key: FileKey;
  readonly entries: TreeEntry[];
  readonly locks: TreeLock[];
  readonly acknowledged: AcknowledgedChange[];
  isMade: boolean;
  isGivenUp: boolean;
}

export class LockedTreeClients {
  readonly #world: World;
  readonly #asker: FileAsker;
  readonly #violation: (text: string) => void;
  readonly #turns: ClientTurns;
  readonly #bodies: FileBodies;
  readonly #trees: LockedTree[] = [];
  #tree: LockedTree;

  constructor({ world, cluster, asker, thinkMs, violation }: JudgedClientsOf) {
    this.#world = world;
    this.#asker = asker;
    this.#violation = violation;
    const [fromMs, toMs] = thinkMs;
    this.#turns = new ClientTurns(world, cluster, [fromMs / 4, toMs / 4]);
    this.#bodies = new FileBodies(world);
    this.#tree = this.#nextTree();
  }

  start(): void {
    for (let client = 0; client < LOCKERS; client++) this.#begin((...turn) => this.#lock(...turn));
    for (let client = 0; client < WRITERS; client++) this.#begin((...turn) => this.#write(...turn));
  }

  stop(): void {
    this.#turns.stop();
  }

  /** What becomes of the records with such keys from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const tree of this.#trees) {
      const keys = [tree.key, ...tree.entries.map(({ name }) => entryKey(tree, name))];
      if (keys.some(isGivenUp)) tree.isGivenUp = true;
    }
    this.#nextTree();
  }

  /** Of the files that are there and were not given up. */
  get keys(): readonly FileKey[] {
    return this.#trees
      .filter(({ isGivenUp }) => !isGivenUp)
      .flatMap((tree) => tree.entries.map(({ name }) => entryKey(tree, name)));
  }

  #begin(
    turn: (tree: LockedTree, frontend: SimulatedNode<Frontend>, done: () => void) => void,
  ): void {
    this.#turns.begin((frontend, done) => {
      if (this.#tree.entries.length >= NAMES_MAX) this.#nextTree();
      const tree = this.#tree;
      if (tree.isMade) return turn(tree, frontend, done);
      return this.#request(frontend, { method: 'MKCOL', path: tree.path }, ({ status }) => {
        tree.isMade ||= status === 201 || status === 405;
        done();
      });
    });
  }

  #nextTree(): LockedTree {
    const number = this.#trees.length;
    const name = `tree ${number}`;
    const key = directoryFileKey(DOMAIN, Buffer.alloc(0), Buffer.from(name));
    if (key === undefined) throw new RangeError(`${name} is no entry`);
    this.#tree = {
      path: `/dav/${encodeURIComponent(name)}`,
      key,
      entries: [],
      locks: [],
      acknowledged: [],
      isMade: false,
      isGivenUp: false,
    };
    this.#trees.push(this.#tree);
    return this.#tree;
  }

  #lock(tree: LockedTree, frontend: SimulatedNode<Frontend>, done: () => void): void {
    const { random } = this.#world;
    const asked = { method: 'LOCK', path: tree.path, headers: LOCK, bytes: LOCK_INFO };
    this.#request(frontend, asked, (reply) => {
      const token = replyHeader(reply, 'lock-token');
      if (reply.status >= 300 || token === undefined) {
        const isUnclear = reply.status !== 423 || random.chance(LEAVE_CHANCE);
        if (isUnclear && tree === this.#tree) this.#nextTree();
        return done();
      }
      const { nowMs: fromMs } = this.#world;
      const lock: TreeLock = { fromMs, untilMs: Number.POSITIVE_INFINITY, listing: undefined };
      tree.locks.push(lock);
      return this.#list(tree, frontend, (listing) => {
        lock.listing = listing;
        for (const change of tree.acknowledged) this.#judge(tree, lock, change);
        this.#world.at(random.between(...HOLD_MS), () => {
          lock.untilMs = this.#world.nowMs;
          const headers = { 'lock-token': token };
          this.#request(frontend, { method: 'UNLOCK', path: tree.path, headers }, done);
        });
      });
    });
  }

  /** Whoever has the lock finds what was acknowledged while it lasts, which was there before. */
  #judge(
    tree: LockedTree,
    { fromMs, untilMs, listing }: TreeLock,
    change: AcknowledgedChange,
  ): void {
    const { what, effects, startMs, endMs } = change;
    if (endMs < fromMs || endMs > untilMs) return;
    if (startMs > fromMs) return this.#break(tree, `${what} passed a lock that was there before`);
    for (const [{ name }, state] of effects) {
      const found = listing === undefined ? state : (listing.get(name) ?? 'absent');
      if (found === state) continue;
      this.#break(tree, `${what}, acknowledged at ${endMs.toFixed(1)}, was made under a lock`);
    }
  }

  #write(tree: LockedTree, frontend: SimulatedNode<Frontend>, done: () => void): void {
    const change = this.#draw(tree);
    if (change === undefined) return done();
    const { method, entry, headers = {}, content, effects } = change;
    const { nowMs: startMs } = this.#world;
    for (const [each] of effects) {
      each.isBusy = true;
      each.changes++;
    }
    const what = `${method} of ${entry.name} from ${startMs.toFixed(1)} on`;
    const path = `${tree.path}/${entry.name}`;
    this.#request(frontend, { method, path, headers, content }, ({ status }) => {
      const isDone = status < 300 && status !== 207;
      // A refusal of a lock is of what is as it was; of other failures nobody knows what they left.
      if (isDone || status === 423) for (const [each] of effects) each.isBusy = false;
      if (isDone) {
        for (const [each, state] of effects) each.state = state;
        const acknowledged = { what, effects, startMs, endMs: this.#world.nowMs };
        tree.acknowledged.push(acknowledged);
        for (const lock of tree.locks) this.#judge(tree, lock, acknowledged);
      }
      done();
    });
  }

  #draw(tree: LockedTree): TreeChange | undefined {
    const { random } = this.#world;
    const free = tree.entries.filter(({ isBusy, state }) => !isBusy && state !== 'absent');
    const files = free.filter(({ state }) => state !== 'collection');
    const file = files.length > 0 ? random.pick(files) : undefined;
    const kind = random.pick([
      'put',
      'put',
      'collection',
      'over',
      'delete',
      'copy',
      'move',
    ] as const);
    switch (kind) {
      case 'collection': {
        const entry = this.#newEntry(tree);
        return { method: 'MKCOL', entry, effects: [[entry, 'collection']] };
      }
      case 'delete': {
        if (free.length === 0) return undefined;
        const entry = random.pick(free);
        return { method: 'DELETE', entry, effects: [[entry, 'absent']] };
      }
      case 'copy':
      case 'move': {
        if (file === undefined) return undefined;
        const entry = this.#newEntry(tree);
        const headers = { destination: `${tree.path}/${entry.name}` };
        const made = [entry, file.state] as const;
        return kind === 'copy'
          ? { method: 'COPY', entry: file, headers, effects: [made, [file, file.state]] }
          : { method: 'MOVE', entry: file, headers, effects: [made, [file, 'absent']] };
      }
      case 'put':
      case 'over': {
        const entry = (kind === 'over' ? file : undefined) ?? this.#newEntry(tree);
        const content = this.#asker.contents.next(random.pick(BYTES));
        return { method: 'PUT', entry, content, effects: [[entry, tagOf(content)]] };
      }
    }
  }

  #newEntry({ entries }: LockedTree): TreeEntry {
    const entry = { name: `n${entries.length}`, state: 'absent', isBusy: false, changes: 0 };
    entries.push(entry);
    return entry;
  }

  /** @param told with what is in the collection; undefined where that is not told as a whole */
  #list(
    tree: LockedTree,
    frontend: SimulatedNode<Frontend>,
    told: (listing: ReadonlyMap<string, EntryState> | undefined) => void,
  ): void {
    // What a change under way has made, and undoes for the lock, may be listed before that.
    const settled = tree.entries.filter(({ isBusy }) => !isBusy);
    const before = new Map(settled.map((entry) => [entry, entry.changes]));
    const asked = { method: 'PROPFIND', path: tree.path, headers: { depth: '1' }, bytes: TAGS };
    this.#request(frontend, asked, (reply) =>
      textOf(reply, (text) => {
        const listing = text === undefined ? undefined : entriesIn(text, tree.path);
        if (listing !== undefined) {
          this.#world.occur('locked collection listed');
          for (const [entry, changes] of before) {
            const { name, state, isBusy } = entry;
            if (isBusy || entry.changes !== changes) continue;
            const found = listing.get(name) ?? 'absent';
            if (found !== state) this.#break(tree, `${name} is ${found}, and was left ${state}`);
          }
        }
        told(listing);
      }),
    );
  }

  #request(
    frontend: SimulatedNode<Frontend>,
    asked: {
      readonly method: string;
      readonly path: string;
      readonly headers?: TreeHeaders;
      readonly bytes?: Buffer;
      readonly content?: FileContent | undefined;
    },
    ended: (reply: HttpReply) => void,
  ): void {
    const { method, path, headers, bytes, content } = asked;
    const body =
      content === undefined
        ? bytes && ({ kind: 'bytes', bytes } as const)
        : ({ kind: 'stream', stream: this.#bodies.of(content, 'whole', undefined) } as const);
    const request = requestOf(method, path, body, { host: 'any', ...headers });
    this.#asker.questions.ask(`${method} of ${path}`, frontend, (answered) =>
      frontend.request(request, (reply) => {
        if (!answered()) return;
        this.#world.occur(`locked tree ${method}: ${reply.status}`);
        ended(reply);
      }),
    );
  }

  #break({ path, isGivenUp }: LockedTree, text: string): void {
    // Where all clocks are set ahead for days, locks are over, as they should be.
    if (isGivenUp || this.#world.occurred.has('fault: clocks')) return;
    this.#violation(`dav: ${path}: ${text}, at ${this.#world.nowMs.toFixed(1)}`);
  }
}

/** @param callback called with undefined for what is no success, or breaks off */
function textOf(reply: HttpReply, callback: (text: string | undefined) => void): void {
  if (isWhole(reply)) {
    return callback(reply.status === 207 ? Buffer.from(reply.body).toString() : undefined);
  }
  const { body, status } = reply;
  if (status !== 207) {
    body.discard();
    return callback(undefined);
  }
  const pieces: Buffer[] = [];
  const next = () =>
    body.read((part) => {
      if (part.kind === 'broken') return callback(undefined);
      if (part.kind === 'end') return callback(Buffer.concat(pieces).toString());
      pieces.push(part.bytes);
      return next();
    });
  return next();
}

function entriesIn(text: string, path: string): ReadonlyMap<string, EntryState> | undefined {
  const responses = text.split('<D:response>').slice(1);
  const found = new Map<string, EntryState>();
  for (const response of responses) {
    const [, href = ''] = /<D:href>([^<]*)/.exec(response) ?? [];
    const name = href.slice(path.length + 1).replace(/\/$/, '');
    // A page of it could not be read: its own response says so.
    if (name === '' && /HTTP\/1\.1 5/.test(response)) return undefined;
    const [, tag = 'collection'] = /<D:getetag>([^<]*)</.exec(response) ?? [];
    if (name !== '') found.set(name, tag.replaceAll('&quot;', '"'));
  }
  return found;
}

function entryKey({ path }: LockedTree, name: string): FileKey {
  const directory = decodeURIComponent(path.slice('/dav/'.length));
  const key = directoryFileKey(DOMAIN, Buffer.from(directory), Buffer.from(name));
  if (key === undefined) throw new RangeError(`${name} is no entry`);
  return key;
}

function tagOf({ sha512 }: FileContent): string {
  return `"${sha512.slice(0, 32)}"`;
}
