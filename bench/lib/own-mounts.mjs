// Mounts that one process alone sees, in a namespace of its own: they end with it, however it ends. It takes root.

import { spawnSync } from 'node:child_process';
import { isInstalled, LeftOut, NotInstalled } from './processes.mjs';

/** @returns words to go before a command, so that it finds a file system of so many megabytes there */
export function ownDisk(path, megabytes) {
  return mounting('mount -t tmpfs -o size="$1" velour-bench "$2"', `${megabytes}m`, path);
}

/** @returns words to go before a command, so that it finds the one file where the other one is */
export function inPlaceOf(path, own) {
  return mounting('mount --bind "$1" "$2"', own, path);
}

function mounting(command, first, second) {
  const script = `${command} && shift 2 && exec "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', first, second];
}

/** Throws where such mounts are not possible. */
export function needOwnMounts() {
  for (const command of ['unshare', 'mount']) {
    if (!isInstalled(command)) throw new NotInstalled(command);
  }
  const [command, ...words] = ownDisk('/mnt', 1);
  if (spawnSync(command, [...words, 'true']).status !== 0) {
    throw new LeftOut('nothing can be mounted here; it takes root');
  }
}

/** What a path is to that process. */
export function seenBy({ pid }, path) {
  return `/proc/${pid}/root${path}`;
}
