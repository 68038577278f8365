// How a storage node stops (D4): with a data directory it waits a moment, stops serving, syncs its log and says that
// it will return; without one it hands its partitions over first, because its records die with it. What ends with the
// incarnation is node-incarnation.ts's.

import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { DrainOptions, Runtime } from '../cluster/ports.ts';
import type { GoodbyeRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import type { Durability } from './log/durability.ts';
import type { NodeIncarnation } from './node-incarnation.ts';

export interface ShutdownOptions {
  readonly client: ControlCaller;
  readonly controller: Address;
  readonly times: Times;
  readonly durability: Durability;
  readonly keepsData: boolean;
}

export class Shutdown {
  readonly #runtime: Runtime;
  readonly #options: ShutdownOptions;
  readonly #incarnation: NodeIncarnation;
  readonly #deadlineMs: number;
  readonly #done: (failure: string | undefined) => void;

  constructor(
    runtime: Runtime,
    options: ShutdownOptions,
    incarnation: NodeIncarnation,
    drain: DrainOptions,
    done: (failure: string | undefined) => void,
  ) {
    this.#runtime = runtime;
    this.#options = options;
    this.#incarnation = incarnation;
    this.#deadlineMs = runtime.clock.monotonicMs() + drain.timeoutMs;
    this.#done = done;
    // When everybody stops nobody could take anything over, and the map is to stay as it is.
    if (drain.wholeCluster) this.#stop(undefined);
    else if (!options.keepsData) this.#handOver();
    else if (!incarnation.hasHeirs()) this.#stop('restarting');
    else {
      const waitMs = Math.min(options.times.beforeRestartMs, drain.timeoutMs);
      runtime.timers.after(waitMs, () => this.#stop('restarting'));
    }
  }

  #handOver(): void {
    const incarnation = this.#incarnation;
    if (!incarnation.hasHeirs()) return this.#stop('stopped');
    if (this.#runtime.clock.monotonicMs() >= this.#deadlineMs) {
      if (incarnation.isMember()) {
        this.#runtime.logger.write(
          'error',
          'leaving with partitions that nobody took over in time',
        );
      }
      return this.#stop('stopped');
    }
    if (incarnation.isDraining() && !incarnation.isMember()) return this.#stop('stopped');
    const { decideMs } = this.#options.times;
    const again = () => {
      this.#runtime.timers.after(decideMs, () => this.#handOver());
    };
    // Repeat it until the map shows it: the controller may have died with it, or an operator may have undrained the
    // node.
    return incarnation.isDraining() ? again() : this.#say('leaving', again);
  }

  /** H5b: first the node stops answering, then it says so, and only then does the listener close. */
  #stop(state: 'restarting' | 'stopped' | undefined): void {
    this.#incarnation.end();
    this.#options.durability.sync((failure) => {
      // Everything acknowledged is in the log; entries that the log lost were never acknowledged (H35).
      if (failure !== undefined) this.#runtime.logger.write('error', 'the log failed', { failure });
      // The whole cluster stops, so nobody need know; a controller that stays finds out by itself.
      if (state === undefined) this.#done(failure);
      else this.#say(state, () => this.#done(failure));
    });
  }

  #say(state: GoodbyeRequest['state'], said: () => void): void {
    const { client, controller, times } = this.#options;
    const message: GoodbyeRequest = { ...this.#incarnation.replica.incarnationId, state };
    client.call(CONTROL.goodbye, controller, message, { timeoutMs: times.controlCallMs }, said);
  }
}
