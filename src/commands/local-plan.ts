// The plan of `velour local`: every node with its address and its command line, from the options of that one command.

import { join } from 'node:path';
import { type Address, formatAddress, PORT_MAX } from '../cluster/model/identity.ts';
import { REDUNDANCY_MAX, STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { type Arguments, usage } from './options.ts';

/** The host by which the nodes reach each other if they listen on it. */
const LOOPBACK = '127.0.0.1';
const FRONTENDS_MAX = 64;

export interface LocalNode {
  /** Roles are stopped in this order, so that no frontend meets a storage node that is gone. */
  readonly role: 'frontend' | 'storage' | 'controller';
  readonly address: Address;
  readonly words: readonly string[];
}

export interface Plan {
  /** The host of the addresses by which the nodes reach each other. */
  readonly host: string;
  readonly controller: Address;
  readonly nodes: readonly LocalNode[];
  readonly redundancy: number;
  greeting(redundancy: number): string;
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
  const frontendAddresses = addresses(words.port('frontend-port'), frontends, 'FRONTEND_PORT');
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
    ...addresses(words.port('storage-port'), storages, 'STORAGE_PORT').map((address, index) => ({
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
    ...frontendAddresses.map((address) => ({
      role: 'frontend' as const,
      address,
      words: [
        controller,
        address,
        '--workers',
        `${workers}`,
        ...hostOption,
        ...valueLimit,
        ...passedOn,
      ],
    })),
  ];
  refuseSharedPorts(nodes);
  const first = frontendAddresses[0];
  const last = frontendAddresses.at(-1);
  const greeting = (
    kept: number,
  ) => `velour-fog is ready: 1 controller, ${storages} storage ${storages === 1 ? 'node' : 'nodes'} (each key on ${kept}), ${frontends} ${frontends === 1 ? 'frontend' : 'frontends'}. Try:
  curl 'http://${first}/set/?key=a&value=1'
  curl -d 'some body' 'http://${last}/set/?key=b'
  curl 'http://${last}/get/?key=a'
  curl 'http://${first}/status'
Ctrl-C stops everything.
`;
  return { host, controller, nodes, redundancy, greeting };
}

/** @returns the host at which nodes are reached that listen on `host` */
function reachedAt(host: string): string {
  return ['localhost', '0.0.0.0', '::'].includes(host) ? LOOPBACK : host;
}

function refuseSharedPorts(nodes: readonly LocalNode[]): void {
  const seen = new Set<Address>();
  for (const { address, role } of nodes) {
    if (seen.has(address))
      throw usage(`${address} would be used twice, the second time by a ${role}`);
    seen.add(address);
  }
}
