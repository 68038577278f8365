// The streams between processes: an HTTP connection that was upgraded, and carries frames (frames.ts) from then on.

export interface StreamProtocol {
  readonly path: string;
  /** Its name in HTTP's Upgrade header; changes when its bytes change incompatibly. */
  readonly name: string;
}

/** Gets, sets and copies, to one life of a storage node (operations.ts). */
export const OPERATION_STREAM: StreamProtocol = {
  path: '/s/operations',
  name: 'velour-operations-3',
};

/** Control messages, to whoever listens at an address (control-table.ts). */
export const CONTROL_STREAM: StreamProtocol = { path: '/control', name: 'velour-control-1' };
