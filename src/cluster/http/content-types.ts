// Which content types are sent back as clients gave them, and with what else. Pure.

import type { ReplyHeaders } from './http.ts';
import { BYTES_TYPE } from './route-description.ts';

export const CONTENT_TYPE_BYTES_MAX = 255;
const ANY_BYTES = { 'content-type': BYTES_TYPE };

export function isContentType(text: string): boolean {
  return text.length <= CONTENT_TYPE_BYTES_MAX && /^[\x20-\x7e]+$/.test(text);
}

/**
 * The headers of what clients stored, and others look at. Browsers run no scripts in it that could change every key, for
 * it comes from here.
 * @param type may have come another way than through a gateway that checks it
 */
export function typeHeaders(type: string | undefined): ReplyHeaders {
  if (type === undefined || !isContentType(type)) return ANY_BYTES;
  return {
    'content-type': type,
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
  };
}
