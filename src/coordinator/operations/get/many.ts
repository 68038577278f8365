// Carries out many gets together: as few members as have them all are asked, each for all of its keys in one message. What
// one of them does not answer, or not soon, becomes a get of its own (round.ts), so each get is answered as if it were
// alone (R3).

import type { Member } from '../../../cluster/model/cluster-map.ts';
import { recordVersion } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer, StorageChannel } from '../../../cluster/peers/storage-channel.ts';
import type { OneOfMany } from '../../../cluster/wire/answer-kinds.ts';
import type { KeyOfMany } from '../../../cluster/wire/many-parts.ts';
import type { KeyPlace } from '../../router.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import type { ReadCallback, Reader, ReadOutcome } from './round.ts';

export interface GetOfMany {
  readonly key: Buffer;
  /** As of `Reader.get`. */
  readonly callback: ReadCallback;
}

/** More keys for one member go in several messages. */
const KEYS_MAX = 512;
const NOT_SERVING: MemberAnswer = { kind: 'not-serving' };

/** What one member is asked for. */
interface Group {
  readonly member: Member;
  readonly channel: StorageChannel;
  readonly keys: KeyOfMany[];
  readonly gets: GetOfMany[];
}

export class ManyReader {
  readonly #context: OperationContext;
  readonly #reader: Reader;
  /** Channels to nodes that run earlier software, which takes many gets for malformed. */
  readonly #without = new WeakSet<StorageChannel>();

  constructor(context: OperationContext, reader: Reader) {
    this.#context = context;
    this.#reader = reader;
  }

  /** The callback of each is called exactly once, before this returns or later. */
  get(gets: readonly GetOfMany[]): void {
    const { router } = this.#context;
    const groups: Group[] = [];
    for (const get of gets) {
      const place = router.locate(get.key);
      const group = place === undefined ? undefined : this.#groupFor(place, groups);
      if (place === undefined || group === undefined) this.#alone(get);
      else {
        group.keys.push({ partition: place.partition, key: get.key });
        group.gets.push(get);
      }
    }
    for (const group of groups) this.#ask(group);
  }

  /** @returns a group whose member may answer by the map (R3), a new one only where none has such a member */
  #groupFor({ answering }: KeyPlace, groups: Group[]): Group | undefined {
    for (const group of groups) {
      if (group.keys.length >= KEYS_MAX) continue;
      if (answering.some(({ channel }) => channel === group.channel)) return group;
    }
    if (answering.length === 0) return undefined;
    const reach = answering[this.#context.router.first(answering)];
    if (reach?.channel === undefined || this.#without.has(reach.channel)) return undefined;
    const group = { member: reach.member, channel: reach.channel, keys: [], gets: [] };
    groups.push(group);
    return group;
  }

  #ask({ member, channel, keys, gets }: Group): void {
    const [only] = gets;
    if (only !== undefined && gets.length === 1) return this.#alone(only);
    let isOver = false;
    const eachAlone = () => {
      if (isOver) return;
      isOver = true;
      for (const get of gets) this.#alone(get);
    };
    return channel.send(
      { kind: 'gets', keys },
      (answer) => {
        if (isOver) return;
        if (answer.kind === 'many' && answer.each.length === gets.length) {
          isOver = true;
          return this.#told(member, answer.each, gets);
        }
        if (answer.kind === 'refused' && answer.reason === 'malformed') {
          this.#without.add(channel);
        }
        learn(this.#context, member, answer);
        eachAlone();
      },
      eachAlone,
    );
  }

  #told(member: Member, each: readonly OneOfMany[], gets: readonly GetOfMany[]): void {
    let isServing = true;
    for (const [index, get] of gets.entries()) {
      const one = each[index];
      switch (one?.kind) {
        case 'found':
          this.#answer(get, { kind: 'value', record: one.record }, recordVersion(one.record));
          break;
        case 'absent':
          this.#answer(get, one, one.version);
          break;
        case 'not-serving':
          isServing = false;
          this.#alone(get);
          break;
        case 'left-out':
        case undefined:
          this.#alone(get);
          break;
      }
    }
    if (!isServing) learn(this.#context, member, NOT_SERVING);
  }

  #answer({ key, callback }: GetOfMany, outcome: ReadOutcome, version: Version): void {
    const { versions, hotKeys } = this.#context;
    versions.observe(version);
    hotKeys?.noteGet(key, outcome.kind === 'value' ? outcome.record : undefined);
    callback(outcome);
  }

  #alone({ key, callback }: GetOfMany): void {
    this.#reader.get(key, callback);
  }
}
