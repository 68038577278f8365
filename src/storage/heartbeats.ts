// Keeps an incarnation of a storage node alive (R5): heartbeats to the controller, whose replies bring maps and
// grants; and, while the controller is silent, grants from a majority of the witnesses. What maps mean for partitions
// is replica.ts's.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type MapVersion,
  nodeEntry,
} from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { received } from '../cluster/model/map-delta.ts';
import { type Moment, momentOf } from '../cluster/moment.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import type {
  GrantReply,
  HeartbeatReply,
  HeartbeatRequest,
} from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import type { Replica } from './replication/replica.ts';

/** When less than this share of the lease remains, the witnesses are asked (R5). */
const RENEW_BELOW = 0.6;

/** The state that the node reports in each heartbeat. */
export type NodeState = Pick<
  HeartbeatRequest,
  | 'items'
  | 'payloadBytes'
  | 'writable'
  | 'diskProblem'
  | 'joined'
  | 'withoutMemory'
  | 'copying'
  | 'vouched'
  | 'retained'
  | 'retains'
>;

/** The questions of the heartbeats to their node, and their reports. */
export interface HeartbeatEvents {
  state(): NodeState;
  /** When this returns, the rights that the map takes away are gone; those that it gives follow once it is durable. */
  offered(map: ClusterMap): void;
  /** The newest map that each incarnation has adopted, as far as the controller knows (H29). */
  adopted(by: NonNullable<HeartbeatReply['adopted']>, under: MapVersion): void;
  /** The controller does not know this incarnation: it must register. */
  unknown(): void;
  problem(text: string | undefined): void;
}

/** One request for grants to all witnesses, and who granted it. */
interface Vote {
  readonly sent: Moment;
  readonly granted: IncarnationId[];
}

export class Heartbeats {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #replica: Replica;
  readonly #controller: Address;
  readonly #times: Times;
  /** The time of the cluster (H31), which a storage node learns from the controller only. */
  readonly #clock: ClusterClock;
  readonly #events: HeartbeatEvents;
  #running = false;
  #soon = false;
  /** H38: false after a reply that could not be read, or not applied to the adopted map: then ask for a whole map. */
  #takesDeltas = true;
  /** The stamp in the controller's last reply, and when that was received. */
  #stamp: { readonly stampMs: number; readonly heardMs: number } | undefined;
  /** How many heartbeats to the controller may still be answered. */
  #unanswered = 0;

  constructor(
    runtime: Runtime,
    client: ControlCaller,
    replica: Replica,
    options: {
      readonly controller: Address;
      readonly times: Times;
      readonly clock: ClusterClock;
    },
    events: HeartbeatEvents,
  ) {
    this.#runtime = runtime;
    this.#client = client;
    this.#replica = replica;
    this.#controller = options.controller;
    this.#times = options.times;
    this.#clock = options.clock;
    this.#events = events;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#beat();
  }

  stop(): void {
    this.#running = false;
  }

  /** Sends one heartbeat out of turn, shortly, for several events that happen at about the same time. */
  soon(): void {
    if (this.#soon) return;
    this.#soon = true;
    this.#runtime.timers.after(this.#times.retryMs, () => {
      this.#soon = false;
      if (this.#running) this.#askController();
    });
  }

