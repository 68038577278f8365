// What a node that gives no answer is said to do, by how it is silent, and what to do first: most often it just does not
// run, and only what runs can be kept away by something between.

import type { Silence } from '../../cluster/io/network/ask.ts';
import type { Finding } from './finding.ts';

export interface Silent {
  /** Such as `storage 10.0.0.2:12500`. */
  readonly who: string;
  readonly silence: Silence;
  /** Whether the controller has heard it lately; undefined when that is nothing to go by. */
  readonly isHeard: boolean | undefined;
}

const BETWEEN = 'such as a firewall, or an address that holds there alone';

export function silent({ who, silence, isHeard }: Silent): Finding {
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
