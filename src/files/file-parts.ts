// What the operations of the file layer work with: the operations on records, and what is known of the file servers.

import type { Runtime } from '../cluster/ports.ts';
import type { ConditionalWriter } from '../coordinator/operations/conditional/round.ts';
import type { LinearizableReader } from '../coordinator/operations/get/linearizable.ts';
import type { Reader } from '../coordinator/operations/get/round.ts';
import type { PageReader } from '../coordinator/operations/scan/page.ts';
import type { Writer } from '../coordinator/operations/set/writer.ts';
import type { Router } from '../coordinator/router.ts';
import type { ReplicationClasses } from './classes.ts';
import type { FileServerWatch } from './file-server-watch.ts';
import type { FileTimes } from './file-times.ts';

/** Of stored keys, which those of files are. */
export interface FileOperations {
  readonly reader: Pick<Reader, 'get'>;
  /** For what is said to be stored though nobody was acknowledged: a read may find what only some members have (H21). */
  readonly linearizable: Pick<LinearizableReader, 'get'>;
  readonly pages: Pick<PageReader, 'page'>;
  readonly writer: Pick<Writer, 'set'>;
  readonly conditional: Pick<ConditionalWriter, 'write'>;
}

export interface FileParts extends FileOperations {
  readonly runtime: Runtime;
  readonly router: Pick<Router, 'map'>;
  readonly classes: ReplicationClasses;
  readonly watch: FileServerWatch;
  readonly times: FileTimes;
}
