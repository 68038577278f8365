// One ticket, one file: what is done in which order, and what stays of a ticket where an upload does not become a file.

import { beforeEach, describe, expect, test } from 'vitest';
import { NO_CONDITION } from '../../../src/cluster/model/condition.ts';
import { recordExpiresAtMs } from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO } from '../../../src/cluster/model/version.ts';
import type { BlobId } from '../../../src/files/blob-id.ts';
import { classOfCopies } from '../../../src/files/classes.ts';
import {
  DEFAULT_CLASS,
  directoryFileKey,
  type FileKey,
  type ReplicationClass,
  ticketKey,
} from '../../../src/files/file-key.ts';
import { LOCKS_ATTRIBUTE } from '../../../src/files/locks.ts';
import type { FileAttributes } from '../../../src/files/manifest.ts';
import { encodeManifest, type FileManifest } from '../../../src/files/manifest.ts';
import type { PutFile, PutFileOutcome } from '../../../src/files/outcomes.ts';
import type { WriteTicket } from '../../../src/files/tickets/ticket.ts';
import { TICKETED_UPLOAD_MS_MAX, TicketRecords } from '../../../src/files/tickets/ticket-record.ts';
import {
  putWithTicket,
  type TicketedPut,
  type TicketedPutOutcome,
} from '../../../src/files/tickets/ticketed-put.ts';
import type { TicketState, TicketUse } from '../../../src/files/tickets/tickets.ts';
import { TestBody } from '../../helpers/blob-stage.ts';
import { MemoryFileLayer } from '../../helpers/memory-file-layer.ts';
import { MemoryOperations } from '../../helpers/memory-operations.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const ID = '0198c0de000000112233445566778899' as BlobId;
const OTHER = '0198c0de000000112233445566778800' as BlobId;
const END_MS = 3_600_000;

function keyAt(directory: string, name: string): FileKey {
  const key = directoryFileKey('shop', Buffer.from(directory), Buffer.from(name));
  if (key === undefined) throw new Error('no key');
  return key;
}

const KEY = keyAt('photos/2024', 'a.jpg');
/** What it is in, from the outermost on. */
const FOLDERS = [keyAt('', 'photos'), keyAt('photos', '2024')] as const;
const TICKET: WriteTicket = {
  purpose: 'write',
  id: ID,
  key: KEY,
  expiresMs: END_MS,
  contentType: undefined,
  replicationClass: DEFAULT_CLASS,
  waitsForAll: true,
  bytesMax: 1000,
};

let files: MemoryFileLayer;
let memory: MemoryOperations;
let records: TicketRecords;
let time: VirtualTime;
beforeEach(() => {
  files = new MemoryFileLayer();
  memory = new MemoryOperations();
  records = new TicketRecords(memory.operations);
  time = new VirtualTime();
  for (const key of FOLDERS) makeFolder(key);
});

function makeFolder(key: FileKey, attributes?: FileAttributes): void {
  const request = { key, attributes, condition: NO_CONDITION };
  files.makeDirectory(request, ({ kind }) => expect(kind).toBe('stored'));
}

function begin(
  more: Partial<TicketedPut> = {},
  body = 'content',
): { readonly outcomes: TicketedPutOutcome[] } {
  const outcomes: TicketedPutOutcome[] = [];
  putWithTicket(
    { files, records, clock: time },
    {
      ticket: TICKET,
      body: TestBody.of(Buffer.from(body)),
      contentType: 'text/plain',
      modifiedMs: undefined,
      condition: {},
      expected: {},
      ...more,
    },
    (outcome) => outcomes.push(outcome),
  );
  return { outcomes };
}

const put = (more: Partial<TicketedPut> = {}, body?: string) => {
  const { outcomes } = begin(more, body);
  expect(outcomes).toHaveLength(1);
  return outcomes[0]?.kind;
};

function state(id = ID): TicketState {
  let told: TicketState | undefined;
  records.state(id, (outcome) => {
    told = outcome;
  });
  return told as TicketState;
}

