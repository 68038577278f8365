// One upload, from its first byte to its acknowledgement: what is committed where before the record names it (F1), and what
// becomes of the blob where the record certainly does not.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { etagOf, parseETag } from '../../src/cluster/model/condition.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { type BlobId, newBlobId } from '../../src/files/blob-id.ts';
import { BlockChecksums } from '../../src/files/block-checksums.ts';
import type { ReplicationClass } from '../../src/files/file-key.ts';
import { CONFIRMATIONS_MAX } from '../../src/files/file-record.ts';
import {
  decodeManifest,
  encodeManifest,
  FILE_BYTES_MAX,
  type FileManifest,
  INLINE_BYTES_MAX,
} from '../../src/files/manifest.ts';
import type { ConfirmedSet, PutFile } from '../../src/files/outcomes.ts';
import { placementOf } from '../../src/files/placement.ts';
import { BodyByHand } from '../helpers/body-by-hand.ts';
import { FileStage, fileKeyOf, KEY, LONG, recordOf, TIMES } from '../helpers/file-stage.ts';
import { fileServer, fileServersOf } from '../helpers/scripted-file-servers.ts';

const sha512 = (bytes: Buffer) => createHash('sha512').update(bytes).digest('hex');
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const names = (servers: readonly { readonly server: string }[]) =>
  servers.map(({ server }) => server);
const ETAG = parseETag('"0000000000000001-00000000"');
const CONDITION = { ifMatch: ETAG === undefined ? [] : [ETAG] };
const FORMER = newBlobId(1, 'f'.repeat(32));

function formerManifest(replicationClass = 'default'): FileManifest {
  return {
    kind: 'blob',
    blob: FORMER,
    size: 5,
    sha512: sha512(Buffer.from('x')),
    md5: md5(Buffer.from('x')),
    modifiedMs: 1,
    replicationClass: replicationClass as ReplicationClass,
  };
}

/** Where a blob belongs, of the servers that are in. */
const placesOf = (stage: FileStage, blob: BlobId = stage.blob) =>
  placementOf(blob, stage.map.fileServers).map(({ id }) => `${id}`);

/** A stage on which a long body was put, taken by its targets, and committed there. */
function committed(stage = new FileStage(), more: Parameters<FileStage['put']>[1] = {}): FileStage {
  stage.put(BodyByHand.whole([LONG]), more);
  stage.stage();
  stage.commit();
  return stage;
}

describe('a small file', () => {
  test.each([true, false])('is in its record, announced: %s', (announced) => {
    const stage = new FileStage();
    const content = Buffer.alloc(INLINE_BYTES_MAX, 'small ');
    stage.time.runTo(1234.5);
    stage.put(BodyByHand.whole([content.subarray(0, 9), content.subarray(9)], announced));
    expect(stage.network.requests).toEqual([]);
    const value = stage.sets[0]?.request.value ?? Buffer.alloc(0);
    expect(decodeManifest(value)).toEqual({
      kind: 'inline',
      content,
      size: content.length,
      sha512: sha512(content),
      md5: md5(content),
      modifiedMs: 1234,
      contentType: 'text/plain',
      replicationClass: 'default',
    });
    expect(stage.outcomes).toEqual([]);
    stage.store(false);
    expect(stage.outcomes).toMatchObject([
      { kind: 'stored', created: false, file: { manifest: { size: content.length } } },
    ]);
    stage.expectNothingLeft();
  });

  test('keeps the date and the attributes that its gateway gives it', () => {
    const stage = new FileStage();
    const told = { modifiedMs: 5, attributes: { lock: 'one' } };
    stage.put(BodyByHand.whole([Buffer.from('small')]), told);
    const value = stage.sets[0]?.request.value ?? Buffer.alloc(0);
    expect(decodeManifest(value)).toMatchObject(told);
  });

  test.each([
    ['more attributes than a record keeps', { attributes: { a: 'x'.repeat(50_000) } }],
    ['a date before 1970', { modifiedMs: -1 }],
  ])('is not stored with %s', (_what, more) => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([Buffer.from('small')]), more);
    expect([stage.told, stage.sets]).toEqual([['not-stored bad-parameter'], []]);
  });

  test('may be empty', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([]));
    stage.store();
    expect(stage.outcomes).toMatchObject([{ kind: 'stored', created: true }]);
    const value = stage.sets[0]?.request.value ?? Buffer.alloc(0);
    expect(decodeManifest(value)).toMatchObject({ size: 0, md5: md5(Buffer.alloc(0)) });
  });

  test('needs no file server', () => {
    const stage = new FileStage({});
    stage.put(BodyByHand.whole([Buffer.from('small')]));
    stage.store();
    expect(stage.told).toEqual(['stored']);
  });

  test('may come in single bytes that are all at hand', () => {
    const stage = new FileStage();
    const body = BodyByHand.whole(Array.from({ length: INLINE_BYTES_MAX }, () => Buffer.from('x')));
    stage.put(body);
    stage.store();
    expect(stage.outcomes).toMatchObject([{ file: { manifest: { size: INLINE_BYTES_MAX } } }]);
  });

  test('is not stored where its body breaks off', () => {
    const stage = new FileStage();
    const body = new BodyByHand({ length: 10 });
    body.push(Buffer.from('half'));
    stage.put(body);
    body.breakOff('slow');
    expect([stage.told, stage.sets]).toEqual([['broken slow'], []]);
  });

  test('that comes a byte too long for its record becomes a blob', () => {
    const stage = new FileStage();
    const whole = Buffer.alloc(INLINE_BYTES_MAX + 1, 'x');
    stage.put(BodyByHand.whole([whole]));
    expect([stage.targets.length, stage.sets.length]).toEqual([2, 0]);
    stage.stage();
    expect(stage.targets[0]?.received.equals(whole)).toBe(true);
  });
});

