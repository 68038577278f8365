// The part of the keys that scan, export and delete go through.

import { encodeBytes } from '../../cluster/wire/query.ts';
import { type Arguments, usage } from '../options.ts';
import { keyOf } from './input.ts';

const CURSOR = /^[A-Za-z0-9_-]{1,2000}$/;

export interface ListedPath {
  readonly prefix: Buffer | undefined;
  readonly cursor: string | undefined;
  /** Further parameters, as they stand in a URL. */
  readonly parameters: readonly string[];
}

/** @returns the prefix that a positional argument of this name is; undefined for all keys */
export function prefixOf(words: Arguments): Buffer | undefined {
  const text = words.optionalText('prefix');
  return text === undefined ? undefined : keyOf(words, text);
}

/** @throws FatalError for what is no cursor at all; whether it is one of this cluster the frontend knows */
export function cursorOf(words: Arguments): string | undefined {
  const text = words.optionalText('cursor');
  if (text === undefined || CURSOR.test(text)) return text;
  throw usage(`cursor is ${text}, and must be one that a listing printed`);
}

export function listedPath(path: string, { prefix, cursor, parameters }: ListedPath): string {
  const all = [
    ...(prefix === undefined ? [] : [`prefix=${encodeBytes(prefix)}`]),
    ...parameters,
    ...(cursor === undefined ? [] : [`cursor=${cursor}`]),
  ];
  return all.length === 0 ? path : `${path}?${all.join('&')}`;
}
