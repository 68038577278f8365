// The finding about a node that does not answer: most often it does not run, so starting it is advised first. Only a
// node that runs can be kept away by something in between.

import type { Silence } from '../../cluster/io/network/ask.ts';
import type { Finding } from './finding.ts';

export interface Silent {
  /** The node in words, such as `storage 10.0.0.2:12500`. */
  readonly who: string;
  readonly silence: Silence;
  /** Whether the controller has heard the node lately; undefined when that proves nothing. */
  readonly isHeard: boolean | undefined;
  /** What is to be done where it does not come back; undefined where there is nothing. */
  readonly gone?: string | undefined;
}

const BETWEEN = 'such as a firewall, or an address that holds there alone';

export function silent(of: Silent): Finding {
  const finding = withoutEnd(of);
  const { gone } = of;
  return gone === undefined ? finding : { ...finding, todo: `${finding.todo}; ${gone}` };
}

function withoutEnd({ who, silence, isHeard }: Silent): Finding {
  const { how, why } = silence;
  switch (how) {
    case 'closed':
      return {
        check: 'reach',
        what: `${who} does not run where it is asked: nothing listens there (${why})`,
        todo:
          isHeard === true
            ? `the controller has just heard it: look again if it restarts, and start it if it does not come back; only if it runs see what is between, ${BETWEEN}`
            : `start it, if it was not stopped on purpose; only if it runs see what is between, ${BETWEEN}`,
      };
    case 'mute':
      return {
        check: 'reach',
        what: `${who} takes connections and does not answer: ${why}`,
        todo: 'it hangs, is overloaded or was stopped by SIGSTOP: see its log and its machine, continue it (SIGCONT) or start it again',
      };
    case 'unreachable':
      return {
        check: 'reach',
        what: `${who} cannot be reached from this machine: ${why}`,
        todo:
          isHeard === true
            ? `the controller hears it, so see what is between, ${BETWEEN}`
            : `see whether its machine runs, then what is between, ${BETWEEN}`,
      };
  }
}
