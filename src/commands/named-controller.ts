// Says what answers where a node or a command was told that the controller is, if that is something else: it refuses without a
// word of who refuses.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { otherThanController } from '../cluster/io/network/answerer.ts';
import { Names } from '../cluster/io/network/names.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Logger } from '../cluster/ports.ts';

const ASK_MS = 2000;

/** Looks once. Silence says nothing: the controller may start later. */
export async function tellOtherNode(controller: Address, logger: Logger): Promise<void> {
  const other = await otherThanController(controller, ASK_MS, new Names());
  if (other !== undefined) logger.write('error', `${other}: give the address of the controller`);
}

/**
 * @param todo what to do about it
 * @returns undefined where a controller answers, or nothing does
 */
export async function wrongController(
  address: Address,
  names: Names,
  todo = 'name it with --controller or VELOUR_CONTROLLER',
): Promise<FatalError | undefined> {
  const other = await otherThanController(address, ASK_MS, names);
  return other === undefined ? undefined : new FatalError(EXIT.unavailable, `${other}; ${todo}`);
}
