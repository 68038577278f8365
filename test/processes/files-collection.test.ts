// Files that are overwritten again and again leave nothing but what is live: on real disks, whose file servers are made older
// between two starts, and are short of room in the end. `npm run test:large` plays it with 10,000 files.

import { randomFillSync } from 'node:crypto';
import { readdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { encodeCheckedJson } from '../../src/cluster/wire/checked-json.ts';
import { until } from '../helpers/cluster.ts';
import { FileClient, sha512Of } from '../helpers/file-client.ts';
import { Fleet, type Node } from '../helpers/fleet.ts';

const FILES = Number(process.env.LARGE_FILES ?? 50);
const TIMES = 5;
const AT_ONCE = 32;
/** Longer than what a record keeps. */
const BYTES = 64 * 1024 + 1;
const COPIES = 2;
const HOUR_MS = 3_600_000;
/** Sixty thousand uploads take their time. */
const PATIENCE_MS = HOUR_MS;
const UPTIME_FORMAT = 1;
/** Slower than this, a minute of rest between two passes would be three. */
const TIME_SCALE = 1;

let fleet: Fleet;
afterAll(() => fleet?.stop());

const source = randomFillSync(Buffer.alloc(1024 * 1024));

/** Of one version of a file: of no other one. */
function contentOf(file: number, version: number): Buffer {
  const bytes = Buffer.from(source.subarray((file * 7919) % 900_000).subarray(0, BYTES));
  bytes.writeUInt32BE(file, 0);
  bytes.writeUInt32BE(version, 4);
  return bytes;
}

async function forAll(work: (file: number) => Promise<void>): Promise<void> {
  const left = Array.from({ length: FILES }, (_, file) => file).values();
  const worker = async () => {
    for (const file of left) await work(file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function directoryOf(server: Node): string {
  return join(fleet.directory, `fileserver-${fleet.fileservers.indexOf(server)}`);
}

/** The files below one of the folders of a file server: how many, and how many bytes. */
function onDisk(server: Node, folder: string) {
  const below = join(directoryOf(server), folder);
  const files = readdirSync(below, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    // It may be moved while all are looked at.
    const stat = statSync(join(below, name), { throwIfNoEntry: false });
    return stat?.isFile() === true ? [{ name, bytes: stat.size }] : [];
  });
  const blobs = files.filter(({ name }) => !name.endsWith('.meta'));
  const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0);
  return { blobs: blobs.length, metas: files.length - blobs.length, bytes };
}

function onAllDisks(folder: string) {
  const all = fleet.fileservers.map((server) => onDisk(server, folder));
  const sum = (field: 'blobs' | 'metas' | 'bytes') =>
    all.reduce((total, one) => total + one[field], 0);
  return { blobs: sum('blobs'), metas: sum('metas'), bytes: sum('bytes') };
}

/** Ends all file servers, has each changed, and starts them again. */
async function restart(
  change: (directory: string) => void,
  ...options: readonly string[]
): Promise<void> {
  for (const server of fleet.fileservers) {
    await server.kill();
    change(directoryOf(server));
    server.start(...options);
  }
  for (const server of fleet.fileservers) await until(() => server.isReady());
}

/** What is counted by is the time that the file server was up. */
function upAnHourMore(directory: string): void {
  const uptime = encodeCheckedJson(UPTIME_FORMAT, { uptimeMs: HOUR_MS });
  writeFileSync(join(directory, 'fileserver.uptime'), uptime);
}

/** Whether a disk is short of room with the greatest `--reserve` that there is, and the room for uploads beside it. */
function canBeShort(): boolean {
  const { bavail, blocks } = statfsSync(fleet.directory);
  return bavail < 0.9 * blocks;
}

test(
  'F2, F4: files that are overwritten five times leave exactly their live bytes',
  async () => {
    fleet = await Fleet.start({
      storages: 3,
      frontends: 0,
      fileservers: 3,
      data: 'all',
      timeScale: TIME_SCALE,
    });
    const client = await FileClient.connect(fleet.controller.address, TIME_SCALE);
    for (let version = 0; version <= TIMES; version++) {
      await forAll(async (file) => {
        await client.put(`file-${file}`, contentOf(file, version));
      });
    }
    const live = { blobs: COPIES * FILES, metas: COPIES * FILES, bytes: COPIES * FILES * BYTES };
    const dead = {
      blobs: TIMES * live.blobs,
      metas: TIMES * live.metas,
      bytes: TIMES * live.bytes,
    };
    expect(onAllDisks('blobs').blobs + onAllDisks('trash').blobs).toBe(live.blobs + dead.blobs);
    await restart(upAnHourMore);
    await until(async () => onAllDisks('blobs').blobs <= live.blobs);
    expect(onAllDisks('blobs')).toEqual(live);
    expect(onAllDisks('trash')).toEqual(dead);
    if (canBeShort()) {
      // Its seven days cannot be made shorter on a real disk, but uploads that are short of room end them.
      await restart(() => undefined, '--reserve', '90');
      await until(() => onAllDisks('trash').metas === 0);
      expect(onAllDisks('trash')).toEqual({ blobs: 0, metas: 0, bytes: 0 });
    }
    expect(onAllDisks('blobs')).toEqual(live);
    expect(onAllDisks('incoming').bytes).toBe(0);
    await forAll(async (file) => {
      expect(await client.read(`file-${file}`)).toBe(sha512Of(contentOf(file, TIMES)));
    });
  },
  PATIENCE_MS,
);
