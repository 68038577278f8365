// Carries out conditional writes (H39).

import type { OperationContext } from '../operation-context.ts';
import type { ConditionalCallback, ConditionalRequest } from './decision.ts';

export class ConditionalWriter {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** @param callback is called exactly once, after at most the deadline of sets */
  write(request: ConditionalRequest, callback: ConditionalCallback): void {
    void [this.#context, request];
    callback({ kind: 'not-stored', code: 'not-ready', detail: 'not built yet' });
  }
}
