// What the door of a file server answers to an upload that was refused when its ticket was taken already.

import { describe, expect, test } from 'vitest';
import { type HttpReply, isWhole, replyHeader } from '../../../src/cluster/http/http.ts';
import { NO_CONDITION } from '../../../src/cluster/model/condition.ts';
import type { BlobId } from '../../../src/files/blob-id.ts';
import { DEFAULT_CLASS, directoryFileKey } from '../../../src/files/file-key.ts';
import { LOCKS_ATTRIBUTE } from '../../../src/files/locks.ts';
import type { WriteTicket } from '../../../src/files/tickets/ticket.ts';
import { TicketRecords } from '../../../src/files/tickets/ticket-record.ts';
import { TicketUploads } from '../../../src/fileserver/door/ticket-uploads.ts';
import { bytesOf, requestOf } from '../../../src/simulation/requests.ts';
import { TestBody } from '../../helpers/blob-stage.ts';
import { MemoryFileLayer } from '../../helpers/memory-file-layer.ts';
import { MemoryOperations } from '../../helpers/memory-operations.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const CONTENT = Buffer.from('content');

function keyAt(directory: string, name: string) {
  const key = directoryFileKey('shop', Buffer.from(directory), Buffer.from(name));
  if (key === undefined) throw new Error('it is no path');
  return key;
}

const FOLDER = keyAt('', 'photos');
const KEY = keyAt('photos', 'a.jpg');
const TICKET: WriteTicket = {
  purpose: 'write',
  id: '0198c0de000000112233445566778899' as BlobId,
  key: KEY,
  expiresMs: 3_600_000,
  contentType: undefined,
  replicationClass: DEFAULT_CLASS,
  waitsForAll: true,
  bytesMax: 1000,
};

type Meanwhile = (files: MemoryFileLayer) => void;

/** Uploads while others change what is there, once the ticket is taken. */
function uploadBeside(meanwhile: Meanwhile, isGivenBack: boolean): HttpReply {
  const files = new MemoryFileLayer();
  const memory = new MemoryOperations();
  const directory = { key: FOLDER, attributes: undefined, condition: NO_CONDITION };
  files.makeDirectory(directory, ({ kind }) => expect(kind).toBe('stored'));
  const { manifest } = files.keep(keyAt('', 'as it will be'), CONTENT);
  files.put = ({ confirm, body }, callback) => {
    body.discard();
    confirm?.(() => {
      meanwhile(files);
      if (!isGivenBack) memory.writes = { kind: 'unknown', version: undefined };
      confirm(() => callback({ kind: 'unmet', file: undefined }), manifest);
    }, manifest);
  };
  const records = new TicketRecords(memory.operations);
  const uploads = new TicketUploads({ files, records, clock: new VirtualTime() });
  const body = { kind: 'stream', stream: TestBody.of(CONTENT) } as const;
  const request = requestOf('PUT', '/t/any/a.jpg', body, { 'if-none-match': '*' });
  const replies: HttpReply[] = [];
  uploads.store(request, TICKET, (reply) => replies.push(reply));
  const [reply, ...others] = replies;
  if (reply === undefined || others.length > 0) throw new Error('it is answered once');
  return reply;
}

const LOCK = { token: 'urn:a', scope: 'exclusive', depth: 'infinity', owner: '' };
const attributes = { [LOCKS_ATTRIBUTE]: JSON.stringify([{ ...LOCK, expiresAtMs: 1000 }]) };

describe('an upload that is refused behind its ticket', () => {
  test.each<readonly [code: string, meanwhile: Meanwhile]>([
    [
      'locked',
      (files) =>
        files.makeDirectory({ key: FOLDER, attributes, condition: NO_CONDITION }, () => undefined),
    ],
    ['condition-failed', (files) => void files.keep(KEY, Buffer.from('of another'))],
    ['no-collection', (files) => files.delete(FOLDER, NO_CONDITION, () => undefined)],
  ])('says whether that is used up: %s', (code, meanwhile) => {
    for (const isGivenBack of [true, false]) {
      const reply = uploadBeside(meanwhile, isGivenBack);
      expect(replyHeader(reply, 'x-fog-error')).toBe(code);
      const text = isWhole(reply) ? bytesOf(reply).toString() : '';
      expect(text.endsWith('; the ticket is used up, so ask the broker for another\n')).toBe(
        !isGivenBack,
      );
    }
  });
});
