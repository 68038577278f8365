// Asks for one page of a scan, as a get asks for a record (R3): one serving member, another one when the first cannot
// answer or takes long, in rounds until the deadline. All members list a partition in the same order, so each page may
// come from another one. What an answer means is in decision.ts.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import { NOT_NAMED } from '../../../cluster/peers/storage-channels.ts';
import type { ScanOperation } from '../../../cluster/wire/scan-operation.ts';
import type { ReachableMember } from '../../router.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { judgePage, type PageStep } from './decision.ts';

export type PageOutcome =
  | Extract<PageStep, { kind: 'page' }>
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type PageCallback = (outcome: PageOutcome) => void;

export class PageReader {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** @param callback is called exactly once, after at most the deadline of a get */
  page(operation: ScanOperation, callback: PageCallback): void {
    const { runtime, times } = this.#context;
    const lastTryMs = runtime.clock.monotonicMs() + times.getDeadlineMs - times.tryMs;
    new Page(this.#context, operation, lastTryMs, callback).round();
  }
}

class Page {
  readonly #context: OperationContext;
  readonly #operation: ScanOperation;
  readonly #lastTryMs: number;
  /** Undefined once it was called; later answers are ignored. */
  #callback: PageCallback | undefined;
  /** The members that this round asks, one after the other from `#next` on, wrapping around. */
  #answering: readonly ReachableMember[] = [];
  #next = 0;
  #left = 0;
  #roundScheduled = false;

  constructor(
    context: OperationContext,
    operation: ScanOperation,
    lastTryMs: number,
    callback: PageCallback,
  ) {
    this.#context = context;
    this.#operation = operation;
    this.#lastTryMs = lastTryMs;
    this.#callback = callback;
  }

  round(): void {
    this.#roundScheduled = false;
    const { router } = this.#context;
    const place = router.placeOf(this.#operation.partition);
    if (place === undefined) {
      return this.#answer({ kind: 'failed', code: 'not-ready', detail: 'no cluster map yet' });
    }
    const { answering } = place;
    this.#answering = answering;
    this.#left = answering.length;
    if (answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      return this.#again('partition-offline', OFFLINE);
    }
    this.#next = router.first(answering);
    return this.#askNext();
  }

  #askNext(): void {
    const reach = this.#answering[this.#next];
    if (this.#callback === undefined || this.#left === 0 || reach === undefined) return;
    this.#left--;
    this.#next = this.#next + 1 === this.#answering.length ? 0 : this.#next + 1;
    const { member, channel } = reach;
    if (channel === undefined) return this.#judge(member, NOT_NAMED);
    let isAnswered = false;
    const answered = (answer: MemberAnswer) => {
      isAnswered = true;
      this.#judge(member, answer);
    };
    const { runtime, times } = this.#context;
    channel.send(this.#operation, answered, () => {
      // Members serve gets before they list, so a page is late where gets are not. A busy member refuses the page before
      // another one is asked: if both listed it, many scans at once would keep all members busy with pages that nobody needs.
      runtime.timers.after(times.turnMs, () => {
        if (!isAnswered) this.#askNext();
      });
    });
  }

  #judge(member: Member, answer: MemberAnswer): void {
    if (this.#callback === undefined) return undefined;
    const step = judgePage(answer);
    if (step.kind === 'page') return this.#answer(step);
    learn(this.#context, member, answer);
    if (this.#left > 0) return this.#askNext();
    return this.#again('unanswered', 'no storage node answered in time');
  }

  /** Starts another round after a pause, even if a slow member of this one may still answer: the first answer wins. */
  #again(code: ErrorCode, detail: string): void {
    if (this.#roundScheduled) return;
    const { runtime, times } = this.#context;
    if (runtime.clock.monotonicMs() >= this.#lastTryMs) {
      this.#answer({ kind: 'failed', code, detail });
      return;
    }
    this.#roundScheduled = true;
    runtime.timers.after(times.retryMs + runtime.random.below(times.retryMs), () => {
      if (this.#callback !== undefined) this.round();
    });
  }

  #answer(outcome: PageOutcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(outcome);
  }
}
