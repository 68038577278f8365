// Scripted schedules about nodes that come back after others went on without them: what they have is kept until
// it is not needed (H29), and is asked for when a loss is accepted.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeAnswer } from '../../src/cluster/wire/answers.ts';
import type { AcceptLossReply } from '../../src/cluster/wire/control-messages.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf } from '../../src/simulation/requests.ts';
import { StorageNode } from '../../src/storage/storage-node.ts';
import { type Outcome, SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' };

/** A partition on two nodes; a third one holds nothing of it. */
function twoCopies(seed: number, shape: ClusterShape = SHAPE) {
  const stage = new Stage(seed, shape);
  const [first, second, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const frontend = stage.frontend(0);
  const key = stage.keyOf(first, second);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.pass(2000);
  return { stage, first, second, third, frontend, key };
}

/** Cuts the node off until it is no member of the key's partition any more; nobody can copy to the third meanwhile. */
function removed(stage: Stage, node: SimulatedNode, third: SimulatedNode, key: string): void {
  const { controller } = stage.cluster;
  stage.cut(
    [third],
    stage.allBut(third).filter((other) => other !== controller),
  );
  stage.cut([node], stage.allBut(node));
  stage.until('it is removed', () => stage.roleOf(node, key) === undefined);
}

function burns(node: SimulatedNode): void {
  node.crash(true);
  node.disk.wipe();
}

function acceptLoss(stage: Stage, partitions?: readonly number[]) {
  const reply: { status?: number; answer?: AcceptLossReply } = {};
  const asked = stage.ask(stage.cluster.controller, 'acceptLoss', { partitions });
  stage.until('the answer', () => asked.status !== undefined);
  reply.status = asked.status ?? 0;
  reply.answer = asked.answer as AcceptLossReply;
  return reply;
}

/** Beside what listens already. */
function observed(node: SimulatedNode, also: SimulatedNode['onLog']): SimulatedNode['onLog'] {
  const { onLog } = node;
  return (message, fields) => {
    onLog(message, fields);
    also(message, fields);
  };
}

function bodyOf({ reply }: Outcome): string {
  return bytesOf(reply).toString();
}

describe('H29: what a node that comes back has', () => {
  test.each(SEEDS)(
    'is kept while nobody answers, and comes back with accept-loss, seed %i',
    (seed) => {
      const { stage, first, second, third, frontend, key } = twoCopies(seed);
      removed(stage, first, third, key);
      burns(second);
      stage.pass(3000);
      stage.heal([first], stage.allBut(first));
      stage.heal([third], stage.allBut(third));
      stage.pass(3000);
      expect(stage.heldBy(first, key)).toBe('value 1');
      expect(stage.statusOf(first).retained_partitions).not.toBe('0');
      const refused = stage.get(frontend, key);
      stage.expectStatus(refused, 503);
      const { status, answer } = acceptLoss(stage);
      expect(status).toBe(200);
      const partition = stage.partitionOf(key);
      const own = answer?.partitions.find((each) => each.partition === partition);
      expect(own).toMatchObject({ chosen: [stage.incarnationIdOf(first)], items: 1 });
      expect(own?.epoch).toBeGreaterThan(0);
      const again = stage.get(frontend, key);
      stage.expectStatus(again, 200);
      expect(bodyOf(again)).toBe('value 1');
      stage.until('it is copied', () => stage.roleOf(third, key) === 'serving');
      stage.expectKept();
    },
  );

  test.each(SEEDS)('is kept through a crash, and how complete it is, seed %i', (seed) => {
    const { stage, first, second, third, frontend, key } = twoCopies(seed, {
      ...SHAPE,
      // The log is compacted again and again, and what it says must be in each.
      logFileBytes: 300,
    });
    removed(stage, first, third, key);
    burns(second);
    stage.heal([first], stage.allBut(first));
    stage.heal([third], stage.allBut(third));
    stage.pass(3000);
    first.crash(true);
    first.start();
    stage.pass(3000);
    expect(stage.heldBy(first, key)).toBe('value 1');
    const { answer } = acceptLoss(stage, [stage.partitionOf(key)]);
    expect(answer?.partitions).toMatchObject([
      { chosen: [stage.incarnationIdOf(first)], items: 1 },
    ]);
    expect(answer?.partitions[0]?.epoch).toBeGreaterThan(0);
    const got = stage.get(frontend, key);
    stage.expectStatus(got, 200);
    expect(bodyOf(got)).toBe('value 1');
  });

  test.each(SEEDS)('goes when as many others answer as there should be, seed %i', (seed) => {
    const { stage, first, second, third, frontend, key } = twoCopies(seed);
    removed(stage, first, third, key);
    const after = stage.set(frontend, key);
    stage.heal([third], stage.allBut(third));
    stage.until('copied', () => stage.roleOf(third, key) === 'serving');
    stage.expectStatus(after, 200);
    // While it hears nothing it drops nothing, whoever serves meanwhile.
    expect(stage.heldBy(first, key)).toBe('value 1');
    stage.heal([first], stage.allBut(first));
    stage.until('dropped', () => stage.heldBy(first, key) !== 'value 1');
    expect([second, third].map((node) => stage.roleOf(node, key))).toEqual(['serving', 'serving']);
    stage.expectHealed([key], 2);
    for (const node of [first, second, third]) {
      expect(stage.statusOf(node).retained_partitions).toBe('0');
    }
  });
});

/** Nobody answers for the key any more: one node has what was set first, another one what was set after that. */
function olderAndNewer(seed: number) {
  const stage = new Stage(seed, { ...SHAPE, storages: 4, redundancy: 3 });
  const frontend = stage.frontend(0);
  const key = 'a';
  stage.expectStatus(stage.set(frontend, key), 200);
  const names = stage.membersOf(key).map(({ node }) => stage.named(node));
  const [older, newer, last] = names as [SimulatedNode, SimulatedNode, SimulatedNode];
  // The fourth is to take no part.
  for (const node of stage.cluster.storages.filter((each) => !names.includes(each))) {
    stage.drain(node);
  }
  stage.pass(1000);
  older.crash(true);
  const { controller } = stage.cluster;
  stage.tell(controller, 'death', { ...stage.incarnationIdOf(older), returning: false });
  stage.until('the older is removed', () => stage.roleOf(older, key) === undefined);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.cut([newer], stage.allBut(newer));
  stage.until('the newer is removed', () => stage.roleOf(newer, key) === undefined);
  burns(last);
  stage.pass(1000);
  older.start();
  stage.heal([newer], stage.allBut(newer));
  stage.pass(3000);
  return { stage, key, older, newer };
}

describe('accept-loss', () => {
  test.each(SEEDS)('takes the copy that was complete for longest, seed %i', (seed) => {
    const { stage, key, older, newer } = olderAndNewer(seed);
    const { answer } = acceptLoss(stage, [stage.partitionOf(key)]);
    expect(answer?.partitions).toMatchObject([
      { chosen: [stage.incarnationIdOf(newer)], items: 1 },
    ]);
    stage.until('the older copies', () => stage.roleOf(older, key) === 'serving');
    for (const node of [older, newer]) expect(stage.heldBy(node, key)).toBe('value 2');
  });

  test.each(SEEDS.flatMap((seed) => [0, 50, 100].map((afterMs) => [seed, afterMs] as const)))(
    'does so by a controller that was started just now, seed %i, %i ms before',
    (seed, afterMs) => {
      const { stage, key, newer } = olderAndNewer(seed);
      const { controller } = stage.cluster;
      const { generation } = stage.map.version;
      controller.crash(false);
      stage.pass(100);
      controller.start();
      stage.until('a map', () => stage.map.version.generation > generation);
      stage.pass(afterMs);
      const { answer } = acceptLoss(stage, [stage.partitionOf(key)]);
      expect(answer?.partitions).toMatchObject([
        { chosen: [stage.incarnationIdOf(newer)], items: 1 },
      ]);
      stage.pass(3000);
      expect(stage.heldBy(newer, key)).toBe('value 2');
    },
  );

  test('waits for who lives and cannot say what it has, for its disk is full', () => {
    const { stage, first, second, third, frontend, key } = twoCopies(1);
    const { controller } = stage.cluster;
    removed(stage, first, third, key);
    burns(second);
    stage.pass(3000);
    // As soon as it is heard, and before it can store the map that says so.
    stage.listen(controller, (message, { node }) => {
      if (message === 'node unfenced' && node === first.process.name) first.disk.fill();
    });
    for (const node of [first, third]) stage.heal([node], stage.allBut(node));
    stage.until('it is heard', () => stage.map.nodes[first.process.name]?.fenced === false);
    const asked = stage.ask(controller, 'acceptLoss', {});
    stage.until('an answer', () => asked.status !== undefined);
    expect(asked).toMatchObject({ status: 503, answer: { error: 'not-ready' } });
    expect(JSON.stringify(asked.answer)).toContain(first.process.name);
    first.disk.free();
    first.crash(false);
    first.start();
    stage.pass(3000);
    const { answer } = acceptLoss(stage);
    expect(
      answer?.partitions.find((each) => each.partition === stage.partitionOf(key)),
    ).toMatchObject({ chosen: [stage.incarnationIdOf(first)], items: 1 });
    const got = stage.get(frontend, key);
    stage.expectStatus(got, 200);
    expect(bodyOf(got)).toBe('value 1');
  });

  test.each(SEEDS)(
    'is answered sensibly when it is repeated, and when there is nothing, seed %i',
    (seed) => {
      const { stage, first, second, third, frontend, key } = twoCopies(seed);
      const { controller } = stage.cluster;
      expect(acceptLoss(stage)).toEqual({ status: 200, answer: { partitions: [] } });
      expect(acceptLoss(stage, [16])).toMatchObject({
        status: 400,
        answer: { error: 'malformed-message' },
      });
      removed(stage, first, third, key);
      burns(second);
      stage.pass(3000);
      for (const node of [first, third]) stage.heal([node], stage.allBut(node));
      // Before the node that came back has said what it holds, and twice at once.
      stage.until('it is heard', () => stage.map.nodes[first.process.name]?.fenced === false);
      const asked = [1, 2].map(() => stage.ask(controller, 'acceptLoss', {}));
      stage.until('both are answered', () => asked.every(({ status }) => status !== undefined));
      const found = asked.flatMap(({ answer }) => (answer as AcceptLossReply).partitions);
      const partition = stage.partitionOf(key);
      expect(found.filter((each) => each.partition === partition)).toMatchObject([
        { chosen: [stage.incarnationIdOf(first)], items: 1 },
      ]);
      expect(acceptLoss(stage).answer).toEqual({ partitions: [] });
      const got = stage.get(frontend, key);
      stage.expectStatus(got, 200);
      expect(bodyOf(got)).toBe('value 1');
    },
  );
});

describe('R8: after a cut of three seconds', () => {
  function cutFor3s(seed: number, redundancy: number) {
    const stage = new Stage(seed, { ...SHAPE, storages: 4, redundancy, fsync: 'interval' });
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, 'a'), 200);
    const joins: string[] = [];
    stage.cluster.controller.onLog = observed(stage.cluster.controller, (message, { node }) => {
      if (message === 'member joins') joins.push(String(node));
    });
    const node = stage.named(stage.membersOf('a')[0]?.node ?? '');
    stage.cut([node], stage.allBut(node));
    stage.pass(3000);
    expect(stage.roleOf(node, 'a')).toBeUndefined();
    return { stage, frontend, node, joins };
  }

  test.each(SEEDS)(
    'nobody else copied where two copies serve, and the member is back, seed %i',
    (seed) => {
      const { stage, frontend, node, joins } = cutFor3s(seed, 3);
      stage.expectStatus(stage.set(frontend, 'a'), 200);
      stage.heal([node], stage.allBut(node));
      stage.until('it is back', () => stage.roleOf(node, 'a') === 'serving');
      stage.pass(5000);
      expect(new Set(joins)).toEqual(new Set([node.process.name]));
      stage.expectHealed(['a'], 3);
    },
  );

  test.each(SEEDS)('longer than that, and others begin, seed %i', (seed) => {
    const { stage, joins } = cutFor3s(seed, 3);
    stage.pass(6000);
    expect(joins).toEqual([]);
    stage.until('others join', () => joins.length > 0);
    stage.expectHealed(['a'], 3);
  });

  test.each(SEEDS)('others copied at once where one copy is left, seed %i', (seed) => {
    const { stage, node, joins } = cutFor3s(seed, 2);
    expect(joins).not.toContain(node.process.name);
    expect(joins.length).toBeGreaterThan(0);
    stage.expectHealed(['a'], 2);
  });
});

