// A founded cluster in virtual time, and hands to play a schedule with: clients that keep a history, links
// to cut, maps and records to look at. What was promised is asked at the end.

import { expect } from 'vitest';
import type { HttpReply } from '../../src/cluster/http/http.ts';
import { replyHeader } from '../../src/cluster/http/http.ts';
import {
  type ClusterMap,
  type IncarnationId,
  isSameIncarnation,
  nodeEntry,
} from '../../src/cluster/model/cluster-map.ts';
import type { NodeId } from '../../src/cluster/model/identity.ts';
import { type PartitionId, partitionOf } from '../../src/cluster/model/partition.ts';
import { mapReply } from '../../src/cluster/wire/control-messages.ts';
import { CONTROL } from '../../src/cluster/wire/control-table.ts';
import type { ControlMessage } from '../../src/cluster/wire/map-json.ts';
import {
  type ClusterShape,
  SimulatedCluster,
  type SimulatedNode,
} from '../../src/simulation/cluster.ts';
import {
  type ClientOperation,
  type ClusterPromises,
  History,
} from '../../src/simulation/history.ts';
import { requestOfCall } from '../../src/simulation/network.ts';
import { Oracles } from '../../src/simulation/oracles.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { World } from '../../src/simulation/world.ts';

export const SEEDS = [1, 2, 3, 4, 5];
export const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 3, fsync: 'interval' };

export interface Outcome {
  reply: HttpReply | undefined;
  atMs: number;
}

/** A founded cluster without faults, and a client of its one frontend. */
export function founded(seed: number, shape: ClusterShape = SHAPE) {
  const world = new World(seed);
  const cluster = new SimulatedCluster(world, shape);
  for (const node of cluster.nodes) node.start();
  world.runUntil(3000);
  const call = (target: string, frontend = cluster.frontends[0]) => {
    const outcome: Outcome = { reply: undefined, atMs: 0 };
    frontend?.request(plainGet(target), (reply) => {
      outcome.reply = reply;
      outcome.atMs = world.nowMs;
    });
    return outcome;
  };
  const pass = (milliseconds: number) => world.runUntil(world.nowMs + milliseconds);
  /** Runs until the answer, and returns it with how long it took. */
  const answered = (target: string) => {
    const startMs = world.nowMs;
    const outcome = call(target);
    while (outcome.reply === undefined && world.nowMs < startMs + 10_000) pass(1);
    const { reply, atMs } = outcome;
    return {
      status: reply?.status,
      body: reply && bytesOf(reply).toString(),
      tookMs: atMs - startMs,
    };
  };
  return { world, cluster, call, pass, answered };
}

/** A founded cluster whose clients and copies are checked against what is promised. */
export class Stage {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly #history: History;
  readonly #violations: string[] = [];
  readonly #oracles: Oracles;
  #values = 0;

