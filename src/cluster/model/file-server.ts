// File servers as the map has them (FILES.md, section 2): where each one is reached, which directory it has, and how
// much is placed on it. Whether one is up, and what room it has, is not in the map: whoever needs that asks it.

import { dictionary, Misshapen, object, oneOf, type Shape } from '../wire/shapes.ts';
import {
  type Address,
  address,
  type ClusterId,
  type NodeId,
  type StoreId,
  storeId,
} from './identity.ts';
import { FILE_SERVER_WEIGHT_MAX, FILE_SERVERS_MAX } from './limits.ts';

/** A draining file server gets no new blobs, and serves what it has until others have it too. */
export type FileServerState = 'in' | 'draining';

export interface FileServerEntry {
  readonly address: Address;
  /** The id of its directory: what it holds goes with that, not with the address. */
  readonly store: StoreId;
  /** Copies of a blob go to distinct hosts first. */
  readonly host: string;
  /** Its share of the blobs, in proportion to the weights of the others. */
  readonly weight: number;
  readonly state: FileServerState;
}

export type FileServers = Readonly<Record<string, FileServerEntry>>;

/** Letters, digits and what stands in names and addresses of hosts, IPv6 among them. */
export const fileServerHost: Shape<string> = (value) => {
  if (typeof value !== 'string' || !/^[A-Za-z0-9._:-]{1,255}$/.test(value)) {
    throw new Misshapen('is not a host name of 1 to 255 characters');
  }
  return value;
};

export const fileServerWeight: Shape<number> = (value) => {
  if (typeof value !== 'number' || !(value > 0 && value <= FILE_SERVER_WEIGHT_MAX)) {
    throw new Misshapen(`is not a number above 0 and up to ${FILE_SERVER_WEIGHT_MAX}`);
  }
  return value;
};

export const fileServers: Shape<FileServers> = dictionary(
  object({
    address,
    store: storeId,
    host: fileServerHost,
    weight: fileServerWeight,
    state: oneOf('in', 'draining'),
  }),
  { max: FILE_SERVERS_MAX },
);

export function fileServerEntry(
  { fileServers }: { readonly fileServers?: FileServers | undefined },
  id: NodeId,
): FileServerEntry | undefined {
  return fileServers !== undefined && Object.hasOwn(fileServers, id) ? fileServers[id] : undefined;
}

/** Why a file server is refused whose directory holds blobs of another cluster: whoever finds that out says the same. */
export function whyForeign(own: ClusterId, cluster: ClusterId): string {
  return `this is cluster ${cluster}, and the data directory holds blobs of cluster ${own}: start the file server with the controller of that one, or with an empty --data-dir. If its records are lost, --adopt takes the blobs over into this cluster`;
}
