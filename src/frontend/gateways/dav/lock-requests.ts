// Reads the body of a LOCK (RFC 4918, 9.10). Pure.

import { type LockScope, OWNER_BYTES_MAX } from '../../../files/locks.ts';
import type { BodyFault } from './property-requests.ts';
import { childOf, isNamed } from './xml/xml-element.ts';
import { readXml } from './xml/xml-reader.ts';
import { writeElement } from './xml/xml-writer.ts';

export type LockRequest =
  /** Without a body: the lock whose token is in the If header lasts on. */
  | { readonly kind: 'refresh' }
  | {
      readonly kind: 'new';
      readonly scope: LockScope;
      /** The `DAV:owner` as an element; empty where there is none. */
      readonly owner: string;
    };

export function readLockRequest(body: Buffer): { readonly asked: LockRequest } | BodyFault {
  if (body.length === 0) return { asked: { kind: 'refresh' } };
  const read = readXml(body);
  if ('fault' in read) return { fault: `the body is no XML that is taken here: ${read.fault}` };
  const { element } = read;
  if (!isNamed(element, 'lockinfo')) return { fault: 'the body is no DAV:lockinfo' };
  const type = childOf(element, 'locktype');
  if (type === undefined || childOf(type, 'write') === undefined) {
    return { fault: 'the DAV:locktype is not DAV:write, the only one that there is' };
  }
  const scopes = childOf(element, 'lockscope');
  const scope = (['exclusive', 'shared'] as const).find(
    (name) => scopes !== undefined && childOf(scopes, name) !== undefined,
  );
  if (scope === undefined) {
    return { fault: 'the DAV:lockscope is neither DAV:exclusive nor DAV:shared' };
  }
  const given = childOf(element, 'owner');
  const owner = given === undefined ? '' : writeElement(given);
  if (Buffer.byteLength(owner) > OWNER_BYTES_MAX) {
    return { fault: `the DAV:owner is longer than ${OWNER_BYTES_MAX} bytes` };
  }
  return { asked: { kind: 'new', scope, owner } };
}
