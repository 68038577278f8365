// The file layer as gateways use it: a file is found, opened and deleted as its record says.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { etagOf, NO_CONDITION } from '../../src/cluster/model/condition.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { newBlobId } from '../../src/files/blob-id.ts';
import { DEFAULT_CLASS } from '../../src/files/file-key.ts';
import {
  decodeManifest,
  encodeManifest,
  FILE_ATTRIBUTES_BYTES_MAX,
  type FileManifest,
} from '../../src/files/manifest.ts';
import type {
  AmendFile,
  ByteRange,
  DeleteFileOutcome,
  FindFileOutcome,
  MakeDirectory,
  OpenFileOutcome,
  SetFileOutcome,
} from '../../src/files/outcomes.ts';
import { placementOf } from '../../src/files/placement.ts';
import { BodyByHand, HandReader } from '../helpers/body-by-hand.ts';
import { FileStage, KEY, LONG, recordOf } from '../helpers/file-stage.ts';
import { fileServer, fileServersOf } from '../helpers/scripted-file-servers.ts';

const CONTENT = Buffer.from('0123456789');
const BLOB = newBlobId(1, 'b'.repeat(32));
const FAILED = { kind: 'failed', code: 'partition-offline', detail: 'scripted' } as const;
const CONDITION = { ifMatch: 'any' } as const;

function fieldsOf(content: Buffer) {
  return {
    size: content.length,
    sha512: createHash('sha512').update(content).digest('hex'),
    md5: createHash('md5').update(content).digest('hex'),
    modifiedMs: 1,
    replicationClass: DEFAULT_CLASS,
  };
}
const INLINE: FileManifest = { ...fieldsOf(CONTENT), kind: 'inline', content: CONTENT };
const BLOB_FILE: FileManifest = { ...fieldsOf(LONG), kind: 'blob', blob: BLOB };
const record = recordOf(KEY, encodeManifest(INLINE));

function find(stage: FileStage): FindFileOutcome[] {
  const told: FindFileOutcome[] = [];
  stage.files.find(KEY, (outcome) => told.push(outcome));
  return told;
}

function open(stage: FileStage, manifest: FileManifest, range?: ByteRange): OpenFileOutcome[] {
  const told: OpenFileOutcome[] = [];
  stage.files.open({ manifest }, range, (outcome) => told.push(outcome));
  return told;
}

function remove(stage: FileStage, condition: object = NO_CONDITION): DeleteFileOutcome[] {
  const told: DeleteFileOutcome[] = [];
  stage.files.delete(KEY, condition, (outcome) => told.push(outcome));
  return told;
}

function readAll([outcome]: readonly OpenFileOutcome[]): HandReader {
  if (outcome?.kind !== 'open') throw new Error('it was not opened');
  const hand = new HandReader(outcome.body);
  hand.takeAll();
  return hand;
}

describe('a file is found', () => {
  test('as its record has it', () => {
    const stage = new FileStage();
    stage.hasFile(BLOB_FILE);
    expect(find(stage)).toMatchObject([{ kind: 'found', file: { manifest: BLOB_FILE } }]);
  });

  test('absent where that is proven, and only there', () => {
    const stage = new FileStage();
    expect(find(stage)).toEqual([{ kind: 'absent' }]);
    stage.holds(KEY, FAILED);
    expect(find(stage)).toEqual([FAILED]);
    stage.holds(KEY, { kind: 'value', record: recordOf(KEY, Buffer.from('no manifest')) });
    expect(find(stage)).toMatchObject([{ kind: 'failed', code: 'internal' }]);
  });
});

describe('a small file is opened', () => {
  test.each([
    [undefined, '0123456789'],
    [{ first: 0, last: 9 }, '0123456789'],
    [{ first: 3, last: 3 }, '3'],
    [{ first: 8, last: 9 }, '89'],
  ])('without asking anybody: %j', (range, text) => {
    const stage = new FileStage();
    const told = open(stage, INLINE, range);
    expect(told).toHaveLength(1);
    expect(told[0]?.kind === 'open' && told[0].body.length).toBe(text.length);
    const hand = readAll(told);
    expect([hand.bytes.toString(), hand.ending]).toEqual([text, 'end']);
    expect(stage.network.requests).toEqual([]);
  });

  test('though it has no byte', () => {
    const empty: FileManifest = {
      ...fieldsOf(Buffer.alloc(0)),
      kind: 'inline',
      content: Buffer.alloc(0),
    };
    const hand = readAll(open(new FileStage(), empty));
    expect([hand.pieces, hand.ending]).toEqual([[], 'end']);
  });
});

