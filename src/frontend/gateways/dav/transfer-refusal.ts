// Judges a COPY or MOVE by its source and its paths, before anything is looked up at its Destination. Pure.

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import { isWithin } from './dav-path.ts';
import { absentReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import { lockRefusal } from './judgement.ts';
import { isWhole } from './removal.ts';
import { isThere, type Way } from './resources.ts';

/** @param moves whether it is a MOVE, which changes the source as well */
export function refusalOfTransfer(
  way: Way,
  usage: DavUsage,
  moves: boolean,
): HttpReply | undefined {
  const { self } = way;
  const { destination, depth, submitted } = usage;
  if (!isThere(self)) return absentReply();
  if (destination === undefined) return errorReply('bad-parameter', 'there is no Destination');
  if (isWithin(destination, self.path)) {
    const what = 'the Destination is the resource itself, or inside of it';
    return errorReply('bad-destination', what);
  }
  if (isWithin(self.path, destination)) {
    const what = 'the Destination is a collection that the resource is in, and would be replaced';
    return errorReply('bad-destination', what);
  }
  const isDepth = moves ? isWhole(usage) : depth !== '1';
  if (self.kind === 'collection' && !isDepth) {
    const what = moves ? 'is moved with all that is in it' : 'is copied with Depth 0 or infinity';
    return errorReply('bad-parameter', `a collection ${what}`);
  }
  return moves ? lockRefusal(way, 'membership', submitted) : undefined;
}
