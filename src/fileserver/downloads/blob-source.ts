// Opens blobs of this file server for whoever asks: by their ids, or with a ticket. What is wrong with a block is counted, logged and
// acted upon here, whoever reads it.

import type { FilesFailure } from '../../cluster/files.ts';
import type { ByteStream } from '../../cluster/http/byte-stream.ts';
import type { Counter } from '../../cluster/http/metrics.ts';
import type { Logger } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { ByteRange } from '../../files/outcomes.ts';
import type { BlobServer } from '../blob-server.ts';
import type { OpenBlob } from '../blob-store/blob-files.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { BlobReading } from './blob-reading.ts';
import { BlockBuffers } from './block-buffers.ts';

export interface ReadCounters {
  readonly sentBytes: Counter;
  readonly wrongBlocks: Counter;
}

/** A blob that was found: either it is read, or closed. */
export interface FoundBlob {
  readonly kind: 'open';
  readonly meta: BlobMeta;
  /** @param over called once, when nothing is read any more */
  read(range: ByteRange | undefined, over: () => void): ByteStream;
  close(): void;
}

export type SourceOutcome = FoundBlob | FilesFailure | { readonly kind: 'absent' };

export class BlobSource {
  readonly #server: BlobServer;
  readonly #counters: ReadCounters;
  readonly #logger: Logger;
  readonly #buffers = new BlockBuffers();

  constructor(server: BlobServer, counters: ReadCounters, logger: Logger) {
    this.#server = server;
    this.#counters = counters;
    this.#logger = logger;
  }

  /** @param callback called exactly once */
  find(store: BlobStore, id: BlobId, callback: (outcome: SourceOutcome) => void): void {
    store.files.open(id, (outcome) => {
      if (outcome.kind !== 'open') return callback(outcome);
      return callback({
        kind: 'open',
        meta: outcome.meta,
        read: (range, over) => this.#read(store, outcome, range, over),
        close: () => outcome.file.close(),
      });
    });
  }

  #read(
    store: BlobStore,
    { meta, file, isTrash }: OpenBlob,
    range: ByteRange | undefined,
    over: () => void,
  ): ByteStream {
    const { id } = meta;
    if (isTrash) {
      this.#logger.write('warn', 'a blob is asked for that is in the trash', { blob: id });
      this.#server.check(id);
    }
    const memory = { buffers: this.#buffers, blocksAhead: this.#server.blocksAhead };
    return new BlobReading({ content: meta, file }, range, memory, {
      sent: (bytes) => this.#counters.sentBytes.add(bytes),
      spoiled: (block, failure) => {
        this.#counters.wrongBlocks.add();
        const detail = failure?.detail ?? 'its checksum is wrong';
        this.#logger.write('error', 'a block of a blob is wrong', { blob: id, block, detail });
        if (failure !== undefined) store.health.failed(failure, 'reading a blob');
        // Too few open files, or too little memory, say nothing of the blob.
        if (failure?.fault !== 'shortage') store.spoil(id, meta);
      },
      over,
    });
  }
}
