// A machine whose data directory has a map and the identity of an earlier life, so that a start recovers it.

import type { NodeId } from '../../src/cluster/model/identity.ts';
import type { DiskResult, Runtime } from '../../src/cluster/ports.ts';
import {
  decodeIdentity,
  encodeIdentity,
  IDENTITY_FILE,
  type Identity,
} from '../../src/storage/data-directory/identity-file.ts';
import {
  DirectoryRecovery,
  encodeAdoptedMap,
  MAP_FILE,
  type Recovered,
} from '../../src/storage/data-directory/recovery.ts';
import type { SegmentStore } from '../../src/storage/memory/segment-store.ts';
import { Machine, STORE } from './machine.ts';
import { incarnationOf, sampleMap } from './maps.ts';

export const EARLIER: Identity = {
  node: 'a' as NodeId,
  store: STORE,
  incarnation: incarnationOf(7),
  lives: undefined,
  bootId: 'start 1',
  closedAt: undefined,
  fsync: 'interval',
  completeSince: incarnationOf(3),
  promisedGeneration: 0,
  promisedNonce: undefined,
};

export class RecoveringMachine extends Machine {
  constructor(seed: number) {
    super(seed);
    this.replace(IDENTITY_FILE, encodeIdentity(EARLIER));
    this.replace(MAP_FILE, encodeAdoptedMap(sampleMap()));
  }

  replace(name: string, bytes: Buffer): void {
    this.wait<DiskResult<undefined>>((done) => this.disk.port().replace(name, bytes, done));
  }

  recover(store: SegmentStore): Recovered {
    return this.wait((done) => this.begin(store, done));
  }

  begin(store: SegmentStore, done: (recovered: Recovered) => void): void {
    const { process, disk } = this;
    const runtime = {
      clock: process,
      timers: process,
      random: this.world.random,
      logger: { write: () => undefined },
      host: { bootId: () => disk.bootId() },
    } as unknown as Runtime;
    const options = { node: 'a' as NodeId, nodeIsGiven: false, fsync: 'interval' } as const;
    new DirectoryRecovery(runtime, disk.port(), store, options, done).start();
  }

  identity(): Identity | string {
    return decodeIdentity(this.disk.image().files.get(IDENTITY_FILE) ?? Buffer.alloc(0));
  }
}
