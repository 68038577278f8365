// Asks file servers which of some blobs they have: one question to each server for all that concern it.

import type { Address, NodeId } from '../cluster/model/identity.ts';
import type { Runtime } from '../cluster/ports.ts';
import { object, text } from '../cluster/wire/shapes.ts';
import type { BlobId } from './blob-id.ts';
import type { FileTimes } from './file-times.ts';
import type { PlacedServer } from './placement.ts';

const reply = object({
  have: text({ min: 0, max: 4096 }),
  /** The version of the map by which the server places blobs. */
  map: text({ max: 128 }),
});

/** What a server has said of whether it has a blob; `silent` if it said nothing. */
export type HaveAnswer = 'has' | 'lacks' | 'silent';

/** What servers have said of blobs. */
export class HaveAnswers {
  readonly #answers = new Map<string, HaveAnswer>();
  readonly #maps = new Map<NodeId, string>();

  /**
   * Whether the server goes by this map. Two servers with two maps could each take the other one for the one that keeps a
   * copy, and both trim theirs: by one map only one of them does (F5).
   */
  goesBy(server: NodeId, map: string): boolean {
    return this.#maps.get(server) === map;
  }

  heard(server: NodeId, map: string): void {
    this.#maps.set(server, map);
  }

  of(server: NodeId, blob: BlobId): HaveAnswer {
    return this.#answers.get(`${server} ${blob}`) ?? 'silent';
  }

  note(server: NodeId, blob: BlobId, answer: HaveAnswer): void {
    this.#answers.set(`${server} ${blob}`, answer);
  }
}

/** Of so many blobs a file server is asked at once. */
export const ASKED_BLOBS_MAX = 1000;

/**
 * @param asked for each blob the servers that are asked; at most ASKED_BLOBS_MAX blobs
 * @param callback called exactly once, when all have answered or are silent
 */
export function askWhoHas(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  asked: ReadonlyMap<BlobId, readonly PlacedServer[]>,
  callback: (answers: HaveAnswers) => void,
): void {
  const answers = new HaveAnswers();
  const questions = new Map<NodeId, { readonly address: Address; readonly ids: BlobId[] }>();
  for (const [blob, servers] of asked) {
    for (const { id, entry } of servers) {
      const question = questions.get(id) ?? { address: entry.address, ids: [] };
      question.ids.push(blob);
      questions.set(id, question);
    }
  }
  let left = questions.size;
  if (left === 0) return callback(answers);
  for (const [server, { address, ids }] of questions) {
    const call = { address, method: 'POST', path: '/blobs/have', message: { ids } } as const;
    runtime.network.call({ ...call, timeoutMs: times.haveMs }, (outcome) => {
      const told =
        outcome.kind === 'answered' && outcome.status === 200 ? toldBy(outcome.message) : undefined;
      if (told?.bits.length === Math.ceil(ids.length / 8)) {
        const { bits, map } = told;
        answers.heard(server, map);
        for (const [index, blob] of ids.entries()) {
          const isSet = ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
          answers.note(server, blob, isSet ? 'has' : 'lacks');
        }
      }
      left--;
      if (left === 0) callback(answers);
    });
  }
  return undefined;
}

function toldBy(message: unknown): { readonly bits: Buffer; readonly map: string } | undefined {
  try {
    const { have, map } = reply(message);
    return { bits: Buffer.from(have, 'base64'), map };
  } catch {
    return undefined;
  }
}
