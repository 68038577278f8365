// A caller of control messages whose answers a test makes up: each call is told as the HTTP call that would say the same.

import { readReply } from '../../src/cluster/peers/calls.ts';
import type { ControlCaller } from '../../src/cluster/peers/control-client.ts';
import type { Network } from '../../src/cluster/ports.ts';

export function callerOver({ call }: Pick<Network, 'call'>): ControlCaller {
  return {
    call({ http: { method, path }, reply }, address, message, { timeoutMs }, callback) {
      const request = { address, method, path, message, timeoutMs };
      call(request, (outcome) => callback(readReply(reply, outcome)));
    },
  };
}
