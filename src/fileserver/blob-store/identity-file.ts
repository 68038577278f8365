// The identity of a file server's directory: whose it is, and of which cluster the blobs in it are. It is made once; a
// directory of another cluster must never be collected by the proofs of this one.

import {
  type ClusterId,
  clusterId,
  type NodeId,
  nodeId,
  type StoreId,
  storeId,
} from '../../cluster/model/identity.ts';
import { decodeCheckedJson, encodeCheckedJson } from '../../cluster/wire/checked-json.ts';
import { object, optional } from '../../cluster/wire/shapes.ts';
import { type Provenance, rebuilt } from '../../files/provenance.ts';

/** The format of the directory as a whole. */
const FORMAT = 1;

export interface StoreIdentity extends Provenance {
  readonly node: NodeId;
  readonly store: StoreId;
  /** Undefined until a controller has taken the file server in for the first time; there is no blob until then. */
  readonly cluster: ClusterId | undefined;
}

const storeIdentity = object({
  node: nodeId,
  store: storeId,
  cluster: optional(clusterId),
  rebuilt: optional(rebuilt),
});

export function encodeStoreIdentity(identity: StoreIdentity): Buffer {
  return encodeCheckedJson(FORMAT, identity);
}

/** @returns the identity, or a text that says why the bytes are none */
export function decodeStoreIdentity(bytes: Buffer): StoreIdentity | string {
  return decodeCheckedJson(FORMAT, storeIdentity, bytes);
}
