// Finds out which process uses a data directory: one that holds its lock, or one that uses the directory of which this
// is a copy. A lock is tested as each starting node tests it; its holder notices nothing.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DIRECTORY_ID_FILE,
  directoryIdOf,
  isAlive,
  LOCK_FILE,
  socketOfId,
} from '../../cluster/io/disk/directory-lock.ts';
import {
  describeProcess,
  processOf,
  unixSockets,
} from '../../cluster/io/process/socket-holders.ts';
import { type Entry, entriesOf, readIn } from './entries.ts';
import type { ReportFinding } from './finding.ts';

export type Use =
  | { readonly kind: 'free' }
  /** `pid` is undefined when the process cannot be seen from here. */
  | { readonly kind: 'held' | 'copy'; readonly pid: string | undefined };

export async function useOf(path: string, entries: readonly Entry[]): Promise<Use> {
  const locks = entries.map(({ name }) => name).filter((name) => name.startsWith(LOCK_FILE));
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    for (const name of locks) {
      // Go through /proc, as a socket's path has at most 107 bytes. Nobody holds the copy of a lock, whatever its name.
      if (folder === undefined || !(await isAlive(`/proc/self/fd/${folder.fd}/${name}`))) continue;
      return { kind: 'held', pid: processOf(unixSockets(name)) };
    }
  } finally {
    await folder?.close();
  }
  const bytes = await readIn(join(path, DIRECTORY_ID_FILE)).catch(() => undefined);
  const id = bytes === undefined ? undefined : directoryIdOf(bytes);
  if (id === undefined || id === 'broken') return { kind: 'free' };
  const sockets = unixSockets(`@${socketOfId(id)}`);
  return sockets.length === 0 ? { kind: 'free' } : { kind: 'copy', pid: processOf(sockets) };
}

/** Reports the process that uses a directory on which a node is to be started. */
export async function lookAtUse(
  path: string,
  entries: readonly Entry[],
  report: ReportFinding,
): Promise<void> {
  const use = await useOf(path, entries);
  switch (use.kind) {
    case 'free':
      return;
    case 'held':
      return report({
        check: 'in-use',
        what: `${path} is in use by ${inWords(use.pid)}`,
        todo: 'stop it before another one is started there; if it is the node that you mean, say --running',
      });
    case 'copy':
      return reportCopy(path, use.pid, report);
  }
}

function reportCopy(path: string, pid: string | undefined, report: ReportFinding): void {
  report({
    check: 'in-use',
    what: `${path} is a copy of a directory that is in use by ${inWords(pid)}`,
    todo: 'start no node on it while the other one runs; a node of its own begins with an empty directory',
  });
}

/**
 * Reports if the directory of a running node is not in use, or is used by another process.
 * @param listener the process that listens at the node's port, if it can be seen
 */
export async function lookAtHolder(
  path: string,
  listener: string | undefined,
  report: ReportFinding,
): Promise<void> {
  const entries = await entriesOf(path, () => undefined);
  if (entries === undefined) return;
  const use = await useOf(path, entries);
  switch (use.kind) {
    case 'free':
      return report({
        check: 'in-use',
        what: `no process has ${path}, so it is not the directory of a node that runs`,
        todo: 'give the --data-dir of that node; if the node is not to run yet, leave --running out',
      });
    case 'copy':
      return reportCopy(path, use.pid, report);
    case 'held':
      if (use.pid === undefined || listener === undefined || use.pid === listener) return;
      return report({
        check: 'in-use',
        what: `${path} is in use by ${inWords(use.pid)}, and ${describeProcess(listener)} has the port`,
        todo: 'give the port and the --data-dir of one node',
      });
  }
}

function inWords(pid: string | undefined): string {
  return pid === undefined ? 'a process that this one cannot see' : describeProcess(pid);
}
