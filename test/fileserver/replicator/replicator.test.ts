// A file server's replicator over a real store in memory; the records and the other file servers are scripted, and time is
// virtual. Whole clusters are played by the simulator.

import { beforeEach, describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { encodeMapVersion } from '../../../src/cluster/model/cluster-map.ts';
import type { FileServerEntry } from '../../../src/cluster/model/file-server.ts';
import type { Address, NodeId } from '../../../src/cluster/model/identity.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { CallOutcome, ControlCall } from '../../../src/cluster/ports.ts';
import type { GetOfMany } from '../../../src/coordinator/operations/get/many.ts';
import type { ReadOutcome } from '../../../src/coordinator/operations/get/round.ts';
import { type BlobId, newBlobId } from '../../../src/files/blob-id.ts';
import { DEFAULT_CLASS } from '../../../src/files/file-key.ts';
import { fileTimes } from '../../../src/files/file-times.ts';
import { encodeManifest } from '../../../src/files/manifest.ts';
import { placementOf } from '../../../src/files/placement.ts';
import { Replicator, type ReplicatorParts } from '../../../src/fileserver/replicator/replicator.ts';
import { TrashKeeper } from '../../../src/fileserver/replicator/trash-keeper.ts';
import { BlobStage, blobOf, CLUSTER, type TestBlob } from '../../helpers/blob-stage.ts';
import { sampleMap } from '../../helpers/maps.ts';

const SELF = 'f1' as NodeId;
const TIMES = fileTimes(1);
const DAY_MS = 24 * 3_600_000;

const entry = (id: string, state: FileServerEntry['state'] = 'in') =>
  ({
    address: `${id}:1` as Address,
    store: `${id}-store`,
    host: id,
    weight: 1,
    state,
  }) as FileServerEntry;

class Scene extends BlobStage {
  map: ClusterMap = {
    ...sampleMap(),
    fileServers: { f1: entry('f1'), f2: entry('f2'), f3: entry('f3') },
  };
  /** What gets of owners are answered; the absence of all others is proven. */
  readonly records = new Map<string, ReadOutcome>();
  /** What all members say together, where that is something else. */
  readonly settled = new Map<string, ReadOutcome>();
  /** Which blobs the others have; a server that is not here does not answer. */
  readonly others = new Map<string, Set<BlobId>>([
    ['f2', new Set()],
    ['f3', new Set()],
  ]);
  /** The maps by which others place blobs, where that is another one. */
  readonly otherMaps = new Map<string, string>();
  readonly lost = new Set<string>();
  readonly pulled: string[] = [];
  copies = 2;
  missingBytes = 0;
  isLossAccepted = false;
  isForeign = false;

  readonly parts: ReplicatorParts = {
    self: SELF,
    runtime: {
      network: {
        call: (call: ControlCall, done: (outcome: CallOutcome) => void) => this.#call(call, done),
      },
      logger: this.runtime.logger,
      timers: this.time,
      clock: this.time,
    } as unknown as ReplicatorParts['runtime'],
    router: { map: undefined },
    manyReader: { get: (gets: readonly GetOfMany[]) => this.#get(gets) },
    settledReader: {
      get: (gets: readonly GetOfMany[]) => {
        for (const each of gets) {
          const settled = this.settled.get(each.key.toString());
          if (settled !== undefined) each.callback(settled);
          else this.parts.manyReader.get([each]);
        }
      },
    },
    classes: {
      copies: (_name, callback) => callback({ kind: 'known', copies: this.copies }),
    },
    watch: {
      isUp: (id) => this.others.has(id),
      isLost: (id) => this.lost.has(id),
    },
    times: TIMES,
    store: this.store,
    files: this.files,
    ageMs: ({ uptimeMs }) => this.uptimeMs - uptimeMs,
    isLossAccepted: () => this.isLossAccepted,
    isForeign: () => this.isForeign,
  };
  readonly replicator = new Replicator(
    Object.defineProperty(this.parts, 'router', { value: this.#router() }),
  );

  #router() {
    const map = () => this.map;
    return {
      get map() {
        return map();
      },
    };
  }

  #get(gets: readonly GetOfMany[]): void {
    for (const { key, callback } of gets) {
      callback(this.records.get(key.toString()) ?? { kind: 'absent', version: 0n as Version });
    }
  }

  #call({ address, path, message }: ControlCall, done: (outcome: CallOutcome) => void): void {
    const server = address.split(':')[0] ?? '';
    const has = this.others.get(server);
    if (has === undefined) {
      this.time.after(TIMES.haveMs, () => done({ kind: 'failed', detail: 'scripted' }));
      return;
    }
    if (path === '/blobs/have') {
      const { ids } = message as unknown as { readonly ids: readonly BlobId[] };
      const bits = Buffer.alloc(Math.ceil(ids.length / 8));
      for (const [index, id] of ids.entries()) {
        if (has.has(id)) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
      }
      const map = this.otherMaps.get(server) ?? encodeMapVersion(this.map.version);
      const reply = { have: bits.toString('base64'), map };
      this.time.after(1, () => done({ kind: 'answered', status: 200, message: reply }));
      return;
    }
    const id = path.split('/')[2] as BlobId;
    this.pulled.push(`${server} ${id}`);
    has.add(id);
    this.time.after(1, () => done({ kind: 'answered', status: 200, message: {} }));
  }

  /** The record of the blob's file: it names this blob, or another one. */
  name({ commit }: TestBlob, blob: BlobId): void {
    const value = encodeManifest({
      kind: 'blob',
      blob,
      size: 100_000,
      sha512: commit.sha512,
      md5: '0'.repeat(32),
      modifiedMs: 1,
      replicationClass: DEFAULT_CLASS,
    });
    const record = encodeRecord({ key: commit.owner, version: 1n as Version, value });
    this.records.set(commit.owner.toString(), { kind: 'value', record });
  }

  pass(ms: number): void {
    this.uptimeMs += ms;
    this.time.runTo(this.time.monotonicMs() + ms);
  }

  /** A whole pass and what follows from it, whenever it began. */
  passOnce(): void {
    for (let step = 0; step < 12; step++) this.pass(TIMES.passMs / 4);
  }

  isHere({ id }: TestBlob): boolean {
    return this.files.paths.some(
      (path) => path.startsWith('blobs/') && path.endsWith(`${id}.meta`),
    );
  }

  isInTrash({ id }: TestBlob): boolean {
    return this.files.paths.includes(`trash/${id}.meta`);
  }
}

/** A blob whose copies belong to these two servers, in this order. */
function blobPlaced(scene: Scene, first: string, second: string): TestBlob {
  for (let seed = 1; ; seed++) {
    const id = newBlobId(1000, seed.toString(16).padStart(32, '0'));
    const placed = placementOf(id, scene.map.fileServers).map((server) => server.id as string);
    if (placed[0] === first && placed[1] === second) return owned({ ...blobOf(seed, 1000), id });
  }
}

/** With an owner of its own. */
function owned(blob: TestBlob): TestBlob {
  return { ...blob, commit: { ...blob.commit, owner: Buffer.from(`owner of ${blob.id}`) } };
}

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
  scene.start();
  // A start has another store.
  Object.assign(scene.parts, { store: scene.store });
});

