// Reads the bodies of PROPFIND and PROPPATCH (RFC 4918, 9.1 and 9.2). Pure.

import { elementText } from './multistatus.ts';
import { childOf, elementsOf, isNamed, type XmlElement, type XmlName } from './xml/xml-element.ts';
import { readXml } from './xml/xml-reader.ts';

/** What the names of a request may take in an answer, which has them once for each resource. */
export const NAMES_BYTES_MAX = 16 * 1024;

/** Which properties a PROPFIND asks for. */
export type WantedProperties =
  /** Those that are cheap and of use, all dead ones, and those that are named besides. */
  | { readonly kind: 'all'; readonly include: readonly XmlName[] }
  /** The names alone of all that there are. */
  | { readonly kind: 'names' }
  | { readonly kind: 'some'; readonly names: readonly XmlName[] };

export type PropertyChange =
  | { readonly kind: 'set'; readonly element: XmlElement }
  | { readonly kind: 'remove'; readonly element: XmlElement };

export interface BodyFault {
  /** One sentence without a full stop. */
  readonly fault: string;
}

/** @param body empty where the request has none */
export function readPropfind(body: Buffer): { readonly wanted: WantedProperties } | BodyFault {
  if (body.length === 0) return { wanted: { kind: 'all', include: [] } };
  const read = readXml(body);
  if ('fault' in read) return notRead(read.fault);
  const { element } = read;
  if (!isNamed(element, 'propfind')) return { fault: 'the body is no DAV:propfind' };
  const names = childOf(element, 'prop');
  const asks = ['prop', 'allprop', 'propname'].filter((name) => childOf(element, name));
  if (asks.length !== 1) {
    return { fault: 'a DAV:propfind has one of DAV:prop, DAV:allprop and DAV:propname' };
  }
  if (asks.includes('propname')) return { wanted: { kind: 'names' } };
  const named = names ?? childOf(element, 'include');
  const some = distinct(named === undefined ? [] : elementsOf(named));
  if (!areShort(some)) return TOO_MANY_NAMES;
  return {
    wanted: names === undefined ? { kind: 'all', include: some } : { kind: 'some', names: some },
  };
}

const TOO_MANY_NAMES: BodyFault = {
  fault: `the properties that it names take more than ${NAMES_BYTES_MAX} bytes in an answer`,
};

function areShort(names: readonly XmlName[]): boolean {
  let bytes = 0;
  for (const name of names) {
    bytes += Buffer.byteLength(elementText(name));
    if (bytes > NAMES_BYTES_MAX) return false;
  }
  return true;
}

function distinct(elements: readonly XmlElement[]): readonly XmlName[] {
  const byName = new Map(
    elements.map(({ namespace, name }) => [`${namespace} ${name}`, { namespace, name }]),
  );
  return [...byName.values()];
}

/** @returns the changes in the order in which they are to be made */
export function readProppatch(
  body: Buffer,
): { readonly changes: readonly PropertyChange[] } | BodyFault {
  const read = readXml(body);
  if ('fault' in read) return notRead(read.fault);
  const { element } = read;
  if (!isNamed(element, 'propertyupdate')) return { fault: 'the body is no DAV:propertyupdate' };
  const changes: PropertyChange[] = [];
  for (const child of elementsOf(element)) {
    const kind = isNamed(child, 'set') ? 'set' : isNamed(child, 'remove') ? 'remove' : undefined;
    if (kind === undefined) continue;
    const properties = childOf(child, 'prop');
    for (const property of properties === undefined ? [] : elementsOf(properties)) {
      changes.push({ kind, element: property });
    }
  }
  if (changes.length === 0) return { fault: 'the DAV:propertyupdate changes nothing' };
  if (!areShort(changes.map(({ element: { namespace, name } }) => ({ namespace, name })))) {
    return TOO_MANY_NAMES;
  }
  return { changes };
}

function notRead(what: string): BodyFault {
  return { fault: `the body is no XML that is taken here: ${what}` };
}