describe('a body', () => {
  test.each([
    ['sha512', { sha512: sha512(Buffer.from('another')) }, 'SHA-512'],
    ['md5', { md5: md5(Buffer.from('another')) }, 'MD5'],
  ])('with another %s than its client says is no file', (_what, expected, word) => {
    for (const content of [Buffer.from('small'), LONG]) {
      const stage = new FileStage();
      stage.put(BodyByHand.whole([content.subarray(0, 3), content.subarray(3)]), { expected });
      stage.stage();
      expect(stage.outcomes).toMatchObject([{ kind: 'mismatch' }]);
      expect(JSON.stringify(stage.outcomes)).toContain(word);
      expect([stage.sets, stage.network.asked]).toEqual([[], []]);
      expect(stage.targets.every(({ received }) => received.length < content.length)).toBe(true);
      stage.expectNothingLeft();
    }
  });

  test('with the digests that its client says is one', () => {
    const stage = committed(new FileStage(), {
      expected: { sha512: sha512(LONG), md5: md5(LONG) },
    });
    stage.store();
    expect(stage.told).toEqual(['stored']);
  });

  test.each([LONG.length - 1, LONG.length + 1])(
    'of another length than announced is no file',
    (length) => {
      for (const by of [0, LONG.length - 100]) {
        const stage = new FileStage();
        const body = new BodyByHand({ length: length - by });
        body.push(LONG.subarray(by));
        body.end();
        stage.put(body);
        stage.stage();
        expect([stage.told, stage.sets, stage.network.asked]).toEqual([['mismatch'], [], []]);
      }
    },
  );

  test.each([
    [LONG.length, 'stored'],
    [LONG.length - 1, 'broken too-large'],
    [1, 'broken too-large'],
  ])('may have %i bytes of its many: %s', (bytesMax, told) => {
    for (const announced of [true, false]) {
      const stage = new FileStage();
      const half = LONG.length / 2;
      const body = BodyByHand.whole([LONG.subarray(0, half), LONG.subarray(half)], announced);
      stage.put(body, { bytesMax });
      if (told === 'stored') {
        stage.stage();
        stage.commit();
        stage.store();
      } else expect([stage.sets, stage.network.asked]).toEqual([[], []]);
      expect(stage.told).toEqual([told]);
      if (told !== 'stored' && announced) expect(body.asked).toBe(0);
      stage.expectNothingLeft();
    }
  });

  test('is never longer than a manifest can say', () => {
    const stage = new FileStage();
    stage.put(new BodyByHand({ length: FILE_BYTES_MAX + 1 }), {
      bytesMax: Number.MAX_SAFE_INTEGER,
    });
    expect(stage.told).toEqual(['broken too-large']);
  });

  test('whose content type no manifest could keep is refused before it is read', () => {
    const stage = new FileStage();
    const body = BodyByHand.whole([Buffer.from('small')]);
    stage.put(body, { contentType: 'x'.repeat(2000) });
    expect([stage.told, body.asked, stage.sets]).toEqual([['not-stored bad-parameter'], 0, []]);
  });

  test('that broke off in the midst is no file, whatever its targets say', () => {
    const stage = new FileStage();
    const body = new BodyByHand();
    stage.put(body);
    for (let piece = 0; piece < 5; piece++) body.push(LONG);
    for (const target of stage.targets) target.takeAll();
    body.breakOff('gone');
    for (const target of stage.targets) {
      expect(target.ending).not.toBe('end');
      expect(target.isOver).toBe(true);
    }
    expect([stage.told, stage.sets, stage.network.asked]).toEqual([['broken gone'], [], []]);
    stage.expectNothingLeft();
  });

  test('in single bytes waits for its targets as few pieces', () => {
    const stage = new FileStage();
    const body = new BodyByHand();
    stage.put(body);
    for (let piece = 0; piece < 100_000; piece++) body.push(Buffer.from('x'));
    const [target] = stage.targets;
    target?.takeAll();
    expect(target?.pieces).toBeLessThanOrEqual(1025);
    expect(target?.received.length).toBe(INLINE_BYTES_MAX + 1 + 1024 - 1);
  });
});