  #beat(): void {
    if (!this.#running) return;
    // Schedule the next heartbeat now: a lost reply must not look like silence. A node without a map is of no use, so
    // it asks more often, but never before the last reply came: each may be a map, and a controller short of time
    // must not be asked for it twice.
    const { heartbeatMs, decideMs } = this.#times;
    const hasMap = this.#replica.map !== undefined;
    this.#runtime.timers.after(hasMap ? heartbeatMs : decideMs, () => this.#beat());
    if (hasMap || this.#unanswered === 0) this.#askController();
    if (this.#replica.lease.remainingMs() < RENEW_BELOW * this.#times.leaseMs) this.#askWitnesses();
  }

  #askController(): void {
    const sent = momentOf(this.#runtime.clock);
    const { mapVersion, obeyedVersion, incarnationId } = this.#replica;
    const state = {
      promised: this.#replica.boundTo,
      deltas: this.#takesDeltas,
      ...this.#events.state(),
    };
    const clocks = { wallMs: Math.floor(sent.wallMs), timeMs: this.#clock.wallMs() };
    const echo = this.#echo(sent);
    const message: HeartbeatRequest = {
      ...incarnationId,
      mapVersion,
      obeyedVersion,
      ...state,
      ...clocks,
      echo,
    };
    let answered = false;
    this.#unanswered++;
    // H11: not only when the lease runs out. The controller may miss this node while it hears the witnesses, and what
    // they vouch for must reach it with their next heartbeats, before it suspects this node.
    this.#runtime.timers.after(this.#times.heartbeatMs / 2, () => {
      if (this.#running && !answered) this.#askWitnesses();
    });
    const timeoutMs = this.#times.controlCallMs;
    this.#client.call(CONTROL.heartbeat, this.#controller, message, { timeoutMs }, (reply) => {
      answered = reply.kind === 'message';
      this.#takesDeltas = answered;
      this.#unanswered--;
      if (!this.#running) return;
      if (reply.kind === 'message') this.#heard(reply.message, sent);
      else if (reply.kind === 'refused' && reply.error === 'unknown-node') {
        // The controller has lost its state, or had none yet. The witnesses go on meanwhile.
        this.#events.unknown();
      } else if (reply.kind === 'refused' && reply.error === 'other-incarnation') {
        // Two processes of one node must never be alive together (I10); the newer one is right.
        throw new FatalError(
          EXIT.failure,
          `this life of node ${incarnationId.node} is over: ${reply.detail}`,
        );
      } else this.#events.problem(`controller ${this.#controller}: ${reply.detail}`);
    });
  }

  #echo({ monotonicMs }: Moment): HeartbeatRequest['echo'] {
    if (this.#stamp === undefined) return undefined;
    const { stampMs, heardMs } = this.#stamp;
    return { stampMs, agoMs: Math.max(0, Math.floor(monotonicMs - heardMs)) };
  }

  #heard(reply: HeartbeatReply, sent: Moment): void {
    const { mapVersion, lease, incarnation, timeMs, adopted, stampMs } = reply;
    if (stampMs !== undefined) {
      this.#stamp = { stampMs, heardMs: this.#runtime.clock.monotonicMs() };
    }
    // Set the time before the lease is extended: after a suspend it is late, and nothing may be judged by it.
    if (timeMs !== undefined) this.#clock.heard('controller', timeMs, sent);
    this.#events.problem(undefined);
    const news = received(reply, this.#replica.map);
    if (news.kind === 'unusable') this.#takesDeltas = false;
    if (news.kind === 'map') this.#events.offered(news.map);
    if (adopted !== undefined) this.#events.adopted(adopted, mapVersion);
    if (lease && incarnation === this.#replica.incarnation && this.#mayUse(mapVersion)) {
      this.#replica.lease.extend(sent);
    }
  }

  /**
   * H3: a grant given under a newer map may be for partitions that this node has lost in it. The node need not have
   * adopted that map, because it gives up what it lost as soon as it has seen the map.
   */
  #mayUse(version: MapVersion): boolean {
    const knows = compareMapVersions(this.#replica.obeyedVersion, version) >= 0;
    return knows && !this.#replica.isOverruled(version);
  }

  #askWitnesses(): void {
    const { map, obeyedMaps, incarnationId } = this.#replica;
    if (map === undefined || !obeyedMaps.every((obeyed) => isGranted(obeyed, incarnationId)))
      return;
    // H32: the node's own vote, too, would be a grant of an earlier generation.
    if (this.#replica.isOverruled(map.version)) return;
    const vote: Vote = { sent: momentOf(this.#runtime.clock), granted: [] };
    for (const witness of distinct(obeyedMaps.flatMap(electoratesOf).flat())) {
      if (isSameIncarnation(witness, incarnationId)) this.#count(vote, witness);
      else this.#ask(witness, vote);
    }
  }

  #ask(witness: IncarnationId, vote: Vote): void {
    const { obeyedMaps, incarnationId, mapVersion } = this.#replica;
    const entry = obeyedMaps
      .map((map) => nodeEntry(map, witness.node))
      .find((named) => named?.incarnation === witness.incarnation);
    if (entry === undefined) return;
    const timeoutMs = this.#times.controlCallMs;
    const message = { ...incarnationId, mapVersion };
    this.#client.call(CONTROL.grant, entry.address, message, { timeoutMs }, (reply) => {
      if (reply.kind !== 'message' || !this.#running) return;
      const { message: answer } = reply;
      if (answer.map !== undefined) this.#events.offered(answer.map);
      this.#judge(answer, witness, vote);
    });
  }

  #judge(
    { answer, incarnation, mapVersion }: GrantReply,
    witness: IncarnationId,
    vote: Vote,
  ): void {
    // D2: a vote counts only from the incarnation that the map names.
    if (answer !== 'granted' || incarnation !== witness.incarnation || !this.#mayUse(mapVersion))
      return;
    this.#count(vote, witness);
  }

  /** Counts by the present maps: the witnesses may have changed while the requests were under way. */
  #count(vote: Vote, witness: IncarnationId): void {
    vote.granted.push(witness);
    const { obeyedMaps, incarnationId, lease } = this.#replica;
    const agreed = obeyedMaps.every(
      (map) =>
        isGranted(map, incarnationId) &&
        electoratesOf(map).every((witnesses) => isMajority(vote.granted, witnesses)),
    );
    if (!agreed) return;
    lease.extend(vote.sent);
    this.#runtime.logger.write('debug', 'lease renewed by witnesses');
  }
}

/** H13: the sets of witnesses that must each have a majority for a grant. */
function electoratesOf({
  witnesses,
  nextWitnesses,
}: ClusterMap): readonly (readonly IncarnationId[])[] {
  return nextWitnesses === undefined ? [witnesses] : [witnesses, nextWitnesses];
}

function distinct(incarnationIds: readonly IncarnationId[]): readonly IncarnationId[] {
  return incarnationIds.filter(
    (incarnationId, index) =>
      incarnationIds.findIndex((other) => isSameIncarnation(other, incarnationId)) === index,
  );
}

function isMajority(votes: readonly IncarnationId[], set: readonly IncarnationId[]): boolean {
  const agreed = set.filter((witness) => votes.some((vote) => isSameIncarnation(vote, witness)));
  return 2 * agreed.length > set.length;
}
