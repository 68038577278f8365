// The form of tickets in URLs: what was sealed comes back as it was, and nothing else is taken for a ticket.

import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { BlobId } from '../../../src/files/blob-id.ts';
import { DEFAULT_CLASS, type FileKey } from '../../../src/files/file-key.ts';
import { openTicket, sealTicket } from '../../../src/files/tickets/sealing.ts';
import type { ReadTicket, WriteTicket } from '../../../src/files/tickets/ticket.ts';

const SECRET = Buffer.alloc(32, 7);
const END_MS = 1_700_000_000_000;
const ID = '0198c0de000000112233445566778899' as BlobId;
const KEY = Buffer.from('\xfff d:a\0b\0\xe9 ?#', 'latin1') as FileKey;
const READ: ReadTicket = {
  purpose: 'read',
  id: ID,
  contentType: 'image/jpeg',
  expiresMs: END_MS,
  modifiedMs: 12,
  size: 3,
  sha512: '0a'.repeat(64),
  md5: '0b'.repeat(16),
  served: {},
};
const WRITE: WriteTicket = {
  purpose: 'write',
  id: ID,
  key: KEY,
  contentType: undefined,
  expiresMs: END_MS,
  replicationClass: DEFAULT_CLASS,
  waitsForAll: true,
  bytesMax: 2 ** 40,
  attributes: { "it's": 'ä\n' },
  submitted: ['urn:uuid:1'],
};

describe('a sealed ticket', () => {
  const NAMED = "attachment; filename*=UTF-8''%C3%A4; x=\xe4";
  const SERVED: readonly ReadTicket[] = [
    { ...READ, served: { 'cache-control': 'public, max-age=60' } },
    { ...READ, contentType: undefined, served: { 'content-disposition': NAMED } },
    { ...READ, contentType: undefined, served: {} },
  ];
  test.each([READ, WRITE, ...SERVED])('comes back as it was: $purpose', (ticket) => {
    const token = sealTicket(ticket, SECRET);
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(openTicket(token, SECRET, END_MS - 1)).toStrictEqual({ kind: 'valid', ticket });
  });

  test('has expired from its last millisecond on', () => {
    const token = sealTicket(READ, SECRET);
    expect(openTicket(token, SECRET, END_MS)).toStrictEqual({ kind: 'expired', ticket: READ });
  });

  test('is forged if any of its characters is another one, or missing, or one too many', () => {
    const token = sealTicket(WRITE, SECRET);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      for (const middle of [other, '', `${token[at]}${other}`]) {
        const changed = `${token.slice(0, at)}${middle}${token.slice(at + 1)}`;
        expect(openTicket(changed, SECRET, 0), changed).toStrictEqual({ kind: 'forged' });
      }
    }
  });

  test('is short for reading, for one redirect has it several times', () => {
    expect(sealTicket(READ, SECRET).length).toBeLessThanOrEqual(200);
  });

  test('is as long as the path for storing, and little longer', () => {
    const key = Buffer.alloc(1000, 'k') as FileKey;
    expect(sealTicket({ ...WRITE, key }, SECRET).length).toBeLessThanOrEqual(1700);
  });

  test('is forged if one of its bytes is written in another way', () => {
    const token = sealTicket(READ, SECRET);
    // Node.js reads all of these as the same bytes.
    for (const other of [
      `${token}=`,
      `${token} `,
      token.replaceAll('_', '/').replaceAll('-', '+'),
    ]) {
      if (other !== token) expect(openTicket(other, SECRET, 0)).toStrictEqual({ kind: 'forged' });
    }
  });

  test.each([
    ['of another form', (body: Buffer) => Buffer.concat([Buffer.of(3), body.subarray(1)])],
    ['cut off in its numbers', (body: Buffer) => body.subarray(0, 100)],
    ['cut off in its id', (body: Buffer) => body.subarray(0, 9)],
    ['that ends in no year', (body: Buffer) => Buffer.from(body).fill(0xff, 97, 103)],
  ])('is forged where other software has sealed one %s', (_, change) => {
    for (const ticket of [READ, WRITE]) {
      const sealed = Buffer.from(sealTicket(ticket, SECRET), 'base64url');
      const body = change(sealed.subarray(0, -16));
      const seal = createHmac('sha256', SECRET).update(body).digest().subarray(0, 16);
      const token = Buffer.concat([body, seal]).toString('base64url');
      expect(openTicket(token, SECRET, 0)).toStrictEqual({ kind: 'forged' });
    }
  });

  test('is forged under another secret, even once it would have expired', () => {
    const token = sealTicket(READ, Buffer.alloc(32, 8));
    expect(openTicket(token, SECRET, END_MS + 1)).toStrictEqual({ kind: 'forged' });
  });

  test.each(['', '.', ID, 'A'.repeat(21), 'A'.repeat(22), 'A'.repeat(200), 'é.é.é'])(
    'is not %j',
    (token) => {
      expect(openTicket(token, SECRET, 0)).toStrictEqual({ kind: 'forged' });
    },
  );
});
