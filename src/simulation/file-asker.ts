// Uploads, deletes and reads of files through the frontends' file layer, as gateways ask for them. Each outcome goes into a
// history, by which reads are judged, and each byte that is read is compared (F3).

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import { type Condition, NO_CONDITION } from '../cluster/model/condition.ts';
import type { Version } from '../cluster/model/version.ts';
import {
  DEFAULT_CLASS,
  type FileKey,
  flatFileKey,
  type ReplicationClass,
} from '../files/file-key.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import type { ByteRange, FileVersion, PutFileOutcome } from '../files/outcomes.ts';
import type { Frontend } from '../frontend/frontend.ts';
import { type BodyEnding, drawEnding, FileBodies } from './file-bodies.ts';
import { type FileContent, FileContents } from './file-contents.ts';
import type { FileOracles } from './file-oracles.ts';
import { atMost, orderOf } from './file-versions.ts';
import { type ClientOperation, checkHistory, History } from './history.ts';
import type { SimulatedNode } from './node.ts';
import { OpenQuestions } from './open-questions.ts';
import { readWithin } from './streams.ts';
import type { World } from './world.ts';

const OTHER_CHANCE = 0.3;
/** How many operations must have been tried before their failure says something. */
const TRIED = 3;

export interface UploadOptions {
  readonly condition?: Condition;
  /** Drawn by default. */
  readonly ending?: BodyEnding;
  /** How long the client takes for each piece; drawn by default. */
  readonly pieceMs?: number;
}

export interface DownloadOptions {
  /** A range is drawn then. */
  readonly isPart: boolean;
  readonly pieceMs?: number;
}

