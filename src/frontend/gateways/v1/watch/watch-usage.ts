// Parses a request to follow changes: what it asks for, or what is wrong with it and which curl line would be right. Pure.

import type { HttpRequest } from '../../../../cluster/http/http.ts';
import { parsePlace, type WatchPlace } from '../../../../coordinator/operations/watch/place.ts';
import {
  type Misuse,
  misuse,
  readParameters,
  readPrefix,
  readSwitch,
  textOf,
} from '../scan-usage.ts';

export interface WatchUsage {
  readonly kind: 'watch';
  readonly prefix: Buffer;
  readonly values: boolean;
  /** Undefined for changes that are yet to come. */
  readonly since: WatchPlace | undefined;
  /** Undefined for as long as the client stays. */
  readonly forSeconds: number | undefined;
}

export const FOR_SECONDS_MAX = 86_400;
const INSTEAD = "-N '/v1/watch?prefix=user:&values=1'";

export function readWatch(request: HttpRequest): WatchUsage | Misuse {
  const read = readParameters(request, ['prefix', 'since', 'values', 'for'], INSTEAD);
  if (read.kind === 'misuse') return read;
  const { parameters } = read;
  const prefix = readPrefix(parameters, INSTEAD);
  if ('kind' in prefix) return prefix;
  const values = readSwitch(parameters, 'values');
  if (values === undefined) return misuse('values is 1 or 0', INSTEAD);
  const forSeconds = parameters.has('for') ? secondsOf(textOf(parameters, 'for')) : undefined;
  if (parameters.has('for') && forSeconds === undefined) {
    const what = `for is not a whole number of seconds from 1 to ${FOR_SECONDS_MAX}`;
    return misuse(what, "-N '/v1/watch?prefix=user:&for=60'");
  }
  // A browser that comes back sends the id of the last event to the URL of before, so the header is the newer one.
  const place = request.header('last-event-id') || parameters.get('since')?.toString('latin1');
  if (place === undefined || place === '') {
    return { kind: 'watch', prefix, values, since: undefined, forSeconds };
  }
  const since = parsePlace(place);
  if (since !== undefined) return { kind: 'watch', prefix, values, since, forSeconds };
  return {
    kind: 'misuse',
    code: 'bad-cursor',
    what: 'since is no place of a watch: neither the id of an event, nor the place in a line of velour watch --json',
    instead: INSTEAD,
  };
}

function secondsOf(text: string): number | undefined {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 && seconds <= FOR_SECONDS_MAX ? seconds : undefined;
}
