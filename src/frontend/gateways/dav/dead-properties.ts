// Dead properties (RFC 4918, 4): elements that clients set, and this server only keeps. Each is an attribute of the manifest of
// its resource: by its name, the element as it may be put into any answer. Pure.

import type { FileAttributes } from '../../../files/manifest.ts';
import type { XmlElement, XmlName } from './xml/xml-element.ts';
import { writeElement } from './xml/xml-writer.ts';

const KEY = /^dav-property \{(.*)\}([^{}]+)$/s;

function keyOfProperty({ namespace, name }: XmlName): string {
  return `dav-property {${namespace}}${name}`;
}

/** @returns the element; undefined where no client has set it */
export function deadProperty(
  attributes: FileAttributes | undefined,
  name: XmlName,
): string | undefined {
  const key = keyOfProperty(name);
  return attributes !== undefined && Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

export function deadPropertyNames(attributes: FileAttributes | undefined): readonly XmlName[] {
  return Object.keys(attributes ?? {}).flatMap((key) => {
    const [, namespace, name] = KEY.exec(key) ?? [];
    return namespace === undefined || name === undefined ? [] : [{ namespace, name }];
  });
}

export function withProperty(
  attributes: FileAttributes | undefined,
  element: XmlElement,
): FileAttributes {
  return { ...attributes, [keyOfProperty(element)]: writeElement(element) };
}

export function withoutProperty(
  attributes: FileAttributes | undefined,
  name: XmlName,
): FileAttributes {
  const { [keyOfProperty(name)]: _removed, ...others } = attributes ?? {};
  return others;
}