export type ReadEnd =
  | { readonly kind: 'whole'; readonly name: string }
  /** It broke off, or the client has left. */
  | { readonly kind: 'broken' }
  /** Nobody could say what there is, or send it. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'absent' };

interface Tried {
  readonly what: 'upload' | 'download';
  readonly startMs: number;
  ok: boolean;
}

export class FileAsker {
  readonly history = new History();
  readonly #world: World;
  readonly #oracles: FileOracles;
  readonly #kept: readonly string[];
  readonly #violation: (text: string) => void;
  /** A class beside the default one, in which some files are stored. */
  otherClass: ReplicationClass | undefined;
  readonly contents = new FileContents();
  readonly #bodies: FileBodies;
  readonly #givenUp = new Set<string>();
  readonly questions: OpenQuestions;
  /** Whole downloads of blobs, and uploads: when each began, and whether it succeeded. */
  readonly #tried: Tried[] = [];

  /** @param kept paths of which none is deleted, so that who finds nothing there has lost something */
  constructor(
    world: World,
    oracles: FileOracles,
    kept: readonly string[],
    violation: (text: string) => void,
  ) {
    this.#world = world;
    this.#bodies = new FileBodies(world);
    this.#oracles = oracles;
    this.#kept = kept;
    this.#violation = violation;
    this.questions = new OpenQuestions(world, violation);
  }

  /** What becomes of this file from now on, nobody promises. */
  giveUp(path: string): void {
    this.#givenUp.add(path);
  }

  isGivenUp(path: string): boolean {
    return this.#givenUp.has(path);
  }

  /** What clients were told, by which no version of a file that was not given up may be missed or come back. */
  violations(): readonly string[] {
    return checkHistory(this.history.operations.filter(({ key }) => !this.isGivenUp(key)));
  }

  /** @returns what never succeeded, of uploads and downloads that began later than this */
  unlively(sinceMs: number): readonly string[] {
    return (['upload', 'download'] as const).flatMap((what) => {
      const late = this.#tried.filter((each) => each.what === what && each.startMs > sinceMs);
      if (late.length <= TRIED || late.some(({ ok }) => ok)) return [];
      return [
        `liveness: none of ${late.length} times an ${what} of a file succeeded after healing`,
      ];
    });
  }

  put(
    frontend: SimulatedNode<Frontend>,
    path: string,
    content: FileContent,
    options: UploadOptions,
    done: (outcome: PutFileOutcome) => void,
  ): void {
    const { random, nowMs } = this.#world;
    const { condition = NO_CONDITION } = options;
    const ending = options.ending ?? drawEnding(random, content);
    const operation = this.history.begin('set', path, nowMs, content.name);
    const tried: Tried = { what: 'upload', startMs: nowMs, ok: false };
    if (ending === 'whole' && condition === NO_CONDITION) this.#tried.push(tried);
    const other = random.chance(0.5) ? { md5: '0'.repeat(32) } : { sha512: '0'.repeat(128) };
    const told = random.chance(0.5) ? { sha512: content.sha512 } : {};
    const isOther = this.otherClass !== undefined && random.chance(OTHER_CHANCE);
    const replicationClass = isOther ? (this.otherClass ?? DEFAULT_CLASS) : DEFAULT_CLASS;
    const waitsForAll = random.chance(0.2);
    const body = this.#bodies.of(content, ending, options.pieceMs);
    this.questions.ask(`upload of ${path}`, frontend, (answered) => {
      frontend.within(({ files }) =>
        files.put(
          {
            key: keyOf(path),
            body: readWithin(frontend.process, body),
            bytesMax: FILE_BYTES_MAX,
            contentType: undefined,
            replicationClass,
            waitsForAll,
            condition,
            expected: ending === 'wrong digest' ? other : told,
          },
          (outcome) => {
            if (!answered()) return;
            this.#putEnded(operation, { ending, waitsForAll }, outcome);
            if (outcome.kind === 'stored') tried.ok = true;
            done(outcome);
          },
        ),
      );
    });
  }

  #putEnded(
    operation: ClientOperation,
    { ending, waitsForAll }: { readonly ending: BodyEnding; readonly waitsForAll: boolean },
    outcome: PutFileOutcome,
  ): void {
    const { key, startMs } = operation;
    const why = outcome.kind === 'broken' ? ` ${outcome.why}` : '';
    this.#world.occur(`file upload ${ending}: ${outcome.kind}${why}`);
    this.#end(operation, ...statusOf(outcome));
    if (outcome.kind !== 'stored') return;
    if (ending !== 'whole') this.#violation(`F3: ${key} was stored from a body that was ${ending}`);
    const { manifest } = outcome.file;
    if (this.contents.withDigest(manifest.sha512)?.name !== operation.value) {
      this.#violation(`F3: ${key} was stored as something else than ${operation.value}`);
    }
    if (manifest.kind === 'blob') this.#world.occur('file stored as a blob');
    this.#oracles.acknowledged(key, manifest, { startMs, waitsForAll });
  }

  delete(frontend: SimulatedNode<Frontend>, path: string, done: () => void): void {
    const operation = this.history.begin('delete', path, this.#world.nowMs);
    this.questions.ask(`delete of ${path}`, frontend, (answered) => {
      frontend.within(({ files }) =>
        files.delete(keyOf(path), NO_CONDITION, (outcome) => {
          if (!answered()) return;
          this.#world.occur(`file delete: ${outcome.kind}`);
          // The answer has no version, without which a history takes a write for the lowest of all.
          this.#end(operation, outcome.kind === 'not-stored' ? 503 : 504, undefined);
          done();
        }),
      );
    });
  }

  /** Reads a file, as a whole or a part of it. */
  read(
    frontend: SimulatedNode<Frontend>,
    path: string,
    options: DownloadOptions,
    done: (end: ReadEnd) => void,
  ): void {
    this.find(frontend, path, (file) => {
      if (file === 'absent' || file === 'failed') return done({ kind: file });
      return this.readVersion(frontend, path, file, options, done);
    });
  }

  find(
    frontend: SimulatedNode<Frontend>,
    path: string,
    done: (file: FileVersion | 'absent' | 'failed') => void,
  ): void {
    const operation = this.history.begin('get', path, this.#world.nowMs);
    this.questions.ask(`find of ${path}`, frontend, (answered) => {
      frontend.within(({ files }) =>
        files.find(keyOf(path), (outcome) => {
          if (!answered()) return;
          this.#world.occur(`file find: ${outcome.kind}`);
          switch (outcome.kind) {
            case 'found': {
              const { manifest, record } = outcome.file;
              operation.value =
                this.contents.withDigest(manifest.sha512)?.name ?? 'what nobody has sent';
              this.#end(operation, 200, orderOf(record));
              return done(outcome.file);
            }
            case 'absent':
              this.#foundNothing(operation);
              return done('absent');
            case 'failed':
              this.#end(operation, 503, undefined);
              return done('failed');
          }
        }),
      );
    });
  }

  /** The answer has no version, so a history cannot judge it: only what nobody deletes must be there. */
  #foundNothing(operation: ClientOperation): void {
    const { key, startMs } = operation;
    const isStored = this.history.operations.some(
      (each) => each.key === key && each.kind === 'set' && each.ok && (each.endMs ?? 0) < startMs,
    );
    if (isStored && this.#kept.includes(key) && !this.isGivenUp(key)) {
      this.#violation(`F3: ${key} is absent at ${startMs.toFixed(1)}, and nobody deleted it`);
    }
    this.#end(operation, 503, undefined);
  }

  /** Reads a version of a file, as a whole or a part of it. */
  readVersion(
    frontend: SimulatedNode<Frontend>,
    path: string,
    file: FileVersion,
    { isPart, pieceMs }: DownloadOptions,
    done: (end: ReadEnd) => void,
  ): void {
    const { random, nowMs } = this.#world;
    const { manifest } = file;
    const content = this.contents.withDigest(manifest.sha512);
    if (content === undefined) return done({ kind: 'broken' });
    if (manifest.size !== content.bytes.length) {
      this.#violation(`F3: ${path} has ${content.name}, and says that it has ${manifest.size}`);
      return done({ kind: 'broken' });
    }
    const range = isPart && manifest.size > 0 ? rangeOf(random, manifest.size) : undefined;
    const expected = content.bytes.subarray(range?.first ?? 0, (range?.last ?? manifest.size) + 1);
    const tried: Tried = { what: 'download', startMs: nowMs, ok: false };
    if (manifest.kind === 'blob') this.#tried.push(tried);
    this.questions.ask(`read of ${path}`, frontend, (answered) => {
      frontend.within(({ files }) =>
        files.open(file, range, (outcome) => {
          if (!answered()) {
            if (outcome.kind === 'open') outcome.body.discard();
            return;
          }
          this.#world.occur(`file open: ${outcome.kind}`);
          if (outcome.kind === 'failed') return done({ kind: 'failed' });
          const body = frontend.sentOutside(outcome.body);
          const read = { what: `${path}, ${content.name}`, body, expected, pieceMs };
          return this.#readBody(read, (isWhole) => {
            if (isWhole) tried.ok = true;
            done(isWhole ? { kind: 'whole', name: content.name } : { kind: 'broken' });
          });
        }),
      );
    });
  }

  /** F3: what comes are the bytes of that version, from the first to the last or to a visible break. */
  #readBody(
    {
      what,
      body,
      expected,
      pieceMs,
    }: {
      readonly what: string;
      readonly body: ByteStream;
      readonly expected: Buffer;
      readonly pieceMs: number | undefined;
    },
    done: (isWhole: boolean) => void,
  ): void {
    const { random } = this.#world;
    let at = 0;
    const leavesAt =
      pieceMs === undefined && random.chance(0.05) ? random.below(expected.length + 1) : undefined;
    const take = (part: BytePart): void => {
      if (part.kind === 'broken') {
        this.#world.occur('file read: broken off');
        return done(false);
      }
      if (part.kind === 'end') {
        this.#world.occur('file read: whole');
        if (at < expected.length) {
          this.#violation(`F3: ${what} ended after ${at} of ${expected.length} bytes, as if whole`);
        }
        return done(at === expected.length);
      }
      const { bytes } = part;
      if (!bytes.equals(expected.subarray(at, at + bytes.length))) {
        this.#violation(`F3, F6: ${what} was read with other bytes at ${at}`);
        body.discard();
        return done(false);
      }
      at += bytes.length;
      if (leavesAt !== undefined && at > leavesAt) {
        body.discard();
        return done(false);
      }
      return this.#world.at(pieceMs ?? this.#bodies.pieceMs(), () => body.read(take));
    };
    body.read(take);
  }

  #end(operation: ClientOperation, status: number, version: Version | undefined): void {
    this.history.end(operation, this.#world.nowMs, status, undefined);
    operation.version = version;
  }
}

export function keyOf(path: string): FileKey {
  const key = flatFileKey('s', Buffer.from(path));
  if (key === undefined) throw new RangeError(`${path} is no path`);
  return key;
}

/** The status that a history takes for the outcome, and the version that the cluster has told. */
function statusOf(outcome: PutFileOutcome): [status: number, version: Version | undefined] {
  switch (outcome.kind) {
    case 'stored':
      return [200, orderOf(outcome.file.record)];
    case 'unknown':
      return [504, outcome.version === undefined ? undefined : atMost(outcome.version)];
    case 'unmet':
    case 'broken':
    case 'mismatch':
    case 'not-stored':
      // Nothing was stored, and nothing ever will be.
      return [503, undefined];
  }
}

function rangeOf(random: World['random'], size: number): ByteRange {
  const first = random.below(size);
  return { first, last: first + random.below(size - first) };
}
