// The plan of `velour local`: every node with its address and its command line, from the options of that one command.

import { join } from 'node:path';
import { type Address, formatAddress, PORT_MAX } from '../cluster/model/identity.ts';
import { REDUNDANCY_MAX, STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { type BrokerConfig, domainOf } from '../frontend/gateways/broker/config/broker-config.ts';
import { counted } from './cluster/node-texts.ts';
import { type Arguments, usage } from './options.ts';

/** The host by which the nodes reach each other if they listen on it. */
const LOOPBACK = '127.0.0.1';
const FRONTENDS_MAX = 64;
const FILESERVERS_MAX = 64;
/** From the port of the first frontend to that of its blob service, if nobody says otherwise. */
const BLOBS_PORTS_APART = 100;
/** The same of its broker. */
const BROKER_PORTS_APART = 200;
/** From the port of the first storage node to that of the first file server, if nobody says otherwise. */
const FILESERVER_PORTS_APART = 300;

export interface LocalNode {
  readonly role: (typeof LOCAL_ROLES)[number];
  readonly address: Address;
  readonly words: readonly string[];
  /** Of a file server, the name of its directory: where that is, is decided when it is started. */
  readonly directory?: string;
}

/** In this order they are stopped, so that nobody meets a node that is gone. */
export const LOCAL_ROLES = ['frontend', 'fileserver', 'storage', 'controller'] as const;

export interface Plan {
  /** The host of the addresses by which the nodes reach each other. */
  readonly host: string;
  readonly controller: Address;
  readonly nodes: readonly LocalNode[];
  readonly redundancy: number;
  /** Where nodes keep their state; undefined when it goes with the cluster. */
  readonly dataDirectory: string | undefined;
  /** Whether the words say that the cluster is a cache, or a store; undefined when they leave it to an earlier start. */
  readonly isCache: boolean | undefined;
  /**
   * @param files how many file servers were started
   * @param config of the brokers; undefined where every host is one domain
   */
  greeting(redundancy: number, files: number, config: BrokerConfig | undefined): string;
}

export function planOf(words: Arguments): Plan {
  const frontends = words.integer('num-frontend', { min: 1, max: FRONTENDS_MAX });
  const storages = words.integer('num-storage', { min: 1, max: STORAGE_NODES_MAX });
  const workers = words.workers();
  const redundancy = words.integer('redundancy', { min: 1, max: REDUNDANCY_MAX });
  if (redundancy > storages) {
    throw usage(
      `REDUNDANCY ${redundancy} needs at least ${redundancy} storage nodes, and NUM_STORAGE is ${storages}`,
    );
  }
  const controllerPort = words.port('controller-port');
  const dataDirectory = words.optionalText('data-dir');
  const passedOn = ['log-level', 'log-format', 'time-scale', 'drain-timeout'].flatMap((name) => [
    `--${name}`,
    words.text(name),
  ]);
  const valueLimit = ['--max-value', words.text('max-value')];
  const hostOption = ['--host', words.text('host')];
  const whenFull = words.whenFull();
  const memoryLimit = ['--memory', `${words.memoryBytes(storages)}`];
  const host = reachedAt(words.host() ?? LOOPBACK);
  const controller = formatAddress(host, controllerPort) as Address;
  const dataOf = (name: string) =>
    dataDirectory === undefined ? [] : ['--data-dir', join(dataDirectory, name)];
  const addresses = (first: number, count: number, name: string) => {
    if (first + count - 1 > PORT_MAX) {
      throw usage(`${name} ${first} leaves no port for ${count} of them: ${PORT_MAX} is the last`);
    }
    return Array.from(
      { length: count },
      (_, index) => formatAddress(host, first + index) as Address,
    );
  };
  const isCache = whenFull === undefined ? undefined : whenFull === 'evict';
  // A cache may evict the records that say what the blobs are, so it has no files.
  const fileservers =
    isCache === true ? 0 : words.integer('num-fileserver', { min: 0, max: FILESERVERS_MAX });
  const storagePort = words.port('storage-port');
  const fileserverPort =
    words.optionalText('fileserver-port') === undefined
      ? storagePort + FILESERVER_PORTS_APART
      : words.port('fileserver-port');
  const fileserverAddresses = addresses(fileserverPort, fileservers, 'FILESERVER_PORT');
  const frontendAddresses = addresses(words.port('frontend-port'), frontends, 'FRONTEND_PORT');
  const beside = (name: 'blobs-port' | 'broker-port', apart: number) =>
    words.optionalText(name) === undefined ? words.port('frontend-port') + apart : words.port(name);
  const blobsPort = beside('blobs-port', BLOBS_PORTS_APART);
  const blobAddresses = addresses(blobsPort, frontends, 'BLOBS_PORT');
  const brokerPort = beside('broker-port', BROKER_PORTS_APART);
  const brokerAddresses = addresses(brokerPort, frontends, 'BROKER_PORT');
  const furtherWords = ['deny', 'peerlist', 'blobs-rate', 'broker-config'].flatMap((name) => {
    const value = words.optionalText(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  const nodes: LocalNode[] = [
    {
      role: 'controller',
      address: controller,
      words: [
        String(controllerPort),
        String(storages),
        String(redundancy),
        ...hostOption,
        ...dataOf('controller'),
        ...(whenFull === undefined ? [] : ['--when-full', whenFull]),
        ...passedOn,
      ],
    },
    ...addresses(storagePort, storages, 'STORAGE_PORT').map((address, index) => ({
      role: 'storage' as const,
      address,
      words: [
        controller,
        address,
        ...valueLimit,
        ...memoryLimit,
        // Named by number, not by port: the directory holds the node's identity, and its address may change.
        ...dataOf(`storage-${index}`),
        ...hostOption,
        ...passedOn,
      ],
    })),
    ...fileserverAddresses.map((address, index) => ({
      role: 'fileserver' as const,
      address,
      words: [controller, address, ...hostOption, ...passedOn],
      directory: `fileserver-${index}`,
    })),
    ...frontendAddresses.map((address, index) => ({
      role: 'frontend' as const,
      address,
      words: [
        controller,
        address,
        '--workers',
        `${workers}`,
        ...hostOption,
        ...valueLimit,
        '--sfss-max',
        words.text('sfss-max'),
        '--blobs-port',
        `${blobsPort + index}`,
        '--broker-port',
        `${brokerPort + index}`,
        ...furtherWords,
        ...passedOn,
      ],
    })),
  ];
  refuseSharedPorts([
    ...nodes,
    ...blobAddresses.map((address) => ({ address, role: 'blob service' })),
    ...brokerAddresses.map((address) => ({ address, role: 'broker' })),
  ]);
  const first = frontendAddresses[0];
  const last = frontendAddresses.at(-1);
  const greeting: Plan['greeting'] = (kept, files, config) => {
    const nodes = [
      '1 controller',
      `${counted(storages, 'storage node')} (each key on ${kept})`,
      counted(frontends, 'frontend'),
      ...(files === 0 ? [] : [counted(files, 'file server')]),
    ];
    return `velour-fog is ready: ${nodes.join(', ')}. Try:
  curl 'http://${first}/set/?key=a&value=1'
  curl -d 'some body' 'http://${last}/set/?key=b'
  curl 'http://${last}/get/?key=a'${files === 0 ? '' : fileLines({ first, last, blobs: blobAddresses[0], broker: brokerAddresses[0] }, config)}
  curl 'http://${first}/status'
${exportLines({ VELOUR_ENDPOINT: first, VELOUR_CONTROLLER: controller, VELOUR_BLOBS: files === 0 ? undefined : blobAddresses[0] })}Ctrl-C stops everything.
`;
  };
  return { host, controller, nodes, redundancy, dataDirectory, isCache, greeting };
}

/** Whom the command line asks, where nobody says otherwise. */
const ASKED: Readonly<Record<string, string>> = {
  VELOUR_ENDPOINT: '127.0.0.1:12080',
  VELOUR_CONTROLLER: '127.0.0.1:12000',
  VELOUR_BLOBS: '127.0.0.1:12180',
};

/** @returns a line for the shell by which `velour get` and the like find a cluster at other addresses; else nothing */
export function exportLines(addresses: Readonly<Record<string, string | undefined>>): string {
  const others = Object.entries(addresses).filter(
    ([name, address]) => address !== undefined && address !== ASKED[name],
  );
  if (others.length === 0) return '';
  return `So that velour get, status and the like find it:\n  export ${others.map(([name, address]) => `${name}=${address}`).join(' ')}\n`;
}

function fileLines(
  {
    first,
    last,
    blobs,
    broker,
  }: Readonly<Record<'first' | 'last' | 'blobs' | 'broker', Address | undefined>>,
  config: BrokerConfig | undefined,
): string {
  const host = broker === undefined ? '' : hostFor(broker, config);
  return `
  curl -X PUT -d 'any text' 'http://${first}/file?path=notes/a.txt'
  curl 'http://${last}/file?path=notes/a.txt'
  curl -X PUT -d 'any text' 'http://${blobs}/notes.txt'
  curl -L -X PUT -d 'any text' ${host}'http://${broker}/notes/b.txt'
  curl -L ${host}'http://${broker}/notes/b.txt'`;
}

/** @returns what makes a request at that address one of a domain that there is: nothing, where it is one already */
function hostFor(broker: Address, config: BrokerConfig | undefined): string {
  if (config === undefined || domainOf(config, broker) !== undefined) return '';
  return `-H 'Host: ${config.domains[0]?.hosts[0]}' `;
}

/** @returns the host at which nodes are reached that listen on `host` */
function reachedAt(host: string): string {
  return ['localhost', '0.0.0.0', '::'].includes(host) ? LOOPBACK : host;
}

function refuseSharedPorts(
  nodes: readonly { readonly address: Address; readonly role: string }[],
): void {
  const seen = new Set<Address>();
  for (const { address, role } of nodes) {
    if (seen.has(address))
      throw usage(`${address} would be used twice, the second time by a ${role}`);
    seen.add(address);
  }
}
