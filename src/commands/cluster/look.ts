// Looks at a cluster from outside: asks its controller who there is, and each of them how it is.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type AskOutcome, ask } from '../../cluster/io/network/ask.ts';
import type { Names } from '../../cluster/io/network/names.ts';
import { systemClock } from '../../cluster/io/process/system.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { type FileServerRoom, fileServerRoom } from '../../cluster/wire/file-server-room.ts';
import { Malformed, type Shape } from '../../cluster/wire/shapes.ts';
import { eachOf } from '../doctor/finding.ts';
import { type ClusterStatus, statusIn } from '../doctor/verdicts.ts';
import { drainedFileServer } from '../drain-progress.ts';
import { wrongController } from '../named-controller.ts';
import { figuresIn, type NodeFigures } from './figures.ts';

const ASK_MS = 2000;
const AT_ONCE = 64;
const OK = 200;

export type NodeRole = 'controller' | 'storage' | 'frontend' | 'fileserver';

export interface NodeLook {
  readonly address: Address;
  readonly role: NodeRole;
  /** The node's id, of a storage node and a file server. */
  readonly id: string | undefined;
  /** Whether it says that it can do its work; undefined where it does not answer. */
  readonly isReady: boolean | undefined;
  /** Why it does not answer. */
  readonly silence: string | undefined;
  readonly figures: NodeFigures | undefined;
  /** Of a file server that answers as one. */
  readonly room?: FileServerRoom | undefined;
  /** How many blobs of a file server that drains too few others have; undefined until it has counted them. */
  readonly left?: number | undefined;
}

export interface ClusterLook {
  readonly controller: Address;
  readonly status: ClusterStatus;
  readonly nodes: readonly NodeLook[];
}

/** Nobody answers where the controller is asked. */
export class ControllerSilent extends FatalError {
  constructor(controller: Address, why: string) {
    super(
      EXIT.unavailable,
      `controller ${controller}: ${why}; see whether it runs, or name it with --controller or VELOUR_CONTROLLER`,
    );
  }
}

/** @throws FatalError where no controller answers */
async function statusOf(controller: Address, names: Names): Promise<ClusterStatus> {
  const told = await ask({ address: controller, path: '/status', timeoutMs: ASK_MS }, names);
  if (told.kind === 'silent') {
    throw new ControllerSilent(controller, told.why);
  }
  const status = statusIn(told.text);
  if (typeof status !== 'string') return status;
  throw (await wrongController(controller, names)) ?? new ControllerSilent(controller, status);
}

/** @throws FatalError where no controller answers */
export async function lookAtCluster(controller: Address, names: Names): Promise<ClusterLook> {
  const status = await statusOf(controller, names);
  const all: readonly Pick<NodeLook, 'address' | 'role' | 'id'>[] = [
    { address: controller, role: 'controller', id: undefined },
    ...Object.entries(status.storage)
      .map(([id, { address }]) => ({ address, role: 'storage' as const, id }))
      .sort((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true })),
    ...Object.entries(status.fileServers ?? {})
      .map(([id, { address }]) => ({ address, role: 'fileserver' as const, id }))
      .sort((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true })),
    ...[...status.frontends]
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((address) => ({ address, role: 'frontend' as const, id: undefined })),
  ];
  const nodes: NodeLook[] = [];
  await eachOf([...all.entries()], AT_ONCE, async ([at, node]) => {
    const isDraining = status.fileServers?.[node.id ?? '']?.state === 'draining';
    const [look, room, left] = await Promise.all([
      lookAtNode(node.address, names),
      node.role === 'fileserver' ? roomOf(node.address, names) : undefined,
      node.role === 'fileserver' && isDraining ? leftOn(node.address, names) : undefined,
    ]);
    nodes[at] = { ...node, ...look, room, left };
  });
  return { controller, status, nodes };
}

/** Asks one node; the promise never rejects. */
export async function lookAtNode(
  address: Address,
  names: Names,
): Promise<Pick<NodeLook, 'isReady' | 'silence' | 'figures'>> {
  const [health, metrics] = await Promise.all([
    ask({ address, path: '/readyz', timeoutMs: ASK_MS }, names),
    ask({ address, path: '/metrics', timeoutMs: ASK_MS }, names),
  ]);
  const atMs = systemClock.monotonicMs();
  return {
    isReady: health.kind === 'told' ? health.status === OK : undefined,
    silence: whyIn(health) ?? whyIn(metrics),
    figures: metrics.kind === 'told' ? figuresIn(metrics.text, atMs) : undefined,
  };
}

/** @returns undefined where it is no answer of a file server */
export function roomIn(json: string): FileServerRoom | undefined {
  return shapedIn(json, fileServerRoom);
}

function shapedIn<T>(json: string, shape: Shape<T>): T | undefined {
  try {
    return shape(JSON.parse(json));
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function leftOn(address: Address, names: Names): Promise<number | undefined> {
  const told = await ask({ address, path: '/status', timeoutMs: ASK_MS }, names);
  if (told.kind !== 'told' || told.status !== OK) return undefined;
  const status = shapedIn(told.text, drainedFileServer);
  return status?.draining === true ? status.left : undefined;
}

async function roomOf(address: Address, names: Names): Promise<FileServerRoom | undefined> {
  const told = await ask({ address, path: '/room', timeoutMs: ASK_MS }, names);
  return told.kind === 'told' && told.status === OK ? roomIn(told.text) : undefined;
}

function whyIn(told: AskOutcome): string | undefined {
  return told.kind === 'silent' ? told.why : undefined;
}
