// The clients of directories of a run: some move one file between names, some amend another one or upload it anew on the
// condition that it is still what they found, and some list. What must hold: a move that is cut anywhere leaves the file
// under at least one name, no acknowledged change is lost, and each entry is listed exactly once.

import { type Condition, etagOf, NO_CONDITION } from '../cluster/model/condition.ts';
import { DEFAULT_CLASS, directoryFileKey, type FileKey } from '../files/file-key.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import type { FileVersion, PutFileOutcome, SetFileOutcome } from '../files/outcomes.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { ClientTurns } from './client-turns.ts';
import type { FrontendNode } from './cluster.ts';
import { DirectoryLister } from './directory-lister.ts';
import type { FileAsker } from './file-asker.ts';
import { FileBodies } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import type { FileOracles } from './file-oracles.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import { type CounterOperation, checkCounter } from './linearizability.ts';
import { readWithin } from './streams.ts';
import type { World } from './world.ts';

const DOMAIN = 'default';
/** The names that the moved file may have, in two directories. */
const MOVED = ['d/one', 'd/two', 'e/one'] as const;
const AMENDED = 'd/amended';
/** Names of entries that are never deleted. */
const ENTRIES = Array.from({ length: 7 }, (_, index) => `d/entry ${index}`);
const MOVERS = 3;
const AMENDERS = 2;
/** A gateway may be slow between the two halves of a move, while others move the file on and back; in ms. */
const SLOW = { chance: 0.4, forMs: [0, 2000] } as const;
/** A file that is moved is kept in its record or as a blob, by the run. */
const MOVED_BYTES = [1000, 100_000] as const;

type Done = () => void;

export class DirectoryClients {
  readonly #world: World;
  readonly #oracles: FileOracles;
  readonly #asker: FileAsker;
  readonly #violation: (text: string) => void;
  readonly #turns: ClientTurns;
  readonly #bodies: FileBodies;
  readonly #lister: DirectoryLister;
  readonly #increments: CounterOperation[] = [];
  /** Whether the file that is amended was ever acknowledged. */
  #isCounting = false;
  #movedContent: FileContent | undefined;
  /** Whether the moved file was ever acknowledged. */
  #isThere = false;
  readonly #givenUp = new Set<string>();

  constructor({ world, cluster, oracles, asker, thinkMs, violation }: JudgedClientsOf) {
    this.#world = world;
    this.#oracles = oracles;
    this.#asker = asker;
    this.#violation = violation;
    this.#turns = new ClientTurns(world, cluster, thinkMs);
    this.#bodies = new FileBodies(world);
    const mayBeThere = [...ENTRIES, ...MOVED, AMENDED];
    this.#lister = new DirectoryLister({ world, cluster, asker, violation }, mayBeThere);
  }

  start(): void {
    for (let client = 0; client < MOVERS; client++) this.#begin((...turn) => this.#move(...turn));
    for (let client = 0; client < AMENDERS; client++) {
      this.#begin((...turn) => this.#change(...turn));
    }
    this.#begin((...turn) => this.#makeEntry(...turn));
    this.#begin((_frontend, done) => this.#lister.list(done));
  }

  stop(): void {
    this.#turns.stop();
  }

