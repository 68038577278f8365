// Files of a real cluster while its processes die and stand still: what was acknowledged is read back whole, and no reader
// gets a wrong byte (F1, F3). The clients know every byte beforehand.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, inParallel } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet, type Node } from '../helpers/fleet.ts';

/** Beyond the size up to which files are in their records. */
const BYTES = [70_000, 262_144, 400_001] as const;
const CLIENTS = 32;

/** The content of a file: from its number alone. */
function contentOf(number: number): Buffer {
  const length = BYTES[number % BYTES.length] ?? 0;
  const seed = createHash('sha256').update(`file ${number}`).digest();
  return Buffer.alloc(length, seed);
}

const pathOf = (number: number) => `/file?path=files/${number}.bin`;

describe('a cluster whose processes die and stand still', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ storages: 4, frontends: 3, fileservers: 4, data: 'all' });
  });
  afterAll(() => fleet?.stop());

  /** The frontend that dies, and whose clients see that. */
  const mortal = () => fleet.frontend(2);
  const immortal = (number: number) => fleet.frontend(number % 2).address;

  async function upload(address: string, number: number): Promise<boolean> {
    try {
      const answer = await call(address, pathOf(number), {
        method: 'PUT',
        body: contentOf(number),
      });
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  /** @returns whether it came whole; fails where a byte is wrong, or a whole answer is not the file */
  async function download(address: string, number: number): Promise<boolean> {
    let answer: Awaited<ReturnType<typeof call>>;
    try {
      answer = await call(address, pathOf(number));
    } catch {
      return false;
    }
    if (answer.status !== 200) return false;
    expect(answer.bytes.equals(contentOf(number)), `file ${number}`).toBe(true);
    return true;
  }

  test('keeps every file that it acknowledged, and sends no wrong byte', async () => {
    const acknowledged: number[] = [];
    let next = 0;
    let isOver = false;
    let failedDownloads = 0;
    let downloads = 0;
    const uploader = async (client: number) => {
      while (!isOver) {
        const number = next++;
        const address = client % 8 === 0 ? mortal().address : immortal(client);
        if (await upload(address, number)) acknowledged.push(number);
      }
    };
    const downloader = async (client: number) => {
      for (let turn = client; !isOver; turn += 7) {
        const number = acknowledged[turn % Math.max(1, acknowledged.length)];
        if (number === undefined) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        downloads++;
        if (!(await download(immortal(client), number))) failedDownloads++;
      }
    };
    const more = async () => {
      const before = acknowledged.length;
      await until(() => Promise.resolve(acknowledged.length >= before + CLIENTS));
    };
    const kill = async (node: Node) => {
      await node.kill();
      await more();
      node.start();
      await fleet.untilReady(node);
    };
    const stopped = async (node: Node) => {
      node.signal('SIGSTOP');
      await more();
      node.signal('SIGCONT');
    };
    const clients = Array.from({ length: CLIENTS }, (_, index) => index);
    const working = Promise.all([
      ...clients.map((client) => uploader(client)),
      ...clients.map((client) => downloader(client)),
    ]);
    try {
      await more();
      await kill(fleet.fileserver(0));
      await stopped(fleet.fileserver(1));
      await kill(fleet.storage(0));
      await stopped(fleet.storage(1));
      await kill(mortal());
      await kill(fleet.fileserver(2));
      await more();
    } finally {
      isOver = true;
      await working;
    }
    expect(downloads).toBeGreaterThan(CLIENTS);
    // A file server that dies or stands still is no reason for a download to fail; a storage node may be, for a moment.
    console.info(`${acknowledged.length} files, ${downloads} downloads, ${failedDownloads} failed`);
    await inParallel(acknowledged, 16, async (number) => {
      await until(() => download(immortal(number), number));
    });
  });
});
