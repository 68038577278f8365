// Finds the process that holds a port or a Unix socket, as Linux shows it in /proc: no connection is made, and
// nothing is disturbed. On other systems, and for processes of other users, the holder stays unknown.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The state LISTEN in `/proc/net/tcp`. */
const LISTENS = '0A';

/** @returns the inodes of the sockets that listen at this port, on any address */
export function listenersAt(port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].flatMap((family) =>
    linesOf(`/proc/net/${family}`).flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      return local.endsWith(suffix) && state === LISTENS ? [inode] : [];
    }),
  );
}

/** @returns the inodes of the Unix sockets whose name contains this text; an abstract name begins with @ */
export function unixSockets(text: string): readonly string[] {
  return linesOf('/proc/net/unix').flatMap((line) => {
    const [, , , , , , inode = '', path = ''] = line.trim().split(/\s+/);
    return path.includes(text) ? [inode] : [];
  });
}

/** @returns the title and the id of the process that holds one of these sockets; undefined when neither can be seen */
export function holderOf(inodes: readonly string[]): string | undefined {
  const pid = processOf(inodes);
  return pid === undefined ? undefined : describeProcess(pid);
}

export function describeProcess(pid: string): string {
  return `${titleOf(pid)} (process ${pid})`;
}

/** @returns the id of the process that holds one of these sockets; undefined when that cannot be seen */
export function processOf(inodes: readonly string[]): string | undefined {
  if (inodes.length === 0) return undefined;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of entriesOf('/proc').filter((name) => /^\d+$/.test(name))) {
    const has = entriesOf(`/proc/${pid}/fd`).some((fd) =>
      wanted.has(linkOf(`/proc/${pid}/fd/${fd}`)),
    );
    if (has) return pid;
  }
  return undefined;
}

function titleOf(pid: string): string {
  const [line = ''] = linesOf(`/proc/${pid}/cmdline`);
  return line.replaceAll('\0', ' ').trim().slice(0, 200);
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}

function entriesOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
