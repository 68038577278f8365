// The wait for one key, on a watch whose events a test tells: whatever ends it, nothing goes on behind it. What it answers
// is in the contract suite (test/contracts/clients.ts).

import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { Calls, type Outcome } from '../../src/client/calls.ts';
import type {
  AwaitOptions,
  StoredEntry,
  Velour,
  VelourError,
  Watch,
} from '../../src/client/index.ts';
import {
  EventWatch,
  type PlacedEvent,
  type WatchSource,
  waitFor,
} from '../../src/client/watches.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const BEGUN: PlacedEvent = { event: { kind: 'begun' }, place: undefined };

/** A store with one key, whose etag a test decides, and watches that tell what it says. */
class Stage {
  readonly time = new VirtualTime();
  readonly #calls = new Calls(this.time, 1000);
  etag = '"0196c6f1f2c40000-00000001"';
  /** How many watches were begun, and not stopped. */
  followed = 0;
  begun = 0;
  /** What waits for the next events. */
  asked: Outcome<readonly PlacedEvent[]> | undefined;

  wait(options: AwaitOptions) {
    const velour: Pick<Velour, 'entry' | 'watch'> = {
      entry: async () => ({ etag: this.etag }) as StoredEntry,
      watch: (watch): Watch => new EventWatch(watch ?? {}, this.#calls, () => this.#source()),
    };
    return waitFor(velour, { clock: this.time, timers: this.time }, 'k', options);
  }

  #source(): WatchSource {
    this.followed++;
    this.begun++;
    return {
      next: (outcome) => {
        this.asked = outcome;
      },
      stop: () => this.followed--,
    };
  }

  async tell(event: PlacedEvent): Promise<void> {
    await settled();
    const asked = this.asked;
    this.asked = undefined;
    asked?.done([event]);
    await settled();
  }
}

/** Lets everything happen that waits for promises alone. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a wait whose key has changed follows nothing any more', async () => {
  const stage = new Stage();
  const { etag } = stage;
  const waits = stage.wait({ newerThan: etag });
  await settled();
  stage.etag = '"0196c6f1f2c40001-00000001"';
  await stage.tell(BEGUN);
  expect(await waits).toMatchObject({ changed: true, entry: { etag: stage.etag } });
  await settled();
  expect([stage.begun, stage.followed]).toEqual([1, 0]);
});

test('a wait for a key that has changed leaves nothing at a signal that lives on', async () => {
  const stage = new Stage();
  const lives = new AbortController();
  expect(await stage.wait({ signal: lives.signal })).toMatchObject({ changed: true });
  expect(getEventListeners(lives.signal, 'abort')).toEqual([]);
});

test('a wait whose time is over follows nothing any more, nor one that is given up', async () => {
  const stage = new Stage();
  const waits = stage.wait({ newerThan: stage.etag, waitMs: 500 });
  await stage.tell(BEGUN);
  stage.time.runTo(500);
  expect(await waits).toMatchObject({ changed: false });
  await settled();
  expect([stage.begun, stage.followed]).toEqual([1, 0]);

  const ends = new AbortController();
  const other = stage.wait({ newerThan: stage.etag, signal: ends.signal });
  await stage.tell(BEGUN);
  expect(getEventListeners(ends.signal, 'abort')).not.toEqual([]);
  ends.abort('enough');
  const error = await other.then(
    () => undefined,
    (reason: VelourError) => reason,
  );
  expect(error).toMatchObject({ code: 'aborted', cause: 'enough' });
  expect(getEventListeners(ends.signal, 'abort')).toEqual([]);
  await settled();
  expect([stage.begun, stage.followed]).toEqual([2, 0]);
});
