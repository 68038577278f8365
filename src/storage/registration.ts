// How a storage node makes itself known to the controller: one registration for each incarnation, which assigns the
// incarnation. heartbeats.ts does what follows.

import { assert } from '../cluster/assert.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { ClusterMap, Generation } from '../cluster/model/cluster-map.ts';
import type { Address, Incarnation, NodeId, StoreId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import { ControllerContact } from '../cluster/peers/controller-contact.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { RegisterReply, RegisterRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import { incarnationsIn } from './data-directory/identity-file.ts';

export interface RegistrationOptions {
  readonly controller: Address;
  readonly node: NodeId;
  readonly address: Address;
  readonly store: StoreId;
  /** The incarnation that a node with a data directory proposes; the controller chooses one for other nodes (D3). */
  readonly incarnation: Incarnation | undefined;
  /** Everything acknowledged since this incarnation is in the store (H8); undefined without a data directory. */
  readonly completeSince: Incarnation | undefined;
  /** The incarnations that the data directory had before (H8); undefined without a data directory. */
  readonly lives: readonly Incarnation[] | undefined;
  readonly times: Times;
}

/** The questions of the registration to its node, and its reports. */
export interface RegistrationEvents {
  registered(reply: RegisterReply): void;
  /** The newest map that this node has adopted. */
  map(): ClusterMap | undefined;
  /** The recovery that this node is bound to follow, while that map is from before the recovery (H32). */
  promised(): Generation | undefined;
}

export class Registration {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #options: RegistrationOptions;
  readonly #events: RegistrationEvents;
  readonly #process: string;
  #proposed: Incarnation | undefined;
  #lives: readonly Incarnation[] | undefined;
  #incarnation: Incarnation | undefined;
  #problem: string | undefined = 'not registered yet';
  #registering = false;
  readonly #contact: ControllerContact;

  constructor(
    runtime: Runtime,
    client: ControlCaller,
    options: RegistrationOptions,
    events: RegistrationEvents,
  ) {
    this.#runtime = runtime;
    this.#client = client;
    this.#options = options;
    this.#events = events;
    this.#contact = new ControllerContact(runtime, {
      warning: 'no word from the controller',
      timeScale: options.times.scale,
    });
    this.#process = runtime.random.token();
    this.#proposed = options.incarnation;
    this.#lives = options.lives;
  }

  /** Why the controller does not know this node now, for operators; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks the controller until it succeeds; further calls meanwhile do nothing. */
  register(): void {
    if (this.#registering) return;
    this.#registering = true;
    this.#ask();
  }

  #ask(): void {
    const { node, address, store, completeSince, controller, times } = this.#options;
    const map = this.#events.map();
    const message: RegisterRequest = {
      node,
      address,
      store,
      process: this.#process,
      incarnation: this.#proposed,
      lives: this.#lives,
      previous: this.#lives?.at(-1),
      completeSince,
      cluster: map?.cluster,
      mapVersion: map?.version,
      promised: this.#events.promised(),
      wallMs: Math.floor(this.#runtime.clock.wallMs()),
      timeScale: times.scale,
    };
    const timeoutMs = times.controlCallMs;
    this.#client.call(CONTROL.register, controller, message, { timeoutMs }, (reply) => {
      if (reply.kind === 'message') {
        this.#registering = false;
        return this.#registered(reply.message);
      }
      const isOfOtherScale = reply.kind === 'refused' && reply.error === 'other-time-scale';
      // D12: only before the first registration. A registered node goes on: perhaps the controller is the wrong one,
      // and it is restarted sooner than the records in this node's memory could be restored.
      if (isOfOtherScale && this.#incarnation === undefined) {
        throw new FatalError(EXIT.config, `controller ${controller}: ${reply.detail}`);
      }
      this.report(`controller ${controller}: ${reply.detail}`);
      this.#runtime.timers.after(times.heartbeatMs, () => this.#ask());
    });
  }

  report(problem: string | undefined): void {
    this.#problem = problem;
    const isOver = this.#contact.report(problem);
    if (isOver && this.#incarnation !== undefined)
      this.#runtime.logger.write('info', 'controller reached again');
  }

  #registered(reply: RegisterReply): void {
    const { incarnation } = reply;
    this.report(undefined);
    assert(incarnation >= (this.#incarnation ?? 0), 'incarnations of one process rise (I10)');
    this.#incarnation = incarnation;
    this.#proposed = incarnation;
    this.#lives = this.#lives && incarnationsIn({ lives: this.#lives, incarnation });
    this.#events.registered(reply);
  }
}
