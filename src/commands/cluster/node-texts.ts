// How the figures of a node are written in tables. Pure.

import type { ClusterStatus } from '../doctor/verdicts.ts';
import { grouped, printBytes } from '../progress-text.ts';
import type { NodeFigures } from './figures.ts';
import type { NodeLook } from './look.ts';

/** What stands where a node has no such figure, or it is not known. */
export const NONE = '-';

export interface ShownState {
  readonly text: string;
  readonly isBad: boolean;
}

/**
 * @param status of the controller; undefined where it does not answer
 * @returns one or two words for the worst that is known of the node
 */
export function stateOf(node: NodeLook, status: ClusterStatus | undefined): ShownState {
  if (node.role === 'fileserver') return fileServerStateOf(node, status);
  const entry = node.id === undefined ? undefined : status?.storage[node.id];
  const held = entry?.partitions;
  const left = held && held.serving + held.joining + held.leaving;
  if (node.silence !== undefined) {
    // As it is supposed to be after a drain, and after a stop without a data directory.
    const isDone = entry?.draining === true && entry.ended === 'gone' && left === 0;
    return isDone
      ? { text: 'ended, holds nothing', isBad: false }
      : { text: silent(node.silence), isBad: true };
  }
  if (entry?.fenced === true) return { text: 'fenced', isBad: true };
  if (entry?.diskProblem !== undefined) return { text: 'cannot write', isBad: true };
  if (node.isReady === false) return { text: 'not ready', isBad: true };
  return { text: drainText(entry?.draining === true, left) ?? 'ready', isBad: false };
}

/** @param left how many partitions or blobs it still has to hand over; undefined where that is not known */
function drainText(isDraining: boolean, left: number | undefined): string | undefined {
  if (!isDraining) return undefined;
  return left === 0 ? 'drained, may be stopped' : 'draining';
}

function fileServerStateOf(node: NodeLook, status: ClusterStatus | undefined): ShownState {
  const isDraining = status?.fileServers?.[node.id ?? '']?.state === 'draining';
  const problem = problemOf(node);
  if (problem === undefined) {
    return { text: drainText(isDraining, node.left) ?? 'ready', isBad: false };
  }
  return { text: isDraining ? `draining, ${problem}` : problem, isBad: true };
}

function problemOf({ id, silence, room, isReady }: NodeLook): string | undefined {
  if (silence !== undefined) return silent(silence);
  if (room !== undefined && room.id !== id) return `it is ${room.id}`;
  if (room?.readOnly === true) return 'cannot write';
  return isReady === false || room === undefined ? 'not ready' : undefined;
}

function silent(why: string): string {
  return `silent: ${why}`;
}

/** What programs get of a node; names that stay. */
export function nodeJson(
  node: NodeLook,
  status: ClusterStatus | undefined,
): Readonly<Record<string, unknown>> {
  const { address, role, id, figures } = node;
  return {
    address,
    role,
    id,
    state: stateOf(node, status).text,
    items: figures?.items,
    memoryBytes: figures?.memoryBytes,
    memoryLimitBytes: figures?.memoryLimitBytes,
    rssBytes: figures?.rssBytes,
    lagMs: figures?.lagMs,
    ...(role === 'fileserver' ? fileServerJson(node, status) : {}),
  };
}

function fileServerJson({ id = '', room }: NodeLook, status: ClusterStatus | undefined) {
  const { host, weight, state } = status?.fileServers?.[id] ?? {};
  const { freeBytes, busy } = room ?? {};
  return { host, weight, draining: state === 'draining', freeBytes, busy };
}

/** @returns the address, and the id where that is another one */
export function nameText({ address, id }: Pick<NodeLook, 'address' | 'id'>): string {
  return id === undefined || id === address ? address : `${address} (${id})`;
}

export function countText(count: number | undefined): string {
  return count === undefined ? NONE : grouped(Math.round(count));
}

export function bytesText(bytes: number | undefined): string {
  return bytes === undefined ? NONE : printBytes(bytes);
}

/** @returns such as `12 % of 1.9 GB`, of what a storage node may take for records */
export function memoryText(figures: Partial<NodeFigures>): string {
  const { memoryLimitBytes } = figures;
  const share = memoryShareText(figures);
  return memoryLimitBytes === undefined ? share : `${share} of ${printBytes(memoryLimitBytes)}`;
}

/** @returns the same, such as `12 %` */
export function memoryShareText({ memoryBytes, memoryLimitBytes }: Partial<NodeFigures>): string {
  if (memoryBytes === undefined || memoryLimitBytes === undefined) return NONE;
  return `${Math.round((100 * memoryBytes) / memoryLimitBytes)} %`;
}

/** @returns how many storage nodes have each key */
export function copiesText(redundancy: number): string {
  return redundancy === 1 ? '1 copy of each key' : `${redundancy} copies of each key`;
}

/** @returns such as `4 storage nodes` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}