describe('F1: a file is acknowledged', () => {
  test('when two servers have committed it, and its record is set after that', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    expect(names(stage.targets)).toEqual(placesOf(stage).slice(0, 2));
    stage.stage();
    const [first = '', second = ''] = names(stage.targets);
    const commits = [first, second].map((name) => stage.network.oneCall(name, 'commit'));
    const { message } = commits[0] ?? {};
    expect(commits[1]?.message).toEqual(message);
    const checksums = new BlockChecksums();
    checksums.add(LONG);
    const { manifest, ...rest } = message as unknown as Record<string, string>;
    expect(rest).toEqual({
      size: LONG.length,
      crc: checksums.end().toString('base64'),
      sha512: sha512(LONG),
      owner: KEY.toString('base64'),
    });
    commits[0]?.answer(200);
    expect(stage.sets).toEqual([]);
    commits[1]?.answer(200);
    const value = stage.sets[0]?.request.value ?? Buffer.alloc(0);
    // What the file servers keep of it is what is in the record.
    expect(value.toString('base64')).toBe(manifest);
    expect(decodeManifest(value)).toMatchObject({
      kind: 'blob',
      blob: stage.blob,
      size: LONG.length,
      sha512: sha512(LONG),
      md5: md5(LONG),
    });
    expect(stage.outcomes).toEqual([]);
    stage.store();
    expect(stage.told).toEqual(['stored']);
    expect([stage.dropped, stage.lookedAt]).toEqual([[], []]);
    stage.expectNothingLeft();
  });

  test.each([
    { copies: 1, waitsForAll: false, targets: 1 },
    { copies: 2, waitsForAll: false, targets: 2 },
    { copies: 3, waitsForAll: false, targets: 2 },
    { copies: 3, waitsForAll: true, targets: 3 },
    { copies: 9, waitsForAll: true, targets: 4 },
    { copies: 9, waitsForAll: false, targets: 2 },
  ])('with as many copies as it needs: $copies, waits for all: $waitsForAll', (row) => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd'));
    stage.hasClass(row.copies);
    stage.put(BodyByHand.whole([LONG]), { waitsForAll: row.waitsForAll });
    expect(names(stage.targets)).toEqual(placesOf(stage).slice(0, row.targets));
    stage.stage();
    for (const { server } of stage.targets) {
      expect(stage.sets).toEqual([]);
      stage.network.oneCall(server, 'commit').answer(200);
    }
    stage.store();
    // The first holder is to see to the copies that are missing.
    const isAll = row.targets === Math.min(row.copies, 4);
    const [first] = names(stage.targets);
    expect(stage.lookedAt).toEqual(isAll ? [] : [`${first} ${stage.blob}`]);
  });

  test('with one copy where one server is in', () => {
    const servers = { ...fileServersOf('a'), b: fileServer('b', { state: 'draining' }) };
    const stage = committed(new FileStage(servers), { waitsForAll: true });
    expect(names(stage.targets)).toEqual(['a']);
    stage.store();
    expect([stage.told, stage.lookedAt]).toEqual([['stored'], []]);
  });

  test.each([409, 404, 503, undefined])(
    'when another one has fetched it, where a commit ends with %s',
    (status) => {
      const stage = new FileStage();
      stage.put(BodyByHand.whole([LONG]));
      stage.stage();
      const [first = '', second = ''] = names(stage.targets);
      const [, , third = ''] = placesOf(stage);
      const refused = stage.network.oneCall(first, 'commit');
      if (status === undefined) refused.fail();
      else refused.answer(status);
      expect(stage.network.asked).toEqual([`${second} commit`]);
      stage.network.oneCall(second, 'commit').answer(200);
      const pull = stage.network.oneCall(third, 'pull');
      expect([pull.path, pull.message]).toEqual([
        `/blobs/${stage.blob}/pull`,
        { from: `${second}:1` },
      ]);
      expect(stage.sets).toEqual([]);
      pull.answer(200);
      stage.store();
      expect(stage.told).toEqual(['stored']);
    },
  );

  test('when the next one has fetched it, where one could not', () => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd'));
    stage.put(BodyByHand.whole([LONG]));
    stage.stage();
    const [first = '', second = '', third = '', fourth = ''] = placesOf(stage);
    stage.network.oneCall(first, 'commit').answer(200);
    stage.network.oneCall(second, 'commit').fail();
    stage.network.oneCall(third, 'pull').answer(502);
    stage.network.oneCall(fourth, 'pull').answer(200);
    stage.store();
    expect(stage.told).toEqual(['stored']);
  });

  test('never with fewer: then all that may have it are told to drop it', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    stage.stage();
    const [first = '', second = '', third = ''] = placesOf(stage);
    stage.network.oneCall(first, 'commit').answer(200);
    stage.network.oneCall(second, 'commit').fail();
    stage.network.oneCall(third, 'pull').fail();
    expect([stage.told, stage.sets]).toEqual([['not-stored no-file-server'], []]);
    // A commit and a fetch that were not answered may still be made.
    expect(stage.dropped).toEqual(['a', 'b', 'c']);
    stage.expectNothingLeft();
  });

  test('never where no commit was made: nobody is asked to fetch what nobody has', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    stage.stage();
    for (const { server } of stage.targets) stage.network.oneCall(server, 'commit').answer(409);
    expect([stage.told, stage.network.asked]).toEqual([['not-stored no-file-server'], []]);
    expect(stage.dropped).toEqual(names(stage.targets).toSorted());
  });

  test('on distinct hosts, as far as there are hosts that are up', () => {
    const servers = {
      a: fileServer('a', { host: 'one' }),
      b: fileServer('b', { host: 'one' }),
      c: fileServer('c', { host: 'two' }),
      d: fileServer('d', { host: 'two' }),
    };
    const hostOf = (name: string) => servers[name as 'a'].host;
    for (const gone of ['a', 'b', 'c', 'd']) {
      const stage = new FileStage(servers);
      const up = Object.keys(servers).filter((name) => name !== gone);
      stage.askRooms(Object.fromEntries(up.map((name) => [name, 2 ** 40])));
      for (let upload = 0; upload < 10; upload++) {
        const before = stage.targets.length;
        stage.put(BodyByHand.whole([LONG]));
        const hosts = names(stage.targets.slice(before)).map(hostOf);
        expect(hosts.toSorted(), `without ${gone}`).toEqual(['one', 'two']);
      }
    }
  });

  test('on distinct hosts, when a copy is fetched as well', () => {
    const servers = {
      a: fileServer('a', { host: 'one' }),
      b: fileServer('b', { host: 'one' }),
      c: fileServer('c', { host: 'two' }),
      d: fileServer('d', { host: 'two' }),
    };
    for (let upload = 0; upload < 10; upload++) {
      const stage = new FileStage(servers);
      stage.time.runTo(upload);
      for (let skipped = 0; skipped < upload; skipped++)
        stage.put(new BodyByHand({ length: 10 ** 6 }));
      const before = stage.targets.length;
      stage.put(BodyByHand.whole([LONG]));
      const [first, second] = stage.targets.slice(before);
      for (const target of [first, second]) {
        target?.takeAll();
        target?.answer(201);
      }
      stage.network.oneCall(first?.server ?? '', 'commit').answer(200);
      stage.network.oneCall(second?.server ?? '', 'commit').fail();
      const sameHost = { a: 'b', b: 'a', c: 'd', d: 'c' }[second?.server ?? ''];
      expect(stage.network.asked).toEqual([`${sameHost} pull`]);
    }
  });
});

