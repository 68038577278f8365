// Peers of the blob service in virtual time: which are asked, in which order, what is believed of them, and who is asked to
// delete again.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { DiskResult } from '../../../../src/cluster/ports.ts';
import { FILE_BYTES_MAX } from '../../../../src/files/manifest.ts';
import { blobKey, type ContentHash } from '../../../../src/frontend/gateways/blobs/dtfc-usage.ts';
import {
  PeerDeletes,
  type ToldByPeer,
} from '../../../../src/frontend/gateways/blobs/peer-deletes.ts';
import { PEERS_MAX, PeerList, peersIn } from '../../../../src/frontend/gateways/blobs/peer-list.ts';
import {
  type PeerLoadOutcome,
  PeerLoads,
  UNANNOUNCED_BYTES_MAX,
} from '../../../../src/frontend/gateways/blobs/peer-loads.ts';
import {
  PEER_BYTES_MIN,
  PEER_SILENT_MS,
  UNATTENDED_BYTES_MIN,
} from '../../../../src/frontend/gateways/blobs/peer-request.ts';
import { MemoryFileLayer } from '../../../helpers/memory-file-layer.ts';
import { ScriptedNetwork } from '../../../helpers/scripted-file-servers.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const CONTENT = Buffer.from('any text');
const hashOf = (bytes: Buffer) => createHash('sha512').update(bytes).digest('hex') as ContentHash;
const HASH = hashOf(CONTENT);

function stage(text = 'http://a:1/\nhttp://b:1/\nhttp://c:1/\n') {
  const time = new VirtualTime();
  const network = new ScriptedNetwork();
  const files = new MemoryFileLayer();
  const logged: string[] = [];
  const logger = { write: (_level: string, message: string) => void logged.push(message) };
  const list: { now: DiskResult<string> } = { now: { kind: 'done', value: text } };
  const operatorFiles = {
    isThere: () => undefined,
    read: (_path: string, callback: (result: DiskResult<string>) => void) => callback(list.now),
  };
  const peers = new PeerList({ files: operatorFiles, clock: time, logger }, '/list', undefined);
  const runtime = { clock: time, timers: time, network, logger };
  const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
  const asked = () => network.requests.map(({ server, method }) => `${method} ${server}`);
  return { time, network, files, peers, runtime, list, logged, pass, asked };
}

describe('the list', () => {
  test('has a URL a line, each once, and not that of the node itself', () => {
    const text =
      'http://A:1/\r\n\n  http://b:2  \n# http://c:3/\nhttp://a:1/\nhttp://d/x\nhttp://[::1]:5/\nhttp://me:9/';
    const { peers, wrong } = peersIn(text, ' http://me:9 ');
    expect(peers.map(({ url, address, path }) => [url, address, path])).toEqual([
      ['http://a:1/', 'a:1', '/'],
      ['http://b:2/', 'b:2', '/'],
      ['http://d:80/x/', 'd:80', '/x/'],
      ['http://[::1]:5/', '[::1]:5', '/'],
    ]);
    expect(wrong).toEqual([]);
  });

  test.each([
    'what',
    'https://a:1/',
    'http://',
    'http://a:99999/',
    'http://u:p@a/',
    'http://a:1/?x',
    'http://a:1/ b',
    '/a',
  ])('takes %s for no peer', (line) => {
    expect(peersIn(`${line}\nhttp://b:1/`, undefined)).toMatchObject({
      peers: [{ url: 'http://b:1/' }],
      wrong: [line],
    });
  });

  test('is bounded', () => {
    const lines = Array.from({ length: PEERS_MAX + 5 }, (_, port) => `http://a:${port + 1}/`);
    const { peers, wrong } = peersIn(lines.join('\n'), undefined);
    expect([peers.length, wrong.length]).toEqual([PEERS_MAX, 5]);
  });

  test('has those last that failed lately, the last one last, for a minute', () => {
    const { peers, pass } = stage();
    const order = () => {
      let urls = '';
      peers.read((read) => {
        urls = read.map(({ address }) => address[0]).join('');
      });
      return urls;
    };
    const [a, b] = peersIn('http://a:1/\nhttp://b:1/', undefined).peers;
    if (a === undefined || b === undefined) throw new Error('there are two');
    pass(1);
    peers.failed(b);
    pass(1000);
    peers.failed(a);
    expect(order()).toBe('cba');
    peers.succeeded(b);
    expect(order()).toBe('bca');
    pass(60_000);
    expect(order()).toBe('abc');
  });

  test('that cannot be read any more is the last one that could, and that is logged once', () => {
    const { peers, list, logged } = stage();
    const read = () => {
      let told: unknown;
      peers.read((known, problem) => {
        told = [known.length, problem];
      });
      return told;
    };
    expect(read()).toEqual([3, undefined]);
    list.now = { kind: 'failed', detail: 'ENOENT' };
    expect([read(), read()]).toEqual([
      [3, 'ENOENT'],
      [3, 'ENOENT'],
    ]);
    expect(logged).toEqual(['the list of peers cannot be read: ENOENT']);
  });
});

