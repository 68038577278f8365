// Two processes that say they are one node: a name that was given twice, or a data directory that was copied. The newcomer
// is refused while the known life answers at another address, or two supervisors would take the node from each other
// without end, and a copy would evict the original. Who starts again at its own address is never asked about.

import type { NodeEntry } from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import { isNobodyThere } from '../cluster/wire/control-frames.ts';
import { NO_MAP_NEWS, type RegisterRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../cluster/wire/control-table.ts';

/** @returns why not, or undefined: the life at the other address is over, or nobody hears of it */
type Judged = (refused: Refused | undefined) => void;

/**
 * @param rival the node as it is known, at another address than the newcomer's
 * @param heardMs when the controller heard the known life last, by its monotonic clock
 */
export function judgeNewcomer(
  runtime: Pick<Runtime, 'clock'>,
  client: ControlCaller,
  times: Times,
  {
    message,
    rival,
    heardMs,
  }: { message: RegisterRequest; rival: NodeEntry; heardMs: number | undefined },
  judged: Judged,
): void {
  const timeoutMs = times.lookMs;
  client.call(CONTROL.pushMap, rival.address, NO_MAP_NEWS, { timeoutMs }, (reply) => {
    const nowMs = runtime.clock.monotonicMs();
    const isThere = reply.kind === 'message' && reply.message.incarnation === rival.incarnation;
    // Silence says nothing of a life that was heard just now; a refusal, or another life's answer, does.
    const isSilent = reply.kind === 'failed' && !isNobodyThere(reply);
    const wasHeard = heardMs !== undefined && nowMs - heardMs < times.suspicionMs;
    judged(isThere || (isSilent && wasHeard) ? refusalOf(message, rival) : undefined);
  });
}

function refusalOf({ node, address }: RegisterRequest, rival: NodeEntry): Refused {
  return new Refused(
    'node-elsewhere',
    `node ${node} lives at ${rival.address}, and ${address} says that it is ${node} as well: two processes have one --name, or one has a copy of the data directory of the other; stop one of them, or give it a name and an empty directory of its own`,
  );
}