describe('a blob that its record names', () => {
  test('is fetched by who should have it and lacks it, from who has it', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, blob.id);
    scene.replicator.start();
    scene.passOnce();
    expect(scene.pulled).toEqual([`f2 ${blob.id}`]);
    expect(scene.replicator.report?.counts).toMatchObject({ looked: 1, incomplete: 0 });
  });

  test('is looked at within seconds where somebody says so', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, blob.id);
    scene.replicator.start();
    scene.passOnce();
    scene.others.get('f2')?.clear();
    scene.replicator.check(blob.id);
    scene.pass(3 * TIMES.batchMs);
    expect(scene.pulled).toEqual([`f2 ${blob.id}`, `f2 ${blob.id}`]);
  });

  test('goes to the next one where a server is lost, and is not trimmed there before that one has it again', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, blob.id);
    scene.others.delete('f2');
    scene.lost.add('f2');
    scene.replicator.start();
    scene.passOnce();
    expect(scene.pulled).toEqual([`f3 ${blob.id}`]);
  });

  test('F5: is trimmed when all who should have it say that they have, by the same map', () => {
    const blob = blobPlaced(scene, 'f2', 'f3');
    scene.put(blob);
    scene.name(blob, blob.id);
    scene.others.get('f2')?.add(blob.id);
    scene.others.delete('f3');
    scene.replicator.start();
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
    scene.others.set('f3', new Set([blob.id]));
    scene.otherMaps.set('f3', '9.9');
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
    scene.otherMaps.clear();
    scene.passOnce();
    expect([scene.isHere(blob), scene.isInTrash(blob)]).toEqual([false, true]);
  });

  test('counts as left on a server that drains until all the others have it', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, blob.id);
    expect(scene.replicator.left).toBeUndefined();
    scene.map = {
      ...scene.map,
      fileServers: { ...scene.map.fileServers, f1: entry('f1', 'draining') },
    };
    scene.others.delete('f3');
    scene.replicator.start();
    scene.passOnce();
    expect(scene.replicator.left).toBe(1);
    scene.others.set('f3', new Set([blob.id]));
    scene.passOnce();
    expect(scene.replicator.left).toBe(0);
    expect(scene.isHere(blob)).toBe(true);
  });
});