describe('a long file is opened', () => {
  test('at a server that should have it, when its first bytes are there', () => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c', 'd', 'e'));
    const range = { first: 10, last: LONG.length - 1 };
    const told = open(stage, BLOB_FILE, range);
    const [request] = stage.network.underWay;
    const holders = placementOf(BLOB, stage.map.fileServers).slice(0, 2);
    expect(holders.map(({ id }) => `${id}`)).toContain(request?.server);
    expect(request?.headers).toEqual({ range: `bytes=10-${LONG.length - 1}` });
    request?.head(206, {
      'content-length': `${LONG.length - 10}`,
      'content-range': `bytes 10-${LONG.length - 1}/${LONG.length}`,
    });
    expect(told).toEqual([]);
    request?.piece(LONG.subarray(10));
    request?.end();
    const hand = readAll(told);
    expect([hand.bytes.equals(LONG.subarray(10)), hand.ending]).toEqual([true, 'end']);
    stage.expectNothingLeft();
  });

  test('at any server that has it, those that drain among them', () => {
    const servers = { ...fileServersOf('a', 'b'), c: fileServer('c', { state: 'draining' }) };
    const stage = new FileStage(servers);
    const told = open(stage, BLOB_FILE);
    for (const _ of ['a', 'b']) stage.network.underWay[0]?.answer(404);
    expect(stage.network.underWay[0]?.server).toBe('c');
    stage.network.underWay[0]?.head(200, { 'content-length': `${LONG.length}` });
    stage.network.underWay[0]?.piece(LONG);
    expect(readAll(told).bytes.equals(LONG)).toBe(true);
  });

  test.each([
    ['nobody has it', new FileStage()],
    ['there is no file server', new FileStage({})],
  ])('not where %s', (_what, stage) => {
    const told = open(stage, BLOB_FILE);
    while (stage.network.underWay.length > 0) stage.network.underWay[0]?.answer(404);
    expect(told).toMatchObject([{ kind: 'failed', code: 'file-unreadable' }]);
    stage.expectNothingLeft();
  });

  test('not where all that have it are busy, which is another answer', () => {
    const stage = new FileStage();
    const told = open(stage, BLOB_FILE);
    while (stage.network.underWay.length > 0) {
      stage.network.underWay[0]?.head(503, { 'x-fog-error': 'overloaded' });
      stage.network.underWay[0]?.end();
    }
    expect(told).toMatchObject([{ kind: 'failed', code: 'overloaded' }]);
    stage.expectNothingLeft();
  });

  test('not where there is no map yet', () => {
    const stage = new FileStage();
    stage.map = undefined as never;
    expect(open(stage, BLOB_FILE)).toMatchObject([{ kind: 'failed', code: 'file-unreadable' }]);
    expect(stage.files.hasFileServers).toBe(false);
  });
});

describe('clients are sent', () => {
  const ROOM = 2 ** 30;
  const sent = (stage: FileStage, manifest: FileManifest = BLOB_FILE) =>
    stage.files.locate({ manifest, record }).map(({ id }) => `${id}`);
  const placed = placementOf(BLOB, fileServersOf('a', 'b', 'c')).map(({ id }) => `${id}`);
  const [one = '', other = '', third = ''] = placed;

  test('to the servers that should have a copy and are up, and to no other one', () => {
    const stage = new FileStage();
    stage.askRooms({ a: ROOM, b: ROOM, c: ROOM });
    expect(sent(stage).toSorted()).toEqual([one, other].toSorted());
    stage.askRooms({ [other]: ROOM, [third]: ROOM });
    expect(sent(stage)).toEqual([other]);
  });

  test('to any other one that is up where none of these is', () => {
    const stage = new FileStage();
    stage.askRooms({ [third]: ROOM });
    expect(sent(stage)).toEqual([third]);
    stage.askRooms({});
    expect(sent(stage)).toEqual([]);
  });

  test('not to one that has just joined, and has not said that it is up, unless nobody has', () => {
    const stage = new FileStage(fileServersOf('a', 'b', 'c'));
    expect(sent(stage)).toHaveLength(2);
    expect(stage.files.targetFor(BLOB, undefined)?.id).toBe(one);
    const rooms = Object.fromEntries([other, third].map((id) => [id, ROOM]));
    const all = stage.map;
    const { [one]: _joins, ...before } = all.fileServers ?? {};
    stage.map = { ...all, fileServers: before };
    stage.askRooms(rooms);
    stage.map = all;
    expect(sent(stage)).toEqual([other]);
    expect(stage.files.targetFor(BLOB, undefined)?.id).toBe(other);
  });

  test('to the second one for uploads where the first is far busier', () => {
    const target = (busy: Readonly<Record<string, number>>) => {
      const stage = new FileStage();
      stage.askRooms({ a: ROOM, b: ROOM, c: ROOM }, busy);
      return stage.files.targetFor(BLOB, undefined)?.id;
    };
    expect(target({})).toBe(one);
    expect(target({ [one]: 20, [other]: 4 })).toBe(one);
    expect(target({ [one]: 21, [other]: 4 })).toBe(other);
    expect(target({ [one]: 21, [other]: 20 })).toBe(one);
  });

  test('nowhere for what is in its record', () => {
    expect(sent(new FileStage(), INLINE)).toEqual([]);
  });
});

