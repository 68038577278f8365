// A blob store of a file server on files in memory, in virtual time; and blobs for it.

import { createHash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import type { ClusterId } from '../../src/cluster/model/identity.ts';
import type { LogFields, LogLevel, Runtime } from '../../src/cluster/ports.ts';
import { type BlobId, newBlobId } from '../../src/files/blob-id.ts';
import { BlockChecksums } from '../../src/files/block-checksums.ts';
import type { BlobCommit } from '../../src/fileserver/blob-store/blob-meta.ts';
import { BlobStore } from '../../src/fileserver/blob-store/blob-store.ts';
import { Census } from '../../src/fileserver/blob-store/census.ts';
import type { StoreIdentity } from '../../src/fileserver/blob-store/identity-file.ts';
import { openStore } from '../../src/fileserver/blob-store/opening.ts';
import { DiskRoom } from '../../src/fileserver/uploads/disk-room.ts';
import type { ReceivedBody } from '../../src/fileserver/uploads/receiving.ts';
import { MemoryFiles } from './memory-files.ts';
import { SeededRandom } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

export const CLUSTER = 'a cluster' as ClusterId;
export const STAGED_MS = 120_000;
const LONG_MS = 10_000;

export interface TestBlob {
  readonly id: BlobId;
  readonly bytes: Buffer;
  readonly commit: BlobCommit;
}

/** @param number blobs of distinct numbers have distinct ids and bytes */
export function blobOf(number: number, bytes = 100_000): TestBlob {
  const key = `${number} ${bytes}`;
  const blob = BLOBS.get(key) ?? newBlob(number, bytes);
  BLOBS.set(key, blob);
  return blob;
}

const BLOBS = new Map<string, TestBlob>();

function newBlob(number: number, bytes: number): TestBlob {
  const random = new SeededRandom(number + 1);
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32LE(random.below(2 ** 32), at);
  const token = createHash('sha512').update(`blob ${number}`).digest('hex').slice(0, 32);
  return { id: newBlobId(1000 + number, token), bytes: content, commit: commitOf(content) };
}

export function commitOf(bytes: Buffer, owner = 'owner'): BlobCommit {
  const checksums = new BlockChecksums();
  checksums.add(bytes);
  return {
    size: bytes.length,
    crc: checksums.end(),
    sha512: createHash('sha512').update(bytes).digest('hex'),
    owner: Buffer.from(owner),
    manifest: Buffer.from('manifest'),
  };
}

/** A body whose parts are there at once. */
export class TestBody implements ByteStream {
  readonly length: number | undefined;
  readonly #parts: BytePart[];
  reads = 0;
  isDiscarded = false;

  constructor(pieces: readonly Buffer[], last: BytePart = { kind: 'end' }, length?: number) {
    this.#parts = [...pieces.map((bytes): BytePart => ({ kind: 'bytes', bytes })), last];
    this.length = length;
  }

  static of(bytes: Buffer, pieceBytes = 65_536): TestBody {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      pieces.push(bytes.subarray(at, at + pieceBytes));
    }
    return new TestBody(pieces, { kind: 'end' }, bytes.length);
  }

  read(callback: (part: BytePart) => void): void {
    this.reads++;
    const part = this.#parts.shift();
    if (part === undefined) throw new Error('nothing is asked of a body after its last part');
    callback(part);
  }

  discard(): void {
    this.isDiscarded = true;
  }
}

export class BlobStage {
  readonly time = new VirtualTime();
  readonly files = new MemoryFiles(this.time);
  readonly logged: { level: LogLevel; message: string; fields: LogFields | undefined }[] = [];
  readonly spoiled: BlobId[] = [];
  /** How long the file server has been up. */
  uptimeMs = 0;
  room = new DiskRoom(0.05);
  store: BlobStore = this.#newStore();

  get runtime(): Runtime {
    const random = new SeededRandom(1);
    return {
      clock: this.time,
      timers: this.time,
      random: { below: (bound) => random.below(bound), token: () => 'f'.repeat(32) },
      logger: { write: (level, message, fields) => this.logged.push({ level, message, fields }) },
    } as Partial<Runtime> as Runtime;
  }

  /** @returns what the callback is given; fails when it is not called in a long while */
  ask<T>(ask: (callback: (value: T) => void) => void): T {
    const answer = this.begin(ask);
    this.time.runTo(this.time.monotonicMs() + LONG_MS);
    if (answer.length !== 1) throw new Error(`${answer.length} answers`);
    return answer[0] as T;
  }

  /** Asks, and lets no time pass. @returns what will have the answer */
  begin<T>(ask: (callback: (value: T) => void) => void): T[] {
    const answers: T[] = [];
    ask((value) => answers.push(value));
    return answers;
  }

  /** Opens the directory as a start of the process does, and goes through all of it. */
  start(): StoreIdentity {
    this.store = this.#newStore();
    const { random } = this.runtime;
    const options = { node: 'f1' as never, nodeIsGiven: false };
    const identity = this.ask<StoreIdentity>((opened) =>
      openStore(this.files, random, options, opened),
    );
    this.ask<undefined>((counted) =>
      new Census(this.runtime, this.files, this.store, () => counted(undefined)).start(),
    );
    return identity;
  }

  stage({ id, bytes }: TestBlob, body: ByteStream = TestBody.of(bytes)): ReceivedBody | string {
    return this.ask<ReceivedBody | string>((done) =>
      this.store.begin(id, body.length, (begun) => {
        if (begun.kind !== 'begun') return done(begun.kind);
        return begun.receive(body, done);
      }),
    );
  }

  commit({ id, commit }: TestBlob, other: Partial<BlobCommit> = {}): string {
    return this.ask<{ kind: string }>((done) =>
      this.store.commit(id, CLUSTER, { ...commit, ...other }, done),
    ).kind;
  }

  put(blob: TestBlob): void {
    const staged = this.stage(blob);
    if (typeof staged === 'string' || staged.kind !== 'received') throw new Error('not staged');
    if (this.commit(blob) !== 'committed') throw new Error('not committed');
  }

  /** All bytes as they are on the disk, without any check; undefined for what is not here. */
  rawBytesOf({ id }: TestBlob): Buffer | undefined {
    const path = this.files.paths.find((each) => each.startsWith('blobs/') && each.endsWith(id));
    return path === undefined ? undefined : this.files.contentOf(path);
  }

  /** Whether the blob is here with exactly these bytes. */
  hasBytes(blob: TestBlob, { bytes }: TestBlob = blob): boolean {
    return this.rawBytesOf(blob)?.equals(bytes) === true;
  }

  have(...blobs: readonly TestBlob[]): readonly boolean[] {
    const ids = blobs.map(({ id }) => id);
    const bits = this.ask<Buffer>((done) => this.store.files.have(ids, done));
    return ids.map((_, index) => (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1);
  }

  /** A store on the same directory, of which nothing is counted yet. */
  storeOnly(): BlobStore {
    return this.#newStore();
  }

  #newStore(): BlobStore {
    this.room = new DiskRoom(0.05);
    this.room.looked(this.files.state);
    return new BlobStore(this.runtime, this.files, {
      room: this.room,
      stagedMs: STAGED_MS,
      map: () => ({ generation: 1, number: 7 }),
      uptimeMs: () => this.uptimeMs,
      spoiled: (id) => this.spoiled.push(id),
    });
  }
}
