// The long polls of a frontend that are under way: each ends when its client has left, and all when the frontend stops.

import type { HttpRequest } from '../../../cluster/http/http.ts';
import type { ReadCallback } from '../../../coordinator/operations/get/round.ts';
import {
  type AwaitedKey,
  KeyWait,
  type KeyWaitParts,
} from '../../../coordinator/operations/watch/key-wait.ts';

export class KeyWaits {
  readonly #underWay = new Set<KeyWait>();
  #isOver = false;

  /** Whether nobody is to wait any more, as the frontend stops. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Whoever has ended only his side of the connection is answered at once, with what there is, as by a get without
   * waiting: most have ended both, and a client that is gone would keep others from waiting.
   * @param callback as of KeyWait
   */
  begin(
    parts: KeyWaitParts,
    awaited: AwaitedKey,
    request: Pick<HttpRequest, 'onceLeft'>,
    callback: ReadCallback,
  ): void {
    const wait = new KeyWait(parts, awaited, (outcome) => {
      this.#underWay.delete(wait);
      forget();
      callback(outcome);
    });
    const forget = request.onceLeft(() => wait.end());
    this.#underWay.add(wait);
    wait.start();
  }

  /** Answers all with what there is. */
  end(): void {
    this.#isOver = true;
    for (const wait of this.#underWay) wait.end();
  }
}
