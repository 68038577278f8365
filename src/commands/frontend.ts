// `velour frontend`: composes a frontend with the machine, alone or as one of its workers.

import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { letHeapGrow } from '../cluster/io/process/heap.ts';
import type { ProcessLogger } from '../cluster/io/process/logger.ts';
import { type Address, formatAddress, hostOf, parseAddress } from '../cluster/model/identity.ts';
import { protocolTimes, STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import type { MapFile } from '../coordinator/cached-map.ts';
import type { BlobOptions } from '../frontend/gateways/blobs/blob-interface.ts';
import { peerOf } from '../frontend/gateways/blobs/peer-list.ts';
import type { BrokerOptions } from '../frontend/gateways/broker/broker-interface.ts';
import type { BrokerConfigFile } from '../frontend/gateways/broker/config/config-file.ts';
import {
  type Arguments,
  BLOB_OPTIONS,
  BROKER_OPTION,
  type Command,
  HOST_OPTION,
  SERVER_OPTIONS,
  SFSS_OPTION,
  usage,
  VALUE_OPTIONS,
} from './options.ts';
import { type ServedRole, serve } from './serve.ts';
import { onHangup } from './signals.ts';

/** Longer than a client takes from an answer to its next request on the same connection. */
const QUIET_MS = 500;

export const frontendCommand: Command = {
  usage: 'frontend <controller> <own>',
  describe: 'Take the requests of clients; any number, all alike',
  options: {
    ...SERVER_OPTIONS,
    ...VALUE_OPTIONS,
    ...SFSS_OPTION,
    ...HOST_OPTION,
    storage: {
      type: 'string',
      describe:
        'HOST:PORT of a storage node, asked for the map while the controller is away; several times, or several with commas',
    },
    'map-file': {
      type: 'string',
      describe: 'Where the last map is kept, for a start while the controller is away',
    },
    'shutdown-delay': {
      type: 'number',
      default: 0,
      describe:
        'Seconds in which a stop only says that it is not ready, and serves on: until a load balancer has noticed',
    },
    'idle-timeout': {
      type: 'number',
      default: 65,
      describe:
        'Seconds a connection stays open on which nothing is asked; above that of whoever is in front',
    },
    workers: {
      type: 'string',
      default: '1',
      describe: 'Processes that share the port, or auto: one a processor',
    },
    'blobs-port': {
      type: 'number',
      describe: 'Port of the blob service, which has one of its own; by default there is none',
    },
    ...BLOB_OPTIONS,
    ...BROKER_OPTION,
    'broker-port': {
      type: 'number',
      describe:
        'Port of the broker, which has one of its own; by default that of its configuration, or none',
    },
    me: {
      type: 'string',
      describe:
        'The URL by which the list of peers names this frontend; by default that of its port',
    },
    melist: { type: 'string', describe: 'A text file whose first line is that URL' },
  },
  repeatable: ['storage'],
  serves: true,
  positionals: {
    controller: { describe: 'HOST:PORT of the controller' },
    own: { describe: 'HOST:PORT of this frontend, as clients reach it' },
  },
  examples: [['velour frontend 10.0.0.1:12000 10.0.0.3:12080', 'one frontend']],
  async run(words) {
    const controller = words.address('controller');
    const address = words.address('own');
    const valueBytesMax = words.valueBytesMax();
    const sfssBytesMax = words.sfssBytesMax();
    const times = protocolTimes(words.positive('time-scale'));
    const storages = words.addressList('storage', STORAGE_NODES_MAX);
    const mapPath = words.optionalText('map-file');
    const workers = words.workers();
    const shutdownDelayMs = words.number('shutdown-delay', { min: 0, max: 3600 }) * 1000;
    const identity = { name: 'frontend', node: address } as const;
    // A frontend of one process has no primary, and loads none of this.
    const primary =
      workers === 1 ? undefined : (await import('../cluster/io/process/workers.ts')).openPrimary();
    if (workers > 1 && primary === undefined) {
      const { serveWithWorkers } = await import('./workers.ts');
      return serveWithWorkers(identity, words, workers, shutdownDelayMs);
    }
    const blobs = await blobOptionsOf(words, address);
    const broker = await brokerOptionsOf(words, address);
    const { Frontend } = await import('../frontend/frontend.ts');
    const mapFile =
      mapPath === undefined ? undefined : await mapFileAt(mapPath, primary?.worker ?? 1);
    const role: ServedRole = {
      ...identity,
      host: words.host() ?? hostOf(address),
      port: parseAddress(address)?.port ?? 0,
      controller,
      dataDirectory: undefined,
      bodyBytesMax: valueBytesMax,
      valueBytesMax,
      quietMs: QUIET_MS,
      idleMs: words.number('idle-timeout', { min: 1, max: 86_400 }) * 1000,
      shutdownDelayMs,
      make: (runtime, logger) =>
        new Frontend(runtime, {
          controller,
          address,
          times,
          storages,
          valueBytesMax,
          sfssBytesMax,
          mapFile,
          workerGroup: primary,
          blobs,
          broker: broker?.(logger),
        }),
    };
    letHeapGrow();
    if (primary === undefined) return serve(role, words);
    return (await import('./worker.ts')).serveAsWorker(role, words, primary);
  },
};

/** @returns undefined where no port is given */
async function blobOptionsOf(words: Arguments, own: Address): Promise<BlobOptions | undefined> {
  if (words.optionalText('blobs-port') === undefined) return undefined;
  const address = formatAddress(hostOf(own), words.port('blobs-port')) as Address;
  if (address === own) throw usage(`blobs-port is that of the frontend itself: ${address}`);
  const { operatorFiles } = await import('../cluster/io/disk/operator-files.ts');
  const { mediaProbe } = await import('../cluster/io/process/media-probe.ts');
  const denyPrefix = words.optionalText('deny');
  const peerList = words.optionalText('peerlist');
  return {
    address,
    operatorFiles,
    denyPrefix: denyPrefix === undefined ? undefined : prefixOf(denyPrefix),
    peerList: peerList === undefined ? undefined : resolve(peerList),
    requestsPerSecond: words.number('blobs-rate', { min: 0, max: 1_000_000 }),
    mediaProbe,
    me: ownUrl(words) ?? `http://${address}/`,
  };
}

/**
 * @returns undefined where no port is given, on the command line or in a configuration
 * @throws FatalError with exit code 78 for a configuration that is wrong
 */
async function brokerOptionsOf(
  words: Arguments,
  own: Address,
): Promise<((logger: ProcessLogger) => BrokerOptions) | undefined> {
  const path = words.optionalText('broker-config');
  const given = words.optionalText('broker-port') !== undefined;
  if (path === undefined && !given) return undefined;
  const file = path === undefined ? undefined : await brokerConfigFile(resolve(path));
  const port = given ? words.port('broker-port') : file?.config.port;
  if (port === undefined) throw usage('broker-config needs broker-port, or a listen in the file');
  const address = formatAddress(hostOf(own), port) as Address;
  if (address === own) throw usage(`broker-port is that of the frontend itself: ${address}`);
  return (logger) => {
    const logAt: BrokerConfigFile['logAt'] = (level) => logger.setLevel(level);
    return { address, configFile: file && { ...file, logAt } };
  };
}

async function brokerConfigFile(path: string): Promise<Omit<BrokerConfigFile, 'logAt'>> {
  const { operatorFiles } = await import('../cluster/io/disk/operator-files.ts');
  const { rightConfigAt } = await import('./broker/broker-config-file.ts');
  return { path, ...rightConfigAt(path), files: operatorFiles, onHangup };
}

/** @throws FatalError for what is no URL of a blob service, and for a file that has none */
function ownUrl(words: Arguments): string | undefined {
  const list = words.optionalText('melist');
  const given = words.optionalText('me') ?? (list === undefined ? undefined : firstLineOf(list));
  if (given === undefined || peerOf(given.trim()) !== undefined) return given;
  throw usage(`me is ${given}, and must be a URL such as http://10.0.0.3:12180/`);
}

function firstLineOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0] ?? '';
  } catch (error) {
    throw usage(
      `melist is ${path}, which cannot be read: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
}

/** A prefix that ends with a slash is a directory, and stays one. */
function prefixOf(path: string): string {
  return `${resolve(path)}${path.endsWith('/') ? '/' : ''}`;
}

/** The file of the last map: all workers of a frontend read it, one writes it. */
async function mapFileAt(path: string, worker: number): Promise<MapFile> {
  const { openFolder } = await import('../cluster/io/disk/folder.ts');
  const file = resolve(path);
  return {
    files: openFolder(dirname(file)),
    name: basename(file),
    path: file,
    writes: worker === 1,
  };
}
