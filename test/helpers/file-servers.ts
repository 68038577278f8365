// File servers of one process: real directories and sockets, and no controller. Their directories are of a cluster already,
// so that they serve without one.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Files } from '../../src/cluster/files.ts';
import { openFiles } from '../../src/cluster/io/disk/files.ts';
import { openNetwork } from '../../src/cluster/io/network/network.ts';
import {
  openHost,
  systemClock,
  systemRandom,
  systemTimers,
} from '../../src/cluster/io/process/system.ts';
import { startHttpServer } from '../../src/cluster/io/server/http-server.ts';
import type { Address, ClusterId, NodeId, StoreId } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { encodeStoreIdentity } from '../../src/fileserver/blob-store/identity-file.ts';
import { FileServer } from '../../src/fileserver/file-server.ts';
import { call } from './client.ts';
import { until } from './cluster.ts';

export interface TestFileServer {
  readonly address: Address;
  readonly directory: string;
  readonly service: FileServer;
  readonly logged: readonly string[];
  /** The paths of the files below a folder of its directory. */
  files(folder: string): readonly string[];
  stop(): Promise<void>;
}

/** Nobody listens there. */
const NO_CONTROLLER = '127.0.0.1:1' as Address;

export async function startFileServer({
  cluster = 'a cluster',
  wrap = (files) => files,
  timeScale = 1,
  holds = {},
}: {
  readonly cluster?: string;
  readonly wrap?: (files: Files) => Files;
  readonly timeScale?: number;
  /** What is in its directory from before, by the names of the files. */
  readonly holds?: Readonly<Record<string, Buffer>>;
} = {}): Promise<TestFileServer> {
  const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  const files = await openFiles(directory);
  const store = systemRandom.token() as StoreId;
  const identity = { node: `server ${store}` as NodeId, store, cluster: cluster as ClusterId };
  writeFileSync(join(directory, 'fileserver.identity'), encodeStoreIdentity(identity));
  for (const [name, bytes] of Object.entries(holds)) writeFileSync(join(directory, name), bytes);
  const logged: string[] = [];
  const service = new FileServer(
    {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      network: openNetwork(),
      logger: {
        write: (level, message, fields) => {
          logged.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
        },
      },
      host: openHost({ linesDropped: () => 0 }),
      disk: undefined,
      files: wrap(files),
    },
    {
      controller: NO_CONTROLLER,
      address: '127.0.0.1:2' as Address,
      node: identity.node,
      nodeIsGiven: false,
      host: 'here',
      weight: 1,
      reserveShare: 0,
      adopt: false,
      times: protocolTimes(timeScale),
    },
  );
  const server = await startHttpServer(service, {
    host: '127.0.0.1',
    port: 0,
    bodyBytesMax: 1024 * 1024,
    valueBytesMax: 0,
  });
  service.start();
  const address = `127.0.0.1:${server.port}` as Address;
  await until(async () => {
    const { text } = await call(address, '/room');
    return text.includes('"freeBytes":') && !text.includes('"freeBytes":0,');
  });
  return {
    address,
    directory,
    service,
    logged,
    files: (folder) =>
      readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    async stop() {
      await server.drain(0, 0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
