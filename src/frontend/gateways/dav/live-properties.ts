// Live properties (RFC 4918, 15): what this server knows of a resource, as the inner XML of their elements. A resource that has no
// such property has none. Pure.

import { printHttpDate } from '../../../cluster/http/http-date.ts';
import { BYTES_TYPE } from '../../../cluster/http/route-description.ts';
import { contentTypeOf } from '../../../files/content-type.ts';
import type { DavLock } from '../../../files/locks.ts';
import type { FileFields } from '../../../files/manifest.ts';
import { contentTag } from './content-tag.ts';
import { hrefOf, nameTextOf } from './dav-path.ts';
import { type Resource, resourcesOn, type Way } from './resources.ts';
import { DAV, type XmlName } from './xml/xml-element.ts';
import { xmlText } from './xml/xml-writer.ts';

/** The namespace of what ownCloud's clients ask for, rclone among them. */
const OWNCLOUD = 'http://owncloud.org/ns';

interface LiveProperty {
  readonly name: XmlName;
  /** Whether a PROPFIND that asks for all gets it. */
  readonly isCommon: boolean;
  valueOf(way: Way, nowMs: number): string | undefined;
}

const SUPPORTED = (['exclusive', 'shared'] as const)
  .map(
    (scope) =>
      `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('');

function ofManifest(value: (manifest: FileFields) => string): LiveProperty['valueOf'] {
  return ({ self }) => self.fields && value(self.fields);
}

function ofContent(value: (manifest: FileFields, self: Resource) => string) {
  return ({ self }: Way) =>
    self.kind === 'file' && self.fields !== undefined ? value(self.fields, self) : undefined;
}

const LIVE: readonly LiveProperty[] = [
  {
    name: { namespace: DAV, name: 'resourcetype' },
    isCommon: true,
    valueOf: ({ self }) => (self.kind === 'collection' ? '<D:collection/>' : ''),
  },
  {
    name: { namespace: DAV, name: 'getcontentlength' },
    isCommon: true,
    valueOf: ofContent(({ size }) => String(size)),
  },
  {
    name: { namespace: DAV, name: 'getcontenttype' },
    isCommon: true,
    valueOf: ofContent((manifest, self) => xmlText(typeOf(manifest, nameTextOf(self.path)))),
  },
  {
    name: { namespace: DAV, name: 'getetag' },
    isCommon: true,
    valueOf: ({ self }) => {
      const tag = contentTag(self);
      return tag === undefined ? undefined : xmlText(tag);
    },
  },
  {
    name: { namespace: DAV, name: 'getlastmodified' },
    isCommon: true,
    valueOf: ofManifest(({ modifiedMs }) => printHttpDate(modifiedMs)),
  },
  {
    name: { namespace: DAV, name: 'supportedlock' },
    isCommon: true,
    // The root has no record that a lock could be in.
    valueOf: ({ self }) => (self.fields === undefined ? '' : SUPPORTED),
  },
  {
    name: { namespace: DAV, name: 'lockdiscovery' },
    isCommon: true,
    valueOf: lockDiscovery,
  },
  {
    name: { namespace: OWNCLOUD, name: 'checksums' },
    isCommon: false,
    valueOf: ofContent(({ md5 }) => `<oc:checksum xmlns:oc="${OWNCLOUD}">MD5:${md5}</oc:checksum>`),
  },
];

/** By these names clients set the time at which a file was last changed: those of ownCloud, and lftp. */
const SETTABLE_TIMES: readonly string[] = ['lastmodified', 'getlastmodified'];

export function isSettableTime({ namespace, name }: XmlName): boolean {
  return namespace === DAV && SETTABLE_TIMES.includes(name);
}

/** @returns the type that a GET of the file has; @param name the last of its path */
export function typeOf({ contentType }: FileFields, name: string): string {
  return contentType ?? contentTypeOf(name) ?? BYTES_TYPE;
}

export function isLive(name: XmlName): boolean {
  return liveProperty(name) !== undefined;
}

/** @returns those that a PROPFIND that asks for all, or for the names of all, gets */
export const COMMON_PROPERTIES: readonly XmlName[] = LIVE.filter(({ isCommon }) => isCommon).map(
  ({ name }) => name,
);

/** @returns undefined where the resource has no such live property */
export function liveValue(name: XmlName, way: Way, nowMs: number): string | undefined {
  return liveProperty(name)?.valueOf(way, nowMs);
}

function liveProperty({ namespace, name }: XmlName): LiveProperty | undefined {
  return LIVE.find((live) => live.name.namespace === namespace && live.name.name === name);
}

/** @returns the inner XML of DAV:lockdiscovery: all locks in whose scope the resource is */
export function lockDiscovery(way: Way, nowMs: number): string {
  return resourcesOn(way)
    .flatMap((resource) =>
      resource.locks
        .filter(({ depth }) => resource === way.self || depth === 'infinity')
        .map((lock) => activeLock(lock, resource, nowMs)),
    )
    .join('');
}

function activeLock(
  { token, scope, depth, owner, expiresAtMs }: DavLock,
  { path, kind }: Resource,
  nowMs: number,
): string {
  const seconds = Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1000));
  return [
    '<D:activelock><D:locktype><D:write/></D:locktype>',
    `<D:lockscope><D:${scope}/></D:lockscope><D:depth>${depth}</D:depth>${owner}`,
    `<D:timeout>Second-${seconds}</D:timeout>`,
    `<D:locktoken><D:href>${xmlText(token)}</D:href></D:locktoken>`,
    `<D:lockroot><D:href>${xmlText(hrefOf(path, kind === 'collection'))}</D:href></D:lockroot>`,
    '</D:activelock>',
  ].join('');
}
