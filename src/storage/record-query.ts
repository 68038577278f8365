// Parses the query of /s/record: the key, or what is wrong. Pure; inspection.ts answers.

import { KEY_BYTES_MAX } from '../cluster/model/limits.ts';
import { parseQuery } from '../cluster/wire/query.ts';

const TAKES = `/s/record takes key, of 1 to ${KEY_BYTES_MAX} bytes, and nothing else`;

/** @returns the key that is asked for; a text that says what is wrong, and what the path takes */
export function recordKeyIn(query: string): Buffer | string {
  const parsed = parseQuery(query);
  if (parsed.kind === 'malformed') return `${parsed.reason}; ${TAKES}`;
  const { parameters } = parsed;
  const key = parameters.get('key');
  // A slip such as `/s/record?key=a&node=b` must not look as if it had been understood.
  const isAlone = parameters.size === 1;
  if (key === undefined || !isAlone || key.length === 0 || key.length > KEY_BYTES_MAX) return TAKES;
  return key;
}
