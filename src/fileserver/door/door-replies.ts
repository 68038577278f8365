// What tickets that give no permission are answered, and what every answer has for web pages of other origins. Pure.

import { errorReply } from '../../cluster/http/errors.ts';
import type { HttpReply, WholeReply } from '../../cluster/http/http.ts';

const METHODS = 'GET, HEAD, PUT, POST, OPTIONS';

export const FORGED = errorReply(
  'forged-ticket',
  'the ticket in the URL is none of this cluster, or is not whole: use the URL as the broker has sent it, or ask there for another one',
);
export const OTHER_PURPOSE = errorReply(
  'forged-ticket',
  'the ticket in the URL is for another purpose: a GET at the broker leads to a URL for reading, a PUT to one for storing',
);
export const EXPIRED = errorReply(
  'expired-ticket',
  'the ticket in the URL has ended: ask the broker for another one',
);
export const USED = errorReply(
  'used-ticket',
  'a file was stored with this ticket already, and each stores one: ask the broker for another one',
);

/** The ticket is the permission, so a page of any origin may use it, and read the answer. No cookie means anything here. */
const FOR_ANY_PAGE = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': '*',
  'cross-origin-resource-policy': 'cross-origin',
};

export const OPTIONS: WholeReply = {
  status: 204,
  headers: {
    ...FOR_ANY_PAGE,
    allow: METHODS,
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': '*',
    'access-control-max-age': '3600',
  },
  body: '',
};

export function forAnyPage<T extends HttpReply>(reply: T): T {
  return { ...reply, headers: { ...reply.headers, ...FOR_ANY_PAGE } };
}
