// Carries one call out over HTTP frontends. A read that is not answered within a second is sent to the next frontend as
// well, and the first answer counts. A write is sent to a frontend that is known to be well, and to the next one only
// where certainly nothing came of it: it was never sent, the frontend says so by 503, or what answered is neither one nor
// a gateway that may have passed it on.

import { ROLE_HEADER } from '../cluster/http/http.ts';
import type { PoolAnswer, PoolOutcome, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';
import type { Outcome, UnderWay, UnknownCode } from './calls.ts';
import { VelourError } from './errors.ts';
import { type KnownFrontend, type KnownFrontends, PATIENCE_MS } from './frontends.ts';
import { codeOf, isElsewhere, isOfFrontend, refusalIn } from './http-answers.ts';

export interface HttpCall {
  readonly request: PoolRequest;
  /** Undefined for a read. */
  readonly unknown: UnknownCode | undefined;
  /** Whether the answer to a write has a value in it, so that a frontend may lack the room for it (see `isUndone`). */
  readonly answersValue: boolean;
  /** Whether it is an answer of a frontend; by default it has the headers of answers about a key. */
  readonly isAnswer?: (answer: PoolAnswer) => boolean;
  /** Whether a 503 to a read is what was asked for, so that no other frontend is asked. */
  readonly isLast?: (answer: PoolAnswer) => boolean;
}

export interface CallWorld {
  readonly frontends: KnownFrontends;
  readonly timers: Timers;
}

const NOT_READY = 503;

export function beginCall(
  world: CallWorld,
  call: HttpCall,
  outcome: Outcome<PoolAnswer>,
): UnderWay {
  const { unknown } = call;
  if (unknown === undefined) return new ReadCall(world, call, outcome).begin();
  return new WriteCall(world, call, unknown, outcome).begin();
}

/** Calls once where a frontend lets a call wait for too long, each time from when it was heard last. */
class FrontendPatience {
  readonly #timers: Timers;
  readonly #frontend: KnownFrontend;
  readonly #over: () => void;
  #isHeard = false;
  #cancel: Cancel = () => undefined;

  constructor(timers: Timers, frontend: KnownFrontend, over: () => void) {
    this.#timers = timers;
    this.#frontend = frontend;
    this.#over = over;
    this.#wait();
  }

  heard(): void {
    this.#isHeard = true;
  }

  end(): void {
    this.#cancel();
  }

  #wait(): void {
    this.#cancel = this.#timers.after(PATIENCE_MS, () => {
      // Who waits for other calls of the same client does not wait for the frontend.
      if (!this.#isHeard && !this.#frontend.isFull) return this.#over();
      this.#isHeard = false;
      return this.#wait();
    });
  }
}

class ReadCall implements UnderWay {
  readonly #timers: Timers;
  readonly #candidates: readonly KnownFrontend[];
  #next = 0;
  readonly #call: HttpCall;
  readonly #outcome: Outcome<PoolAnswer>;
  readonly #open = new Set<Cancel>();
  #failure: VelourError | undefined;

  constructor({ frontends, timers }: CallWorld, call: HttpCall, outcome: Outcome<PoolAnswer>) {
    this.#timers = timers;
    this.#candidates = frontends.inOrder();
    this.#call = call;
    this.#outcome = outcome;
  }

  get asked(): string {
    const asked = this.#candidates.slice(0, this.#next);
    return asked.map(({ url }) => url).join(', ');
  }

  begin(): this {
    this.#askNext();
    return this;
  }

  giveUp(): undefined {
    for (const cancel of this.#open) cancel();
    this.#open.clear();
  }

  #askNext(): void {
    const frontend = this.#candidates[this.#next++];
    if (frontend === undefined) {
      if (this.#open.size > 0) return;
      this.#outcome.failed(this.#failure ?? new VelourError('unreachable', 'no frontend answered'));
      return;
    }
    const patience = new FrontendPatience(this.#timers, frontend, () => {
      frontend.failed();
      this.#askNext();
    });
    const cancelRequest = frontend.send(this.#call.request, {
      answering: () => {
        patience.heard();
        return undefined;
      },
      received: () => patience.heard(),
      ended: (outcome) => {
        patience.end();
        this.#open.delete(cancel);
        this.#judge(frontend, outcome);
      },
    });
    const cancel: Cancel = () => {
      patience.end();
      cancelRequest();
    };
    this.#open.add(cancel);
  }

  #judge(frontend: KnownFrontend, outcome: PoolOutcome): void {
    if (outcome.kind === 'answered' && isAnswerTo(this.#call, outcome)) {
      frontend.answered();
      if (outcome.status !== NOT_READY || this.#call.isLast?.(outcome) === true) {
        this.giveUp();
        return this.#outcome.done(outcome);
      }
      // What a frontend says tells more than that another one was not there.
      this.#failure = refusalIn(outcome);
    } else {
      frontend.failed();
      if (this.#failure?.status !== NOT_READY) this.#failure = failureOf(frontend, outcome);
    }
    return this.#askNext();
  }
}

class WriteCall implements UnderWay {
  readonly #timers: Timers;
  readonly #candidates: readonly KnownFrontend[];
  readonly #call: HttpCall;
  readonly #unknown: UnknownCode;
  readonly #outcome: Outcome<PoolAnswer>;
  #next = 0;
  #cancel: Cancel | undefined;
  #isSent = false;
  #isOver = false;
  #failure: VelourError | undefined;