function loading(given = stage()) {
  const { runtime, files, peers } = given;
  const loads = new PeerLoads({ runtime, files, peers });
  const outcomes: PeerLoadOutcome[] = [];
  let leave = () => {};
  const client = {
    onceLeft: (left: () => void) => {
      leave = left;
      return () => {
        leave = () => {};
      };
    },
  };
  const load = (hash = HASH) => loads.load(hash, client, (outcome) => outcomes.push(outcome));
  return { ...given, load, outcomes, leave: () => leave() };
}

describe('a load', () => {
  test('asks one peer after the other, without having them ask theirs', () => {
    const { load, network, outcomes, asked, files } = loading();
    load();
    expect(asked()).toEqual(['GET a']);
    network.one('GET', 'a').answer(404);
    expect(asked()).toEqual(['GET a', 'GET b']);
    const second = network.one('GET', 'b');
    expect(second.path).toBe(`/${HASH}/nopeerload`);
    second.answer(200, CONTENT);
    expect(outcomes).toEqual([{ kind: 'loaded' }]);
    expect(asked()).toEqual(['GET a', 'GET b']);
    expect(files.requests[0]?.expected).toEqual({ sha512: HASH });
    expect(files.requests[0]?.key).toEqual(blobKey(HASH));
  });

  test('goes on where a peer is silent, before its head and in its body', () => {
    const { load, network, outcomes, asked, pass, logged } = loading();
    load();
    const first = network.one('GET', 'a');
    pass(PEER_SILENT_MS - 1);
    expect(first.isOver).toBe(false);
    pass(1);
    expect([first.isCancelled, asked()]).toEqual([true, ['GET a', 'GET b']]);
    const second = network.one('GET', 'b');
    second.head(200, { 'content-length': '8' });
    second.piece(CONTENT.subarray(0, 4));
    pass(PEER_SILENT_MS);
    expect([second.isCancelled, asked()]).toEqual([true, ['GET a', 'GET b', 'GET c']]);
    network.one('GET', 'c').answer(200, CONTENT);
    expect(outcomes).toEqual([{ kind: 'loaded' }]);
    expect(logged).toEqual(['a peer failed', 'a peer failed']);
  });

  test('goes on where a peer sends next to nothing, and not where it is slow', () => {
    const { load, network, asked, pass } = loading();
    load();
    const slow = network.one('GET', 'a');
    slow.head(200, {});
    for (let looks = 0; looks < 3; looks++) {
      slow.piece(Buffer.alloc(PEER_BYTES_MIN));
      pass(PEER_SILENT_MS);
    }
    expect(slow.isCancelled).toBe(false);
    for (let seconds = 0; seconds < 10; seconds++) {
      slow.piece(Buffer.alloc(1));
      pass(1000);
    }
    expect([slow.isCancelled, asked()]).toEqual([true, ['GET a', 'GET b']]);
  });

  test('goes on without its client only where it is fast, at each peer', () => {
    const { load, network, asked, pass, leave } = loading();
    load();
    const first = network.one('GET', 'a');
    first.head(200, {});
    leave();
    for (let looks = 0; looks < 3; looks++) {
      first.piece(Buffer.alloc(UNATTENDED_BYTES_MIN));
      pass(PEER_SILENT_MS);
    }
    expect(first.isCancelled).toBe(false);
    first.piece(Buffer.alloc(UNATTENDED_BYTES_MIN - 1));
    pass(PEER_SILENT_MS);
    expect([first.isCancelled, asked()]).toEqual([true, ['GET a', 'GET b']]);
    const second = network.one('GET', 'b');
    second.head(200, {});
    second.piece(Buffer.alloc(UNATTENDED_BYTES_MIN - 1));
    pass(PEER_SILENT_MS);
    expect([second.isCancelled, asked()]).toEqual([true, ['GET a', 'GET b', 'GET c']]);
  });

  test('takes what says how long it is, and of what does not only so much', () => {
    const { load, network, files } = loading();
    load();
    network.one('GET', 'a').head(200, {});
    expect(files.requests.map(({ bytesMax }) => bytesMax)).toEqual([UNANNOUNCED_BYTES_MAX]);
    const other = loading();
    other.load();
    other.network.one('GET', 'a').head(200, { 'content-length': `${2 * UNANNOUNCED_BYTES_MAX}` });
    expect(other.files.requests.map(({ bytesMax }) => bytesMax)).toEqual([FILE_BYTES_MAX]);
  });

  test('of what no peer has is nowhere', () => {
    const { load, network, outcomes } = loading();
    load();
    network.one('GET', 'a').answer(404);
    network.one('GET', 'b').answer(302);
    network.one('GET', 'c').breakOff();
    expect(outcomes).toEqual([{ kind: 'nowhere' }]);
  });

  test('of what no peer answers for is no absence (F7)', () => {
    const { load, network, outcomes, pass } = loading();
    load();
    network.one('GET', 'a').breakOff();
    pass(PEER_SILENT_MS);
    network.one('GET', 'c').answer(500);
    expect(outcomes).toEqual([{ kind: 'unheard' }]);
    load();
    for (const peer of ['a', 'b', 'c']) network.one('GET', peer).answer(peer === 'b' ? 302 : 429);
    expect(outcomes.at(-1)).toEqual({ kind: 'nowhere' });
  });

  test('of one content is one at a time, and no more than so many are at once', () => {
    const { load, network, outcomes } = loading();
    load();
    load();
    expect(outcomes).toEqual([{ kind: 'busy' }]);
    for (let number = 0; number < 64; number++) load(hashOf(Buffer.from(`${number}`)));
    expect(outcomes).toEqual([{ kind: 'busy' }, { kind: 'busy' }]);
    network.underWay[0]?.answer(200, CONTENT);
    expect(outcomes.at(-1)).toEqual({ kind: 'loaded' });
    load(hashOf(Buffer.from('63')));
    expect(outcomes).toHaveLength(3);
  });

  test('that cannot be stored here asks no other peer', () => {
    const given = loading();
    given.files.puts = { kind: 'not-stored', code: 'no-file-server', detail: 'none' };
    given.load();
    given.network.one('GET', 'a').answer(200, CONTENT);
    expect(given.outcomes).toEqual([{ kind: 'failed', code: 'no-file-server', detail: 'none' }]);
    expect(given.asked()).toEqual(['GET a']);
  });
});