describe('F1: the file servers of the moment of the commit count', () => {
  test('and a copy on one that was removed while the body came is none', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    const [kept, removed] = names(stage.targets);
    const { [removed ?? '']: _, ...others } = stage.map.fileServers ?? {};
    stage.map = { ...stage.map, fileServers: others };
    stage.stage();
    stage.network.oneCall(kept ?? '', 'commit').answer(200);
    expect(stage.dropped).toEqual([removed]);
    expect(stage.sets).toHaveLength(0);
    const next = Object.keys(others).find((name) => name !== kept) ?? '';
    stage.network.oneCall(next, 'pull').answer(200);
    stage.store();
    expect(stage.told).toEqual(['stored']);
  });

  test('and a second one that came meanwhile has a copy as well', () => {
    const stage = new FileStage(fileServersOf('a'));
    stage.put(BodyByHand.whole([LONG]));
    stage.map = { ...stage.map, fileServers: fileServersOf('a', 'b') };
    stage.stage();
    stage.network.oneCall('a', 'commit').answer(200);
    expect(stage.sets).toHaveLength(0);
    stage.network.oneCall('b', 'pull').answer(200);
    stage.store();
    expect(stage.told).toEqual(['stored']);
  });

  test('and where all that took it were removed, it is refused and dropped', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    const targets = names(stage.targets);
    stage.map = { ...stage.map, fileServers: fileServersOf('x', 'y') };
    stage.stage();
    expect(stage.dropped).toEqual(targets.toSorted());
    expect(stage.told).toEqual(['not-stored no-file-server']);
  });
});

describe('the targets of a file', () => {
  test.each([true, false])('are up, and have room for what is announced: %s', (announced) => {
    // Of a body whose length nobody tells, a mebibyte.
    const needed = announced ? LONG.length : 2 ** 20;
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd'));
    stage.askRooms({ a: needed, b: needed - 1, c: needed });
    for (let upload = 0; upload < 10; upload++) {
      stage.put(BodyByHand.whole([LONG], announced));
      expect(names(stage.targets.slice(-2)).toSorted()).toEqual(['a', 'c']);
    }
  });

  test.each([
    ['full', { a: 2 ** 30, b: 10, c: 10 }, 'not-stored storage-full'],
    ['silent', { a: 2 ** 30 }, 'not-stored no-file-server'],
    ['silent or full', { a: 10, b: 10 }, 'not-stored storage-full'],
  ])('are missing where too many are %s: nothing is read, nothing is sent', (_how, rooms, told) => {
    const stage = new FileStage();
    stage.askRooms(rooms);
    const body = BodyByHand.whole([LONG]);
    stage.put(body);
    expect([stage.told, stage.targets, body.asked]).toEqual([[told], [], 0]);
    expect(body.isDiscarded).toBe(true);
  });

  test('are missing where the cluster has none: nothing is read', () => {
    for (const servers of [undefined, {}, { a: fileServer('a', { state: 'draining' }) }]) {
      const stage = new FileStage(servers ?? {});
      const body = BodyByHand.whole([LONG]);
      stage.put(body);
      expect([stage.told, body.asked]).toEqual([['not-stored no-file-server'], 0]);
    }
  });

  test('are not chosen where the number of copies is not known', () => {
    const stage = new FileStage();
    stage.isReaderHeld = true;
    const body = BodyByHand.whole([LONG]);
    stage.put(body);
    for (const { answer } of [...stage.reads]) {
      answer({ kind: 'failed', code: 'unanswered', detail: 'scripted' });
    }
    expect([stage.told, stage.targets]).toEqual([['not-stored unanswered'], []]);
    expect(body.isDiscarded).toBe(true);
  });

  test('that do not answer are told to drop what they may have, and not chosen again', () => {
    const stage = new FileStage();
    stage.askRooms({ a: 2 ** 30, b: 2 ** 30, c: 2 ** 30 });
    stage.put(BodyByHand.whole([LONG]));
    const [first, second] = stage.targets;
    first?.takeAll();
    first?.breakOff();
    second?.takeAll();
    second?.answer(201);
    expect(stage.dropped).toEqual([first?.server]);
    // Only that: it may have a copy from elsewhere by the time it hears of this.
    expect(stage.network.one('DELETE', first?.server ?? '').path).toMatch(/\/stage$/);
    stage.network.oneCall(second?.server ?? '', 'commit').answer(200);
    const [other = ''] = ['a', 'b', 'c'].filter(
      (name) => name !== first?.server && name !== second?.server,
    );
    stage.network.oneCall(other, 'pull').answer(200);
    stage.store();
    expect(stage.told).toEqual(['stored']);
    const before = stage.targets.length;
    stage.put(BodyByHand.whole([LONG]));
    expect(names(stage.targets.slice(before))).not.toContain(first?.server);
  });

  test('that have no room in the midst make it 507 where nobody else has', () => {
    const stage = new FileStage(fileServersOf('a', 'b'));
    stage.put(BodyByHand.whole([LONG]));
    const [first, second] = stage.targets;
    first?.answer(507);
    second?.takeAll();
    second?.answer(201);
    stage.network.oneCall(second?.server ?? '', 'commit').answer(200);
    expect(stage.told).toEqual(['not-stored storage-full']);
    expect(stage.dropped).toEqual([second?.server]);
  });

  test.each([
    [507, 'not-stored storage-full'],
    [503, 'not-stored no-file-server'],
    [undefined, 'not-stored no-file-server'],
  ])('that all end with %s', (status, told) => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    for (const target of stage.targets) {
      target.takeAll();
      if (status === undefined) target.breakOff();
      else target.answer(status);
    }
    expect([stage.told, stage.network.asked]).toEqual([[told], []]);
    expect(stage.dropped).toEqual(status === undefined ? names(stage.targets).toSorted() : []);
    stage.expectNothingLeft();
  });

  test('that fetch it are chosen when the body has come: those that were up before may be gone', () => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd'));
    const free: Record<string, number | undefined> = {
      a: 2 ** 30,
      b: 2 ** 30,
      c: 2 ** 30,
      d: 2 ** 30,
    };
    stage.askRooms(free);
    stage.put(BodyByHand.whole([LONG]));
    const [first = '', second = '', third = '', fourth = ''] = placesOf(stage);
    stage.targets[0]?.takeAll();
    stage.targets[0]?.answer(201);
    free[third] = undefined;
    stage.pass(2 * TIMES.downMs);
    stage.targets[1]?.breakOff();
    stage.network.oneCall(first, 'commit').answer(200);
    expect(stage.network.asked.filter((each) => !each.endsWith('room'))).toEqual([
      `${fourth} pull`,
    ]);
    expect(stage.dropped).toEqual([second]);
  });
});

