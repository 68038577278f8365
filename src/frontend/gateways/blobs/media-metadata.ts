// What ffprobe says of a content, as /HASH/ffmetadata answers it. The probe reads the content through the blob service itself,
// by ranges, so that only the parts that it needs are read.

import { errorReply } from '../../../cluster/http/errors.ts';
import { jsonReply, type WholeReply } from '../../../cluster/http/http.ts';
import type { Address } from '../../../cluster/model/identity.ts';
import type { MediaProbe } from '../../../cluster/ports.ts';
import type { ContentHash } from './dtfc-usage.ts';

/** Each is a process, and reads. */
const PROBES_MAX = 4;

export class MediaMetadata {
  readonly #probe: MediaProbe;
  readonly #address: Address;
  #running = 0;

  /** @param address of the blob service */
  constructor(probe: MediaProbe, address: Address) {
    this.#probe = probe;
    this.#address = address;
  }

  /** @param callback called exactly once */
  of(hash: ContentHash, filename: string, callback: (reply: WholeReply) => void): void {
    if (this.#running >= PROBES_MAX) {
      return callback(errorReply('overloaded', 'too many contents are looked at just now'));
    }
    this.#running++;
    return this.#probe(`http://${this.#address}/${hash}/nopeerload`, (outcome) => {
      this.#running--;
      switch (outcome.kind) {
        case 'told':
          return callback(toldReply(outcome.json, filename));
        case 'not-installed':
          return callback(errorReply('no-ffprobe', 'ffprobe is not installed at this frontend'));
        case 'no-media':
          return callback(errorReply('no-media', 'ffprobe knows nothing of this content'));
        case 'late':
          return callback(errorReply('overloaded', 'ffprobe took too long'));
      }
    });
  }
}

/** In place of the URL by which ffprobe read it, the name is told. */
function toldReply(json: string, filename: string): WholeReply {
  try {
    const told = JSON.parse(json) as { readonly format?: object };
    return jsonReply(200, { ...told, format: { ...told.format, filename } });
  } catch {
    return errorReply('no-media', 'ffprobe said nothing that can be read');
  }
}