describe('what one member says', () => {
  const PARTITION_FAILED = { kind: 'failed' } as unknown as ReadOutcome;

  /** A blob that is where it belongs, and that all members say its record names. */
  function settledBlob(): { readonly blob: TestBlob; readonly owner: string } {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.others.get('f2')?.add(blob.id);
    scene.name(blob, blob.id);
    const owner = blob.commit.owner.toString();
    const named = scene.records.get(owner);
    if (named === undefined) throw new Error('it was named');
    scene.settled.set(owner, named);
    return { blob, owner };
  }

  test.each([
    ['an overwrite that all of them do not have', 'named'],
    ['an overwrite of which they cannot all be asked', 'unknown'],
  ] as const)('F5: of %s throws nothing away', (_, said) => {
    const { blob, owner } = settledBlob();
    if (said === 'unknown') scene.settled.set(owner, PARTITION_FAILED);
    scene.name(blob, newBlobId(1, 'e'.repeat(32)));
    scene.uptimeMs = 2 * TIMES.supersededMs;
    scene.replicator.start();
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
    expect(scene.replicator.report?.counts).toMatchObject({
      superseded: 0,
      unknown: said === 'unknown' ? 1 : 0,
    });
    scene.settled.delete(owner);
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(false);
  });

  test('F5: of an absence that the others do not know collects nothing', () => {
    const { blob, owner } = settledBlob();
    scene.records.delete(owner);
    scene.uptimeMs = 2 * DAY_MS;
    scene.replicator.start();
    scene.passOnce();
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
    scene.settled.delete(owner);
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(false);
  });
});

test('F2, F5: a blob is not trimmed when the map changes between the confirmations and the trim', () => {
  const blob = blobPlaced(scene, 'f2', 'f3');
  scene.put(blob);
  scene.name(blob, blob.id);
  for (const other of ['f2', 'f3']) scene.others.get(other)?.add(blob.id);
  // Another blob is thrown away first, which takes its time.
  const overwritten = blobPlaced(scene, 'f1', 'f2');
  scene.put(overwritten);
  scene.name(overwritten, newBlobId(1, 'e'.repeat(32)));
  scene.uptimeMs = TIMES.supersededMs;
  const { discard } = scene.store;
  let isChanged = false;
  scene.store.discard = (id, callback) => {
    if (!isChanged) {
      const { version } = scene.map;
      scene.map = { ...scene.map, version: { ...version, number: version.number + 1 } };
    }
    isChanged = true;
    discard.call(scene.store, id, callback);
  };
  scene.replicator.start();
  scene.pass(10 * TIMES.batchMs);
  expect([scene.isHere(overwritten), scene.isHere(blob)]).toEqual([false, true]);
  scene.passOnce();
  expect(scene.isHere(blob)).toBe(false);
});