describe('H15: a node that joins again', () => {
  const KEYS = 40;

  /** Cut off for three seconds, while some keys are set and some deleted. */
  function cutOff(seed: number, times: ClusterShape['times'] = {}) {
    const shape = { ...SHAPE, fsync: 'interval' as const, redundancy: 3, times };
    const stage = new Stage(seed, { ...shape, logFileBytes: 2000 });
    const [frontend, node] = [stage.frontend(0), stage.storage(0)];
    const keys = stage.keysIn(5, KEYS);
    for (const key of keys) stage.expectStatus(stage.set(frontend, key, 200), 200);
    stage.cut([node], stage.allBut(node));
    stage.until('it is removed', () => stage.roleOf(node, keys[0] ?? '') === undefined);
    const [set = '', deleted = ''] = keys;
    stage.expectStatus(stage.set(frontend, set, 200), 200);
    stage.expectStatus(stage.delete(frontend, deleted), 200);
    return { stage, frontend, node, keys, set, deleted };
  }

  /** What storage nodes answer each other, in bytes: records and heads of records. */
  function transferredBytes(): () => number {
    const { accept } = StorageNode.prototype;
    let bytes = 0;
    vi.spyOn(StorageNode.prototype, 'accept').mockImplementation(function (
      this: StorageNode,
      hello,
      link,
    ) {
      const send = link.send.bind(link);
      link.send = (id, head, body) => {
        const answer = decodeAnswer(Buffer.concat([head, body]));
        const isTransfer = typeof answer !== 'string' && /^(records|heads)$/.test(answer.kind);
        if (isTransfer) bytes += head.length + body.length;
        send(id, head, body);
      };
      return accept.call(this, hello, link);
    });
    return () => bytes;
  }

  afterEach(() => {
    vi.restoreAllMocks();
  });

  const serves = (stage: Stage, node: SimulatedNode, key: string) => () =>
    stage.roleOf(node, key) === 'serving';

  test.each(SEEDS)('copies only what differs, seed %i', (seed) => {
    const transferred = transferredBytes();
    const { stage, node, keys, set, deleted } = cutOff(seed);
    const before = transferred();
    stage.heal([node], stage.allBut(node));
    stage.until('it serves', serves(stage, node, set));
    // Forty values of 200 bytes, of which one is new and one deleted.
    expect(transferred() - before).toBeLessThan(KEYS * 100);
    stage.pass(500);
    const other = stage.storage(1);
    for (const key of keys) expect(stage.heldBy(node, key)).toBe(stage.heldBy(other, key));
    expect(stage.heldBy(node, deleted)).toBe('deleted');
    stage.expectHealed(keys, 3);
  });

  test.each(SEEDS)(
    'brings nothing back that was deleted and forgotten, nor does its log, seed %i',
    (seed) => {
      const { stage, node, keys, set, deleted } = cutOff(seed, {
        antiEntropyMs: 600,
        tombstoneGraceMs: 300,
      });
      const others = [stage.storage(1), stage.storage(2)];
      stage.until('forgotten', () =>
        others.every((each) => stage.heldBy(each, deleted) === undefined),
      );
      stage.heal([node], stage.allBut(node));
      stage.until('it serves', serves(stage, node, set));
      stage.pass(500);
      expect(stage.heldBy(node, deleted)).toBeUndefined();
      // As its log has it: it resumes, and copies nothing.
      node.crash(false);
      node.start();
      stage.pass(3000);
      expect(serves(stage, node, set)()).toBe(true);
      expect(stage.heldBy(node, deleted)).toBeUndefined();
      stage.expectHealed(keys, 3);
    },
  );

  test.each(SEEDS)('has everything after a crash in the middle, seed %i', (seed) => {
    const { stage, frontend, node, keys, set, deleted } = cutOff(seed);
    stage.cluster.network.delayMs = () => 15;
    stage.heal([node], stage.allBut(node));
    stage.until('it joins', () => stage.roleOf(node, set) === 'joining');
    stage.set(frontend, keys[2] ?? '', 200);
    stage.pass(20 + 10 * seed);
    node.crash(true);
    node.start();
    stage.cluster.network.delayMs = () => 1;
    stage.until('it serves', serves(stage, node, set));
    stage.pass(500);
    expect(stage.heldBy(node, deleted)).toBe('deleted');
    stage.expectHealed(keys, 3);
  });

  test.each(SEEDS)(
    'keeps what it had when its source burns before it is copied, seed %i',
    (seed) => {
      const { stage, first, second, third, frontend, key } = twoCopies(seed);
      removed(stage, first, third, key);
      stage.heal([third], stage.allBut(third));
      stage.drain(third);
      stage.until('the third takes no part', () => stage.membersOf(key).length === 1);
      stage.until('nor keeps anything', () => stage.heldBy(third, key) === undefined);
      const partition = stage.partitionOf(key);
      const joinsNow = () =>
        stage
          .mapOf(first)
          ?.partitions[partition]?.members.some(
            ({ node, role }) => node === first.process.name && role === 'joining',
          ) === true;
      // The source answers nothing more from the moment of the join on.
      stage.cutTo([second], [first]);
      stage.heal([first], stage.allBut(first, second));
      stage.healTo([first], [second]);
      stage.until('it joins', joinsNow);
      expect(stage.heldBy(first, key)).toBeUndefined();
      burns(second);
      stage.pass(3000);
      const { answer } = acceptLoss(stage, [partition]);
      expect(answer?.partitions).toMatchObject([
        { chosen: [stage.incarnationIdOf(first)], items: 1 },
      ]);
      const got = stage.get(frontend, key);
      stage.expectStatus(got, 200);
      expect(bodyOf(got)).toBe('value 1');
    },
  );
});
