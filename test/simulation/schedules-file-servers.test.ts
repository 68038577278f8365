// Scripted schedules about the place of file servers in the map. They are played by the messages that they send; only
// the one that is asked whether it lives has a process.

import { expect, test } from 'vitest';
import { jsonReply } from '../../src/cluster/http/http.ts';
import { fileServerEntry } from '../../src/cluster/model/file-server.ts';
import type { Address, NodeId } from '../../src/cluster/model/identity.ts';
import type { Service } from '../../src/cluster/ports.ts';
import { CONTROL } from '../../src/cluster/wire/control-table.ts';
import {
  type ClusterShape,
  SimulatedCluster,
  SimulatedNode,
} from '../../src/simulation/cluster.ts';
import { requestOfCall } from '../../src/simulation/network.ts';
import { bytesOf } from '../../src/simulation/requests.ts';
import { World } from '../../src/simulation/world.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' };

interface Played {
  readonly id: string;
  readonly address: string;
  readonly store: string;
  readonly host: string;
  readonly weight: number;
  readonly cluster?: string;
}

const played = (id: string, change: Partial<Played> = {}): Played => ({
  id,
  address: `${id}:1`,
  store: `directory of ${id}`,
  host: id,
  weight: 1,
  ...change,
});

/** @returns the answer, once it is there */
function join(stage: Stage, fileServer: Played): unknown {
  const told = stage.ask(stage.cluster.controller, 'joinFileServer', { ...fileServer });
  stage.until('an answer', () => told.status !== undefined);
  expect(told.status).toBe(200);
  return told.answer;
}

function operate(stage: Stage, kind: 'drain' | 'undrain' | 'remove' | 'forget', node: string) {
  const told = stage.ask(stage.cluster.controller, kind, { node });
  stage.until('an answer', () => told.status !== undefined);
  return told;
}

const statesOf = ({ map }: Stage) =>
  Object.fromEntries(Object.entries(map.fileServers ?? {}).map(([id, { state }]) => [id, state]));

const entryOf = ({ map }: Stage, id: string) => fileServerEntry(map, id as NodeId);

/** Its disk is gone, and the operator starts it with --recover. */
function loseController({ cluster }: Stage): void {
  cluster.controller.crash(false);
  cluster.controller.disk.wipe();
  cluster.controllerRecovers = true;
}

test.each(SEEDS)('file servers come and go, and no partition moves, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const { partitions, cluster } = stage.map;
  for (const id of ['f', 'g']) {
    expect(join(stage, played(id))).toEqual({ kind: 'joined', cluster });
  }
  expect(operate(stage, 'drain', 'f')).toMatchObject({ status: 200 });
  expect(statesOf(stage)).toEqual({ f: 'draining', g: 'in' });
  // All nodes have them, though what they are sent is what changed.
  const adopted = () => stage.cluster.storages.map((node) => stage.mapOf(node)?.fileServers);
  stage.until('all have it', () => adopted().every((entries) => entries?.f?.state === 'draining'));
  for (const entries of adopted()) expect(entries).toEqual(stage.map.fileServers);
  operate(stage, 'undrain', 'f');
  expect(statesOf(stage)).toEqual({ f: 'in', g: 'in' });
  operate(stage, 'drain', 'f');
  expect(operate(stage, 'remove', 'f')).toMatchObject({ status: 200, answer: {} });
  expect(statesOf(stage)).toEqual({ g: 'in' });
  stage.pass(3000);
  expect(stage.map.partitions).toEqual(partitions);
  operate(stage, 'drain', 'g');
  operate(stage, 'remove', 'g');
  expect(stage.map.fileServers).toBeUndefined();
  stage.expectKept();
});

test('a file server that is in use, alive, or unknown is not removed', () => {
  const stage = new Stage(1, SHAPE);
  join(stage, played('f'));
  const { map } = stage;
  let room = { id: 'f', store: 'directory of f', freeBytes: 1, busy: 0, readOnly: false };
  const service = {
    start: () => undefined,
    traits: () => ({ changes: false, body: { kind: 'whole' } }),
    handle: (_request, reply) => reply(jsonReply(200, room)),
    accept: () => ({ refused: 'no streams' }),
    drain: (_options, done) => done(),
  } satisfies Service;
  const { network } = stage.cluster;
  new SimulatedNode(stage.world, network, 'f:1' as Address, () => service, false).start();
  const needed = (why: string) => ({
    status: 409,
    answer: { error: 'node-needed', detail: expect.stringContaining(why) },
  });
  expect(operate(stage, 'remove', 'f')).toMatchObject(needed('drain it first'));
  expect(stage.map).toBe(map);
  operate(stage, 'drain', 'f');
  expect(operate(stage, 'remove', 'f')).toMatchObject(needed('stop it first'));
  expect(statesOf(stage)).toEqual({ f: 'draining' });
  const unknown = { status: 409, answer: { error: 'unknown-node' } };
  expect(operate(stage, 'remove', 'nobody')).toMatchObject(unknown);
  // It has no part in what storage nodes hold.
  expect(operate(stage, 'forget', 'f')).toMatchObject(unknown);
  // Who answers there has the directory of f, and is another one.
  room = { ...room, id: 'g' };
  expect(operate(stage, 'remove', 'f')).toMatchObject({ status: 200 });
  expect(statesOf(stage)).toEqual({});
  stage.expectKept();
});

