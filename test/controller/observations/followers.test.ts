// When a controller takes it that its storage nodes follow it no more (H32): by their heartbeats, played by the test.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, Generation, MapVersion } from '../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { HeartbeatRequest } from '../../../src/cluster/wire/control-messages.ts';
import { Followers } from '../../../src/controller/observations/followers.ts';
import { nodeId, sampleMap } from '../../helpers/maps.ts';

const { suspicionMs, heartbeatMs } = protocolTimes(1);
const LONG_MS = 10 * suspicionMs;
const OWN: ClusterMap = { ...sampleMap(), version: { generation: 50, nonce: 'm', number: 3 } };

function play(own: ClusterMap = OWN) {
  const followers = new Followers({ suspicionMs });
  let nowMs = 1000;
  const say = (words: { promised?: Generation; obeyedVersion?: MapVersion }, node = 'a') => {
    const mapVersion = { generation: 1, number: 1 };
    followers.heard(own, { node: nodeId(node), mapVersion, ...words } as HeartbeatRequest, nowMs);
  };
  return {
    say,
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    /** Heartbeats of so long. */
    sayFor: (milliseconds: number, promised: Generation) => {
      for (const endMs = nowMs + milliseconds; nowMs < endMs; nowMs += heartbeatMs)
        say({ promised });
    },
  };
}

describe('a controller', () => {
  test('that is overruled for longer than a recovery takes ends, and says by whom', () => {
    const { sayFor } = play();
    sayFor(2 * suspicionMs, { generation: 51, nonce: 'a' });
    expect(() => sayFor(2 * suspicionMs, { generation: 51, nonce: 'a' })).toThrow(
      /^node a has promised itself to the recovery of another controller, of generation 51, /,
    );
  });

  test('that is overruled in the same second by a greater nonce ends as well, by its own or a lower one not', () => {
    expect(() => play().sayFor(LONG_MS, { generation: 50, nonce: 'n' })).toThrow('generation 50');
    play().sayFor(LONG_MS, { generation: 50, nonce: 'm' });
    play().sayFor(LONG_MS, { generation: 50, nonce: 'l' });
    play().sayFor(LONG_MS, { generation: 49, nonce: 'z' });
  });

  test('that opened its generation above a promise without asking ends, and one that asked since then does not', () => {
    const openedFrom = { generation: 10, number: 1 };
    const opened = { ...OWN, openedFrom, recoveredAs: { generation: 10 } };
    expect(() => play(opened).sayFor(LONG_MS, { generation: 20 })).toThrow('generation 20');
    play({ ...opened, recoveredAs: { generation: 21 } }).sayFor(LONG_MS, { generation: 20 });
    // Founded, and opened from that.
    expect(() => play({ ...OWN, openedFrom }).sayFor(LONG_MS, { generation: 20 })).toThrow('20');
  });

  test('is not overruled by what a node said once, nor by what it says no more', () => {
    const { say, pass, sayFor } = play();
    const promised = { generation: 51, nonce: 'a' };
    for (let times = 0; times < 5; times++) {
      say({ promised });
      pass(LONG_MS);
    }
    for (let times = 0; times < 5; times++) {
      sayFor(2 * suspicionMs, promised);
      say({});
    }
  });

  test('is overruled by each of two nodes that follow two recoveries', () => {
    const { say, pass } = play();
    expect(() => {
      for (let times = 0; times < LONG_MS / heartbeatMs; times++) {
        say({ promised: { generation: 51, nonce: 'a' } }, 'a');
        say({ promised: { generation: 61, nonce: 'b' } }, 'b');
        pass(heartbeatMs);
      }
    }).toThrow(/^node a has promised itself/);
  });

  test('whose nodes obey a newer map ends at once, whatever they could store', () => {
    expect(() => play().say({ obeyedVersion: { generation: 52, number: 1 } })).toThrow(
      /is an old copy/,
    );
  });
});
