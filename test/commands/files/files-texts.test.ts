// What `velour files` says, and which blob it makes a record of.

import { describe, expect, test } from 'vitest';
import type { Address, ClusterId } from '../../../src/cluster/model/identity.ts';
import { Malformed } from '../../../src/cluster/wire/shapes.ts';
import { checkText } from '../../../src/commands/files/check.ts';
import { type CollectionLook, collectionText } from '../../../src/commands/files/gc.ts';
import { jsonOfFile, lineOfFile } from '../../../src/commands/files/listed-file.ts';
import { blobLinesIn, type ListedBlob, NewestBlobs } from '../../../src/commands/files/owners.ts';
import { rebuildText } from '../../../src/commands/files/rebuild.ts';
import { missingText } from '../../../src/commands/files/stat.ts';
import { newBlobId } from '../../../src/files/blob-id.ts';
import { DEFAULT_CLASS, flatFileKey } from '../../../src/files/file-key.ts';
import { encodeManifest, type FileManifest } from '../../../src/files/manifest.ts';
import { placedServer } from '../../helpers/scripted-file-servers.ts';

const NAME = { space: 's', path: Buffer.from('a\tb') };
const SHA = 'c'.repeat(128);
const FIELDS = {
  size: 5,
  sha512: SHA,
  md5: 'd'.repeat(32),
  modifiedMs: 0,
  replicationClass: DEFAULT_CLASS,
};

test('a line of a file has six fields, whatever is in its name', () => {
  const inline: FileManifest = { ...FIELDS, kind: 'inline', content: Buffer.from('hello') };
  expect(lineOfFile({ name: NAME, manifest: inline }, 2).split('\t')).toEqual([
    '"a\\tb"',
    '5',
    '1970-01-01T00:00:00.000Z',
    'default',
    'inline',
    '-',
  ]);
});

test('a directory is listed as one', () => {
  const directory: FileManifest = { ...FIELDS, size: 0, kind: 'directory' };
  const listed = { name: NAME, manifest: directory };
  expect(lineOfFile(listed, 2).split('\t')[4]).toBe('directory');
  expect(jsonOfFile(listed, 2)).toMatchObject({ size: 0, inline: true, directory: true });
  expect(jsonOfFile(listed, 2)).not.toHaveProperty('copies');
});

test('a check says only of what there is', () => {
  const none = { inline: 0, complete: 0, lacking: 0, nowhere: 0, unheard: 0, damaged: 0 };
  expect(checkText({ ...none, files: 1, complete: 1 })).toBe(
    '1 file\n1 with all copies where they belong',
  );
  expect(checkText({ ...none, files: 3, nowhere: 2, unheard: 1 })).toBe(
    '3 files\n1 that nobody has who answers: say it again when all file servers are up\n2 that cannot be found anywhere',
  );
});

test('what is missing is said by the names of the servers', () => {
  const [a, b] = [placedServer('a'), placedServer('b')];
  const copies = { belongs: [a, b], holders: [], lacking: [a], silent: [b] };
  expect(missingText({ ...copies, state: 'lacking' })).toBe('no copy at a; no answer of b');
  expect(missingText({ ...copies, state: 'unheard' })).toBe(
    'nobody who answers has it; no answer of b',
  );
});

describe('gc', () => {
  const look = (node: string, pass: object | undefined): CollectionLook => ({
    node,
    address: `${node}:1` as Address,
    status: {
      blobs: 2000,
      bytes: 1e6,
      trash: { blobs: 1, bytes: 10 },
      corrupt: { blobs: 0, bytes: 0 },
      pass: pass as never,
    },
  });
  const suspended = look('a', { looked: 2000, ownerless: 1500, suspended: true });
  const runs = look('b', { looked: 2000, ownerless: 3, suspended: false });
  const silent = { ...look('c', undefined), status: undefined };

  test('says who collects nothing, and what to do', () => {
    const text = collectionText([suspended, runs, look('d', {}), silent], []);
    expect(text).toMatch(/^a .* 1,500 .* suspended$/m);
    expect(text).toMatch(/^b .* runs$/m);
    expect(text).toMatch(/^c .* silent$/m);
    expect(text).toMatch(/^d .* no pass yet$/m);
    expect(text).toMatch(/1 file server collects nothing.*\n.*velour files gc --yes/);
  });

  test('says nothing of it where there is none, or it goes on', () => {
    expect(collectionText([runs], [])).not.toContain('--yes');
    expect(collectionText([suspended], ['a'])).toMatch(/goes on with the next pass$/);
    expect(collectionText([], [])).toBe('there is no file server');
  });
});

describe('rebuild', () => {
  const owner = flatFileKey('s', Buffer.from('path')) as Buffer;
  const blob = (
    number: number,
    committedAt: number,
    more: Partial<ListedBlob> = {},
  ): ListedBlob => {
    const id = newBlobId(number, `${number}`.repeat(32).slice(0, 32));
    return {
      id,
      cluster: 'c' as ClusterId,
      map: undefined,
      committedAt,
      size: 5,
      sha512: SHA,
      owner,
      manifest: encodeManifest({ ...FIELDS, kind: 'blob', blob: id }),
      ...more,
    };
  };
  const newestOf = (...blobs: readonly ListedBlob[]) => {
    const newest = new NewestBlobs();
    for (const each of blobs) newest.note(each);
    return newest;
  };

  test('the blob that was committed last counts, whichever is met first, and in all file servers the same', () => {
    const [older, newer, twin] = [blob(3, 10), blob(1, 20), blob(2, 20)];
    for (const met of [
      [older, newer, twin],
      [twin, older, newer],
      [newer, twin, older],
    ]) {
      expect(newestOf(...met).records.map(({ blob: id }) => id)).toEqual([twin.id]);
    }
  });

  test('of what its own manifest does not name no record is made', () => {
    const other = blob(2, 20);
    const wrong = [
      blob(1, 10, { manifest: Buffer.from('none') }),
      blob(1, 10, { manifest: other.manifest }),
      blob(1, 10, { size: 6 }),
      blob(1, 10, { sha512: 'e'.repeat(128) }),
      blob(1, 10, { owner: Buffer.from('a user key') }),
    ];
    const newest = newestOf(...wrong);
    expect([newest.records, newest.unusable]).toEqual([[], wrong.length]);
  });

  test('pages are read as file servers write them, and nothing else is', () => {
    const { manifest, owner: key, map: _map, ...fields } = blob(1, 10);
    const told = {
      ...fields,
      manifest: manifest.toString('base64'),
      owner: key.toString('base64'),
    };
    const page = blobLinesIn(Buffer.from(`${JSON.stringify(told)}\n{"cursor":"${fields.id}"}\n`));
    expect(page).toEqual({ blobs: [blob(1, 10)], cursor: fields.id });
    expect(blobLinesIn(Buffer.from('{"cursor":null}\n'))).toEqual({ blobs: [], cursor: undefined });
    for (const text of ['', '<html>', '{}\n{"cursor":null}\n', '{"cursor":5}\n']) {
      expect(() => blobLinesIn(Buffer.from(text)), text).toThrow(Malformed);
    }
  });

  test('says what it did, and what it would do', () => {
    const counts = { blobs: 4, candidates: 2, unusable: 0, set: 1, there: 1, failed: 0 };
    const first = '4 blobs looked at, of 2 of which the records may be lost';
    expect(rebuildText(counts, false)).toBe(`${first}\n1 file set\n1 have a record, which stays`);
    expect(rebuildText(counts, true)).toContain('1 file would be set');
  });
});
