// Writes XML: elements that were read, so that they mean the same wherever they are put, and the text around them. Pure.

import { XML_NAMESPACE, type XmlElement } from './xml-element.ts';

export const XML_TYPE = 'application/xml; charset=utf-8';
/** How each document begins. */
export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n';

const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};
const UNWRITABLE = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

/** @returns the text as it may stand in an element; what XML has no character for becomes U+FFFD */
export function xmlText(text: string): string {
  return text
    .replaceAll(UNWRITABLE, '\u{FFFD}')
    .replaceAll(/[&<>\r]/g, (character) => SPECIAL[character] ?? character);
}

/** @returns the text as it may stand between double quotes, white space included */
export function xmlValue(text: string): string {
  return text
    .replaceAll(UNWRITABLE, '\u{FFFD}')
    .replaceAll(/[&<>"\t\n\r]/g, (character) => SPECIAL[character] ?? character);
}

type Scope = ReadonlyMap<string, string>;

const OUTSIDE: Scope = new Map([
  ['', ''],
  ['xml', XML_NAMESPACE],
]);

/**
 * Writes an element with all it needs: it may be put wherever no default namespace is declared. Prefixes stay as they
 * were, for a value may name them.
 */
export function writeElement(element: XmlElement): string {
  const { language, attributes } = element;
  const speaks = attributes.some(
    ({ namespace, name }) => namespace === XML_NAMESPACE && name === 'lang',
  );
  // The language may come from an element around it that is not written.
  const told =
    language === undefined || speaks
      ? element
      : { ...element, attributes: [...attributes, languageOf(language)] };
  return written(told, OUTSIDE);
}

function languageOf(value: string) {
  return { namespace: XML_NAMESPACE, prefix: 'xml', name: 'lang', value };
}

function written(element: XmlElement, outer: Scope): string {
  const { prefix, name, attributes, children } = element;
  const scope = new Map(outer);
  const declares = (namespace: string, by: string) => {
    if (scope.get(by) === namespace) return '';
    scope.set(by, namespace);
    return ` xmlns${by === '' ? '' : `:${by}`}="${xmlValue(namespace)}"`;
  };
  const declarations = [
    ...[...element.declared].map(([by, namespace]) => declares(namespace, by)),
    declares(element.namespace, prefix),
    ...attributes
      .filter((one) => one.prefix !== '')
      .map((one) => declares(one.namespace, one.prefix)),
  ].join('');
  const tag = qualified(prefix, name);
  const values = attributes
    .map((one) => ` ${qualified(one.prefix, one.name)}="${xmlValue(one.value)}"`)
    .join('');
  const content = children
    .map((child) => (typeof child === 'string' ? xmlText(child) : written(child, scope)))
    .join('');
  const start = `<${tag}${declarations}${values}`;
  return content === '' ? `${start}/>` : `${start}>${content}</${tag}>`;
}

function qualified(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}:${name}`;
}
