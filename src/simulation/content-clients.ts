// The clients of a run who store the same contents again and again under keys that are made of them, as the blob service
// does, and delete them now and then. A content that is there keeps its blob; what must hold is that this blob has its copies
// (F1), and that what was stored and not deleted since is there (F2).

import { NO_CONDITION } from '../cluster/model/condition.ts';
import { DEFAULT_CLASS, type FileKey, flatFileKey } from '../files/file-key.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import type { PutFileOutcome } from '../files/outcomes.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { ClientTurns } from './client-turns.ts';
import type { FileAsker } from './file-asker.ts';
import { FileBodies } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import type { FileOracles } from './file-oracles.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import type { SimulatedNode } from './node.ts';
import { readWithin } from './streams.ts';
import type { World } from './world.ts';

const CLIENTS = 2;
/** In records, and on file servers. */
const BYTES = [1001, 100_001, 300_001] as const;

interface ContentWrite {
  readonly kind: 'put' | 'delete';
  readonly startMs: number;
  /** Never, where nobody was told that it was done. */
  endMs: number;
}

export class ContentClients {
  readonly #world: World;
  readonly #oracles: FileOracles;
  readonly #asker: FileAsker;
  readonly #violation: (text: string) => void;
  readonly #turns: ClientTurns;
  readonly #bodies: FileBodies;
  #contents: readonly FileContent[] = [];
  readonly #writes = new Map<FileContent, ContentWrite[]>();
  /** The blobs that were acknowledged last. */
  readonly #blobs = new Map<FileContent, string>();
  readonly #givenUp = new Set<FileContent>();

  constructor({ world, cluster, oracles, asker, thinkMs, violation }: JudgedClientsOf) {
    this.#world = world;
    this.#oracles = oracles;
    this.#asker = asker;
    this.#violation = violation;
    this.#turns = new ClientTurns(world, cluster, thinkMs);
    this.#bodies = new FileBodies(world);
  }

  start(): void {
    this.#contents = BYTES.map((bytes) => this.#asker.contents.next(bytes));
    for (let client = 0; client < CLIENTS; client++) {
      this.#turns.begin((...turn) => this.#turn(...turn));
    }
  }

  stop(): void {
    this.#turns.stop();
  }

  /** What becomes of the contents with such keys from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const content of this.#contents) {
      if (isGivenUp(contentKey(content))) this.#givenUp.add(content);
    }
  }

  /** Of the contents that were not given up. */
  get keys(): readonly FileKey[] {
    return this.#contents.filter((content) => !this.#givenUp.has(content)).map(contentKey);
  }

  /** Called when nobody asks anything any more. */
  violations(): readonly string[] {
    return this.#contents.flatMap((content) => {
      const isGone = this.#oracles.currentOf(contentKey(content)).kind === 'absent';
      if (!isGone || !this.#mustBeThere(content, this.#world.nowMs)) return [];
      return [`F2: ${content.name} was stored under its digest, and is not there at the end`];
    });
  }

  #turn(frontend: SimulatedNode<Frontend>, done: () => void): void {
    const { random } = this.#world;
    const content = random.pick(this.#contents);
    const drawn = random.fraction();
    if (drawn < 0.6) return this.#put(frontend, content, done);
    if (drawn < 0.7) return this.#delete(frontend, content, done);
    return this.#read(frontend, content, done);
  }

  #begin(content: FileContent, kind: ContentWrite['kind']): ContentWrite {
    const write = { kind, startMs: this.#world.nowMs, endMs: Number.POSITIVE_INFINITY };
    this.#writes.set(content, [...(this.#writes.get(content) ?? []), write]);
    return write;
  }

  #put(frontend: SimulatedNode<Frontend>, content: FileContent, done: () => void): void {
    const write = this.#begin(content, 'put');
    const body = readWithin(frontend.process, this.#bodies.of(content, 'whole', undefined));
    const request = {
      key: ({ sha512 }: { readonly sha512: string }) => contentKey({ sha512 }),
      body,
      bytesMax: FILE_BYTES_MAX,
      contentType: undefined,
      attributes: { filename: `at ${write.startMs}` },
      replicationClass: DEFAULT_CLASS,
      waitsForAll: false,
      condition: NO_CONDITION,
      expected: {},
    };
    this.#asker.questions.ask(`put of ${content.name}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.put(request, (outcome) => {
          if (!answered()) return;
          this.#putEnded(content, write, outcome);
          done();
        }),
      ),
    );
  }

  #putEnded(content: FileContent, write: ContentWrite, outcome: PutFileOutcome): void {
    this.#world.occur(`content put: ${outcome.kind}`);
    if (outcome.kind !== 'stored') return;
    write.endMs = this.#world.nowMs;
    const { manifest } = outcome.file;
    if (manifest.sha512 !== content.sha512) {
      this.#violation(`F3: ${content.name} was stored as another content`);
    }
    const { startMs } = write;
    this.#oracles.acknowledged(content.name, manifest, { startMs, waitsForAll: false });
    if (manifest.kind !== 'blob') return;
    if (this.#blobs.get(content) === manifest.blob) this.#world.occur('content named again');
    this.#blobs.set(content, manifest.blob);
  }

  #delete(frontend: SimulatedNode<Frontend>, content: FileContent, done: () => void): void {
    const write = this.#begin(content, 'delete');
    this.#asker.questions.ask(`delete of ${content.name}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.delete(contentKey(content), NO_CONDITION, (outcome) => {
          if (!answered()) return;
          this.#world.occur(`content delete: ${outcome.kind}`);
          if (outcome.kind === 'deleted') write.endMs = this.#world.nowMs;
          done();
        }),
      ),
    );
  }

  #read(frontend: SimulatedNode<Frontend>, content: FileContent, done: () => void): void {
    const { nowMs: startMs } = this.#world;
    this.#asker.questions.ask(`find of ${content.name}`, frontend, (answered) =>
      frontend.within(({ files }) =>
        files.find(contentKey(content), (outcome) => {
          if (!answered()) return undefined;
          if (outcome.kind === 'found') {
            const { file } = outcome;
            return this.#asker.readVersion(frontend, content.name, file, { isPart: false }, done);
          }
          if (outcome.kind === 'absent' && this.#mustBeThere(content, startMs)) {
            const at = startMs.toFixed(1);
            this.#violation(`F2: ${content.name} is absent at ${at}, and nobody deleted it`);
          }
          return done();
        }),
      ),
    );
  }

  /** Whether a put had ended by then that no delete can have come after. */
  #mustBeThere(content: FileContent, atMs: number): boolean {
    const writes = this.#writes.get(content) ?? [];
    const deletes = writes.filter(({ kind }) => kind === 'delete');
    return (
      !this.#givenUp.has(content) &&
      writes.some(
        ({ kind, startMs, endMs }) =>
          kind === 'put' && endMs < atMs && deletes.every((each) => each.endMs < startMs),
      )
    );
  }
}

function contentKey({ sha512 }: Pick<FileContent, 'sha512'>): FileKey {
  const key = flatFileKey('b', Buffer.from(sha512));
  if (key === undefined) throw new RangeError(`${sha512} is no path`);
  return key;
}
