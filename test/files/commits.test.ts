// The second half of an upload: who commits, who fetches, how long each is waited for, and what is said of a blob afterwards.

import { describe, expect, test } from 'vitest';
import { newBlobId } from '../../src/files/blob-id.ts';
import {
  type CommittedCopies,
  commit,
  dropBlob,
  dropStaged,
  lookAtBlob,
} from '../../src/files/commits.ts';
import { fileTimes } from '../../src/files/file-times.ts';
import { KEY, TIMES } from '../helpers/file-stage.ts';
import { placedServer, ScriptedNetwork } from '../helpers/scripted-file-servers.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const BLOB = newBlobId(1, 'a'.repeat(32));

function committing(
  options: {
    readonly staged?: readonly string[];
    readonly others?: readonly string[];
    readonly copies?: number;
    readonly size?: number;
    readonly scale?: number;
  } = {},
) {
  const { staged = ['a', 'b'], others = ['c', 'd'], copies = 2, size = 5, scale = 1 } = options;
  const network = new ScriptedNetwork();
  const outcomes: CommittedCopies[] = [];
  const sums = {
    size,
    sha512: 'f'.repeat(128),
    md5: 'e'.repeat(32),
    checksums: Buffer.of(1, 2, 3, 4),
  };
  const request = {
    blob: BLOB,
    owner: KEY,
    manifest: Buffer.from('manifest'),
    sums,
    staged: staged.map((name) => placedServer(name)),
    others: others.map((name) => placedServer(name)),
    copies,
  };
  const runtime = { network };
  commit(runtime, fileTimes(scale), request, (outcome) => outcomes.push(outcome));
  const told = () =>
    outcomes.map(({ holders, asked }) => {
      const names = (servers: readonly { readonly id: string }[]) => servers.map(({ id }) => id);
      return `holders:${names(holders)} asked:${names(asked)}`;
    });
  return { network, told };
}

describe('a commit', () => {
  test('is asked of all at once, and told when all have answered', () => {
    const { network, told } = committing();
    expect(network.asked).toEqual(['a commit', 'b commit']);
    network.oneCall('b', 'commit').answer(200);
    expect(told()).toEqual([]);
    network.oneCall('a', 'commit').answer(200);
    expect(told()).toEqual(['holders:b,a asked:a,b']);
    expect(network.asked).toEqual([]);
  });

  test('has as long as a disk may take; a fetch has longer, by the size of the blob', () => {
    for (const scale of [1, 10]) {
      const { network } = committing({ staged: ['a'], size: 5_000_000, scale });
      const asked = network.oneCall('a', 'commit');
      expect(asked.timeoutMs).toBe(30_000 * scale);
      asked.answer(200);
      expect(network.oneCall('c', 'pull').timeoutMs).toBe(31_000 * scale);
    }
  });

  test('that only some have made is made up for by fetches, one after the other', () => {
    const { network, told } = committing({ staged: ['a'], copies: 3, others: ['c', 'd', 'e'] });
    network.oneCall('a', 'commit').answer(200);
    expect(network.asked).toEqual(['c pull']);
    network.oneCall('c', 'pull').answer(502);
    expect(network.asked).toEqual(['d pull']);
    network.oneCall('d', 'pull').answer(200);
    network.oneCall('e', 'pull').answer(200);
    expect(told()).toEqual(['holders:a,d,e asked:a,c,d,e']);
  });

  test('with nobody left who could fetch it is told with the copies that there are', () => {
    const { network, told } = committing({ staged: ['a'], others: [] });
    network.oneCall('a', 'commit').answer(200);
    expect(told()).toEqual(['holders:a asked:a']);
  });

  test.each([201, 204, 202, 404, 409, 500])('is none where the answer is %i', (status) => {
    const { network, told } = committing({ others: [] });
    network.oneCall('a', 'commit').answer(status);
    network.oneCall('b', 'commit').answer(200);
    expect(told()).toEqual(['holders:b asked:a,b']);
  });
});

describe('a blob that nobody will name', () => {
  function dropping() {
    const network = new ScriptedNetwork();
    const time = new VirtualTime();
    const runtime = { network, timers: time };
    dropBlob(runtime, TIMES, BLOB, [placedServer('a'), placedServer('b')]);
    return { network, time };
  }

  test('is dropped by all that are told, each by a request of its own', () => {
    const { network, time } = dropping();
    for (const name of ['a', 'b']) {
      const request = network.one('DELETE', name);
      expect(request.path).toBe(`/blobs/${BLOB}`);
      if (name === 'a') request.answer(200);
      else request.breakOff();
    }
    expect(time.timers).toBe(0);
  });

  test('is unstaged, and no more, by those that were left', () => {
    const network = new ScriptedNetwork();
    const runtime = { network, timers: new VirtualTime() };
    dropStaged(runtime, TIMES, BLOB, [placedServer('a')]);
    expect(network.one('DELETE', 'a').path).toBe(`/blobs/${BLOB}/stage`);
  });

  test('does not keep a connection for ever to a server that has stopped', () => {
    const { network, time } = dropping();
    network.one('DELETE', 'a').answer(200);
    time.runTo(TIMES.commitMs - 1);
    expect(network.underWay).toHaveLength(1);
    time.runTo(TIMES.commitMs);
    expect([network.underWay.length, time.timers]).toEqual([0, 0]);
  });
});

test('a look at a blob is asked for, and nobody waits for it', () => {
  const network = new ScriptedNetwork();
  lookAtBlob({ network }, TIMES, BLOB, [placedServer('a'), placedServer('b')]);
  expect(network.calls.map(({ path }) => path)).toEqual(Array(2).fill(`/blobs/${BLOB}/check`));
  expect(network.asked).toEqual(['a check', 'b check']);
  network.oneCall('a', 'check').fail();
  network.oneCall('b', 'check').answer(202);
});