describe('the record of a file', () => {
  test.each(['not-stored', 'storage-full', 'overloaded'] as const)(
    'that is certainly not set leaves no blob: %s',
    (code) => {
      const stage = committed();
      stage.sets[0]?.answer({ kind: 'not-stored', code, detail: '' });
      expect(stage.told).toEqual([`not-stored ${code}`]);
      expect(stage.dropped).toEqual(names(stage.targets).toSorted());
      expect(stage.lookedAt).toEqual([]);
      stage.expectNothingLeft();
    },
  );

  test('that may be set keeps its blob: nothing is dropped', () => {
    const stage = committed();
    stage.sets[0]?.answer({ kind: 'unknown', version: 1n as Version });
    expect([stage.told, stage.dropped]).toEqual([['unknown'], []]);
    stage.expectNothingLeft();
  });

  test('is set without a condition, or under the one that was asked for', () => {
    const plain = committed();
    expect([plain.sets.length, plain.writes.length]).toEqual([1, 0]);
    expect(plain.sets[0]?.request).toMatchObject({ key: KEY, tombstone: false, expiresAtMs: 0 });
    const judged = committed(new FileStage(), { condition: CONDITION });
    expect([judged.sets.length, judged.writes.length]).toEqual([0, 1]);
    expect(judged.writes[0]?.request).toMatchObject({
      key: KEY,
      condition: CONDITION,
      change: { kind: 'put', expiresAtMs: 0 },
    });
    const created = committed(new FileStage(), { condition: { ifNoneMatch: 'any' } });
    expect([created.sets.length, created.writes.length]).toEqual([0, 1]);
  });

  test('is set when its gateway has confirmed that it is still right, and not where it is not', () => {
    const stage = new FileStage();
    const asked: ((set: ConfirmedSet | undefined) => void)[] = [];
    committed(stage, { condition: CONDITION, confirm: (callback) => void asked.push(callback) });
    // F1: the copies are there by then, so nothing but the set is between the question and the record.
    expect([asked.length, stage.writes.length, stage.told]).toEqual([1, 0, []]);
    asked[0]?.({ condition: CONDITION, attributes: undefined });
    expect([stage.writes.length, stage.dropped]).toEqual([1, []]);
    const refused = committed(new FileStage(), { confirm: (callback) => callback(undefined) });
    expect([refused.sets.length, refused.writes.length]).toEqual([0, 0]);
    expect(refused.outcomes).toEqual([{ kind: 'unmet', file: undefined }]);
    expect(refused.dropped).toEqual(names(refused.targets).toSorted());
    const small = new FileStage();
    small.put(BodyByHand.whole([Buffer.from('small')]), {
      confirm: (callback) => callback(undefined),
    });
    expect([small.sets.length, small.outcomes]).toEqual([0, [{ kind: 'unmet', file: undefined }]]);
  });

  test('is confirmed and set again where others were faster, its bytes staged once', () => {
    const overtaken = (last: { kind: 'stored' | 'unmet'; attempts: number }) => {
      const stage = new FileStage();
      let asked = 0;
      const confirm: PutFile['confirm'] = (callback) => {
        const tag = { version: BigInt(++asked) as Version, hash: 0 };
        callback({ condition: { ifMatch: [tag] }, attributes: { asked: `${asked}` } });
      };
      committed(stage, { condition: CONDITION, attributes: { asked: 'before' }, confirm });
      for (let attempt = 1; attempt <= last.attempts; attempt++) {
        const write = stage.writes[attempt - 1];
        const { change, condition } = write?.request ?? {};
        const value = change?.kind === 'put' ? change.value : Buffer.alloc(0);
        expect(condition).toEqual({ ifMatch: [{ version: BigInt(attempt), hash: 0 }] });
        expect(decodeManifest(value)).toMatchObject({
          blob: stage.blob,
          attributes: { asked: `${attempt}` },
        });
        const record = recordOf(KEY, value, 9n);
        if (attempt < last.attempts || last.kind === 'unmet') {
          expect([stage.told, stage.dropped]).toEqual([[], []]);
          write?.answer({ kind: 'unmet', why: 'condition', record });
        } else write?.answer({ kind: 'stored', record, created: false, previous: undefined });
      }
      expect(stage.writes).toHaveLength(last.attempts);
      return stage;
    };
    const stored = overtaken({ kind: 'stored', attempts: 3 });
    expect(stored.outcomes).toMatchObject([
      { kind: 'stored', file: { manifest: { attributes: { asked: '3' } } } },
    ]);
    expect([stored.targets.length, stored.dropped]).toEqual([2, []]);
    const unmet = overtaken({ kind: 'unmet', attempts: CONFIRMATIONS_MAX });
    expect([unmet.told, unmet.dropped]).toEqual([['unmet'], names(unmet.targets).toSorted()]);
  });

  test.each([
    ['another', 'copies-5', 1],
    ['the same', 'default', 0],
  ])(
    'is set with %s class that it has by then, and looked at where that has other copies',
    (_how, name, looks) => {
      const stage = new FileStage();
      const replicationClass = name as ReplicationClass;
      const confirm: PutFile['confirm'] = (callback) =>
        callback({ condition: CONDITION, attributes: undefined, replicationClass });
      committed(stage, { confirm });
      const { change } = stage.writes[0]?.request ?? {};
      const value = change?.kind === 'put' ? change.value : Buffer.alloc(0);
      expect(decodeManifest(value).replicationClass).toBe(name);
      const record = recordOf(KEY, value, 9n);
      stage.writes[0]?.answer({ kind: 'stored', record, created: true, previous: undefined });
      expect([stage.told, stage.lookedAt.length]).toEqual([['stored'], looks]);
    },
  );

  test('is not set again later than ten minutes after the commit (F2)', () => {
    const stage = new FileStage();
    const confirm: PutFile['confirm'] = (callback) =>
      callback({ condition: CONDITION, attributes: undefined });
    committed(stage, { confirm });
    stage.time.standStill(TIMES.manifestMs + 1);
    stage.writes[0]?.answer({ kind: 'unmet', why: 'condition', record: undefined });
    expect([stage.told, stage.writes.length]).toEqual([['not-stored not-stored'], 1]);
    expect(stage.dropped).toEqual(names(stage.targets).toSorted());
  });

  test('under a condition is told with what was stored', () => {
    const stage = committed(new FileStage(), { condition: CONDITION });
    const change = stage.writes[0]?.request.change;
    const value = change?.kind === 'put' ? change.value : Buffer.alloc(0);
    const record = recordOf(KEY, value, 9n);
    stage.writes[0]?.answer({ kind: 'stored', record, previous: undefined, created: false });
    expect(stage.outcomes).toMatchObject([
      { kind: 'stored', created: false, file: { record, manifest: { blob: stage.blob } } },
    ]);
    expect(stage.dropped).toEqual([]);
  });

  test('under a condition that does not hold leaves no blob, and says what is there', () => {
    const stage = committed(new FileStage(), { condition: CONDITION });
    const record = recordOf(KEY, encodeManifest(formerManifest()));
    stage.writes[0]?.answer({ kind: 'unmet', why: 'etag', record } as never);
    expect(stage.outcomes).toMatchObject([{ kind: 'unmet', file: { manifest: { blob: FORMER } } }]);
    expect(stage.dropped).toEqual(names(stage.targets).toSorted());
    expect(stage.lookedAt).toEqual([]);
    const absent = committed(new FileStage(), { condition: CONDITION });
    absent.writes[0]?.answer({ kind: 'unmet', why: 'absent', record: undefined } as never);
    expect(absent.outcomes).toEqual([{ kind: 'unmet', file: undefined }]);
  });

  test('under a condition that may be set keeps its blob; one that is certainly not set does not', () => {
    const unknown = committed(new FileStage(), { condition: CONDITION });
    unknown.writes[0]?.answer({ kind: 'unknown', version: undefined });
    expect([unknown.told, unknown.dropped]).toEqual([['unknown'], []]);
    const refused = committed(new FileStage(), { condition: CONDITION });
    refused.writes[0]?.answer({ kind: 'not-stored', code: 'not-stored', detail: '' });
    expect(refused.told).toEqual(['not-stored not-stored']);
    expect(refused.dropped).toEqual(names(refused.targets).toSorted());
  });

  test('of a small file has no blob that could be dropped', () => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([Buffer.from('small')]));
    stage.sets[0]?.answer({ kind: 'not-stored', code: 'storage-full', detail: '' });
    expect([stage.told, stage.network.requests]).toEqual([['not-stored storage-full'], []]);
  });

  test.each([
    [TIMES.manifestMs, 'set'],
    [TIMES.manifestMs + 1, 'not set'],
  ])('is no later than ten minutes after the commit: %i ms, %s', (afterMs, told) => {
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]));
    stage.stage();
    const [first, second] = stage.targets;
    stage.network.oneCall(first?.server ?? '', 'commit').answer(200);
    // This process was stopped, or the second server took so long.
    stage.time.standStill(afterMs);
    stage.network.oneCall(second?.server ?? '', 'commit').answer(200);
    if (told === 'set') return expect(stage.sets).toHaveLength(1);
    expect([stage.told, stage.sets]).toEqual([['not-stored not-stored'], []]);
    expect(stage.dropped).toEqual(names(stage.targets).toSorted());
    return undefined;
  });
});

