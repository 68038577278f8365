// Nobody sees a map before the disk has it (R11, H33), and changes never overwrite each other.

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../../src/cluster/model/cluster-map.ts';
import type { MapNews } from '../../../src/cluster/model/map-delta.ts';
import type { Disk, DiskResult, Runtime } from '../../../src/cluster/ports.ts';
import { withNode } from '../../../src/controller/decisions/membership.ts';
import { PublishedMap } from '../../../src/controller/map/published-map.ts';
import { decodeState } from '../../../src/controller/map/state-file.ts';
import { nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

function fixture(options: { inMemory?: boolean } = {}) {
  const writes: ((result: DiskResult<undefined>) => void)[] = [];
  const timers: (() => void)[] = [];
  const published: ClusterMap[] = [];
  const written: (ClusterMap | undefined)[] = [];
  const disk: Pick<Disk, 'replace'> = {
    replace: (_name, bytes, callback) => {
      const state = decodeState(bytes);
      written.push(state.kind === 'state' ? state.map : undefined);
      writes.push(callback);
    },
  };
  const lines: string[] = [];
  const runtime = {
    logger: { write: (level: string, message: string) => lines.push(`${level} ${message}`) },
    disk: options.inMemory === true ? undefined : disk,
    timers: {
      after: (_milliseconds: number, callback: () => void) => {
        timers.push(callback);
        return () => timers.splice(timers.indexOf(callback), 1);
      },
    },
  } as unknown as Runtime;
  const map = new PublishedMap(runtime, (next) => published.push(next));
  const decided: string[] = [];
  const propose = (change: (current: ClusterMap | undefined) => ClusterMap) =>
    map.propose(change, ({ kind }) => decided.push(kind));
  const endWrite = (result: DiskResult<undefined> = { kind: 'done', value: undefined }) =>
    writes.shift()?.(result);
  const addNode = (name: string) =>
    propose((current) => withNode(current ?? sampleMap(), nodeId(name), sampleNode(9), false));
  return { map, published, decided, propose, endWrite, addNode, timers, writes, written, lines };
}

const BEFORE_ALL = { since: { generation: 0, number: 0 }, deltas: false };
const since = (number: number, deltas = false) => ({ since: { generation: 1, number }, deltas });

describe('a published map', () => {
  test('is seen by nobody before it is durable', () => {
    const { map, published, decided, propose, endWrite } = fixture();
    const answers: unknown[] = [];
    map.waitForNewer(BEFORE_ALL, 1000, ({ map: newer }) => answers.push(newer));
    propose(() => sampleMap());
    expect([map.current, published, decided, answers]).toEqual([undefined, [], [], []]);
    endWrite();
    expect(map.current).toEqual(sampleMap());
    expect(published).toHaveLength(1);
    expect(decided).toEqual(['published']);
    expect(answers).toEqual([sampleMap()]);
  });

  test('that could not be written is not published, and the next change starts from the old one', () => {
    const { map, published, decided, propose, endWrite, addNode } = fixture();
    propose(() => sampleMap());
    endWrite();
    addNode('lost');
    endWrite({ kind: 'failed', detail: 'ENOSPC' });
    expect(decided).toEqual(['published', 'not-durable']);
    expect(map.current).toEqual(sampleMap());
    addNode('kept');
    endWrite();
    expect(Object.keys(published.at(-1)?.nodes ?? {})).toEqual(['a', 'b', 'kept']);
  });

  test('that cannot be written is told of when that begins, changes and ends', () => {
    const { propose, endWrite, lines } = fixture();
    for (const detail of ['EIO', 'EIO', 'EROFS', undefined, undefined]) {
      propose((map) => sampleMap({ number: (map?.version.number ?? 0) + 1 }));
      endWrite(detail === undefined ? undefined : { kind: 'failed', detail });
    }
    const failed = 'error controller.state cannot be written';
    expect(lines).toEqual([failed, failed, 'info controller.state can be written again']);
  });

  test('changes proposed while one is being written follow each other', () => {
    const { map, decided, propose, endWrite, addNode } = fixture();
    propose(() => sampleMap());
    for (const name of ['c', 'd', 'e']) addNode(name);
    for (let writes = 0; writes < 4; writes++) endWrite();
    expect(Object.keys(map.current?.nodes ?? {})).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(map.current?.version.number).toBe(4);
    expect(decided).toHaveLength(4);
  });

  test('waits end with nothing after their time, or at once when the map is newer or the controller stops', () => {
    const { map, propose, endWrite, timers } = fixture();
    const answers: unknown[] = [];
    const note = ({ map: newer }: MapNews) => answers.push(newer);
    map.waitForNewer(BEFORE_ALL, 1000, note);
    timers[0]?.();
    expect(answers).toEqual([undefined]);
    propose(() => sampleMap());
    endWrite();
    map.waitForNewer(BEFORE_ALL, 1000, note);
    expect(answers).toEqual([undefined, sampleMap()]);
    map.waitForNewer(since(1), 1000, note);
    map.releaseWaiters();
    expect(answers).toEqual([undefined, sampleMap(), undefined]);
  });

  test('that a change leaves as it is, is neither written nor published again', () => {
    const { map, published, decided, propose, endWrite, writes } = fixture();
    propose(() => sampleMap());
    endWrite();
    propose((current) => current ?? sampleMap({ number: 2 }));
    expect([writes.length, published.length, map.current?.version.number]).toEqual([0, 1, 1]);
    expect(decided).toEqual(['published', 'published']);
  });

  test('of a controller without a disk is published at once, each after the other', () => {
    const { published, decided, propose, addNode } = fixture({ inMemory: true });
    propose(() => sampleMap());
    addNode('c');
    expect(published.map(({ version }) => version.number)).toEqual([1, 2]);
    expect(decided).toEqual(['published', 'published']);
  });

  test('is not what a wait for a still newer one gets, and an answered wait leaves no timer', () => {
    const { map, propose, endWrite, addNode, timers } = fixture();
    const answers: (number | undefined)[] = [];
    const note = ({ map: newer }: MapNews) => answers.push(newer?.version.number);
    map.waitForNewer(since(1), 1000, note);
    map.waitForNewer(BEFORE_ALL, 0, note);
    expect(answers).toEqual([undefined]);
    propose(() => sampleMap());
    endWrite();
    expect(answers).toEqual([undefined]);
    addNode('c');
    endWrite();
    expect(answers).toEqual([undefined, 2]);
    expect(timers).toEqual([]);
  });

  test('answers a wait once whose time is over in the moment in which the map comes', () => {
    const { map, propose, endWrite, timers } = fixture();
    const answers: unknown[] = [];
    map.waitForNewer(BEFORE_ALL, 1000, ({ map: newer }) => answers.push(newer));
    const timeIsOver = timers[0];
    propose(() => sampleMap());
    endWrite();
    timeIsOver?.();
    expect(answers).toEqual([sampleMap()]);
  });

  test('is not held up by a change that throws', () => {
    const { map, decided, propose, endWrite } = fixture();
    const fails = () => {
      throw new Error('scripted');
    };
    expect(() => propose(fails)).toThrow('scripted');
    propose(() => sampleMap());
    endWrite();
    expect([map.current, decided]).toEqual([sampleMap(), ['published']]);
  });

  test('is told as what changed to whoever takes that and is not far behind, else whole (H38)', () => {
    const { map, propose, addNode } = fixture({ inMemory: true });
    propose(() => sampleMap());
    addNode('c');
    addNode('d');
    expect(map.newsFor(since(3))).toEqual({ map: undefined, delta: undefined });
    for (const number of [1, 2]) {
      const { map: whole, delta } = map.newsFor(since(number, true));
      expect([whole, delta?.since.number, delta?.version.number]).toEqual([undefined, number, 3]);
      expect(map.newsFor(since(number))).toEqual({ map: map.current, delta: undefined });
    }
    expect(map.newsFor({ ...BEFORE_ALL, deltas: true }).map).toBe(map.current);
    for (let further = 0; further < 32; further++) addNode(`further-${further}`);
    expect(map.newsFor(since(2, true)).map).toBe(map.current);
    expect(map.newsFor(since(3, true)).delta?.since.number).toBe(3);
  });

  describe('whose reason is gone when it is durable', () => {
    const decide = (holds: readonly boolean[], changes: readonly (string | undefined)[]) => {
      const play = fixture();
      play.propose(() => sampleMap());
      play.endWrite();
      const [verdicts, names] = [[...holds], [...changes]];
      play.map.propose(
        (current) => {
          const name = names.shift();
          const map = current ?? sampleMap();
          return name === undefined ? map : withNode(map, nodeId(name), sampleNode(9), false);
        },
        ({ kind }) => play.decided.push(kind),
        () => verdicts.shift() ?? true,
      );
      return play;
    };
    const namesOf = (map: ClusterMap | undefined) => Object.keys(map?.nodes ?? {});

    test('is seen by nobody, and decided anew under its number (I8)', () => {
      const { map, published, decided, endWrite } = decide([false, true], ['first', 'second']);
      endWrite();
      expect(namesOf(map.current)).toEqual(['a', 'b']);
      expect(decided).toEqual(['published']);
      endWrite();
      expect(namesOf(map.current)).toEqual(['a', 'b', 'second']);
      expect(published.map(({ version }) => version.number)).toEqual([1, 2]);
      expect(decided).toEqual(['published', 'published']);
    });

    test('is written over where nothing is left to change, or a restart would begin with it (I8)', () => {
      const { map, published, decided, endWrite, written, writes, propose } = decide(
        [false, true],
        ['first'],
      );
      endWrite();
      expect(namesOf(written.at(-1))).toEqual(['a', 'b']);
      endWrite({ kind: 'failed', detail: 'EIO' });
      expect(decided).toEqual(['published', 'not-durable']);
      // Until it is written.
      propose((current) => current ?? sampleMap());
      endWrite();
      propose((current) => current ?? sampleMap());
      expect([writes.length, written.length, published.length]).toEqual([0, 4, 1]);
      expect(namesOf(map.current)).toEqual(['a', 'b']);
    });

    test('lets no other change come between', () => {
      const { map, endWrite, addNode } = decide([false, true], ['first', 'second']);
      addNode('third');
      for (let writes = 0; writes < 3; writes++) endWrite();
      expect(namesOf(map.current)).toEqual(['a', 'b', 'second', 'third']);
    });
  });

  test('that could not be written leaves those who wait waiting (R11)', () => {
    const { map, propose, endWrite } = fixture();
    const answers: unknown[] = [];
    map.waitForNewer(BEFORE_ALL, 1000, ({ map: newer }) => answers.push(newer));
    propose(() => sampleMap());
    endWrite({ kind: 'failed', detail: 'EIO' });
    expect([map.current, answers]).toEqual([undefined, []]);
    propose(() => sampleMap());
    endWrite();
    expect(answers).toEqual([sampleMap()]);
  });

  test('versions that do not rise break an invariant (I1)', () => {
    const { propose, endWrite } = fixture();
    propose(() => sampleMap({ number: 2 }));
    endWrite();
    propose(() => sampleMap({ number: 1 }));
    expect(() => endWrite()).toThrow('I1');
  });
});
