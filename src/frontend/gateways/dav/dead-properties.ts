// Dead properties (RFC 4918, 4): elements that clients set, and this server only keeps. Each is an attribute of the manifest of
// its resource: by its name, the element as it may be put into any answer. Pure.

import {
  FILE_ATTRIBUTES_BYTES_MAX,
  FILE_ATTRIBUTES_MAX,
  type FileAttributes,
} from '../../../files/manifest.ts';
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

/** The attributes of a resource while properties are set and removed, and how long all of them are. */
export class ChangedAttributes {
  readonly #all: Map<string, string>;
  /** Of the JSON that a manifest has of them, but for what is around its entries. */
  #bytes = 0;

  constructor(former: FileAttributes | undefined) {
    this.#all = new Map(Object.entries(former ?? {}));
    for (const entry of this.#all) this.#bytes += entryBytes(entry);
  }

  set(element: XmlElement): void {
    this.remove(element);
    const entry = [keyOfProperty(element), writeElement(element)] as const;
    this.#all.set(...entry);
    this.#bytes += entryBytes(entry);
  }

  remove(name: XmlName): void {
    const key = keyOfProperty(name);
    const value = this.#all.get(key);
    if (value === undefined) return;
    this.#all.delete(key);
    this.#bytes -= entryBytes([key, value]);
  }

  /** Whether a manifest can keep them. */
  get fit(): boolean {
    // Two braces, and no comma behind the last entry.
    return this.#all.size <= FILE_ATTRIBUTES_MAX && this.#bytes + 1 <= FILE_ATTRIBUTES_BYTES_MAX;
  }

  get attributes(): FileAttributes {
    return Object.fromEntries(this.#all);
  }
}

/** With a colon and a comma, of which the last entry has none. */
function entryBytes([key, value]: readonly [string, string]): number {
  return Buffer.byteLength(JSON.stringify(key)) + Buffer.byteLength(JSON.stringify(value)) + 2;
}