/** Lets somebody work when the body has come, before the record is set. */
function beforeConfirm(work: () => void): void {
  const original = files.put.bind(files);
  files.put = (request, callback) => {
    const confirm: PutFile['confirm'] = (set, manifest) => {
      work();
      request.confirm?.(set, manifest);
    };
    original({ ...request, confirm }, callback);
  };
}

describe('an upload with a ticket', () => {
  test('is refused where what it is to be in has gone, or is a file by now', () => {
    const [, folder] = FOLDERS;
    files.delete(folder, NO_CONDITION, () => undefined);
    expect(put()).toBe('no-directory');
    files.keep(folder, Buffer.from('a file'));
    expect(put()).toBe('no-directory');
    makeFolder(folder);
    beforeConfirm(() => files.delete(folder, NO_CONDITION, () => undefined));
    expect(put()).toBe('no-directory');
    expect(state()).toEqual({ kind: 'unused' });
    // The top has no record, and is always there.
    expect(put({ ticket: { ...TICKET, key: keyAt('', 'a.jpg') } })).toBe('stored');
  });

  test('stores what the ticket says, and notes it', () => {
    expect(put({ ticket: { ...TICKET, attributes: { a: '1' } } })).toBe('stored');
    expect(files.requests).toMatchObject([
      {
        contentType: 'text/plain',
        waitsForAll: true,
        inlineMax: 0,
        placedAs: ID,
        bytesMax: 1000,
        replicationClass: DEFAULT_CLASS,
      },
    ]);
    expect(state()).toMatchObject({ kind: 'stored', use: { key: KEY, size: 7 } });
    expect(memory.done).toStrictEqual([
      `get t ${ID}`,
      `write t ${ID}`,
      `set t ${ID}`,
      `get t ${ID}`,
    ]);
  });

  test('leaves a file the number of copies of its own, unless the ticket says another one', () => {
    const classNow = () => {
      let told: string | undefined;
      files.find(KEY, (found) => {
        told = found.kind === 'found' ? found.file.manifest.replicationClass : undefined;
      });
      return told;
    };
    const next = (said: ReplicationClass, at: number) => {
      const id = `0198c0de0000001122334455667788${at}` as BlobId;
      expect(put({ ticket: { ...TICKET, id, replicationClass: said } })).toBe('stored');
      return classNow();
    };
    const rule = 'broker:shop:jpg' as ReplicationClass;
    expect(next(rule, 10)).toBe(rule);
    expect(next(DEFAULT_CLASS, 11)).toBe(DEFAULT_CLASS);
    expect(next(classOfCopies(3), 12)).toBe('copies-3');
    expect(next(rule, 13)).toBe('copies-3');
    // As many copies are made at once as the file is to have.
    expect(files.requests.at(-1)?.replicationClass).toBe('copies-3');
    expect(next(classOfCopies(1), 14)).toBe('copies-1');
    beforeConfirm(() => files.keep(KEY, Buffer.from('x'), { replicationClass: classOfCopies(5) }));
    expect(next(rule, 15)).toBe('copies-5');
  });

  test('takes the type of the ticket before that of the request', () => {
    put({ ticket: { ...TICKET, contentType: 'image/png' } });
    expect(files.requests[0]?.contentType).toBe('image/png');
  });

  test('is refused before its body where the ticket was used', () => {
    put();
    expect(put({}, 'another')).toBe('used');
    expect(files.requests).toHaveLength(1);
  });

  test('is refused where another one was faster while the body came', () => {
    let other: string | undefined;
    beforeConfirm(() => {
      if (other !== undefined) return;
      other = 'begun';
      other = put({ ticket: { ...TICKET, key: keyAt('', 'other') } });
    });
    expect(put()).toBe('used');
    expect(other).toBe('stored');
    expect(files.names).toHaveLength(FOLDERS.length + 1);
  });

  test('claims its ticket once, however often others change the file meanwhile', () => {
    let left = 3;
    beforeConfirm(() => {
      // What is judged is another record by the time it is set.
      const find = files.find.bind(files);
      files.find = (key, callback) =>
        find(key, (outcome) => {
          if (left-- > 0) files.keep(KEY, Buffer.from(`other ${left}`));
          callback(outcome);
        });
    });
    expect(put()).toBe('stored');
    expect(memory.done.filter((what) => what === `write t ${ID}`)).toHaveLength(1);
  });

  test('leaves the ticket as it was where its condition does not hold', () => {
    files.keep(KEY, Buffer.from('there'));
    expect(put({ condition: { ifNoneMatch: 'any' } })).toBe('unmet');
    expect(put({ condition: { ifMatch: ['"another"'] } })).toBe('unmet');
    expect(put({ condition: { sinceMs: files.modifiedMs - 10_000 } })).toBe('unmet');
    expect(files.requests).toHaveLength(0);
    expect(state()).toStrictEqual({ kind: 'unused' });
    expect(put()).toBe('stored');
  });

  test('judges its condition when its body has come', () => {
    beforeConfirm(() => void files.keep(KEY, Buffer.from('meanwhile')));
    expect(put({ condition: { ifNoneMatch: 'any' } })).toBe('unmet');
    expect(state()).toStrictEqual({ kind: 'unused' });
  });

  test.each([
    ['the file', KEY, '0', 'locked'],
    ['the folder, of what is new in it', keyAt('photos', '2024'), '0', 'locked'],
    ['a folder around it', keyAt('', 'photos'), 'infinity', 'locked'],
    ['a folder around it alone', keyAt('', 'photos'), '0', 'stored'],
  ] as const)(
    'does not pass a lock on %s, which may be set while the body comes',
    (_what, key, depth, kind) => {
      const lock = { token: 'urn:a', scope: 'exclusive', depth, owner: '', expiresAtMs: 1000 };
      const attributes = { [LOCKS_ATTRIBUTE]: JSON.stringify([lock]), dead: 'property' };
      const locked = () => {
        if (key === KEY) files.keep(key, Buffer.alloc(0), { attributes });
        else makeFolder(key, attributes);
      };
      beforeConfirm(locked);
      expect(put()).toBe(kind);
      if (kind === 'stored') return;
      expect(state()).toStrictEqual({ kind: 'unused' });
      // Nor one that was there before.
      expect(put()).toBe(kind);
      expect(files.requests).toHaveLength(1);
      time.runTo(1000);
      expect(put({ ticket: { ...TICKET, submitted: ['urn:b'] } })).toBe('stored');
    },
  );

  /** Lets the set of the record end so, after the ticket was claimed. */
  function endSetWith(end: PutFileOutcome, work: () => void = () => undefined): () => void {
    const original = files.put.bind(files);
    files.put = (request, callback) => {
      let isSet = false;
      const confirm: PutFile['confirm'] = (set, manifest) =>
        request.confirm?.((confirmed) => {
          isSet = confirmed !== undefined;
          work();
          set(undefined);
        }, manifest);
      original({ ...request, confirm }, (outcome) => callback(isSet ? end : outcome));
    };
    return () => {
      files.put = original;
    };
  }
  const FULL = { kind: 'not-stored', code: 'storage-full', detail: 'full' } as const;

  test('gives its ticket back where nothing was stored with it', () => {
    const undo = endSetWith(FULL);
    expect(put()).toBe('not-stored');
    expect(state()).toStrictEqual({ kind: 'unused' });
    undo();
    expect(put()).toBe('stored');
    expect(put()).toBe('used');
  });

  test('leaves its ticket used where it may be stored, or another one has it', () => {
    const undo = endSetWith({ kind: 'unknown', version: undefined });
    expect(put()).toBe('unknown');
    expect(state().kind).toBe('used');
    expect(put()).toBe('used');
    undo();
    endSetWith(FULL, () => memory.keep(ticketKey(OTHER), Buffer.from('of another')));
    expect(put({ ticket: { ...TICKET, id: OTHER } })).toBe('not-stored');
    expect(memory.recordOf(ticketKey(OTHER))).toBeDefined();
  });

  test('says so where its ticket cannot be given back', () => {
    endSetWith(FULL, () => {
      memory.writes = { kind: 'unknown', version: undefined };
    });
    const { outcomes } = begin();
    expect(outcomes).toStrictEqual([{ ...FULL, isTicketSpent: true }]);
  });

  /** Lets somebody work when the record of the file is set, before anybody is told. */
  function behindSet(work: () => void): void {
    const original = files.put.bind(files);
    files.put = (request, callback) => {
      const confirm: PutFile['confirm'] = (set, manifest) =>
        request.confirm?.((confirmed) => {
          const { lookAgain } = confirmed?.condition ?? {};
          if (confirmed === undefined || lookAgain === undefined) return set(confirmed);
          const worked: typeof lookAgain = (seen) => {
            work();
            lookAgain(seen);
          };
          return set({ ...confirmed, condition: { ...confirmed.condition, lookAgain: worked } });
        }, manifest);
      original({ ...request, confirm }, callback);
    };
  }

  test('that is in the folder before a lock of it is answered is undone, and one that was there is as it was', () => {
    const lock = { token: 'urn:a', scope: 'exclusive', depth: 'infinity', owner: '' } as const;
    const locks = [{ ...lock, expiresAtMs: 1000 }];
    const attributes = { [LOCKS_ATTRIBUTE]: JSON.stringify(locks) };
    behindSet(() => makeFolder(FOLDERS[0], attributes));
    expect(put()).toBe('locked');
    expect(files.names).toHaveLength(FOLDERS.length);
    makeFolder(FOLDERS[0]);
    files.keep(KEY, Buffer.from('former'));
    expect(put()).toBe('locked');
    files.find(KEY, (found) =>
      expect(found).toMatchObject({ file: { manifest: { size: 'former'.length } } }),
    );
    makeFolder(FOLDERS[0]);
    expect(put({ ticket: { ...TICKET, submitted: ['urn:a'] } })).toBe('stored');
  });

  test('that is new in a folder which is deleted meanwhile is undone', () => {
    behindSet(() => files.delete(FOLDERS[1], NO_CONDITION, () => undefined));
    expect(put()).toBe('no-directory');
    expect(files.names).toHaveLength(FOLDERS.length - 1);
    makeFolder(FOLDERS[1]);
    // Who deletes the folder deletes what was in it, and its new content as well.
    files.keep(KEY, Buffer.from('former'));
    expect(put()).toBe('stored');
  });

  test('of which nobody can say whether it may stay is stored or not', () => {
    behindSet(() => {
      files.finds = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    });
    expect(put()).toBe('unknown');
  });

  test('passes a lock with its token, and leaves it', () => {
    const lock = { token: 'urn:a', scope: 'exclusive', depth: '0', owner: '', expiresAtMs: 1000 };
    const attributes = { [LOCKS_ATTRIBUTE]: JSON.stringify([lock]), dead: 'property' };
    files.keep(KEY, Buffer.from('there'), { attributes });
    const ticket = { ...TICKET, submitted: ['urn:a'], attributes: { dead: 'new', own: '1' } };
    const { outcomes } = begin({ ticket });
    expect(outcomes).toMatchObject([
      {
        kind: 'stored',
        file: { manifest: { attributes: { ...attributes, dead: 'new', own: '1' } } },
      },
    ]);
  });

  test('is not refused for what only one member has, or has not any more (H21)', () => {
    files.unsettled = { kind: 'absent' };
    expect(put()).toBe('stored');
    files.unsettled = { kind: 'absent' };
    files.settles = { kind: 'failed', code: 'unanswered', detail: 'one of three is silent' };
    expect(put({ ticket: { ...TICKET, id: OTHER } })).toBe('not-stored');
  });

  test('stores no file over a folder', () => {
    files.makeDirectory({ key: KEY, attributes: undefined, condition: {} }, () => undefined);
    expect(put()).toBe('is-directory');
  });

  test('is refused where nobody can say what is there, or whether the ticket was used', () => {
    files.finds = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    expect(put()).toBe('not-stored');
    files.finds = undefined;
    memory.gets = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    expect(put()).toBe('not-stored');
    memory.gets = undefined;
    memory.writes = { kind: 'unknown', version: undefined };
    expect(put()).toBe('not-stored');
    expect(files.names).toHaveLength(FOLDERS.length);
  });

  test('is refused so long after the end of its ticket that nobody knows any more', () => {
    beforeConfirm(() => time.runTo(END_MS + TICKETED_UPLOAD_MS_MAX + 1));
    expect(put()).toBe('expired');
    expect(files.names).toHaveLength(FOLDERS.length);
  });

  test('may end long after its ticket, and no other one can use that then', () => {
    beforeConfirm(() => time.runTo(END_MS + TICKETED_UPLOAD_MS_MAX));
    expect(put()).toBe('stored');
    const record = memory.recordOf(ticketKey(ID));
    expect(record && recordExpiresAtMs(record)).toBeGreaterThan(END_MS + TICKETED_UPLOAD_MS_MAX);
  });
});

