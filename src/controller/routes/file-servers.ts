// Handles the message by which a file server joins, and asks a file server whether it lives. What a join changes is in
// decisions/file-servers.ts.

import type { ControlRoutes } from '../../cluster/http/control-routes.ts';
import type { FileServerEntry } from '../../cluster/model/file-server.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import { readReply } from '../../cluster/peers/calls.ts';
import type { Network } from '../../cluster/ports.ts';
import type {
  JoinFileServerReply,
  JoinFileServerRequest,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL } from '../../cluster/wire/control-table.ts';
import { fileServerRoom } from '../../cluster/wire/file-server-room.ts';
import { type FileServerJoin, joinFileServer } from '../decisions/file-servers.ts';
import type { Administered } from './admin.ts';

/** @param waitingFor what the controller waits for while it has no map, as text for people */
export function addFileServerRoutes(
  control: ControlRoutes,
  controller: Pick<Administered, 'map' | 'propose'>,
  waitingFor: () => string | undefined,
): void {
  control.on(CONTROL.joinFileServer, (message, reply) => {
    if (controller.map() !== undefined) return join(controller, message, reply);
    return reply({ kind: 'waiting', why: waitingFor() ?? 'the controller has no map yet' });
  });
}

function join(
  controller: Pick<Administered, 'propose'>,
  message: JoinFileServerRequest,
  reply: (answer: JoinFileServerReply) => void,
): void {
  let outcome: FileServerJoin | undefined;
  controller.propose(
    (map) => {
      // Judge when the turn of this change comes: another file server may have joined meanwhile.
      outcome = joinFileServer(map, message);
      return outcome.kind === 'joined' ? outcome.map : map;
    },
    (failure) => {
      if (outcome?.kind === 'refused') return reply(outcome);
      if (failure !== undefined) return reply({ kind: 'waiting', why: failure });
      if (outcome !== undefined) reply({ kind: 'joined', cluster: outcome.map.cluster });
    },
  );
}

/** @param answered whether this very file server, with this directory, answers at its address */
export function isFileServerAlive(
  network: Pick<Network, 'call'>,
  {
    id,
    entry,
    timeoutMs,
  }: { readonly id: NodeId; readonly entry: FileServerEntry; readonly timeoutMs: number },
  answered: (isAlive: boolean) => void,
): void {
  const { address, store } = entry;
  network.call({ address, method: 'GET', path: '/room', timeoutMs }, (outcome) => {
    const reply = readReply(fileServerRoom, outcome);
    answered(reply.kind === 'message' && reply.message.id === id && reply.message.store === store);
  });
}