function deleting(given = stage()) {
  const { runtime, files, peers } = given;
  const deletes = new PeerDeletes({ runtime, files, peers });
  const told: (readonly ToldByPeer[])[] = [];
  deletes.deleteAt(HASH, (each) => told.push(each));
  return { ...given, deletes, told };
}

describe('a delete at all peers', () => {
  test('asks them at once, and those again that were away, until they answer', () => {
    const { network, told, deletes, pass, asked } = deleting();
    expect(asked()).toEqual(['DELETE a', 'DELETE b', 'DELETE c']);
    network.one('DELETE', 'c').answer(503);
    network.one('DELETE', 'b').breakOff();
    expect(told).toEqual([]);
    network.one('DELETE', 'a').answer(200);
    expect(told).toEqual([
      [
        { peer: 'http://a:1/', status: 200, again: false },
        { peer: 'http://b:1/', error: 'scripted', again: true },
        { peer: 'http://c:1/', status: 503, again: true },
      ],
    ]);
    pass(30_000);
    expect(asked().slice(3).sort()).toEqual(['DELETE b', 'DELETE c']);
    expect(network.one('DELETE', 'b').path).toBe(`/${HASH}`);
    network.one('DELETE', 'b').answer(404);
    network.one('DELETE', 'c').breakOff();
    expect(deletes.pending).toBe(1);
    pass(59_999);
    expect(network.underWay).toEqual([]);
    pass(1);
    network.one('DELETE', 'c').answer(200);
    expect(deletes.pending).toBe(0);
    pass(10_000_000);
    expect(asked()).toHaveLength(6);
  });

  test('is taken back by whoever stores the content again', () => {
    const { network, files, deletes, pass, asked } = deleting(stage('http://a:1/'));
    network.one('DELETE', 'a').breakOff();
    expect(deletes.pending).toBe(1);
    files.keep(blobKey(HASH), CONTENT);
    pass(30_000);
    expect([asked(), deletes.pending]).toEqual([['DELETE a'], 0]);
  });

  test('is of what was there then: a peer keeps what it was given since', () => {
    const given = stage('http://a:1/');
    given.pass(5900);
    const { network, deletes, pass, asked } = deleting(given);
    const [first] = network.requests;
    expect(first?.headers).not.toHaveProperty('if-unmodified-since');
    first?.breakOff();
    pass(30_000);
    // That of the second before: what was stored at 5,950 is later than the delete, and has 5 for its date.
    const date = 'Thu, 01 Jan 1970 00:00:04 GMT';
    expect(network.one('DELETE', 'a').headers['if-unmodified-since']).toBe(date);
    network.one('DELETE', 'a').answer(412);
    expect([asked().length, deletes.pending]).toEqual([2, 0]);
  });

  test('waits while nobody can say whether it was stored again (F7)', () => {
    const { network, files, deletes, pass, asked } = deleting(stage('http://a:1/'));
    network.one('DELETE', 'a').breakOff();
    files.finds = { kind: 'failed', code: 'unanswered', detail: '' };
    pass(30_000);
    expect([asked(), deletes.pending]).toEqual([['DELETE a'], 1]);
    files.finds = undefined;
    pass(30_000);
    expect(asked()).toEqual(['DELETE a', 'DELETE a']);
  });

  test('is given up in the end', () => {
    const { network, deletes, pass, asked, logged } = deleting(stage('http://a:1/'));
    network.requested = (request) => request.breakOff();
    network.one('DELETE', 'a').breakOff();
    pass(40 * 3_600_000);
    expect(deletes.pending).toBe(0);
    expect(asked().length).toBe(32);
    expect(logged).toContain('a delete was given up at a peer');
  });
});
