// Decides between two processes that claim to be one node: a name that was given twice, or a data directory that was
// copied. The newcomer is refused while the known incarnation answers at another address. Otherwise two supervisors
// would take the node from each other for ever, and a copy would evict the original. A node that restarts at its own
// address never gets here.

import type { NodeEntry } from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import { isNobodyThere } from '../cluster/wire/control-frames.ts';
import { NO_MAP_NEWS, type RegisterRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../cluster/wire/control-table.ts';

/**
 * Called with the refusal, or with undefined when the newcomer may register: the known incarnation is over, or
 * nothing has been heard of it.
 */
type Judged = (refused: Refused | undefined) => void;

/**
 * @param rival the node's known entry, at another address than the newcomer's
 * @param heardMs when the controller last heard the known incarnation, by its monotonic clock; undefined if never
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
    // Silence proves nothing about an incarnation that was heard recently; a refused connection, or an answer by
    // another incarnation, does.
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
