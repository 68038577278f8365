// The file layer of one frontend on a stage: virtual time, file servers that the test plays, and records that it keeps.

import { expect } from 'vitest';
import type { ClusterMap } from '../../src/cluster/model/cluster-map.ts';
import { NO_CONDITION } from '../../src/cluster/model/condition.ts';
import type { FileServers } from '../../src/cluster/model/file-server.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type { Runtime } from '../../src/cluster/ports.ts';
import type { ScanOperation } from '../../src/cluster/wire/scan-operation.ts';
import type {
  ConditionalCallback,
  ConditionalRequest,
} from '../../src/coordinator/operations/conditional/decision.ts';
import type { ReadCallback, ReadOutcome } from '../../src/coordinator/operations/get/round.ts';
import type { OperationContext } from '../../src/coordinator/operations/operation-context.ts';
import type { PageCallback } from '../../src/coordinator/operations/scan/page.ts';
import type { WriteCallback, WriteRequest } from '../../src/coordinator/operations/set/decision.ts';
import type { BlobId } from '../../src/files/blob-id.ts';
import { encodeClass } from '../../src/files/classes.ts';
import { ClusterFiles } from '../../src/files/cluster-files.ts';
import { classKey, DEFAULT_CLASS, type FileKey, flatFileKey } from '../../src/files/file-key.ts';
import { fileTimes } from '../../src/files/file-times.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type { PutFile, PutFileOutcome } from '../../src/files/outcomes.ts';
import type { BodyByHand } from './body-by-hand.ts';
import { sampleMap } from './maps.ts';
import { SeededRandom } from './random.ts';
import { fileServersOf, ScriptedNetwork, type ScriptedRequest } from './scripted-file-servers.ts';
import { VirtualTime } from './virtual-time.ts';

export const TIMES = fileTimes(1);
/** More than is kept in a record. */
export const LONG = Buffer.alloc(100_000, 'long ');

export function fileKeyOf(path: string): FileKey {
  const key = flatFileKey('s', Buffer.from(path));
  if (key === undefined) throw new Error(`${path} is no path of a file`);
  return key;
}

export const KEY = fileKeyOf('a file');

export class FileStage {
  readonly time = new VirtualTime();
  readonly network = new ScriptedNetwork();
  readonly files: ClusterFiles;
  readonly outcomes: PutFileOutcome[] = [];
  /** The sets and conditional writes that were begun, which the test answers. */
  readonly sets: { readonly request: WriteRequest; readonly answer: WriteCallback }[] = [];
  readonly writes: {
    readonly request: ConditionalRequest;
    readonly answer: ConditionalCallback;
  }[] = [];
  /** The pages of scans that were asked for, which the test answers. */
  readonly pages: { readonly operation: ScanOperation; readonly answer: PageCallback }[] = [];
  /** What the reader is asked, and what it answers unless `held`. */
  readonly reads: { readonly key: string; readonly answer: ReadCallback }[] = [];
  isReaderHeld = false;
  readonly #records = new Map<string, ReadOutcome>();
  readonly #router: { map: ClusterMap | undefined };

