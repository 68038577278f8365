// Two processes that say they are one node: a name that was given twice, or a data directory that was copied. The newcomer
// is refused while the known life answers at another address, or two supervisors would take the node from each other
// without end, and a copy would evict the original. Who starts again at its own address is never asked about.

import type { HttpReply } from '../cluster/http/http.ts';
import { refusalReply } from '../cluster/http/routes.ts';
import type { NodeEntry } from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Runtime } from '../cluster/ports.ts';
import { mapPushReply, PATHS, type RegisterRequest } from '../cluster/wire/control-messages.ts';

/** @returns why not, or undefined: the life at the other address is over, or nobody hears of it */
type Judged = (refused: HttpReply | undefined) => void;

/**
 * @param rival the node as it is known, at another address than the newcomer's
 * @param heardMs when the controller heard the known life last, by its monotonic clock
 */
export function judgeNewcomer(
  runtime: Runtime,
  times: Times,
  {
    message,
    rival,
    heardMs,
  }: { message: RegisterRequest; rival: NodeEntry; heardMs: number | undefined },
  judged: Judged,
): void {
  const sentMs = runtime.clock.monotonicMs();
  runtime.network.call(
    // A map push without a map: the node says at once which life it is.
    {
      address: rival.address,
      method: 'POST',
      path: PATHS.storageMap,
      message: {},
      timeoutMs: times.lookMs,
    },
    (outcome) => {
      const reply = readReply(mapPushReply, outcome);
      const nowMs = runtime.clock.monotonicMs();
      const isThere = reply.kind === 'message' && reply.message.incarnation === rival.incarnation;
      // Silence says nothing of a life that was heard just now; a refusal, or another life's answer, does.
      const isSilent = outcome.kind === 'failed' && nowMs - sentMs >= times.lookMs;
      const wasHeard = heardMs !== undefined && nowMs - heardMs < times.suspicionMs;
      judged(isThere || (isSilent && wasHeard) ? refusalOf(message, rival) : undefined);
    },
  );
}

function refusalOf({ node, address }: RegisterRequest, rival: NodeEntry): HttpReply {
  return refusalReply(
    'node-elsewhere',
    `node ${node} lives at ${rival.address}, and ${address} says that it is ${node} as well: two processes have one --name, or one has a copy of the data directory of the other; stop one of them, or give it a name and an empty directory of its own`,
  );
}