describe('the blob that a file had before', () => {
  test('is another one than it gets, however often the same bytes are put', () => {
    const stage = new FileStage();
    stage.hasFile(formerManifest());
    stage.put(BodyByHand.whole([LONG]));
    stage.put(BodyByHand.whole([LONG]));
    const paths = new Set(stage.targets.map(({ path }) => path));
    expect(paths.size).toBe(2);
    expect(paths).not.toContain(`/blobs/${FORMER}`);
  });

  test('is looked at by its holders when nothing names it any more, and not before', () => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd', 'e'));
    stage.hasFile(formerManifest());
    committed(stage);
    expect(stage.lookedAt).toEqual([]);
    stage.store(false);
    const holders = placesOf(stage, FORMER).slice(0, 2);
    expect(stage.lookedAt).toEqual(holders.map((name) => `${name} ${FORMER}`).toSorted());
  });

  test('is looked at by as many as its own class has, once that is known', () => {
    const wide = 'wide' as ReplicationClass;
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd', 'e'));
    stage.hasClass(4, wide);
    stage.hasFile(formerManifest(wide));
    // Another upload, which goes on, has asked for that class.
    stage.put(new BodyByHand({ length: LONG.length }), { replicationClass: wide });
    stage.put(BodyByHand.whole([LONG]));
    for (const target of stage.targets.slice(2)) {
      target.takeAll();
      target.answer(201);
    }
    for (const target of stage.targets.slice(2)) {
      stage.network.oneCall(target.server, 'commit').answer(200);
    }
    stage.store(false);
    const holders = placesOf(stage, FORMER).slice(0, 4);
    expect(stage.lookedAt).toEqual(holders.map((name) => `${name} ${FORMER}`).toSorted());
  });

  test('is left alone where the record was not set, or may not be', () => {
    for (const kind of ['not-stored', 'unknown'] as const) {
      const stage = new FileStage();
      stage.hasFile(formerManifest());
      committed(stage);
      const answer = { kind, code: 'not-stored', detail: '', version: 1n as Version } as const;
      stage.sets[0]?.answer(answer);
      expect(stage.lookedAt).toEqual([]);
    }
  });

  test('may not be known, or be no file: the upload goes on', () => {
    const damaged = new FileStage();
    damaged.holds(KEY, { kind: 'value', record: recordOf(KEY, Buffer.from('no manifest')) });
    committed(damaged).store();
    expect([damaged.told, damaged.lookedAt]).toEqual([['stored'], []]);
    const failing = new FileStage();
    failing.holds(KEY, { kind: 'failed', code: 'unanswered', detail: '' });
    committed(failing).store();
    expect(failing.told).toEqual(['stored']);
  });
});