  constructor(seed: number, shape: ClusterShape, promises: ClusterPromises = {}) {
    const { storages } = shape;
    this.#history = new History({ isCache: shape.whenFull === 'evict', ...promises });
    this.world = new World(seed);
    this.cluster = new SimulatedCluster(this.world, shape);
    this.#oracles = new Oracles(this.world, this.cluster, this.#history, (text) =>
      this.#violations.push(text),
    );
    for (const node of this.cluster.nodes) node.start();
    this.until('the cluster is founded', () => Object.keys(this.map.nodes).length === storages);
    this.pass(1000);
  }

  /** As the controller published it last. */
  get map(): ClusterMap {
    const map = this.#oracles.map;
    return map ?? ({ nodes: {}, partitions: [], witnesses: [] } as unknown as ClusterMap);
  }

  pass(milliseconds: number): void {
    this.world.runUntil(this.world.nowMs + milliseconds);
  }

  /** Runs until the condition holds; the schedule has shown nothing when it never does. */
  until(what: string, condition: () => boolean, limitMs = 10_000, stepMs = 1): void {
    const endMs = this.world.nowMs + limitMs;
    while (!condition()) {
      if (this.world.nowMs >= endMs) throw new Error(`it never came to this: ${what}`);
      this.pass(stepMs);
    }
  }

  frontend(index: number): SimulatedNode {
    return at(this.cluster.frontends, index);
  }

  storage(index: number): SimulatedNode {
    return at(this.cluster.storages, index);
  }

  named(name: string): SimulatedNode {
    const node = this.cluster.nodes.find(({ process }) => process.name === name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  incarnationIdOf({ process }: SimulatedNode): IncarnationId {
    const node = process.name as NodeId;
    const entry = nodeEntry(this.map, node);
    if (entry === undefined) throw new Error(`${node} is not in the map`);
    return { node, incarnation: entry.incarnation };
  }

  partitionOf(key: string): PartitionId {
    return partitionOf(Buffer.from(key), this.map.digits);
  }

  membersOf(key: string) {
    return this.map.partitions[this.partitionOf(key)]?.members ?? [];
  }

  roleOf(node: SimulatedNode, key: string): string | undefined {
    return this.membersOf(key).find((member) => member.node === node.process.name)?.role;
  }

  isMember(node: SimulatedNode): boolean {
    const incarnationId = this.incarnationIdOf(node);
    return this.map.partitions.some(({ members }) =>
      members.some((member) => isSameIncarnation(member, incarnationId)),
    );
  }

  /** A key whose members are exactly these, in any order; of the first such partition. */
  keyOf(...nodes: readonly SimulatedNode[]): string {
    const names = nodes.map(({ process }) => process.name).sort();
    const partition = this.map.partitions.findIndex(
      ({ members }) => `${members.map(({ node }) => node).sort()}` === `${names}`,
    );
    if (partition < 0) throw new Error('no partition is on these nodes alone');
    return this.keysIn(partition, 1)[0] ?? '';
  }

  keysIn(partition: number, count: number): readonly string[] {
    const keys: string[] = [];
    for (let index = 0; keys.length < count; index++) {
      if (this.partitionOf(`key${index}`) === partition) keys.push(`key${index}`);
    }
    return keys;
  }

  /** @param bytes of its value, at least */
  set(frontend: SimulatedNode, key: string, bytes = 0, ttlSeconds?: number): Outcome {
    const value = `value ${++this.#values}`.padEnd(bytes, '.');
    const { nowMs } = this.world;
    const ttlMs = ttlSeconds === undefined ? undefined : ttlSeconds * 1000;
    const operation = this.#history.begin('set', key, nowMs, value, { ttlMs });
    const ttl = ttlSeconds === undefined ? '' : `&ttl=${ttlSeconds}`;
    return this.#send(
      frontend,
      operation,
      `/set?key=${key}&value=${encodeURIComponent(value)}${ttl}`,
    );
  }

  delete(frontend: SimulatedNode, key: string): Outcome {
    const operation = this.#history.begin('delete', key, this.world.nowMs);
    return this.#send(frontend, operation, `/delete?key=${key}`);
  }

  /** The operator gives up what these keys have, and whoever begins from now on may find anything. */
  acceptLoss(keys: Iterable<string>): void {
    this.#history.acceptLoss(keys, this.world.nowMs);
  }

  get oracles(): Oracles {
    return this.#oracles;
  }

  get history(): History {
    return this.#history;
  }

  get(frontend: SimulatedNode, key: string): Outcome {
    const operation = this.#history.begin('get', key, this.world.nowMs);
    return this.#send(frontend, operation, `/get?key=${key}`);
  }

  /** Runs until it is answered, and expects that answer. */
  expectStatus(outcome: Outcome, status: number): void {
    this.until('an answer', () => outcome.reply !== undefined);
    expect(outcome.reply?.status, bytesOf(outcome.reply).toString()).toBe(status);
  }

  #send(frontend: SimulatedNode, operation: ClientOperation, target: string): Outcome {
    const outcome: Outcome = { reply: undefined, atMs: 0 };
    const isGet = operation.kind === 'get';
    frontend.request(plainGet(target), (reply) => {
      outcome.reply = reply;
      outcome.atMs = this.world.nowMs;
      if (isGet && reply.status === 200) operation.value = bytesOf(reply).toString();
      const version = replyHeader(reply, 'x-fog-version');
      this.#history.end(operation, this.world.nowMs, reply.status, version);
      if (operation.ok && !isGet) this.#oracles.acknowledged(operation);
    });
    return outcome;
  }

  /** From now on told of all that the node logs; the oracles, who hear the controller, go on hearing it. */
  listen(node: SimulatedNode, heard: SimulatedNode['onLog']): void {
    const { onLog } = node;
    node.onLog = (message, fields) => {
      onLog(message, fields);
      heard(message, fields);
    };
  }

  /** Both ways, between each of these and each of those. */
  cut(these: readonly SimulatedNode[], those: readonly SimulatedNode[]): void {
    this.cutTo(these, those);
    this.cutTo(those, these);
  }

  /** One way. */
  cutTo(from: readonly SimulatedNode[], to: readonly SimulatedNode[]): void {
    for (const { process: source } of from) {
      for (const { process: target } of to) {
        if (source !== target) this.cluster.network.cut(source.name, target.name);
      }
    }
  }

  heal(these: readonly SimulatedNode[], those: readonly SimulatedNode[]): void {
    this.healTo(these, those);
    this.healTo(those, these);
  }

  healTo(from: readonly SimulatedNode[], to: readonly SimulatedNode[]): void {
    for (const { process: source } of from) {
      for (const { process: target } of to) this.cluster.network.heal(source.name, target.name);
    }
  }

  allBut(...nodes: readonly SimulatedNode[]): readonly SimulatedNode[] {
    return this.cluster.nodes.filter((node) => !nodes.includes(node));
  }

  /** A control message, on a connection that no fault touches. @returns the answer */
  tell(node: SimulatedNode, kind: keyof typeof CONTROL, message: ControlMessage): unknown {
    const { status, answer } = this.ask(node, kind, message);
    expect(status).toBe(200);
    return answer;
  }

  /** The same, where it may be refused. */
  ask(node: SimulatedNode, kind: keyof typeof CONTROL, message: ControlMessage) {
    const request = requestOfCall({ ...CONTROL[kind].http, message });
    const answered: { status?: number; answer?: unknown } = {};
    node.request({ ...request, fromLoopback: true }, (reply) => {
      answered.status = reply.status;
      answered.answer = JSON.parse(bytesOf(reply).toString());
    });
    return answered;
  }

  /** R9: what it holds goes elsewhere. */
  drain(node: SimulatedNode): void {
    this.tell(this.cluster.controller, 'goodbye', {
      ...this.incarnationIdOf(node),
      state: 'leaving',
    });
  }

  statusOf(node: SimulatedNode): Readonly<Record<string, string>> {
    return JSON.parse(bytesOf(node.peek(plainGet('/status'))).toString() || '{}');
  }

  hasLease(node: SimulatedNode): boolean {
    return Number(this.statusOf(node).lease_ms ?? 0) > 0;
  }

  /** The map that a storage node has adopted. */
  mapOf(node: SimulatedNode): ClusterMap | undefined {
    const reply = node.peek(plainGet('/s/map'));
    return mapReply(JSON.parse(bytesOf(reply).toString() || '{}')).map;
  }

  /** What a storage node holds of a key: a value, `deleted`, or undefined. */
  heldBy(node: SimulatedNode, key: string): string | undefined {
    const reply = node.peek(plainGet(`/s/record?key=${key}`));
    if (reply?.status !== 200) return undefined;
    return reply.headers['x-fog-tombstone'] === 'true' ? 'deleted' : bytesOf(reply).toString();
  }

  /** G1 and G2, I1, I5, I7, I16, of everything so far. @param others what was read by other means */
  expectKept(others: readonly ClientOperation[] = []): void {
    this.#oracles.checkMaps();
    this.#oracles.checkCopies('at the end');
    const broken = [...this.#violations, ...this.#history.violations(others)];
    expect(broken.slice(0, 3).join('\n')).toBe('');
  }

  /** All links are whole again, everybody runs, and in the end all copies are there and alike. */
  expectHealed(keys: readonly string[], copies: number): void {
    this.cluster.network.healAll();
    for (const node of this.cluster.nodes) {
      if (!node.process.alive) node.start();
      node.process.resume();
    }
    this.pass(10_000);
    this.#oracles.checkConvergence(keys, { copies });
    this.expectKept();
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there are only ${items.length}`);
  return item;
}