describe('a file is deleted', () => {
  test('by a tombstone, and its holders are told when that is acknowledged', () => {
    const stage = new FileStage();
    stage.hasFile(BLOB_FILE);
    const told = remove(stage);
    expect([stage.sets.length, stage.lookedAt, told]).toEqual([1, [], []]);
    expect(stage.sets[0]?.request).toMatchObject({ key: KEY, tombstone: true, expiresAtMs: 0 });
    stage.store(false);
    expect(told).toEqual([{ kind: 'deleted', existed: true }]);
    expect(stage.lookedAt).toEqual(['a', 'b', 'c'].map((name) => `${name} ${BLOB}`));
    expect(stage.network.requests).toEqual([]);
  });

  test('though there is none: a delete that was acknowledged holds', () => {
    const stage = new FileStage();
    const told = remove(stage);
    stage.store();
    expect(told).toEqual([{ kind: 'deleted', existed: false }]);
    expect(stage.lookedAt).toEqual([]);
  });

  test.each(['not-stored', 'unknown'] as const)(
    'or not: where that is %s, nobody is told',
    (kind) => {
      const stage = new FileStage();
      stage.hasFile(BLOB_FILE);
      const told = remove(stage);
      const outcome = { kind, code: 'not-stored', detail: '', version: 1n as Version } as const;
      stage.sets[0]?.answer(outcome);
      expect(told).toMatchObject([{ kind }]);
      expect(stage.lookedAt).toEqual([]);
    },
  );

  test('not where its record cannot be read', () => {
    const stage = new FileStage();
    stage.holds(KEY, FAILED);
    expect(remove(stage)).toMatchObject([{ kind: 'not-stored', code: FAILED.code }]);
    expect([stage.sets, stage.writes]).toEqual([[], []]);
  });

  test('under its condition alone, which a conditional write judges', () => {
    const stage = new FileStage();
    stage.hasFile(BLOB_FILE);
    const told = remove(stage, CONDITION);
    expect([stage.sets.length, stage.writes.length]).toEqual([0, 1]);
    expect(stage.writes[0]?.request).toMatchObject({
      condition: CONDITION,
      change: { kind: 'delete' },
    });
    stage.writes[0]?.answer({ kind: 'stored', record, previous: undefined, created: false });
    expect(told).toEqual([{ kind: 'deleted', existed: true }]);
    expect(stage.lookedAt).toHaveLength(3);
  });

  test.each([
    [
      { kind: 'unmet', why: 'etag', record },
      { kind: 'unmet', file: { manifest: INLINE } },
    ],
    [
      { kind: 'unmet', why: 'absent', record: undefined },
      { kind: 'unmet', file: undefined },
    ],
    [{ kind: 'not-stored', code: 'not-stored', detail: '' }, { kind: 'not-stored' }],
    [{ kind: 'unknown', version: undefined }, { kind: 'unknown' }],
  ])('under a condition, or not: %#', (outcome, expected) => {
    const stage = new FileStage();
    stage.hasFile(BLOB_FILE);
    const told = remove(stage, CONDITION);
    stage.writes[0]?.answer(outcome as never);
    expect(told).toMatchObject([expected]);
    expect(stage.lookedAt).toEqual([]);
  });
});