test('passes go on while blobs are to be looked at all the time', () => {
  const blob = blobPlaced(scene, 'f1', 'f2');
  scene.put(blob);
  scene.name(blob, blob.id);
  const other = newBlobId(1, 'e'.repeat(32));
  scene.replicator.start();
  for (let looks = 0; looks < 20; looks++) {
    scene.replicator.check(other);
    scene.pass(TIMES.batchMs / 2);
    scene.replicator.check(other);
    scene.pass(TIMES.batchMs / 2);
  }
  expect(scene.pulled).toEqual([`f2 ${blob.id}`]);
  expect(scene.replicator.report).toBeDefined();
});

test('a server that stops answering costs the time of a few copies, not of each', () => {
  const blobs = Array.from({ length: 40 }, (_, number) => owned(blobOf(number + 1, 1000)));
  scene.map = { ...scene.map, fileServers: { f1: entry('f1'), f2: entry('f2') } };
  for (const blob of blobs) {
    scene.put(blob);
    scene.name(blob, blob.id);
  }
  const { network } = scene.parts.runtime;
  const { call } = network;
  let pulls = 0;
  network.call = (asked, done) => {
    if (!asked.path.endsWith('/pull')) return call(asked, done);
    pulls++;
    scene.others.delete('f2');
    scene.time.after(asked.timeoutMs, () => done({ kind: 'failed', detail: 'scripted' }));
    return undefined;
  };
  scene.replicator.start();
  scene.passOnce();
  expect(pulls).toBeLessThan(10);
  expect(scene.replicator.report?.counts.incomplete).toBe(40);
});

describe('a server that drains has blobs left', () => {
  const drain = () => {
    scene.map = {
      ...scene.map,
      fileServers: { ...scene.map.fileServers, f1: entry('f1', 'draining') },
    };
    scene.replicator.start();
    scene.passOnce();
  };

  test('until others have an upload that is just being finished', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.others.get('f2')?.add(blob.id);
    scene.others.delete('f3');
    scene.put(blob);
    drain();
    expect(scene.replicator.left).toBe(1);
    scene.others.set('f3', new Set());
    scene.passOnce();
    scene.passOnce();
    expect(scene.pulled).toEqual([`f3 ${blob.id}`]);
    expect(scene.replicator.left).toBe(0);
  });

  test('until others have what was overwritten a moment ago, and no longer', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.others.get('f2')?.add(blob.id);
    scene.put(blob);
    scene.name(blob, newBlobId(1, 'e'.repeat(32)));
    drain();
    scene.passOnce();
    expect(scene.pulled).toEqual([`f3 ${blob.id}`]);
    expect(scene.replicator.left).toBe(0);
    expect(scene.isHere(blob)).toBe(true);
  });

  test('until others have what lost its record, which a rebuild may set anew', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.isLossAccepted = true;
    scene.uptimeMs = 2 * DAY_MS;
    drain();
    scene.passOnce();
    expect(scene.pulled.sort()).toEqual([`f2 ${blob.id}`, `f3 ${blob.id}`]);
    expect(scene.replicator.left).toBe(0);
  });

  test('while one is staged, or was committed since the pass began', () => {
    drain();
    expect(scene.replicator.left).toBe(0);
    const blob = owned(blobOf(1));
    scene.stage(blob);
    expect(scene.replicator.left).toBe(1);
    const committed = scene.begin((done) =>
      scene.store.commit(blob.id, CLUSTER, blob.commit, done),
    );
    expect(scene.replicator.left).toBe(1);
    for (let waited = 0; waited < 500 && committed.length === 0; waited++) scene.pass(1);
    expect(committed).toEqual([{ kind: 'committed' }]);
    expect(scene.replicator.left).toBe(1);
  });

  test('while one cannot be read', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, blob.id);
    for (const other of ['f2', 'f3']) scene.others.get(other)?.add(blob.id);
    scene.files.fail('open', `${blob.id}.meta`, 'broken', 1000);
    drain();
    expect(scene.replicator.left).toBe(1);
  });
});