test('a file server that comes back elsewhere while it is asked whether it lives is not removed', () => {
  const stage = new Stage(1, SHAPE);
  join(stage, played('f'));
  operate(stage, 'drain', 'f');
  // Its host is gone, so that the question has no answer for a while.
  const { network, controller } = stage.cluster;
  const gone = { start: () => undefined } as unknown as Service;
  const node = new SimulatedNode(stage.world, network, 'f:1' as Address, () => gone, false);
  node.start();
  stage.cut([controller], [node]);
  const removal = stage.ask(controller, 'remove', { node: 'f' });
  expect(join(stage, played('f', { address: 'elsewhere:1' }))).toMatchObject({ kind: 'joined' });
  stage.until('an answer', () => removal.status !== undefined);
  expect(removal).toMatchObject({ status: 409, answer: { error: 'node-needed' } });
  expect(entryOf(stage, 'f')?.address).toBe('elsewhere:1');
});

test('two that say the same directory is theirs are judged one after the other', () => {
  const stage = new Stage(1, SHAPE);
  const { controller } = stage.cluster;
  controller.disk.stall(500);
  const asked = ['f', 'g'].map((id) =>
    stage.ask(controller, 'joinFileServer', { ...played(id, { store: 'directory of both' }) }),
  );
  stage.pass(100);
  expect(asked.map(({ status }) => status)).toEqual([undefined, undefined]);
  expect(stage.map.fileServers).toBeUndefined();
  stage.until('two answers', () => asked.every(({ status }) => status !== undefined));
  expect(asked.map(({ answer }) => answer)).toMatchObject([
    { kind: 'joined' },
    { kind: 'refused' },
  ]);
  expect(statesOf(stage)).toEqual({ f: 'in' });
});

test('before there is a map a file server waits, and in a cache it is refused', () => {
  const world = new World(1);
  const { controller, storages } = new SimulatedCluster(world, { ...SHAPE, whenFull: 'evict' });
  const answers: { readonly kind: string; readonly why: string }[] = [];
  const ask = () => {
    const message = { ...played('f') };
    const request = requestOfCall({ ...CONTROL.joinFileServer.http, message });
    controller.request({ ...request, fromLoopback: true }, (reply) =>
      answers.push(JSON.parse(bytesOf(reply).toString())),
    );
    world.runUntil(world.nowMs + 100);
    return answers.at(-1);
  };
  controller.start();
  world.runUntil(1000);
  expect(ask()).toEqual({ kind: 'waiting', why: expect.stringContaining('0 of 3 storage nodes') });
  for (const node of storages) node.start();
  world.runUntil(4000);
  expect(ask()).toEqual({ kind: 'refused', why: expect.stringContaining('cache') });
});

test.each(SEEDS)(
  'a join that is repeated makes no map, also of a new controller, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller, storages } = stage.cluster;
    join(stage, played('f', { weight: 2.5 }));
    operate(stage, 'drain', 'f');
    const { version, fileServers, cluster } = stage.map;
    const whole = played('f', { weight: 2.5, cluster });
    expect(join(stage, whole)).toEqual({ kind: 'joined', cluster });
    expect(stage.map.version).toEqual(version);
    controller.crash(false);
    controller.start();
    stage.until('its map', () => stage.map.version.generation > version.generation);
    stage.pass(3000);
    expect(stage.map.fileServers).toEqual(fileServers);
    const reopened = stage.map.version;
    expect(join(stage, whole)).toEqual({ kind: 'joined', cluster });
    expect(stage.map.version).toEqual(reopened);
    expect(storages.map((node) => stage.mapOf(node)?.fileServers)).toEqual(
      storages.map(() => fileServers),
    );
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: a recovery keeps the file servers of the newest map that answers, and others join again, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller } = stage.cluster;
    const [one, other, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    for (const id of ['f', 'gone']) join(stage, played(id));
    operate(stage, 'drain', 'gone');
    stage.until('all have it', () => stage.mapOf(third)?.fileServers?.gone !== undefined);
    // The third node never hears of what happens from now on.
    stage.cutTo(stage.allBut(third), [third]);
    join(stage, played('g'));
    operate(stage, 'drain', 'f');
    operate(stage, 'remove', 'gone');
    stage.until('two have it', () =>
      [one, other].every((node) => stage.mapOf(node)?.version.number === stage.map.version.number),
    );
    // Nor does any node hear of this one.
    stage.cutTo([controller], [one, other]);
    join(stage, played('late'));
    expect(statesOf(stage)).toEqual({ f: 'draining', g: 'in', late: 'in' });
    const { cluster, version } = stage.map;
    loseController(stage);
    stage.cluster.network.healAll();
    controller.start();
    stage.pass(1);
    expect(join(stage, played('late', { cluster }))).toMatchObject({ kind: 'waiting' });
    stage.until('a map', () => stage.map.version.generation > version.generation, 60_000);
    expect(statesOf(stage)).toEqual({ f: 'draining', g: 'in' });
    expect(join(stage, played('late', { cluster }))).toEqual({ kind: 'joined', cluster });
    stage.pass(3000);
    expect(statesOf(stage)).toEqual({ f: 'draining', g: 'in', late: 'in' });
    stage.expectKept();
  },
);

test('a storage node is not registered under the name of a file server', () => {
  const stage = new Stage(1, { ...SHAPE, spares: 1 });
  const [spare] = stage.cluster.spares;
  if (spare === undefined) throw new Error('there is one');
  const { name } = spare.process;
  join(stage, played(name));
  spare.start();
  stage.pass(5000);
  expect(Object.keys(stage.map.nodes)).not.toContain(name);
  operate(stage, 'drain', name);
  stage.cut([stage.cluster.controller], [spare]);
  expect(operate(stage, 'remove', name).status).toBe(200);
  stage.heal([stage.cluster.controller], [spare]);
  stage.until('it is a node', () => Object.keys(stage.map.nodes).includes(name), 30_000);
  expect(join(stage, played(name))).toMatchObject({ kind: 'refused' });
  stage.expectKept();
});
