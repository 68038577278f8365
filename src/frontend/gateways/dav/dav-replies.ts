// The replies of WebDAV that several methods have: refusals, with the element that RFC 4918 wants, and failures of the file layer.

import {
  brokenBodyReply,
  ERROR_HEADER,
  ERRORS,
  type ErrorCode,
  errorReply,
} from '../../../cluster/http/errors.ts';
import { textReply, type WholeReply } from '../../../cluster/http/http.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import type { PutFileOutcome } from '../../../files/outcomes.ts';
import { errorText } from './multistatus.ts';
import { XML_TYPE } from './xml/xml-writer.ts';

/** @param violated the precondition, as the name of an element of WebDAV; @param hrefs the resources that it is about */
export function violatedReply(
  code: ErrorCode,
  violated: string,
  hrefs: readonly string[] = [],
): WholeReply {
  const headers = { 'content-type': XML_TYPE, 'cache-control': 'no-store', [ERROR_HEADER]: code };
  return { status: ERRORS[code].status, headers, body: errorText(violated, hrefs) };
}

export function lockedReply(hrefs: readonly string[]): WholeReply {
  return violatedReply('locked', 'lock-token-submitted', hrefs);
}

export function absentReply(): WholeReply {
  return textReply(404, 'nothing is at this path');
}

export function noCollectionReply(): WholeReply {
  return errorReply(
    'no-collection',
    'the collection that this would be in does not exist: MKCOL makes one',
  );
}

export function failedReply({ code, detail }: FileFailure): WholeReply {
  return errorReply(code, detail);
}

type UnstoredOutcome = Extract<
  PutFileOutcome,
  { kind: 'broken' | 'mismatch' | 'not-stored' | 'unknown' }
>;

/** @returns the reply to what was not stored, or nobody knows whether it was */
export function unstoredReply(outcome: UnstoredOutcome, bytesMax?: number): WholeReply {
  switch (outcome.kind) {
    case 'broken':
      return brokenBodyReply(outcome.why, bytesMax);
    case 'mismatch':
      return errorReply('bad-parameter', `${outcome.detail}; nothing was stored`);
    case 'not-stored':
      return errorReply(outcome.code, `${outcome.detail}; nothing was changed`);
    case 'unknown': {
      const { version } = outcome;
      const headers = version === undefined ? {} : { 'x-fog-version': printVersion(version) };
      const what = 'not everybody confirmed in time: it may or may not be done; send it again';
      return errorReply('outcome-unknown', what, { headers });
    }
  }
}