  /** What becomes of the files with such keys from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const path of [...MOVED, AMENDED, ...ENTRIES]) {
      if (!isGivenUp(entryKey(path))) continue;
      this.#givenUp.add(path);
      this.#lister.giveUp(path);
    }
  }

  /** Of the files that were not given up. */
  get keys(): readonly FileKey[] {
    return [...MOVED, AMENDED, ...ENTRIES]
      .filter((path) => !this.#givenUp.has(path))
      .map((path) => entryKey(path));
  }

  /** Called when nobody asks anything any more. */
  violations(): readonly string[] {
    const isMovedKept = this.#isThere && !MOVED.some((path) => this.#givenUp.has(path));
    const there = MOVED.map((path) => this.#oracles.currentOf(entryKey(path)).kind);
    const isLost = isMovedKept && there.every((kind) => kind === 'absent');
    return [
      ...(isLost ? ['a file that was only moved is under none of its names'] : []),
      ...(this.#givenUp.has(AMENDED) ? [] : checkCounter(this.#increments)),
    ];
  }

  #begin(turn: (frontend: FrontendNode, done: Done) => void): void {
    this.#turns.begin(turn);
  }

  /** A move as gateways make it (FILES.md, MOVE): a copy, and then a delete of the very record that was copied. */
  #move(frontend: FrontendNode, done: Done): void {
    const { random } = this.#world;
    if (!this.#isThere) return this.#bringMoved(frontend, done);
    const from = random.pick(MOVED);
    const to = random.pick(MOVED.filter((path) => path !== from));
    const condition = random.chance(0.5) ? NO_CONDITION : ({ ifNoneMatch: 'any' } as const);
    return this.#find(frontend, from, done, (file) => {
      if (random.chance(0.2)) return this.#readMoved(frontend, from, file, done);
      const { nowMs: startMs } = this.#world;
      return this.#set('copy', to, frontend, startMs, {
        begin: ({ files }, callback) =>
          files.copy({ from: file, to: entryKey(to), attributes: undefined, condition }, callback),
        ended: (outcome) => {
          if (outcome.kind !== 'stored') return done();
          const condition = { ifMatch: [etagOf(file.record)] };
          const begin = () => this.#delete(frontend, from, condition, done);
          if (!random.chance(SLOW.chance)) return begin();
          return this.#world.at(random.between(...SLOW.forMs), begin);
        },
      });
    });
  }

  #bringMoved(frontend: FrontendNode, done: Done): void {
    const { random } = this.#world;
    this.#movedContent ??= this.#asker.contents.next(random.pick(MOVED_BYTES));
    this.#put(frontend, MOVED[0], this.#movedContent, NO_CONDITION, {}, (outcome) => {
      if (outcome.kind === 'stored') this.#isThere = true;
      done();
    });
  }

  #readMoved(frontend: FrontendNode, path: string, file: FileVersion, done: Done): void {
    if (file.manifest.sha512 !== this.#movedContent?.sha512) {
      this.#violation(`F3: ${path} has another content than the file that was moved there`);
    }
    this.#asker.readVersion(frontend, path, file, { isPart: false }, () => done());
  }

  /** Counts by one in the attributes of a file, by an amendment or an upload in place of the very record that was found. */
  #change(frontend: FrontendNode, done: Done): void {
    const { random } = this.#world;
    const content = () => this.#asker.contents.draw(random);
    if (!this.#isCounting) {
      const condition = { ifNoneMatch: 'any' } as const;
      return this.#put(frontend, AMENDED, content(), condition, { count: '0' }, (outcome) => {
        if (outcome.kind === 'stored') this.#isCounting = true;
        done();
      });
    }
    return this.#find(frontend, AMENDED, done, (file) => {
      const { count } = file.manifest.attributes ?? {};
      const next = Number(count) + 1;
      const attributes = { count: `${next}` };
      const increment = this.#begun();
      const ended = (outcome: PutFileOutcome) => {
        increment.endMs = this.#world.nowMs;
        increment.outcome = outcomeOf(outcome);
        if (outcome.kind === 'stored') increment.result = next;
        done();
      };
      if (random.chance(0.5)) {
        const condition = { ifMatch: [etagOf(file.record)] };
        return this.#put(frontend, AMENDED, content(), condition, attributes, ended);
      }
      return this.#set('amend', AMENDED, frontend, increment.startMs, {
        begin: ({ files }, callback) =>
          files.amend({ key: entryKey(AMENDED), file, change: { attributes } }, callback),
        ended: (outcome) => {
          if (outcome.kind === 'stored') this.#expectSame(file, outcome.file);
          ended(outcome);
        },
      });
    });
  }

  #begun(): CounterOperation {
    const increment: CounterOperation = {
      kind: 'incr',
      startMs: this.#world.nowMs,
      endMs: undefined,
      result: undefined,
      outcome: 'unknown',
    };
    this.#increments.push(increment);
    return increment;
  }

  #expectSame(before: FileVersion, now: FileVersion): void {
    if (before.manifest.sha512 === now.manifest.sha512) return;
    this.#violation(`F3: the content of ${AMENDED} has changed with its attributes`);
  }

  #makeEntry(frontend: FrontendNode, done: Done): void {
    const { random } = this.#world;
    const path = random.pick(ENTRIES);
    const condition = { ifNoneMatch: 'any' } as const;
    const ended = (outcome: PutFileOutcome) => {
      // Either it was made now, or somebody says what is there.
      if (outcome.kind === 'stored' || outcome.kind === 'unmet') this.#lister.isThere(path);
      done();
    };
    if (random.chance(0.5)) {
      return this.#put(frontend, path, this.#asker.contents.next(1000), condition, {}, ended);
    }
    return this.#set('make directory', path, frontend, this.#world.nowMs, {
      begin: ({ files }, callback) =>
        files.makeDirectory({ key: entryKey(path), attributes: undefined, condition }, callback),
      ended,
    });
  }

  #put(
    frontend: FrontendNode,
    path: string,
    content: FileContent,
    condition: Condition,
    attributes: Readonly<Record<string, string>>,
    ended: (outcome: PutFileOutcome) => void,
  ): void {
    const body = readWithin(frontend.process, this.#bodies.of(content, 'whole', undefined));
    const request = {
      key: entryKey(path),
      body,
      bytesMax: FILE_BYTES_MAX,
      contentType: undefined,
      attributes,
      replicationClass: DEFAULT_CLASS,
      waitsForAll: false,
      condition,
      expected: {},
    };
    this.#set('put', path, frontend, this.#world.nowMs, {
      begin: ({ files }, callback) => files.put(request, callback),
      ended,
    });
  }

  #set<Outcome extends PutFileOutcome>(
    what: 'put' | 'amend' | 'copy' | 'make directory',
    path: string,
    frontend: FrontendNode,
    startMs: number,
    {
      begin,
      ended,
    }: {
      readonly begin: (frontend: Frontend, callback: (outcome: Outcome) => void) => void;
      readonly ended: (outcome: Outcome) => void;
    },
  ): void {
    this.#asker.questions.ask(`${what} of ${path}`, frontend, (answered) =>
      frontend.within((service) =>
        begin(service, (outcome) => {
          if (!answered()) return;
          this.#world.occur(`entry ${what}: ${outcome.kind}`);
          // An amendment makes no copies: there are as many as there were, and more once they are repaired.
          if (outcome.kind === 'stored' && what !== 'amend') {
            const { manifest } = outcome.file;
            this.#oracles.acknowledged(path, manifest, { startMs, waitsForAll: false });
          }
          ended(outcome);
        }),
      ),
    );
  }

  #find(
    frontend: FrontendNode,
    path: string,
    done: Done,
    found: (file: FileVersion) => void,
  ): void {
    this.#asker.questions.ask(`find of ${path}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.find(entryKey(path), (outcome) => {
          if (!answered()) return;
          if (outcome.kind === 'found') found(outcome.file);
          else done();
        }),
      ),
    );
  }

  #delete(frontend: FrontendNode, path: string, condition: Condition, done: Done): void {
    this.#asker.questions.ask(`delete of ${path}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.delete(entryKey(path), condition, (outcome) => {
          if (!answered()) return;
          this.#world.occur(`entry delete: ${outcome.kind}`);
          done();
        }),
      ),
    );
  }
}

/** @param path a name with the directory that it is in */
export function entryKey(path: string): FileKey {
  const [directory = '', name = ''] = path.split('/');
  const key = directoryFileKey(DOMAIN, Buffer.from(directory), Buffer.from(name));
  if (key === undefined) throw new RangeError(`${path} is no entry`);
  return key;
}

function outcomeOf(outcome: PutFileOutcome | SetFileOutcome): CounterOperation['outcome'] {
  switch (outcome.kind) {
    case 'stored':
      return 'done';
    case 'unknown':
      return 'unknown';
    case 'unmet':
    case 'broken':
    case 'mismatch':
    case 'not-stored':
      return 'refused';
  }
}
