// A stage whose clients write one key under conditions, and read it linearizably (H39, H21).

import { type HttpReply, replyHeader } from '../../src/cluster/http/http.ts';
import { serialiserOf } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, requestOf } from '../../src/simulation/requests.ts';
import { type Outcome, Stage } from './founded.ts';

export const SHAPE: ClusterShape = { storages: 3, frontends: 2, redundancy: 3, fsync: 'interval' };
export const KEY = 'key';
const NO_HEADERS = {};

type Headers = Readonly<Record<string, string>>;

export class ConditionalStage extends Stage {
  v1(
    frontend: SimulatedNode,
    method: string,
    path: string,
    { headers = NO_HEADERS, body = '' }: { headers?: Headers; body?: string } = {},
  ): Outcome {
    const outcome: Outcome = { reply: undefined, atMs: 0 };
    const sent = { kind: 'bytes', bytes: Buffer.from(body) } as const;
    frontend.request(requestOf(method, `/v1/keys/${path}`, sent, headers), (reply) => {
      outcome.reply = reply;
      outcome.atMs = this.world.nowMs;
    });
    return outcome;
  }

  /** Sets without a condition. */
  put(frontend: SimulatedNode, body: string, headers: Headers = NO_HEADERS): Outcome {
    return this.v1(frontend, 'PUT', KEY, { headers, body });
  }

  incr(frontend: SimulatedNode): Outcome {
    return this.v1(frontend, 'POST', `${KEY}/incr`);
  }

  answer(outcome: Outcome): HttpReply {
    this.until('an answer', () => outcome.reply !== undefined);
    if (outcome.reply === undefined) throw new Error('no answer');
    return outcome.reply;
  }

  /** @returns its status and its body */
  told(outcome: Outcome): string {
    const reply = this.answer(outcome);
    return `${reply.status} ${bytesOf(reply).toString().trim()}`.trim();
  }

  etag(outcome: Outcome): string {
    return replyHeader(this.answer(outcome), 'etag') ?? 'none';
  }

  read(frontend: SimulatedNode): string {
    const headers = { 'x-fog-read': 'linearizable' };
    return this.told(this.v1(frontend, 'GET', KEY, { headers }));
  }

  /** The members of the key, in the order of the map. */
  get members(): readonly SimulatedNode[] {
    return this.membersOf(KEY).map(({ node }) => this.named(node));
  }

  get serialiser(): SimulatedNode {
    const entry = this.map.partitions[this.partitionOf(KEY)];
    const serialiser = entry && serialiserOf(entry);
    if (serialiser === undefined) throw new Error('the key has no serialiser');
    return this.named(serialiser.node);
  }
}

export function begun(seed: number, shape: ClusterShape = SHAPE) {
  const stage = new ConditionalStage(seed, shape);
  const [first, second] = [stage.frontend(0), stage.frontend(1)];
  const [serialiser, next, last] = stage.members;
  if (serialiser === undefined || next === undefined || last === undefined) {
    throw new Error('the key has not three members');
  }
  return { stage, first, second, serialiser, next, last };
}
