// Says what answers where a node was told that its controller is, if that is another node: its streams are refused there without
// a word of who refuses.

import { Names } from '../cluster/io/network/names.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Logger } from '../cluster/ports.ts';
import { answererAt, describeAnswerer } from './doctor/answerer.ts';

const ASK_MS = 2000;

/** Looks once. Silence says nothing: the controller may start later. */
export async function tellOtherNode(controller: Address, logger: Logger): Promise<void> {
  const answerer = await answererAt(controller, ASK_MS, new Names());
  if (answerer.kind !== 'node' || answerer.role === 'controller') return;
  logger.write(
    'error',
    `what answers at ${controller} is ${describeAnswerer(answerer)}, and no controller: give the address of the controller`,
  );
}
