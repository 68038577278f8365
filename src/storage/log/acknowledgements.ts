// When the answer to a set may go: as soon as the log has what it vouches for. Whoever offers a record again, because
// the disk was slower than its patience, waits for the end of the first time and not for all that was appended since.

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

/** A record that was applied and is not down yet. */
interface GoingDown {
  readonly checksum: number;
  /** Of those who were told since that it is there. */
  readonly replies: Acknowledge[];
}

export class Acknowledgements {
  /** By version and key; of two records of one version the one that came last. */
  readonly #goingDown = new Map<string, GoingDown>();

  /**
   * @param record of the set that was answered
   * @param reply is called at once where nothing is vouched for that a crash could take away: else it would be missing
   *   from a store that calls itself clean (I14)
   */
  whenDown(durability: Durability, record: StoredRecord, answer: Answer, reply: Acknowledge): void {
    if (!ANSWER_KINDS[answer.kind].waitsForLog) return reply();
    if (answer.kind === 'applied') return this.#applied(durability, record, reply);
    if (answer.kind === 'superseded') {
      const newer = this.#goingDown.get(nameOf(printVersion(answer.version), record));
      if (newer === undefined) return durability.whenDown(reply);
      newer.replies.push(reply);
      return;
    }
    const same = this.#goingDown.get(nameOf(printRecordVersion(record), record));
    // Another of this version may have taken its place by a repair, and be behind it in the log.
    if (same?.checksum !== recordChecksum(record)) return durability.whenDown(reply);
    same.replies.push(reply);
  }

  #applied(durability: Durability, record: StoredRecord, reply: Acknowledge): void {
    let isDown = false;
    let name = '';
    const goingDown: GoingDown = { checksum: recordChecksum(record), replies: [] };
    durability.whenDown(() => {
      isDown = true;
      if (this.#goingDown.get(name) === goingDown) this.#goingDown.delete(name);
      reply();
      for (const other of goingDown.replies) other();
    });
    // In memory only it is down at once, and needs no name.
    if (isDown) return;
    name = nameOf(printRecordVersion(record), record);
    this.#goingDown.set(name, goingDown);
  }
}

/** @param version as printed. @param record of the key */
function nameOf(version: string, record: StoredRecord): string {
  return `${version} ${recordKey(record).toString('latin1')}`;
}
