// Carries out a linearizable read (H21), as in ABD (Attiya, Bar-Noy and Dolev, 1995): asks every member, and where they
// differ writes the newest record back to all of them before it answers. It costs what a set costs, and is refused where a
// set would be: whoever reads with one answer from one member asks the reader in round.ts. An observer hears of each
// answer; explained.ts makes an explanation of what it heard.

import type { Member } from '../../../cluster/model/cluster-map.ts';
import { recordVersion, type StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { KeyPlace } from '../../router.ts';
import { bringEverywhere } from '../everywhere.ts';
import { fanOut, type MemberVote } from '../fan-out.ts';
import type { OperationContext } from '../operation-context.ts';
import { holdsSame, isLiveAt, isMissed, type Spread, sightOf } from '../settling.ts';
import { OFFLINE, olderThan, type ReadCallback, type ReadOutcome } from './round.ts';

const UNANSWERED: ReadOutcome = {
  kind: 'failed',
  code: 'unanswered',
  detail:
    'a linearizable read needs an answer of every member of the partition, and not all gave one in time',
};

/** Hears how a read comes to its answer. */
export interface ReadObserver {
  /** A round begins: all members of the partition are asked. */
  asking(place: KeyPlace): void;
  /** A member said what it holds, or did not. */
  held(vote: MemberVote): void;
  /** A member was sent the newest record, which it did not have, and took it or did not. */
  repaired(vote: MemberVote): void;
}

export class LinearizableReader {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** @param callback and minVersion as in Reader.get */
  get(key: Buffer, callback: ReadCallback, minVersion: Version = VERSION_ZERO): void {
    this.observe(key, { minVersion, observer: undefined }, callback);
  }

  /** As `get`. @param options.observer is called until the callback is */
  observe(
    key: Buffer,
    options: { readonly minVersion: Version; readonly observer: ReadObserver | undefined },
    callback: ReadCallback,
  ): void {
    const { runtime, times } = this.#context;
    const lastTryMs = runtime.clock.monotonicMs() + times.setDeadlineMs - times.tryMs;
    new LinearizableRead(this.#context, key, { lastTryMs, ...options }, (outcome) => {
      const found = outcome.kind === 'value' ? outcome.record : undefined;
      this.#context.hotKeys?.noteGet(key, found);
      callback(outcome);
    }).round();
  }
}

interface ReadTerms {
  readonly lastTryMs: number;
  readonly minVersion: Version;
  readonly observer: ReadObserver | undefined;
}

class LinearizableRead {
  readonly #context: OperationContext;
  readonly #key: Buffer;
  readonly #terms: ReadTerms;
  readonly #callback: ReadCallback;
  #failed = 0;

  constructor(context: OperationContext, key: Buffer, terms: ReadTerms, callback: ReadCallback) {
    this.#context = context;
    this.#key = key;
    this.#terms = terms;
    this.#callback = callback;
  }

  round(): void {
    const place = this.#context.router.locate(this.#key);
    if (place === undefined) {
      return this.#callback({ kind: 'failed', code: 'not-ready', detail: 'no cluster map yet' });
    }
    const { observer } = this.#terms;
    observer?.asking(place);
    const { partition, entry } = place;
    const peek = { kind: 'peek', partition, epoch: entry.epoch, key: this.#key } as const;
    return fanOut(
      this.#context,
      entry.members,
      peek,
      (votes) => this.#seen(place, votes),
      observer && ((vote) => observer.held(vote)),
    );
  }

  /** Members are asked also where none of them may answer reads, so that an observer hears why. */
  #seen(place: KeyPlace, votes: readonly MemberVote[]): void {
    if (place.answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      return this.#again({ kind: 'failed', code: 'partition-offline', detail: OFFLINE });
    }
    const sight = sightOf(votes);
    if (sight === undefined) return this.#again(UNANSWERED);
    const { newest, floor } = sight;
    const version = newest === undefined ? floor : recordVersion(newest);
    if (version < this.#terms.minVersion) return this.#again(olderThan(this.#terms.minVersion));
    if (newest === undefined) return this.#callback({ kind: 'absent', version });
    const others = votes.filter(({ answer }) => !holdsSame(answer, newest));
    return this.#writeBack(
      place,
      newest,
      others.map(({ member }) => member),
    );
  }

  /**
   * 1. A delete is with one member that is not the serialiser, and its outcome is unknown. This read finds it.
   * 2. Before the serialiser is sent it, it judges `swap 25 for 28` on its 25, which holds, and that is acknowledged.
   * 3. The serialiser and then all members say that 28 is greater: the delete never takes effect, as 28 was judged without
   *    it (H39d). To answer `absent` would mean that it did, and that 25 was there to be swapped all the same.
   *
   * @param members those that do not hold the record yet
   */
  #writeBack(place: KeyPlace, record: StoredRecord, members: readonly Member[]): void {
    const { observer } = this.#terms;
    const done = (spread: Spread, votes: readonly MemberVote[]) => {
      const { runtime, versions } = this.#context;
      if (isMissed(votes) || spread !== 'everywhere') return this.#again(UNANSWERED);
      const version = recordVersion(record);
      versions.observe(version);
      const isLive = isLiveAt(record, runtime.clock.wallMs());
      return this.#callback(isLive ? { kind: 'value', record } : { kind: 'absent', version });
    };
    const repaired = observer && ((vote: MemberVote) => observer.repaired(vote));
    bringEverywhere(this.#context, place, record, members, done, repaired);
  }

  #again(outcome: ReadOutcome): void {
    const { router, runtime } = this.#context;
    const leftMs = this.#terms.lastTryMs - runtime.clock.monotonicMs();
    if (leftMs <= 0) return this.#callback(outcome);
    this.#failed++;
    return router.laterRounds.add(this.#failed, leftMs, () => this.round());
  }
}
