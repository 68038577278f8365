// Who may open a stream to this storage node (D13): only who means this cluster, this node, its present incarnation, and
// the same protocol times. What comes on the streams is handled in operation-links.ts and changes/change-links.ts.

import type { NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { otherTimeScale } from '../cluster/model/time-scale.ts';
import type { NodeHello, Runtime } from '../cluster/ports.ts';
import type { Replica } from './replication/replica.ts';

/** The node that the streams lead to; its replica changes with each incarnation. */
export interface StreamTarget {
  node(): NodeId;
  replica(): Replica | undefined;
}

export class StreamGate {
  readonly #runtime: Pick<Runtime, 'logger'>;
  readonly #times: Pick<Times, 'scale'>;
  readonly #target: StreamTarget;
  #reported: string | undefined;

  constructor(runtime: Pick<Runtime, 'logger'>, times: Pick<Times, 'scale'>, target: StreamTarget) {
    this.#runtime = runtime;
    this.#times = times;
    this.#target = target;
  }

  /** @returns why the stream is refused; undefined when it is not */
  refusalOf(hello: NodeHello): string | undefined {
    const node = this.#target.node();
    const { map, incarnation } = this.#target.replica() ?? {};
    if (hello.node !== node) return `this is node ${node}`;
    if (hello.incarnation !== incarnation) {
      return `this is incarnation ${incarnation ?? 'none yet'}`;
    }
    if (hello.cluster !== map?.cluster) return `this is cluster ${map?.cluster ?? 'none yet'}`;
    const other = otherTimeScale(
      { who: 'who opens this stream', timeScale: hello.timeScale },
      { who: `node ${node}`, timeScale: this.#times.scale },
    );
    if (other !== undefined) this.#report(other);
    return other;
  }

  /** Logs a problem once, however often the same stream is tried. */
  #report(problem: string): void {
    if (problem === this.#reported) return;
    this.#reported = problem;
    this.#runtime.logger.write('warn', 'a stream is refused', { problem });
  }
}
