// PROPFIND (RFC 4918, 9.1): the properties of a resource, and of the entries of a collection, which are listed page by page as the
// client reads, however many there are.

import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import { hrefOf } from './dav-path.ts';
import { absentReply, failedReply } from './dav-replies.ts';
import { deadProperty, deadPropertyNames } from './dead-properties.ts';
import { type EntriesPage, listPage } from './listing.ts';
import { COMMON_PROPERTIES, liveValue } from './live-properties.ts';
import {
  elementText,
  MULTISTATUS_BEGIN,
  MULTISTATUS_END,
  type PropertyStatus,
  propertiesText,
} from './multistatus.ts';
import type { WantedProperties } from './property-requests.ts';
import type { DavParts, Way } from './resources.ts';
import type { XmlName } from './xml/xml-element.ts';
import { XML_TYPE } from './xml/xml-writer.ts';

export function propfind(
  parts: DavParts,
  way: Way,
  asked: { readonly wanted: WantedProperties; readonly listsEntries: boolean },
  reply: (reply: HttpReply) => void,
): void {
  const { self } = way;
  const { wanted, listsEntries } = asked;
  if (self.kind === 'absent') return reply(absentReply());
  const nowMs = parts.clock.wallMs();
  const first = MULTISTATUS_BEGIN + resourceProperties(way, wanted, nowMs);
  if (!listsEntries || self.kind !== 'collection') {
    return reply({ ...HEAD, body: first + MULTISTATUS_END });
  }
  // The first page comes before the reply begins, so that a listing that nobody can give now is refused as such.
  return listPage(parts, way, undefined, (page) => {
    if (page.kind === 'failed') return reply(failedReply(page));
    const text = (entries: readonly Way[]) =>
      entries.map((entry) => resourceProperties(entry, wanted, nowMs)).join('');
    return reply({ ...HEAD, body: new ListingStream(parts, way, page, { first, text }) });
  });
}

const HEAD = { status: 207, headers: { 'content-type': XML_TYPE, 'cache-control': 'no-store' } };

class ListingStream implements ByteStream {
  readonly length = undefined;
  readonly #parts: DavParts;
  readonly #way: Way;
  readonly #text: (entries: readonly Way[]) => string;
  #first: string;
  /** What has come and was not asked for; undefined behind the last page. */
  #page: EntriesPage | undefined;
  #isOver = false;

  constructor(
    parts: DavParts,
    way: Way,
    page: EntriesPage,
    { first, text }: { readonly first: string; text(entries: readonly Way[]): string },
  ) {
    this.#parts = parts;
    this.#way = way;
    this.#page = page;
    this.#first = first;
    this.#text = text;
  }

  read(callback: (part: BytePart) => void): void {
    const page = this.#page;
    if (this.#isOver || page === undefined) return callback({ kind: 'end' });
    // A listing that breaks off is no whole document: the client sees the connection break.
    if (page.kind === 'failed') return callback({ kind: 'broken', why: 'failed' });
    const begin = this.#first;
    this.#first = '';
    const text = begin + this.#text(page.entries);
    if (page.next === undefined) {
      this.#page = undefined;
      return callback({ kind: 'bytes', bytes: Buffer.from(text + MULTISTATUS_END) });
    }
    return listPage(this.#parts, this.#way, page.next, (next) => {
      if (this.#isOver) return;
      this.#page = next;
      if (text === '') return this.read(callback);
      return callback({ kind: 'bytes', bytes: Buffer.from(text) });
    });
  }

  discard(): void {
    this.#isOver = true;
  }
}

function resourceProperties(way: Way, wanted: WantedProperties, nowMs: number): string {
  const { self } = way;
  const href = hrefOf(self.path, self.kind === 'collection');
  return propertiesText(href, groupsOf(way, wanted, nowMs));
}

function groupsOf(way: Way, wanted: WantedProperties, nowMs: number): readonly PropertyStatus[] {
  const attributes = way.self.fields?.attributes;
  const here = [
    ...COMMON_PROPERTIES.filter((name) => liveValue(name, way, nowMs) !== undefined),
    ...deadPropertyNames(attributes),
  ];
  switch (wanted.kind) {
    case 'names':
      return [{ status: 200, properties: here.map((name) => elementText(name)) }];
    case 'all':
      return found(way, [...here, ...wanted.include.filter((name) => !isAmong(name, here))], nowMs);
    case 'some':
      return found(way, wanted.names, nowMs);
  }
}

function isAmong({ namespace, name }: XmlName, names: readonly XmlName[]): boolean {
  return names.some((one) => one.namespace === namespace && one.name === name);
}

/** @returns those that there are with their values, and those that there are not */
function found(way: Way, names: readonly XmlName[], nowMs: number): readonly PropertyStatus[] {
  const attributes = way.self.fields?.attributes;
  const values: string[] = [];
  const absent: string[] = [];
  for (const name of names) {
    const live = liveValue(name, way, nowMs);
    const value = live === undefined ? deadProperty(attributes, name) : elementText(name, live);
    if (value === undefined) absent.push(elementText(name));
    else values.push(value);
  }
  return [
    { status: 200, properties: values },
    { status: 404, properties: absent },
  ];
}
