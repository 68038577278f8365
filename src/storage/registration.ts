// How a storage node makes itself known: one registration a life, then heartbeats. Both bring maps;
// what a map means is replica.ts's business.

import { assert } from '../cluster/assert.ts';
import { readReply } from '../cluster/calls.ts';
import type { ClusterMap, MapVersion } from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import type { Address, ClusterId, Incarnation, NodeId, StoreId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import {
  heartbeatReply,
  PATHS,
  type RegisterReply,
  type RegisterRequest,
  registerReply,
} from '../cluster/messages.ts';
import type { Runtime } from '../cluster/runtime.ts';

export interface RegistrationOptions {
  readonly controller: Address;
  readonly node: NodeId;
  readonly address: Address;
  readonly store: StoreId;
  /** Of a node with a data directory; the controller gives the others theirs (D3). */
  readonly incarnation: Incarnation | undefined;
  /** Every set that the store ever acknowledged is in it (H8). */
  readonly clean: boolean;
  readonly times: Times;
}

/** What the registration needs to know of the node, and tells it. */
export interface RegistrationEvents {
  /** The incarnation of this life; `begin` when the node can be it. */
  registered(incarnation: Incarnation, begin: () => void): void;
  offered(map: ClusterMap): void;
  state(): { readonly mapVersion: MapVersion; readonly items: number };
  /** The cluster this node belongs to, once it adopted a map. */
  cluster(): ClusterId | undefined;
}

export class Registration {
  readonly #runtime: Runtime;
  readonly #options: RegistrationOptions;
  readonly #events: RegistrationEvents;
  readonly #process: string;
  #proposed: Incarnation | undefined;
  #incarnation: Incarnation | undefined;
  #problem: string | undefined = 'not registered yet';

  constructor(runtime: Runtime, options: RegistrationOptions, events: RegistrationEvents) {
    this.#runtime = runtime;
    this.#options = options;
    this.#events = events;
    this.#process = runtime.random.token();
    this.#proposed = options.incarnation;
  }

  /** Why the controller does not know this node now, for people; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#register();
  }

  #register(): void {
    const { node, address, store, clean, controller, times } = this.#options;
    const message: RegisterRequest = {
      node,
      address,
      store,
      process: this.#process,
      incarnation: this.#proposed,
      clean,
      cluster: this.#events.cluster(),
    };
    this.#runtime.network.call(
      {
        address: controller,
        method: 'POST',
        path: PATHS.register,
        message,
        timeoutMs: times.controlCallMs,
      },
      (outcome) => {
        const reply = readReply(registerReply, outcome);
        if (reply.kind === 'message') this.#registered(reply.message);
        else {
          this.#report(`controller ${controller}: ${reply.detail}`);
          this.#later(() => this.#register());
        }
      },
    );
  }

  #registered({ incarnation, map }: RegisterReply): void {
    this.#report(undefined);
    const begin = () => {
      if (map !== undefined) this.#events.offered(map);
      // At once: only a heartbeat makes the controller count on this life.
      this.#heartbeat(incarnation);
    };
    if (this.#incarnation === incarnation) return begin();
    assert(incarnation > (this.#incarnation ?? 0), 'incarnations of one process rise (I10)');
    this.#incarnation = incarnation;
    this.#proposed = incarnation;
    return this.#events.registered(incarnation, begin);
  }

  #heartbeat(incarnation: Incarnation): void {
    const { node, controller, times } = this.#options;
    this.#runtime.network.call(
      {
        address: controller,
        method: 'POST',
        path: PATHS.heartbeat,
        message: { node, incarnation, ...this.#events.state() },
        timeoutMs: times.controlCallMs,
      },
      (outcome) => {
        const reply = readReply(heartbeatReply, outcome);
        if (reply.kind === 'message') {
          this.#report(undefined);
          if (reply.message.map !== undefined) this.#events.offered(reply.message.map);
        } else if (reply.kind === 'refused' && reply.error === 'unknown-node') {
          // The controller was restarted before it founded a cluster: begin again.
          this.#register();
          return;
        } else if (reply.kind === 'refused' && reply.error === 'other-incarnation') {
          // Two processes of one node must never both live (I10); the newer one is right.
          throw new FatalError(EXIT.failure, `another process has taken over node ${node}`);
        } else this.#report(`controller ${controller}: ${reply.detail}`);
        this.#later(() => this.#heartbeat(incarnation));
      },
    );
  }

  #later(callback: () => void): void {
    this.#runtime.timers.after(this.#options.times.heartbeatMs, callback);
  }

  /** Logs a problem when it begins, changes and ends; not at every heartbeat. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    if (problem !== undefined)
      this.#runtime.log.write('warn', 'no word from the controller', { problem });
    else if (this.#incarnation !== undefined)
      this.#runtime.log.write('info', 'controller reached again');
    this.#problem = problem;
  }
}
