// Decides when the answer to a set may leave: once the log holds the record that the answer vouches for. A coordinator
// may offer a record again because the disk was slower than its patience: that answer waits for the first copy of the
// record in the log, not for everything that was appended since. How the log writes is decided in log.ts.

import {
  printRecordVersion,
  recordChecksum,
  recordKey,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { printVersion } from '../../cluster/model/version.ts';
import { ANSWER_KINDS, type Answer } from '../../cluster/wire/answer-kinds.ts';
import type { Durability } from './durability.ts';

type Acknowledge = () => void;

/** A record that was applied and is not durable yet. */
interface PendingRecord {
  readonly checksum: number;
  /** Replies to later sets that this record answers as `equal` or `superseded`; they wait for it too. */
  readonly replies: Acknowledge[];
}

export class Acknowledgements {
  /** Keyed by version and key; of two records with the same version, the one that was applied last. */
  readonly #goingDown = new Map<string, PendingRecord>();

  /**
   * @param record the record of the set that was answered
   * @param reply called once the log holds what `answer` vouches for, or at once if it vouches for nothing. If it
   *   were called earlier, a crash could leave a store that calls itself clean without an acknowledged record (I14).
   */
  whenDurable(
    durability: Durability,
    record: StoredRecord,
    answer: Answer,
    reply: Acknowledge,
  ): void {
    if (!ANSWER_KINDS[answer.kind].waitsForLog) return reply();
    if (answer.kind === 'applied') return this.#applied(durability, record, reply);
    if (answer.kind === 'superseded') {
      const newer = this.#goingDown.get(nameOf(printVersion(answer.version), record));
      if (newer === undefined) return durability.whenDurable(reply);
      newer.replies.push(reply);
      return;
    }
    const same = this.#goingDown.get(nameOf(printRecordVersion(record), record));
    // A repair may have put another record of this version into the store, later in the log: then wait for all of it.
    if (same?.checksum !== recordChecksum(record)) return durability.whenDurable(reply);
    same.replies.push(reply);
  }

  #applied(durability: Durability, record: StoredRecord, reply: Acknowledge): void {
    let isDown = false;
    let name = '';
    const goingDown: PendingRecord = { checksum: recordChecksum(record), replies: [] };
    durability.whenDurable(() => {
      isDown = true;
      if (this.#goingDown.get(name) === goingDown) this.#goingDown.delete(name);
      reply();
      for (const other of goingDown.replies) other();
    });
    // Without a data directory the callback has run already, and nobody can wait for this record.
    if (isDown) return;
    name = nameOf(printRecordVersion(record), record);
    this.#goingDown.set(name, goingDown);
  }
}

/**
 * @param version printed
 * @param record the record that has the key
 */
function nameOf(version: string, record: StoredRecord): string {
  return `${version} ${recordKey(record).toString('latin1')}`;
}
