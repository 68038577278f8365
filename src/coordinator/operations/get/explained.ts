// Carries out a read that explains itself: a linearizable one (H21), whose observer notes what each member answered, and
// when. What is made of the notes for people is in explanation.ts.

import { type ClusterMap, isSameIncarnation } from '../../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import type { KeyPlace } from '../../router.ts';
import type { MemberVote } from '../fan-out.ts';
import type { OperationContext } from '../operation-context.ts';
import type { LinearizableReader, ReadObserver } from './linearizable.ts';
import type { ReadOutcome } from './round.ts';

/** An answer, and how long after the question it came. */
export interface TimedAnswer {
  readonly answer: MemberAnswer;
  readonly ms: number;
}

/** What was noted of a read, of its last round where nothing else is said. */
export interface ReadNotes {
  readonly outcome: ReadOutcome;
  /** The map that the round went by; undefined where there was none. */
  readonly map: ClusterMap | undefined;
  readonly place: KeyPlace | undefined;
  /** For each member of the place, in that order: what it holds. Undefined for one that was not asked. */
  readonly held: readonly (TimedAnswer | undefined)[];
  /** In all rounds: what members answered to the newest record, which they did not have. */
  readonly repaired: ReadonlyMap<NodeId, MemberAnswer>;
  /** What members said last, in earlier rounds, who did not say what they hold. */
  readonly delays: ReadonlyMap<NodeId, MemberAnswer>;
  readonly rounds: number;
  /** How long the whole read took. */
  readonly ms: number;
}

export type NotesCallback = (notes: ReadNotes) => void;

export class ExplainedReader {
  readonly #context: OperationContext;
  readonly #reader: LinearizableReader;

  constructor(context: OperationContext, reader: LinearizableReader) {
    this.#context = context;
    this.#reader = reader;
  }

  /** @param callback is called exactly once, also where the read failed @param minVersion as in Reader.get */
  explain(key: Buffer, callback: NotesCallback, minVersion: Version): void {
    const observer = new NoteTaker(this.#context);
    this.#reader.observe(key, { minVersion, observer }, (outcome) =>
      callback(observer.notes(outcome)),
    );
  }
}

class NoteTaker implements ReadObserver {
  readonly #context: OperationContext;
  readonly #startedMs: number;
  readonly #delays = new Map<NodeId, MemberAnswer>();
  readonly #repaired = new Map<NodeId, MemberAnswer>();
  #rounds = 0;
  #map: ClusterMap | undefined;
  #place: KeyPlace | undefined;
  #held: (TimedAnswer | undefined)[] = [];
  /** When the members were asked. */
  #askedMs = 0;

  constructor(context: OperationContext) {
    this.#context = context;
    this.#startedMs = this.#nowMs();
  }

  asking(place: KeyPlace): void {
    for (const [index, { node }] of (this.#place?.entry.members ?? []).entries()) {
      const answer = this.#held[index]?.answer;
      if (answer === undefined || answer.kind === 'held' || answer.kind === 'absent') continue;
      this.#delays.set(node, answer);
    }
    this.#rounds++;
    this.#map = this.#context.router.map;
    this.#place = place;
    this.#held = [];
    this.#askedMs = this.#nowMs();
  }

  held({ member, answer }: MemberVote): void {
    const members = this.#place?.entry.members ?? [];
    const index = members.findIndex((other) => isSameIncarnation(other, member));
    this.#held[index] = { answer, ms: this.#nowMs() - this.#askedMs };
  }

  repaired({ member, answer }: MemberVote): void {
    const isDone = this.#repaired.get(member.node)?.kind === 'applied';
    if (!isDone) this.#repaired.set(member.node, answer);
  }

  notes(outcome: ReadOutcome): ReadNotes {
    return {
      outcome,
      map: this.#map,
      place: this.#place,
      held: this.#held,
      repaired: this.#repaired,
      delays: this.#delays,
      rounds: this.#rounds,
      ms: this.#nowMs() - this.#startedMs,
    };
  }

  #nowMs(): number {
    return this.#context.runtime.clock.monotonicMs();
  }
}