describe('a directory', () => {
  const DIRECTORY: FileManifest = {
    ...fieldsOf(Buffer.alloc(0)),
    kind: 'directory',
    attributes: { owner: 'me' },
  };
  function make(stage: FileStage, more: Partial<MakeDirectory> = {}): SetFileOutcome[] {
    const told: SetFileOutcome[] = [];
    const request = {
      key: KEY,
      attributes: DIRECTORY.attributes,
      condition: NO_CONDITION,
      ...more,
    };
    stage.files.makeDirectory(request, (outcome) => told.push(outcome));
    return told;
  }

  test('is a record that says so, and has no content', () => {
    const stage = new FileStage();
    stage.time.runTo(1.5);
    const told = make(stage);
    const { value } = stage.sets[0]?.request ?? {};
    expect(value && decodeManifest(value)).toEqual(DIRECTORY);
    expect(told).toEqual([]);
    stage.store();
    expect(told).toMatchObject([{ kind: 'stored', created: true, file: { manifest: DIRECTORY } }]);
    expect(readAll(open(stage, DIRECTORY)).ending).toBe('end');
    stage.expectNothingLeft();
  });

  test('is made under its condition', () => {
    const stage = new FileStage();
    const condition = { ifNoneMatch: 'any' } as const;
    const told = make(stage, { condition });
    expect(stage.writes[0]?.request).toMatchObject({ key: KEY, condition });
    stage.writes[0]?.answer({ kind: 'unmet', why: 'present', record } as never);
    expect(told).toMatchObject([{ kind: 'unmet', file: { manifest: INLINE } }]);
  });

  test('is not made with more attributes than a record keeps', () => {
    const stage = new FileStage();
    const told = make(stage, { attributes: { a: 'x'.repeat(FILE_ATTRIBUTES_BYTES_MAX) } });
    expect(told).toMatchObject([{ kind: 'not-stored', code: 'bad-parameter' }]);
    expect(stage.sets).toEqual([]);
  });

  test('is deleted as a file is, and no file server is told', () => {
    const stage = new FileStage();
    stage.hasFile(DIRECTORY);
    const told = remove(stage);
    stage.store(false);
    expect(told).toEqual([{ kind: 'deleted', existed: true }]);
    expect(stage.lookedAt).toEqual([]);
  });
});

describe('a file is amended', () => {
  const change = { attributes: { a: '1' }, contentType: 'text/html', modifiedMs: 2 };
  function amend(
    stage: FileStage,
    manifest: FileManifest,
    changed: AmendFile['change'] = change,
  ): SetFileOutcome[] {
    const told: SetFileOutcome[] = [];
    const file = { manifest, record };
    stage.files.amend({ key: KEY, file, change: changed }, (outcome) => told.push(outcome));
    return told;
  }

  test.each([
    ['a small file', INLINE],
    ['a long file', BLOB_FILE],
  ])('with the same content, where it is still the very record (H39): %s', (_what, manifest) => {
    const stage = new FileStage();
    const told = amend(stage, manifest);
    const { condition, change: set } = stage.writes[0]?.request ?? {};
    expect(condition).toEqual({ ifMatch: [etagOf(record)] });
    if (set?.kind !== 'put') throw new Error('it is no put');
    expect(decodeManifest(set.value)).toEqual({ ...manifest, ...change });
    const now = recordOf(KEY, set.value, 2n);
    stage.writes[0]?.answer({ kind: 'stored', record: now, previous: undefined, created: false });
    expect(told).toMatchObject([{ kind: 'stored', file: { record: now }, created: false }]);
    // The record names the same blob as before: nobody has anything to collect.
    expect([stage.lookedAt, stage.sets]).toEqual([[], []]);
  });

  test('in what is to change alone', () => {
    const stage = new FileStage();
    amend(stage, { ...INLINE, ...change }, { modifiedMs: 3 });
    const { change: set } = stage.writes[0]?.request ?? {};
    expect(set?.kind === 'put' && decodeManifest(set.value)).toEqual({
      ...INLINE,
      ...change,
      modifiedMs: 3,
    });
  });

  test('not where another record is there, or what is to be kept is too long', () => {
    const stage = new FileStage();
    const told = amend(stage, INLINE);
    stage.writes[0]?.answer({ kind: 'unmet', why: 'etag', record } as never);
    expect(told).toMatchObject([{ kind: 'unmet', file: { manifest: INLINE } }]);
    const refused = amend(stage, INLINE, { contentType: 'x'.repeat(1025) });
    expect(refused).toMatchObject([{ kind: 'not-stored', code: 'bad-parameter' }]);
    expect(stage.writes).toHaveLength(1);
  });
});

describe('H40: a cache', () => {
  test('has no files: it might forget their records', () => {
    const stage = new FileStage(fileServersOf('a', 'b'), { whenFull: 'evict' });
    stage.hasFile(INLINE);
    const body = BodyByHand.whole([Buffer.from('small')]);
    stage.put(body);
    expect([stage.told, body.asked, body.isDiscarded]).toEqual([
      ['not-stored cache-has-no-files'],
      0,
      true,
    ]);
    expect(find(stage)).toMatchObject([{ kind: 'failed', code: 'cache-has-no-files' }]);
    expect(remove(stage)).toMatchObject([{ kind: 'not-stored', code: 'cache-has-no-files' }]);
    expect([stage.sets, stage.reads]).toEqual([[], []]);
  });
});

test('a cluster has file servers, or none', () => {
  expect(new FileStage().files.hasFileServers).toBe(true);
  expect(new FileStage({}).files.hasFileServers).toBe(false);
});
