// Takes nodes away on an operator's request: drain, undrain and remove, of storage nodes and file servers alike. Neither
// is removed while it is used or alive.

import type { ControlRoutes } from '../../cluster/http/control-routes.ts';
import { type ClusterMap, nodeEntry } from '../../cluster/model/cluster-map.ts';
import { type FileServerEntry, fileServerEntry } from '../../cluster/model/file-server.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { Accepted } from '../../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../../cluster/wire/control-table.ts';
import { withFileServerState, withoutFileServer } from '../decisions/file-servers.ts';
import { withEntry } from '../decisions/membership.ts';
import { whyNeeded, withoutNode } from '../decisions/node-removal.ts';
import type { Administered } from './admin.ts';
import { isFileServerAlive } from './file-servers.ts';
import { notReady, refuseUnknown } from './refusals.ts';

type Reply = (answer: Accepted | Refused) => void;
type Changed = Pick<Administered, 'map' | 'propose'>;

export interface RemovalOptions {
  readonly runtime: Pick<Runtime, 'network'>;
  readonly times: Pick<Times, 'controlCallMs'>;
}

export function addRemovalRoutes(
  control: ControlRoutes,
  controller: Changed,
  options: RemovalOptions,
): void {
  control.on(CONTROL.drain, ({ node }, reply) => setDraining(controller, node, true, reply));
  control.on(CONTROL.undrain, ({ node }, reply) => setDraining(controller, node, false, reply));
  control.on(CONTROL.remove, ({ node }, reply) => remove(controller, node, options, reply));
}

function setDraining(controller: Changed, node: NodeId, draining: boolean, reply: Reply): void {
  const map = controller.map();
  const missing = map === undefined ? notReady() : refuseUnknown(map, node);
  if (missing !== undefined) return reply(missing);
  return change(
    controller,
    (current) =>
      withFileServerState(
        withEntry(current, node, { draining }),
        node,
        draining ? 'draining' : 'in',
      ),
    reply,
  );
}

function remove(controller: Changed, node: NodeId, options: RemovalOptions, reply: Reply): void {
  const map = controller.map();
  const missing = map === undefined ? notReady() : refuseUnknown(map, node);
  if (map === undefined || missing !== undefined) return reply(missing ?? notReady());
  const fileServer = fileServerEntry(map, node);
  if (nodeEntry(map, node) === undefined && fileServer !== undefined) {
    return removeFileServer(controller, { node, entry: fileServer }, options, reply);
  }
  return removeStorageNode(controller, map, node, reply);
}

/** Takes a storage node that holds nothing and is not alive off the map. */
function removeStorageNode(controller: Changed, map: ClusterMap, node: NodeId, reply: Reply): void {
  let needed = whyNeeded(map, node);
  if (needed !== undefined) return reply(new Refused('node-needed', needed));
  return change(
    controller,
    (current) => {
      // The node may have come back while this change waited for its turn.
      needed = whyNeeded(current, node);
      return withoutNode(current, node);
    },
    (answer) => reply(needed === undefined ? answer : new Refused('node-needed', needed)),
  );
}

const TAKES_BLOBS = 'takes new blobs: drain it first, with --detach where it is gone for good';

/** Takes a file server off the map that drains and does not answer: one that runs would join again. */
function removeFileServer(
  controller: Changed,
  { node, entry }: { readonly node: NodeId; readonly entry: FileServerEntry },
  { runtime, times }: RemovalOptions,
  reply: Reply,
): void {
  const refuse = (why: string) => reply(new Refused('node-needed', `${node} ${why}`));
  if (entry.state === 'in') return refuse(TAKES_BLOBS);
  const question = { id: node, entry, timeoutMs: times.controlCallMs };
  return isFileServerAlive(runtime.network, question, (isAlive) => {
    if (isAlive) return refuse('is alive: stop it first');
    let isOther = false;
    return change(
      controller,
      (current) => {
        // It may have come back, elsewhere or with another disk, or be wanted again, since it was asked.
        isOther = fileServerEntry(current, node) !== entry;
        return isOther ? current : withoutFileServer(current, node);
      },
      (answer) => (isOther ? refuse('was changed just now: look at it again') : reply(answer)),
    );
  });
}

function change(controller: Changed, changed: (map: ClusterMap) => ClusterMap, reply: Reply): void {
  controller.propose(changed, (failure) =>
    reply(failure === undefined ? {} : new Refused('not-durable', failure)),
  );
}
