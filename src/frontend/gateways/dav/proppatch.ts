// PROPPATCH (RFC 4918, 9.2): sets and removes dead properties, all of them or none, on the condition that the record is still the
// one that was judged (H39), and looks once more at the locks around it (look-around.ts).

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import { parseHttpDate } from '../../../cluster/http/http-date.ts';
import { secondsToMs } from '../../../files/http/upload-headers.ts';
import type { FileAttributes } from '../../../files/manifest.ts';
import { hrefOf, keyOf } from './dav-path.ts';
import { absentReply, unstoredReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import { ChangedAttributes } from './dead-properties.ts';
import { attemptChange, lockRefusal } from './judgement.ts';
import { isLive, isSettableTime } from './live-properties.ts';
import { lookAround } from './look-around.ts';
import {
  elementText,
  MULTISTATUS_BEGIN,
  MULTISTATUS_END,
  type PropertyStatus,
  propertiesText,
} from './multistatus.ts';
import type { PropertyChange } from './property-requests.ts';
import type { DavParts } from './resources.ts';
import { textOf } from './xml/xml-element.ts';
import { XML_TYPE } from './xml/xml-writer.ts';

export function proppatch(
  parts: DavParts,
  usage: DavUsage,
  changes: readonly PropertyChange[],
  reply: (reply: HttpReply) => void,
): void {
  attemptChange(
    parts,
    usage,
    (way, done) => {
      const { self } = way;
      const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
      const refuse = (refusal: HttpReply) => done({ kind: 'refused', reply: refusal });
      if (self.kind === 'absent') return refuse(absentReply());
      const key = keyOf(self.path);
      const { file } = self;
      if (key === undefined || file === undefined) {
        return answer(errorReply('fixed-root', 'the root keeps no properties; make a collection'));
      }
      const refusal = lockRefusal(way, 'resource', usage.submitted);
      if (refusal !== undefined) return refuse(refusal);
      const href = hrefOf(self.path, self.kind === 'collection');
      const patched = patch(file.manifest.attributes, changes);
      if (patched.kind === 'refused') return answer(statusReply(href, patched.groups));
      const { attributes, modifiedMs } = patched;
      const change = { attributes, ...(modifiedMs === undefined ? {} : { modifiedMs }) };
      const { submitted } = usage;
      const lookAgain = lookAround(parts, self, { affected: 'resource', submitted });
      return parts.files.amend({ key, file, change, lookAgain }, (outcome) => {
        switch (outcome.kind) {
          case 'stored':
            return answer(statusReply(href, [{ status: 200, properties: namesIn(changes) }]));
          case 'unmet':
            return done({ kind: 'overtaken' });
          case 'not-stored':
          case 'unknown':
            return answer(unstoredReply(outcome));
        }
      });
    },
    reply,
  );
}

function statusReply(href: string, groups: readonly PropertyStatus[]): HttpReply {
  return {
    status: 207,
    headers: { 'content-type': XML_TYPE, 'cache-control': 'no-store' },
    body: MULTISTATUS_BEGIN + propertiesText(href, groups) + MULTISTATUS_END,
  };
}

type Patched =
  | {
      readonly kind: 'patched';
      readonly attributes: FileAttributes;
      readonly modifiedMs: number | undefined;
    }
  | { readonly kind: 'refused'; readonly groups: readonly PropertyStatus[] };

/** Pure. Where one change cannot be made, none is, and each property is told why. */
export function patch(
  former: FileAttributes | undefined,
  changes: readonly PropertyChange[],
): Patched {
  const changed = new ChangedAttributes(former);
  let modifiedMs: number | undefined;
  for (const change of changes) {
    const { kind, element } = change;
    const refuse = (status: number, violated?: string): Patched => ({
      kind: 'refused',
      groups: [
        { status, violated, properties: [elementText(element)] },
        { status: 424, properties: namesIn(changes.filter((other) => other !== change)) },
      ],
    });
    if (kind === 'set' && isSettableTime(element)) {
      modifiedMs = timeIn(textOf(element));
      if (modifiedMs === undefined) return refuse(409);
      continue;
    }
    if (isLive(element)) return refuse(403, 'cannot-modify-protected-property');
    if (kind === 'set') changed.set(element);
    else changed.remove(element);
    if (!changed.fit) return refuse(507);
  }
  return { kind: 'patched', attributes: changed.attributes, modifiedMs };
}

/** @returns undefined for what is neither seconds since 1970 nor a date as HTTP has it */
function timeIn(text: string): number | undefined {
  return secondsToMs(text) ?? parseHttpDate(text);
}

function namesIn(changes: readonly PropertyChange[]): readonly string[] {
  return [...new Set(changes.map(({ element }) => elementText(element)))];
}
