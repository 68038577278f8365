// What a data directory says of itself, and of what it promised (H32): also one that earlier software wrote.

import { expect, test } from 'vitest';
import type { NodeId } from '../../src/cluster/identity.ts';
import { StoredIdentity } from '../../src/storage/identity.ts';
import { decodeIdentity, encodeIdentity, type Identity } from '../../src/storage/identity-file.ts';
import { STORE } from '../helpers/machine.ts';
import { incarnationOf } from '../helpers/maps.ts';

const IDENTITY: Identity = {
  node: 'a' as NodeId,
  store: STORE,
  incarnation: incarnationOf(7),
  bootId: 'start 1',
  fsync: 'interval',
  completeSince: incarnationOf(3),
  promisedGeneration: 12,
  promisedNonce: 'first',
};

test('a promise comes back with whom it was given to', () => {
  expect(decodeIdentity(encodeIdentity(IDENTITY))).toMatchObject(IDENTITY);
});

test('a promise that earlier software wrote was given to nobody who asks now', () => {
  const { promisedNonce: _, ...earlier } = IDENTITY;
  const read = decodeIdentity(encodeIdentity(earlier as Identity)) as Identity;
  const identity = new StoredIdentity(undefined, read);
  expect(identity.promised).toEqual({ generation: 12, nonce: undefined });
  identity.promise({ generation: 12, nonce: 'second' }, () => undefined);
  expect(identity.promised).toEqual({ generation: 12, nonce: undefined });
  identity.promise({ generation: 13, nonce: 'second' }, () => undefined);
  expect(identity.promised).toEqual({ generation: 13, nonce: 'second' });
});

test.each(['', 'a b', 'x'.repeat(65)])('a nonce %o is none', (promisedNonce) => {
  expect(decodeIdentity(encodeIdentity({ ...IDENTITY, promisedNonce }))).toMatch(/promisedNonce/);
});