describe('a blob that no record names', () => {
  test('is thrown away when its file was overwritten, not before an upload must be over; nobody copies it', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.name(blob, newBlobId(1, 'e'.repeat(32)));
    scene.replicator.start();
    scene.pass(TIMES.supersededMs - 60_000);
    expect(scene.isHere(blob)).toBe(true);
    scene.passOnce();
    expect([scene.isHere(blob), scene.isInTrash(blob)]).toEqual([false, true]);
    expect(scene.pulled).toEqual([]);
  });

  test('is thrown away a day after its commit when its owner is absent', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.replicator.start();
    scene.pass(DAY_MS - 60_000);
    expect(scene.isHere(blob)).toBe(true);
    scene.passOnce();
    expect([scene.isHere(blob), scene.isInTrash(blob)]).toEqual([false, true]);
  });

  test('stays where its absence proves nothing: losses were accepted', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.isLossAccepted = true;
    scene.uptimeMs = 2 * DAY_MS;
    scene.replicator.start();
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
  });

  test('stays where it came from another cluster, be its owner absent or another blob', () => {
    const [absent, superseded] = [blobPlaced(scene, 'f1', 'f2'), blobOf(7777, 1000)];
    scene.put(absent);
    scene.put(superseded);
    const value = encodeManifest({
      size: 1,
      sha512: 'a'.repeat(128),
      md5: 'b'.repeat(32),
      modifiedMs: 1,
      replicationClass: DEFAULT_CLASS,
      kind: 'blob',
      blob: newBlobId(5, 'e'.repeat(32)),
    });
    const key = superseded.commit.owner;
    scene.isForeign = true;
    scene.uptimeMs = 2 * DAY_MS;
    scene.replicator.start();
    scene.passOnce();
    const record = encodeRecord({ key, version: 1n as Version, value });
    scene.records.set(key.toString(), { kind: 'value', record });
    scene.passOnce();
    expect([absent, superseded].map((blob) => scene.isHere(blob))).toEqual([true, true]);
    scene.isForeign = false;
    scene.passOnce();
    expect(scene.isHere(superseded)).toBe(false);
  });

  test('F7: stays where nobody can tell, or nobody understands the record', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    const owner = blob.commit.owner.toString();
    scene.uptimeMs = 2 * DAY_MS;
    scene.records.set(owner, { kind: 'failed', code: 'unanswered', detail: 'scripted' });
    scene.replicator.start();
    scene.passOnce();
    expect(scene.replicator.report?.counts.unknown).toBe(1);
    const value = Buffer.from('of newer software');
    const record = encodeRecord({ key: blob.commit.owner, version: 1n as Version, value });
    scene.records.set(owner, { kind: 'value', record });
    scene.passOnce();
    expect(scene.isHere(blob)).toBe(true);
  });

  test('is proven once more before it goes: its record may have come since', () => {
    const blob = blobPlaced(scene, 'f1', 'f2');
    scene.put(blob);
    scene.uptimeMs = 2 * DAY_MS;
    const { get } = scene.parts.manyReader;
    let gets = 0;
    Object.assign(scene.parts.manyReader, {
      get: (each: readonly GetOfMany[]) => {
        if (++gets === 2) scene.name(blob, blob.id);
        get(each);
      },
    });
    scene.replicator.start();
    scene.passOnce();
    expect(gets).toBeGreaterThan(2);
    expect(scene.isHere(blob)).toBe(true);
  });
});

