// Handles the message by which a file server joins. What it changes is in decisions/file-servers.ts.

import type { ControlRoutes } from '../../cluster/http/control-routes.ts';
import type {
  JoinFileServerReply,
  JoinFileServerRequest,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL } from '../../cluster/wire/control-table.ts';
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
