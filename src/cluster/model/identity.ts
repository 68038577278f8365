// Ids, incarnations, addresses and epochs. An address says where a node is reached, never which node it is; an
// incarnation is one run of one node, from registration to its end, and is used once for all time (H6, I10).

import { branded, integer, Misshapen, type Shape, text } from '../wire/shapes.ts';

export type ClusterId = string & { readonly brand: 'ClusterId' };
export type NodeId = string & { readonly brand: 'NodeId' };
/** host:port, with the host as other nodes reach it. */
export type Address = string & { readonly brand: 'Address' };
/** Start time in milliseconds since 1970, and above every earlier incarnation of the same node. */
export type Incarnation = number & { readonly brand: 'Incarnation' };
/** Configuration number of one partition; rises by one with every change of its members. */
export type Epoch = number & { readonly brand: 'Epoch' };
/** The id of a data directory, or of one incarnation of a node without one. */
export type StoreId = string & { readonly brand: 'StoreId' };

export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
/** Fifteen digits. A start of a controller opens the Unix time in seconds, below 2e9 until 2033, or the next number. */
export const GENERATION_MAX = 10 ** 15 - 1;
/** An operation carries an epoch in six bytes, the most that writeUIntBE and readUIntBE take. */
export const EPOCH_MAX = 2 ** 48 - 1;

export const clusterId = branded<ClusterId>(text({ max: 64 }));
export const nodeId = branded<NodeId>(text({ max: 256 }));
export const storeId = branded<StoreId>(text({ max: 64 }));
export const incarnation = branded<Incarnation>(integer({ min: 1, max: INTEGER_MAX }));
export const epoch = branded<Epoch>(integer({ min: 1, max: EPOCH_MAX }));

/** A random text drawn by one start of a controller (H32); it needs no escaping in a URL. */
export const nonce: Shape<string> = (value) => {
  if (typeof value !== 'string' || !/^[0-9A-Za-z]{1,64}$/.test(value)) {
    throw new Misshapen('is not a nonce, 1 to 64 letters and digits');
  }
  return value;
};

export const address: Shape<Address> = (value) => {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined;
  if (parsed === undefined) throw new Misshapen('is not host:port');
  return value as Address;
};

export const PORT_MAX = 65_535;

/** @returns undefined unless `text` is host:port or [v6]:port with a port from 1 to 65535. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([1-9]\d{0,4})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port < 1 || port > PORT_MAX) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

/**
 * @param host a name or an address, IPv6 without brackets
 * @returns the form that also stands in a URL: IPv6 gets its brackets
 */
export function formatAddress(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function hostOf(address: Address): string {
  return parseAddress(address)?.host ?? address;
}
