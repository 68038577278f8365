// Waits for a drain to end, and says how far it is. What that means is in drain-progress.ts.

import { look, lookAtFileServer } from './controller-calls.ts';
import {
  type DrainLeft,
  drainedFileServer,
  drainedNodes,
  leftOnFileServer,
  leftOnStorageNode,
} from './drain-progress.ts';
import type { Arguments } from './options.ts';
import { printable, say } from './printing.ts';

const WAIT_POLL_MS = 200;

/** @returns once nothing is left on the node, or it is no node of the map any more */
export async function untilEmpty(words: Arguments, node: string): Promise<void> {
  let last: DrainLeft;
  for (;;) {
    const left = await leftOn(words, node);
    if (left === undefined) return;
    if (left !== last) say(`${printable(left)}\n`);
    last = left;
    await new Promise((resolve) => setTimeout(resolve, WAIT_POLL_MS));
  }
}

export async function isFileServer(words: Arguments, node: string): Promise<boolean> {
  const { fileServers } = await look(words, '/status', drainedNodes);
  return fileServers?.[node] !== undefined;
}

async function leftOn(words: Arguments, node: string): Promise<DrainLeft> {
  const status = await look(words, '/status', drainedNodes);
  const fileServer = status.fileServers?.[node];
  if (fileServer === undefined) return leftOnStorageNode(node, status);
  const reply = await lookAtFileServer(fileServer.address, '/status', drainedFileServer);
  return leftOnFileServer(node, reply);
}