describe('the trash', () => {
  const keeper = (keptMax?: number) => {
    const parts = { ...scene.parts, timers: scene.time, clock: scene.time, files: scene.files };
    Object.defineProperty(parts, 'router', { value: scene.parts.router });
    const { logger } = scene.parts.runtime;
    scene.files.wallMs = () => scene.time.wallMs();
    const { store } = scene;
    const missingBytes = () => scene.missingBytes;
    const freed = (bytes: number) => {
      scene.missingBytes -= bytes;
    };
    return new TrashKeeper({ ...parts, store, logger, missingBytes, freed }, keptMax);
  };
  const thrownAway = (seed: number) => {
    const blob = owned(blobOf(seed, 1000));
    scene.put(blob);
    scene.ask((done) => scene.store.discard(blob.id, done));
    return blob;
  };

  test('keeps what it got for a week, and then unlinks it', () => {
    const trash = keeper();
    const blob = thrownAway(7);
    scene.uptimeMs = 2 * DAY_MS;
    trash.start();
    scene.pass(6 * DAY_MS);
    expect(scene.isInTrash(blob)).toBe(true);
    scene.pass(DAY_MS + TIMES.passMs);
    expect(scene.files.paths.filter((path) => path.includes(blob.id))).toEqual([]);
  });

  test('gives up the oldest where room is short, until there is enough', () => {
    const trash = keeper();
    const older = thrownAway(7);
    scene.pass(60_000);
    const newer = thrownAway(8);
    scene.uptimeMs = 2 * DAY_MS;
    scene.missingBytes = 1000;
    trash.start();
    scene.pass(2 * TIMES.passMs);
    expect([scene.isInTrash(older), scene.isInTrash(newer)]).toEqual([false, true]);
  });

  test('unlinks what is old also where there is more than it keeps in mind, and some of it stays', () => {
    const trash = keeper(2);
    const blobs = Array.from({ length: 9 }, (_, number) => {
      scene.pass(1000);
      return thrownAway(number + 1);
    });
    for (const { commit } of blobs.slice(0, 4)) {
      const unknown = { kind: 'failed', code: 'unanswered', detail: 'scripted' } as const;
      scene.records.set(commit.owner.toString(), unknown);
    }
    scene.uptimeMs = 2 * DAY_MS;
    scene.time.runTo(8 * DAY_MS);
    trash.start();
    scene.pass(1.5 * TIMES.passMs);
    expect(blobs.map((blob) => scene.isInTrash(blob))).toEqual([
      ...[true, true, true, true],
      ...[false, false, false, false, false],
    ]);
  });

  test('F2: does not unlink what somebody brings back meanwhile', () => {
    const trash = keeper();
    const blob = thrownAway(7);
    scene.uptimeMs = 2 * DAY_MS;
    scene.time.runTo(8 * DAY_MS);
    const { takeTurn } = scene.store;
    let restored: readonly { readonly kind: string }[] = [];
    scene.store.takeTurn = (id, work) => {
      scene.store.takeTurn = takeTurn;
      scene.store.files.trashed(id, (found) => {
        if (found.kind !== 'meta') throw new Error('it is in the trash');
        restored = scene.begin((done) => scene.store.restore(found.meta, done));
        takeTurn.call(scene.store, id, work);
      });
    };
    trash.start();
    scene.pass(2 * TIMES.passMs);
    expect(restored.map(({ kind }) => kind)).toEqual(['moved']);
    expect(scene.hasBytes(blob)).toBe(true);
  });

  test('F2: keeps what only one member says was overwritten or deleted (H21)', () => {
    const trash = keeper();
    const [overwritten, deleted] = [thrownAway(7), thrownAway(8)];
    for (const blob of [overwritten, deleted]) {
      scene.name(blob, blob.id);
      const owner = blob.commit.owner.toString();
      scene.settled.set(owner, scene.records.get(owner) as ReadOutcome);
      scene.records.delete(owner);
    }
    scene.name(overwritten, newBlobId(5, 'e'.repeat(32)));
    scene.uptimeMs = 2 * DAY_MS;
    scene.missingBytes = 1;
    trash.start();
    scene.pass(2 * TIMES.passMs);
    expect([overwritten, deleted].map((blob) => scene.hasBytes(blob))).toEqual([true, true]);
  });

  test('F2, F7: keeps what nobody can tell of, and gives back what a record names', () => {
    const trash = keeper();
    const [unknown, named] = [thrownAway(7), blobPlaced(scene, 'f1', 'f2')];
    scene.put(named);
    scene.ask((done) => scene.store.discard(named.id, done));
    scene.uptimeMs = 2 * DAY_MS;
    scene.missingBytes = 1;
    scene.records.set(unknown.commit.owner.toString(), {
      kind: 'failed',
      code: 'unanswered',
      detail: 'scripted',
    });
    scene.name(named, named.id);
    trash.start();
    scene.pass(2 * TIMES.passMs);
    expect(scene.isInTrash(unknown)).toBe(true);
    expect(scene.isHere(named)).toBe(true);
  });
});
