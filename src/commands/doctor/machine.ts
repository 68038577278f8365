// The doctor's checks of this machine besides directories: descriptors, memory, and the role's port.

import { createServer } from 'node:http';
import type { Names } from '../../cluster/io/network/names.ts';
import { holderOf, listenersAt } from '../../cluster/io/process/socket-holders.ts';
import { descriptorsMax, machineMemoryBytes } from '../../cluster/io/process/system.ts';
import { CannotListen, openListeners } from '../../cluster/io/server/listeners.ts';
import { whyNot } from '../serve.ts';
import type { Check, Finding } from './finding.ts';

/** Descriptors for streams to 256 storage nodes, files of a log, and some thousand clients. */
const DESCRIPTORS_NEEDED = 4096;
/** Memory of a process besides `--memory`, with requests in flight. */
const BESIDE_MEMORY_BYTES = 128 * 2 ** 20;

export const descriptors: Check = {
  name: 'descriptors',
  async examine(report) {
    const max = descriptorsMax();
    if (max === undefined || max >= DESCRIPTORS_NEEDED) return;
    report({
      check: 'descriptors',
      what: `a process may have ${max} files and sockets open, and a node needs ${DESCRIPTORS_NEEDED}`,
      todo: 'raise the hard limit with ulimit -n, or LimitNOFILE= of the service',
    });
  },
};

/** @param memoryBytes the memory that the storage node may take for records */
export function memory(memoryBytes: number): Check {
  return {
    name: 'memory',
    async examine(report) {
      const there = machineMemoryBytes();
      if (memoryBytes + BESIDE_MEMORY_BYTES <= there) return;
      report({
        check: 'memory',
        what: `--memory is ${megabytes(memoryBytes)}, the process takes up to ${megabytes(BESIDE_MEMORY_BYTES)} beside it, and this machine or container has ${megabytes(there)}`,
        todo: 'give less to --memory, or more to the machine: the system would kill the process',
      });
    },
  };
}

export interface Ports {
  readonly host: string;
  readonly port: number;
}

/** Listens for a moment, since only the system knows whether one may; another listener notices nothing. */
export function ports({ host, port }: Ports, names: Names): Check {
  return {
    name: 'port',
    async examine(report) {
      try {
        const listeners = await openListeners(createServer(), { host, port }, names);
        listeners.refuse();
        for (const failure of listeners.missing) report(findingOf(failure, { host, port }));
      } catch (error) {
        if (!(error instanceof CannotListen)) throw error;
        report(findingOf(error, { host, port }));
      }
    },
  };
}

function findingOf(failure: CannotListen, { host, port }: Ports): Finding {
  const holder = failure.code === 'EADDRINUSE' ? holderOf(listenersAt(port)) : undefined;
  const [what = '', todo = 'choose another address with --host'] = whyNot(failure, {
    host,
    port,
  }).split('; ');
  return { check: 'port', what: holder === undefined ? what : `${what} by ${holder}`, todo };
}

export function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