describe('a file that is called by its content', () => {
  const LONG_KEY = fileKeyOf(sha512(LONG));
  const byContent = { key: ({ sha512: hash }: { readonly sha512: string }) => fileKeyOf(hash) };

  test('has the key of what has come, in its record and with its blob', () => {
    const small = new FileStage();
    small.put(BodyByHand.whole([Buffer.from('sm'), Buffer.from('all')]), byContent);
    expect(small.sets[0]?.request.key).toEqual(fileKeyOf(sha512(Buffer.from('small'))));
    const stage = new FileStage();
    stage.put(BodyByHand.whole([LONG]), byContent);
    stage.stage();
    const [target] = stage.targets;
    const { message } = stage.network.oneCall(target?.server ?? '', 'commit');
    expect(message).toMatchObject({ owner: LONG_KEY.toString('base64') });
    stage.commit();
    expect(stage.sets[0]?.request.key).toEqual(LONG_KEY);
    stage.store();
    expect(stage.told).toEqual(['stored']);
    stage.expectNothingLeft();
  });

  test('has the holders of its former blob look at it, as any', () => {
    const stage = new FileStage();
    stage.hasFile(formerManifest(), LONG_KEY);
    committed(stage, byContent).store();
    expect(stage.lookedAt).toEqual(
      placesOf(stage, FORMER)
        .slice(0, 2)
        .map((server) => `${server} ${FORMER}`)
        .sort(),
    );
  });
});

