// The protocols of the streams between processes: an upgraded HTTP connection that from then on carries frames
// (frames.ts).

export interface StreamProtocol {
  readonly path: string;
  /** The protocol's name in HTTP's Upgrade header; it changes with every incompatible change of the bytes. */
  readonly name: string;
}

/** Gets, sets and copies, to one incarnation of a storage node (operations.ts). */
export const OPERATION_STREAM: StreamProtocol = {
  path: '/s/operations',
  name: 'velour-operations-3',
};

/** What keys of a storage node's incarnation change (follow-messages.ts). */
export const CHANGES_STREAM: StreamProtocol = { path: '/s/changes', name: 'velour-changes-1' };

/** Control messages, to any process that listens at the address (control-table.ts). */
export const CONTROL_STREAM: StreamProtocol = { path: '/control', name: 'velour-control-1' };