  constructor(
    { frontends, timers }: CallWorld,
    call: HttpCall,
    unknown: UnknownCode,
    outcome: Outcome<PoolAnswer>,
  ) {
    this.#timers = timers;
    this.#candidates = frontends.inOrder();
    this.#call = call;
    this.#unknown = unknown;
    this.#outcome = outcome;
  }

  get asked(): string | undefined {
    return this.#candidates[this.#next - 1]?.url;
  }

  begin(): this {
    this.#tryNext();
    return this;
  }

  giveUp(): UnknownCode | undefined {
    this.#isOver = true;
    this.#cancel?.();
    return this.#isSent ? this.#unknown : undefined;
  }

  #tryNext(): void {
    if (this.#isOver) return;
    this.#isSent = false;
    const frontend = this.#candidates[this.#next++];
    if (frontend === undefined) {
      this.#outcome.failed(this.#failure ?? new VelourError('unreachable', 'no frontend answered'));
      return;
    }
    if (frontend.isWell) return this.#send(frontend);
    // Once sent it cannot be sent elsewhere, so it must not go to one that hangs.
    return frontend.probe((verdict) => {
      if (this.#isOver) return;
      if (verdict === 'well') return this.#send(frontend);
      this.#failed(
        verdict === 'silent'
          ? new VelourError('unreachable', `${frontend.url} does not answer`)
          : new VelourError('not-a-frontend', `${frontend.url} has no /livez: it is no frontend`),
      );
    });
  }

  #send(frontend: KnownFrontend): void {
    const isLast = this.#next === this.#candidates.length;
    // Nothing was sent while there is no connection for it: it goes elsewhere, if there is anywhere else.
    const patience = isLast
      ? undefined
      : new FrontendPatience(this.#timers, frontend, () => {
          cancelRequest();
          frontend.failed();
          this.#failed(new VelourError('unreachable', `no connection to ${frontend.url} in time`));
        });
    const cancelRequest = frontend.send(this.#call.request, {
      sent: () => {
        patience?.end();
        this.#isSent = true;
      },
      ended: (outcome) => {
        patience?.end();
        this.#judge(frontend, outcome);
      },
    });
    this.#cancel = () => {
      patience?.end();
      cancelRequest();
    };
  }

  #judge(frontend: KnownFrontend, outcome: PoolOutcome): void {
    if (outcome.kind === 'answered' && isAnswerTo(this.#call, outcome)) {
      frontend.answered();
      if (outcome.status !== NOT_READY) return this.#outcome.done(outcome);
      if (this.#isUndone(outcome)) return this.#failed(refusalIn(outcome));
      return this.#nobodyKnows(refusalIn(outcome));
    }
    frontend.failed();
    const failure = failureOf(frontend, outcome);
    if (
      (outcome.kind === 'answered' && mayBePassedOn(outcome)) ||
      (outcome.kind === 'broken' && this.#isSent)
    )
      return this.#nobodyKnows(failure);
    return this.#failed(failure);
  }

  /**
   * A 503 says that nothing was stored, but for one case: where the answer has a value in it, `overloaded` may be all
   * that there was room for after the write.
   */
  #isUndone(answer: PoolAnswer): boolean {
    return !(this.#call.answersValue && codeOf(answer) === 'overloaded');
  }

  #failed(failure: VelourError): void {
    if (this.#failure?.status !== NOT_READY || failure.status === NOT_READY)
      this.#failure = failure;
    this.#tryNext();
  }

  #nobodyKnows(cause: VelourError): void {
    const what = `${cause.message}, so it may or may not take effect`;
    this.#outcome.failed(new VelourError(this.#unknown, what, { cause: cause.cause ?? cause }));
  }
}

/**
 * Whether a frontend may have had the request, and something in between has answered, or has taken the headers of velour-fog away. A
 * gateway that could not get the answer of a frontend does not know what became of the request; some say that by 503, also
 * where the connection broke when the frontend had it already. A refusal (4xx) says that nothing came of it, whoever has said it.
 */
function mayBePassedOn(answer: PoolAnswer): boolean {
  const { status } = answer;
  const isOfOtherNode = answer.header(ROLE_HEADER) !== undefined || isElsewhere(answer);
  return status >= 500 || (status < 300 && !isOfOtherNode);
}

function isAnswerTo({ isAnswer = isOfFrontend }: HttpCall, answer: PoolAnswer): boolean {
  return isAnswer(answer) && !isElsewhere(answer);
}

function failureOf({ url }: KnownFrontend, outcome: PoolOutcome): VelourError {
  if (outcome.kind === 'broken') {
    const { error } = outcome;
    return new VelourError('unreachable', `${url}: ${messageOf(error)}`, { cause: error });
  }
  const { status } = outcome;
  return new VelourError('not-a-frontend', `${url} ${strangerText(outcome)}`, { status });
}

function strangerText(answer: PoolAnswer): string {
  const role = answer.header(ROLE_HEADER);
  if (role !== undefined) return `is a ${role}, and no frontend`;
  return isElsewhere(answer)
    ? 'is of velour-fog, and does not have this path: it is no frontend, or an earlier one'
    : `answers ${answer.status} without the headers of velour-fog: it is no frontend`;
}

/** An attempt to connect to each address of a host fails with one error for all, which has no message. */
function messageOf(error: Error): string {
  // One of TLS ends its message with a line feed.
  return error.message.trim() || String((error as NodeJS.ErrnoException).code ?? error.name);
}