describe('a content that its very name says is there', () => {
  const LONG_KEY = fileKeyOf(sha512(LONG));
  const byContent = { key: ({ sha512: hash }: { readonly sha512: string }) => fileKeyOf(hash) };
  const known: FileManifest = {
    ...formerManifest(),
    kind: 'blob',
    blob: FORMER,
    size: LONG.length,
    sha512: sha512(LONG),
    md5: md5(LONG),
  };
  const has = { have: Buffer.from([1]).toString('base64'), map: 'any' };
  const lacks = { ...has, have: Buffer.from([0]).toString('base64') };

  /** The bytes are staged, and those with a name of `holders` say that they have the former blob. */
  function storedAgain(
    holders: readonly string[],
    {
      stage = new FileStage(),
      more = {},
    }: { readonly stage?: FileStage; readonly more?: Partial<PutFile> } = {},
  ): FileStage {
    stage.hasFile(known, LONG_KEY);
    stage.put(BodyByHand.whole([LONG]), { ...byContent, contentType: 'image/png', ...more });
    stage.stage();
    for (const { id } of placementOf(FORMER, stage.map.fileServers)) {
      const open = stage.network.asked.includes(`${id} have`);
      if (open) stage.network.oneCall(id, 'have').answer(200, holders.includes(id) ? has : lacks);
    }
    return stage;
  }

  test('keeps its blob, under its new name, and what was staged is dropped', () => {
    const stage = storedAgain(['a', 'c']);
    expect([stage.network.asked, stage.sets]).toEqual([[], []]);
    const [write] = stage.writes;
    const record = recordOf(LONG_KEY, encodeManifest(known));
    expect(write?.request).toMatchObject({
      key: LONG_KEY,
      condition: { ifMatch: [etagOf(record)] },
    });
    const { change } = write?.request ?? {};
    const manifest = change?.kind === 'put' ? decodeManifest(change.value) : undefined;
    expect(manifest).toMatchObject({ kind: 'blob', blob: FORMER, contentType: 'image/png' });
    expect(stage.outcomes).toEqual([]);
    write?.answer({ kind: 'stored', record, created: false, previous: undefined });
    expect([stage.told, stage.dropped]).toEqual([['stored'], names(stage.targets).toSorted()]);
    expect(stage.lookedAt).toEqual([]);
    stage.expectNothingLeft();
  });

  test('is looked at by a holder where copies are missing that nobody waits for', () => {
    const stage = new FileStage();
    stage.hasClass(3);
    storedAgain(['a', 'c'], { stage });
    const record = recordOf(LONG_KEY, encodeManifest(known));
    stage.writes[0]?.answer({ kind: 'stored', record, created: false, previous: undefined });
    expect([stage.told, stage.lookedAt]).toMatchObject([['stored'], { length: 1 }]);
  });

  test.each([
    ['one copy of it is left (F1)', ['b'], new FileStage()],
    ['nobody has it any more', [], new FileStage()],
    [
      'its copies are on one host, and another one is up (F1)',
      ['a', 'b'],
      new FileStage({
        ...fileServersOf('c'),
        a: fileServer('a', { host: 'one' }),
        b: fileServer('b', { host: 'one' }),
      }),
    ],
    [
      'one of its copies is on a server that drains (F1)',
      ['a', 'b'],
      new FileStage({ ...fileServersOf('a', 'c', 'd'), b: fileServer('b', { state: 'draining' }) }),
    ],
  ])('gets a blob of its own where %s', (_what, holders, stage) => {
    storedAgain(holders, { stage });
    expect(stage.writes).toEqual([]);
    stage.commit();
    stage.store(false);
    expect([stage.told, stage.dropped]).toEqual([['stored'], []]);
  });

  test('gets a blob of its own where it was deleted meanwhile (F2)', () => {
    const stage = storedAgain(['a', 'c']);
    stage.writes[0]?.answer({ kind: 'unmet', why: 'condition', record: undefined });
    expect(stage.told).toEqual([]);
    stage.commit();
    stage.store();
    expect([stage.told, stage.dropped]).toEqual([['stored'], []]);
    expect(decodeManifest(stage.sets[0]?.request.value ?? Buffer.alloc(0))).toMatchObject({
      blob: stage.blob,
    });
  });

  test('may be named or not where nobody can tell: its blob stays in both cases', () => {
    const stage = storedAgain(['a', 'c']);
    stage.writes[0]?.answer({ kind: 'unknown', version: 1n as Version });
    expect([stage.told, stage.dropped]).toEqual([['unknown'], names(stage.targets).toSorted()]);
  });

  test('is not asked about where it is not the content of the record', () => {
    const stage = new FileStage();
    stage.hasFile(formerManifest(), LONG_KEY);
    committed(stage, byContent).store();
    expect(stage.told).toEqual(['stored']);
  });

  test('is stored under the condition that its gateway makes of it', () => {
    for (const condition of [{ ifNoneMatch: 'any' }, { ifMatch: [] }] as const) {
      const stage = storedAgain(['a', 'c'], {
        more: { condition: ({ size }) => (size === LONG.length ? condition : {}) },
      });
      expect(stage.network.asked.filter((call) => call.endsWith('have'))).toEqual([]);
      stage.commit();
      expect(stage.writes[0]?.request.condition).toEqual(condition);
      stage.writes[0]?.answer({ kind: 'unmet', why: 'condition', record: undefined });
      expect([stage.told, stage.dropped]).toEqual([['unmet'], names(stage.targets).toSorted()]);
    }
    const any = storedAgain(['a', 'c'], { more: { condition: () => ({ ifMatch: 'any' }) } });
    expect(any.writes).toHaveLength(1);
  });
});

test('a manifest keeps what its gateway has to say', () => {
  const stage = new FileStage();
  stage.put(BodyByHand.whole([Buffer.from('x')]), { attributes: { filename: 'a.txt' } });
  const { attributes } = decodeManifest(stage.sets[0]?.request.value ?? Buffer.alloc(0));
  expect(attributes).toEqual({ filename: 'a.txt' });
});
