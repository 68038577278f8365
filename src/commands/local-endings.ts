// What `velour local` says when a node of it has ended: why the cluster did not start, or how the node is started again. Pure.

import { EXIT } from '../cluster/http/errors.ts';
import type { LocalNode } from './local-plan.ts';

/** What says which ports the nodes of a role have. */
const PORT_SETTINGS: Readonly<Record<LocalNode['role'], string>> = {
  controller: 'CONTROLLER_PORT (--controller-port)',
  storage: 'STORAGE_PORT (--storage-port)',
  fileserver: 'FILESERVER_PORT (--fileserver-port)',
  frontend:
    'FRONTEND_PORT, BLOBS_PORT or BROKER_PORT (--frontend-port, --blobs-port, --broker-port)',
};

export interface EndedNode {
  readonly node: Pick<LocalNode, 'role' | 'address'>;
  readonly code: number | null;
  /** Its exit code or signal, in words. */
  readonly how: string;
  /** What it said itself; undefined where it said nothing. */
  readonly why: string | undefined;
  /** Whether its directory stays when the cluster goes. */
  readonly hasDirectory: boolean;
}

/** @returns why the cluster did not start, and what to change about it */
export function failureText({ node, code, how, why, hasDirectory }: EndedNode): string {
  const what = `the cluster did not start: ${node.role} ${node.address}: ${why ?? how}`;
  if (code === EXIT.unavailable)
    return `${what}; its ports are those of ${PORT_SETTINGS[node.role]}`;
  if (code === EXIT.config && hasDirectory) {
    return `${what}; its directory is below DATA_DIR (--data-dir)`;
  }
  return what;
}

/** @param words of the node's command line @returns what a shell takes to start it again */
export function commandOf(role: LocalNode['role'], words: readonly string[]): string {
  return ['velour', role, ...words].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
