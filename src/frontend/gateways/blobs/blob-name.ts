// What becomes of the name that a client gives a blob: the form that the original kept names in, and that goes into a
// header without quoting. Pure. What a name says of the content is its type, by its ending.

import { contentTypeOf } from '../../../files/content-type.ts';

/** The attribute of a manifest that has the name. */
export const FILENAME = 'filename';

/** Letters that Unicode does not split into a plain one and an accent. */
const FLAT: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  ø: 'oe',
  œ: 'oe',
  đ: 'd',
  ð: 'd',
  ł: 'l',
  þ: 'th',
  ı: 'i',
  ħ: 'h',
};
const ACCENTS = /\p{M}+/gu;

/** @returns the name in lower case, of `a-z`, `0-9`, `~`, `-` and `.`; empty where nothing of it is left */
export function sanitisedName(name: string): string {
  const flat = name
    .toLowerCase()
    .replaceAll('..', '')
    .trim()
    .normalize('NFD')
    .replace(ACCENTS, '')
    .replace(/[^\0-\x7f]/g, (letter) => FLAT[letter] ?? letter);
  return flat
    .replace(/[ &_=+:]/g, '-')
    .replace(/[^a-z0-9~.-]/g, '')
    .replace(/-+/g, '-');
}

const UNKNOWN_TYPE = 'application/octet-stream';

/** @param name sanitised @returns the content type by what stands behind its last dot */
export function typeOfName(name: string): string {
  const dot = name.lastIndexOf('.');
  const type = dot < 0 ? undefined : contentTypeOf(`file${name.slice(dot)}`);
  if (type === undefined) return UNKNOWN_TYPE;
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