describe('the state of a ticket', () => {
  const sums = { size: 7, sha512: 'a'.repeat(128), md5: 'b'.repeat(32) };
  const use: TicketUse = { key: KEY, blob: OTHER, ...sums };
  const manifest: FileManifest = {
    kind: 'blob',
    blob: OTHER,
    modifiedMs: 0,
    replicationClass: DEFAULT_CLASS,
    ...sums,
  };
  const claim = (own = use) => records.claim(TICKET, own, () => undefined);

  test('is told by the record of the file where nobody came to note the end', () => {
    expect(state()).toStrictEqual({ kind: 'unused' });
    claim();
    expect(state()).toStrictEqual({ kind: 'used', use });
    memory.keep(KEY, encodeManifest(manifest));
    expect(state()).toStrictEqual({ kind: 'stored', use });
  });

  test('is not told by a record that only some members have', () => {
    claim();
    memory.keep(KEY, encodeManifest(manifest));
    memory.settled = { kind: 'absent', version: VERSION_ZERO };
    expect(state()).toStrictEqual({ kind: 'used', use });
    memory.settled = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    expect(state()).toMatchObject({ kind: 'failed', code: 'unanswered' });
  });

  test('is used where the file is of another upload', () => {
    claim();
    memory.keep(KEY, encodeManifest({ ...manifest, blob: ID }));
    expect(state()).toStrictEqual({ kind: 'used', use });
  });

  test('stays stored where others have overwritten the file since', () => {
    claim();
    records.stored(TICKET, use, () => undefined);
    memory.keep(KEY, encodeManifest({ ...manifest, blob: ID }));
    expect(state()).toStrictEqual({ kind: 'stored', use });
  });

  test('of a file without a blob is told by its content', () => {
    const small = { ...use, blob: undefined };
    claim(small);
    const inline = { ...manifest, kind: 'inline', content: Buffer.from('content') } as const;
    const { blob: _none, ...fields } = inline as typeof inline & { blob?: string };
    memory.keep(KEY, encodeManifest({ ...fields, sha512: 'c'.repeat(128) }));
    expect(state().kind).toBe('used');
    memory.keep(KEY, encodeManifest(fields));
    expect(state().kind).toBe('stored');
  });

  test('fails where nobody answers, or the record is damaged', () => {
    memory.keep(ticketKey(ID), Buffer.from('{}'));
    expect(state()).toMatchObject({ kind: 'failed', code: 'internal' });
    memory.gets = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    expect(state()).toMatchObject({ kind: 'failed', code: 'unanswered' });
  });
});