  constructor(
    fileServers: FileServers | undefined = fileServersOf('a', 'b', 'c'),
    more: Partial<ClusterMap> = {},
  ) {
    this.#router = { map: { ...sampleMap(), ...more, ...(fileServers && { fileServers }) } };
    const { network, time } = this;
    const runtime = {
      clock: time,
      timers: time,
      random: new SeededRandom(1),
      network,
    } as unknown as Runtime;
    const context = { runtime, router: this.#router, times: { scale: 1 } };
    this.files = new ClusterFiles(context as unknown as OperationContext, {
      reader: {
        get: (key, answer) => {
          const name = key.toString('latin1');
          this.reads.push({ key: name, answer });
          if (!this.isReaderHeld) answer(this.#records.get(name) ?? ABSENT);
        },
      },
      linearizable: {
        get: (key, answer) => answer(this.#records.get(key.toString('latin1')) ?? ABSENT),
      },
      pages: { page: (operation, answer) => void this.pages.push({ operation, answer }) },
      writer: { set: (request, answer) => void this.sets.push({ request, answer }) },
      conditional: { write: (request, answer) => void this.writes.push({ request, answer }) },
    });
  }

  set map(map: ClusterMap | undefined) {
    this.#router.map = map;
  }

  get map(): ClusterMap {
    const { map } = this.#router;
    if (map === undefined) throw new Error('there is no map');
    return map;
  }

  pass(milliseconds: number): void {
    this.time.runTo(this.time.monotonicMs() + milliseconds);
  }

  /** Asks all file servers how they are: those with a number have so many free bytes, the others are silent. */
  askRooms(
    freeBytes: Readonly<Record<string, number | undefined>>,
    busy: Readonly<Record<string, number>> = {},
  ): void {
    this.network.called = (call) => {
      if (call.path !== '/room') return;
      const free = freeBytes[call.server];
      if (free === undefined) return;
      call.answer(200, {
        id: call.server,
        store: 'a-store',
        freeBytes: free,
        busy: busy[call.server] ?? 0,
        readOnly: false,
      });
    };
    this.files.start();
    this.pass(2 * TIMES.downMs);
  }

  /** What the reader answers of this key from now on. */
  holds(key: Buffer, outcome: ReadOutcome): void {
    this.#records.set(key.toString('latin1'), outcome);
  }

  hasClass(copies: number, name = DEFAULT_CLASS): void {
    const key = classKey(name);
    this.holds(key, { kind: 'value', record: recordOf(key, encodeClass(copies)) });
  }

  hasFile(manifest: FileManifest, key = KEY): void {
    this.holds(key, { kind: 'value', record: recordOf(key, encodeManifest(manifest)) });
  }

  put(body: BodyByHand, more: Partial<PutFile> = {}): void {
    const request: PutFile = {
      key: KEY,
      body,
      bytesMax: 2 ** 40,
      contentType: 'text/plain',
      replicationClass: DEFAULT_CLASS,
      waitsForAll: false,
      condition: NO_CONDITION,
      expected: {},
      ...more,
    };
    const before = this.outcomes.length;
    this.files.put(request, (outcome) => {
      expect(this.outcomes, 'an upload is answered once').toHaveLength(before);
      expect(body.isDone, 'the body was read to its end, or discarded').toBe(true);
      this.outcomes.push(outcome);
    });
  }

  /** The servers to which the body is sent, in the order of their placement. */
  get targets(): readonly ScriptedRequest[] {
    return this.network.requests.filter(({ method }) => method === 'PUT');
  }

  get blob(): BlobId {
    const [, , id = ''] = (this.targets[0]?.path ?? '').split('/');
    return id as BlobId;
  }

  /** All targets take the whole body and say so. */
  stage(): void {
    for (const target of this.targets) {
      target.takeAll();
      target.answer(201);
    }
  }

  /** All that are asked to commit do. */
  commit(): void {
    for (const target of this.targets) this.network.oneCall(target.server, 'commit').answer(200);
  }

  /** The one set is stored. */
  store(created = true): void {
    expect(this.sets).toHaveLength(1);
    this.sets[0]?.answer({ kind: 'stored', version: 7n as Version, created, record: undefined });
  }

  /** In short, how the uploads have ended. */
  get told(): readonly string[] {
    return this.outcomes.map((outcome) => {
      const more = 'code' in outcome ? outcome.code : 'why' in outcome ? outcome.why : '';
      return `${outcome.kind} ${more}`.trim();
    });
  }

  /** The servers that were told to drop the blob. */
  get dropped(): readonly string[] {
    const drops = this.network.requests.filter(({ method }) => method === 'DELETE');
    return drops.map(({ server }) => server).sort();
  }

  /** The servers that were asked to look at a blob, as `SERVER BLOB`. */
  get lookedAt(): readonly string[] {
    const looks = this.network.calls.filter(({ path }) => path.endsWith('/check'));
    return looks.map(({ server, path }) => `${server} ${path.split('/')[2]}`).sort();
  }

  expectNothingLeft(): void {
    for (const request of this.network.underWay) {
      if (request.method === 'DELETE') request.answer(200);
    }
    expect(this.network.underWay).toEqual([]);
    expect(this.time.timers).toBe(0);
  }
}

export const ABSENT: ReadOutcome = { kind: 'absent', version: VERSION_ZERO };

export function recordOf(key: Buffer, value: Buffer, version = 1n): StoredRecord {
  return encodeRecord({
    key,
    version: version as Version,
    expiresAtMs: 0,
    attributes: [],
    value,
  });
}
