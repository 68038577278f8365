// The operations as gateways use them, by users' keys. This is the one place where a user's key becomes the key under
// which its record is stored (cluster/model/stored-key.ts).

import { storedKey } from '../../cluster/model/stored-key.ts';
import type { ReadCallback, Reader } from './get/round.ts';
import type { WriteCallback, WriteRequest } from './set/decision.ts';
import type { Writer } from './set/writer.ts';

export class UserReader {
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** @param callback as in Reader.get; the key in its record is the stored one */
  get(key: Buffer, callback: ReadCallback): void {
    this.#reader.get(storedKey(key), callback);
  }
}

export class UserWriter {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** @param request with the user's key; the others as in Writer.set */
  set(request: WriteRequest, callback: WriteCallback, arrivedMs?: number): void {
    const key = storedKey(request.key);
    const stored = key === request.key ? request : { ...request, key };
    this.#writer.set(stored, callback, arrivedMs);
  }
}
