// Storage nodes that are followed, whose answers a test decides: it sees each question that is open, and answers it, lets
// it wait, or breaks the stream. Beside it, a watch of all keys of a small map.

import {
  answeringMembers,
  type ClusterMap,
  movedPartitions,
  partitionEntry,
} from '../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../src/cluster/model/partition-set.ts';
import { encodeRecord, recordHead } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { ChangeChannels } from '../../src/cluster/peers/change-channels.ts';
import type { Link, LinkEvents, LinkHello, Network, Runtime } from '../../src/cluster/ports.ts';
import {
  type Changes,
  decodeFollow,
  encodeChanges,
  type Follow,
} from '../../src/cluster/wire/follow-messages.ts';
import type { OperationContext } from '../../src/coordinator/operations/operation-context.ts';
import {
  ClusterWatch,
  type WatchQuery,
  type WatchStep,
} from '../../src/coordinator/operations/watch/cluster-watch.ts';
import { VirtualTime } from './virtual-time.ts';

export interface Question extends Follow {
  readonly answer: (changes: Partial<Changes>) => void;
}

interface FollowedLink {
  readonly node: string;
  readonly events: LinkEvents;
  readonly questions: Question[];
  isClosed: boolean;
}

export class FollowedNodes implements Network {
  readonly links: FollowedLink[] = [];
  /** Nodes that no stream can be opened to. */
  readonly away = new Set<string>();

  call(): void {
    throw new Error('nobody asks for maps here');
  }

  request(): never {
    throw new Error('nobody sends files here');
  }

  open(_address: unknown, hello: LinkHello, events: LinkEvents): Link {
    if (hello.purpose !== 'changes') throw new Error('only changes are followed here');
    const node = `${hello.node}${hello.incarnation === 1 ? '' : hello.incarnation}`;
    const link: FollowedLink = { node, events, questions: [], isClosed: false };
    this.links.push(link);
    const close = (reason: string) => {
      if (link.isClosed) return;
      link.isClosed = true;
      events.closed(reason, !this.away.has(node));
    };
    return {
      send: (id, head, body) => {
        const follow = decodeFollow(Buffer.concat([head, body]));
        if (typeof follow === 'string') throw new Error(follow);
        const answer = (changes: Partial<Changes>) => {
          if (link.isClosed) throw new Error('the stream is closed');
          link.questions.splice(link.questions.indexOf(question), 1);
          const lost = PartitionSet.empty(16);
          const message = encodeChanges({ next: 1, lost, gone: [], heads: [], ...changes });
          events.received(id, Buffer.concat([message.head, message.body]));
        };
        const question = { ...follow, answer };
        link.questions.push(question);
      },
      isUnderWay: () => false,
      batchesLeft: () => 0,
      queuedBytes: () => 0,
      close,
    };
  }

  /** What the node was asked last on its open stream, and has not answered. */
  asked(node: string): Question {
    const question = this.#open(node)?.questions.at(-1);
    if (question === undefined) throw new Error(`${node} is asked nothing`);
    return question;
  }

  isAsked(node: string): boolean {
    return (this.#open(node)?.questions.length ?? 0) > 0;
  }

  break(node: string): void {
    const link = this.#open(node);
    if (link === undefined) throw new Error(`there is no stream to ${node}`);
    link.isClosed = true;
    link.events.closed('broken', true);
  }

  #open(node: string): FollowedLink | undefined {
    return this.links.findLast((link) => link.node === node && !link.isClosed);
  }
}

export function partitions(...indexes: readonly number[]): PartitionSet {
  const set = PartitionSet.empty(16);
  for (const index of indexes) set.add(index as PartitionId);
  return set;
}

export function headOf(key: string, version: number) {
  const value = Buffer.from('value');
  return recordHead(
    encodeRecord({ key: Buffer.from(key, 'latin1'), version: BigInt(version) as Version, value }),
  );
}

export class FollowingStage {
  readonly time = new VirtualTime();
  readonly nodes = new FollowedNodes();
  readonly channels: ChangeChannels;
  readonly context: OperationContext;
  readonly #listeners = new Set<(moved: readonly PartitionId[]) => void>();
  #map: ClusterMap;

  constructor(map: ClusterMap) {
    this.#map = map;
    const times = protocolTimes(1);
    const logger = { write: () => undefined };
    const { time: clock, nodes: network } = this;
    const runtime = { clock, timers: clock, network, logger } as unknown as Runtime;
    this.channels = new ChangeChannels(runtime, times);
    const map_ = () => this.#map;
    const router = {
      get map() {
        return map_();
      },
      placeOf: (partition: PartitionId) => {
        this.looks++;
        const entry = partitionEntry(map_(), partition);
        const answering = answeringMembers(map_(), entry).map((member) => ({ member }));
        return { partition, entry, answering };
      },
      onAdopted: (listener: (moved: readonly PartitionId[]) => void) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
    this.context = { runtime, times, router } as unknown as OperationContext;
  }

  /** How often the place of a partition was looked up. */
  looks = 0;

  get listeners(): number {
    return this.#listeners.size;
  }

  adopt(map: ClusterMap): void {
    const moved = movedPartitions(this.#map, map);
    this.#map = map;
    for (const listener of this.#listeners) listener(moved);
  }

  pass(milliseconds = 0): void {
    this.time.runTo(this.time.monotonicMs() + milliseconds);
  }

  /** The node answers its question; what follows from that at once has happened then. */
  answer(node: string, changes: Partial<Changes> = {}): void {
    this.nodes.asked(node).answer(changes);
    this.pass();
  }

  watch(query: Partial<WatchQuery> = {}): WatchSeen {
    return new WatchSeen(this, query);
  }
}

/** A watch that was started, and what its caller has seen of it. */
export class WatchSeen {
  readonly watch: ClusterWatch;
  readonly steps: string[] = [];
  readonly #stage: FollowingStage;
  isStarted = false;
  isEnded = false;

  constructor(stage: FollowingStage, query: Partial<WatchQuery>) {
    this.#stage = stage;
    const whole: WatchQuery = {
      prefix: Buffer.alloc(0),
      isExact: false,
      values: false,
      partition: undefined,
      since: undefined,
      nameOf: (key) => (key[0] === 0xff ? undefined : key),
      ...query,
    };
    this.watch = new ClusterWatch(stage.context, stage.channels, whole, 1);
    this.watch.ended = () => {
      this.isEnded = true;
    };
    this.watch.start(() => {
      this.isStarted = true;
    });
  }

  /** Asks for steps until none comes. @returns those that came */
  read(): readonly string[] {
    const before = this.steps.length;
    this.readOn();
    return this.steps.slice(before);
  }

  #isReading = false;

  /** Asks for a step, and for the next one whenever one has come. */
  readOn(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.watch.next((step) => {
      this.#isReading = false;
      this.steps.push(printed(step));
      this.readOn();
    });
    this.#stage.pass();
  }
}

export function printed(step: WatchStep): string {
  if (step.kind === 'missed') return 'missed';
  return step.changed
    .map(({ key, version, head }) => `${head === undefined ? 'gone ' : ''}${key} ${version}`)
    .join(', ');
}
