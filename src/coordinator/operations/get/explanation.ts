// Makes of the notes of a read what people and programs are told: a document that says which members there are, what
// each of them answered, which answer decided, and what was repaired. Pure.

import { unreachable } from '../../../cluster/assert.ts';
import { ERRORS, type ErrorCode } from '../../../cluster/http/errors.ts';
import {
  type ClusterMap,
  type Member,
  type MemberRole,
  nodeEntry,
  printMapVersion,
} from '../../../cluster/model/cluster-map.ts';
import { etagOf, printETag } from '../../../cluster/model/condition.ts';
import {
  compareRecords,
  isExpired,
  isTombstone,
  printRecordVersion,
  recordExpiresAtMs,
  recordValueBytes,
  type StoredRecord,
} from '../../../cluster/model/record.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import { type BytesText, textOfBytes } from '../../../cluster/wire/key-text.ts';
import { holdsSame } from '../settling.ts';
import type { ReadNotes, TimedAnswer } from './explained.ts';
import type { ReadOutcome } from './round.ts';

/** What is known of a record without its value. */
export interface ExplainedRecord {
  /** 16 hex digits. */
  readonly version: string;
  readonly etag: string;
  /** Bytes of the value. */
  readonly size: number;
  /** Milliseconds since 1970; absent where the value stays. */
  readonly expiresAt?: number;
}

/** What a member holds of the key: a record, or nothing; or, as docs/protocol.md calls it, why it did not say. */
export type HeldKind =
  | 'value'
  | 'deleted'
  | 'expired'
  | 'nothing'
  | Exclude<MemberAnswer['kind'], 'held' | 'absent'>;

export interface ExplainedMember extends Partial<ExplainedRecord> {
  readonly node: string;
  /** HOST:PORT; absent where the map no longer has this incarnation of the node. */
  readonly address?: string;
  readonly role: MemberRole;
  /** What the map says of the node: only a serving member that is `present` or `draining` may answer gets. */
  readonly state: 'present' | 'fenced' | 'draining' | 'gone';
  readonly answer: HeldKind;
  /** Why it did not say what it holds. */
  readonly why?: string;
  /** From the question to the answer, in milliseconds. */
  readonly ms: number;
  /** Its answer to the newest record, where it had another one or none. */
  readonly repair?: MemberAnswer['kind'];
}

/** How a read came to its answer; of several rounds the last one. */
export interface Explanation {
  readonly key: BytesText;
  /** The HTTP status of the read. */
  readonly status: number;
  readonly answer: 'value' | 'absent' | 'failed';
  /** The code of a read that failed, and what it says. */
  readonly error?: ErrorCode;
  readonly detail?: string;
  /** Of what the read is answered with; as `X-Fog-Version`. Absent where it failed. */
  readonly version?: string;
  /** These three are absent where there is no map. */
  readonly partition?: number;
  readonly epoch?: number;
  /** `generation.number` */
  readonly map?: string;
  /** Whether a recovery waits for a member that may know more, so that nobody may answer. */
  readonly frozen?: true;
  /** The members whose answer is that of the read. */
  readonly decidedBy: readonly string[];
  /** The members that had something older or nothing, and were brought the newest record. */
  readonly repaired: readonly string[];
  /** The nodes that did not say what they hold, in the rounds before the last one. */
  readonly delayedBy: readonly Pick<ExplainedMember, 'node' | 'answer' | 'why'>[];
  /** How often all members were asked. */
  readonly rounds: number;
  /** The whole read, in milliseconds. */
  readonly ms: number;
  /** In the order of the map. */
  readonly members: readonly ExplainedMember[];
}

/**
 * @param key the user's
 * @param wallMs the time of the cluster, by which records expire
 */
export function explanationOf(key: Buffer, notes: ReadNotes, wallMs: number): Explanation {
  const { outcome, map, place, held, repaired, delays, rounds, ms } = notes;
  const members = place?.entry.members ?? [];
  return {
    key: textOfBytes(key),
    ...told(outcome),
    ...(place === undefined ? {} : { partition: place.partition, epoch: place.entry.epoch }),
    ...(map === undefined ? {} : { map: printMapVersion(map.version) }),
    ...(place?.entry.frozen === true ? { frozen: true } : {}),
    decidedBy: members.filter((_, index) => decides(held, index, outcome)).map(({ node }) => node),
    repaired: [...repaired].filter(([, { kind }]) => kind === 'applied').map(([node]) => node),
    delayedBy: [...delays].map(([node, answer]) => ({ node, ...heldBy(answer, wallMs) })),
    rounds,
    ms: rounded(ms),
    members: members.flatMap((member, index): ExplainedMember[] => {
      const [answered, repair] = [held[index], repaired.get(member.node)];
      if (answered === undefined) return [];
      return [
        {
          node: member.node,
          ...addressOf(map, member),
          role: member.role,
          state: stateOf(map, member),
          ...heldBy(answered.answer, wallMs),
          ms: rounded(answered.ms),
          ...(repair === undefined ? {} : { repair: repair.kind }),
        },
      ];
    }),
  };
}

function told(
  outcome: ReadOutcome,
): Pick<Explanation, 'status' | 'answer' | 'error' | 'detail' | 'version'> {
  switch (outcome.kind) {
    case 'value':
      return { status: 200, answer: 'value', version: printRecordVersion(outcome.record) };
    case 'absent':
      return { status: 404, answer: 'absent', version: printVersion(outcome.version) };
    case 'failed': {
      const { code, detail } = outcome;
      return { status: ERRORS[code].status, answer: 'failed', error: code, detail };
    }
  }
}

/** Whether the member held what the read is answered with: the greatest record that any of them held, or nothing. */
function decides(
  held: readonly (TimedAnswer | undefined)[],
  index: number,
  outcome: ReadOutcome,
): boolean {
  if (outcome.kind === 'failed') return false;
  const newest = newestOf(held);
  const answer = held[index]?.answer;
  if (newest === undefined) return answer?.kind === 'absent';
  return answer !== undefined && holdsSame(answer, newest);
}

function newestOf(held: readonly (TimedAnswer | undefined)[]): StoredRecord | undefined {
  let newest: StoredRecord | undefined;
  for (const timed of held) {
    if (timed?.answer.kind !== 'held') continue;
    const { record } = timed.answer;
    if (newest === undefined || compareRecords(record, newest) > 0) newest = record;
  }
  return newest;
}

function addressOf(map: ClusterMap | undefined, member: Member): { readonly address?: string } {
  const entry = map && nodeEntry(map, member.node);
  return entry?.incarnation === member.incarnation ? { address: entry.address } : {};
}

function stateOf(map: ClusterMap | undefined, member: Member): ExplainedMember['state'] {
  const entry = map && nodeEntry(map, member.node);
  if (entry?.incarnation !== member.incarnation) return 'gone';
  if (entry.fenced) return 'fenced';
  return entry.draining ? 'draining' : 'present';
}

type Held = Pick<ExplainedMember, 'answer' | 'why'> & Partial<ExplainedRecord>;

function heldBy(answer: MemberAnswer, wallMs: number): Held {
  switch (answer.kind) {
    case 'held': {
      const { record } = answer;
      const isOver = isExpired(record, wallMs) ? 'expired' : 'value';
      return { answer: isTombstone(record) ? 'deleted' : isOver, ...recordIn(record) };
    }
    case 'absent':
      // The floor: a delete of the key that was forgotten had no higher version.
      return { answer: 'nothing', version: printVersion(answer.version) };
    case 'unreachable':
      return { answer: answer.kind, why: `it could not be reached: ${answer.detail}` };
    case 'unanswered':
      return { answer: answer.kind, why: `it gave no answer: ${answer.detail}` };
    case 'overloaded':
      return { answer: answer.kind, why: 'it was not asked, for too much waits for it' };
    case 'not-serving':
      return {
        answer: answer.kind,
        why: 'it may not answer: it is no member by its own map, or its lease has run out',
      };
    case 'stale':
      return { answer: answer.kind, why: 'its map is newer than the one that the read went by' };
    case 'behind':
      return { answer: answer.kind, why: 'its map is older than the one that the read went by' };
    case 'refused':
      return { answer: answer.kind, why: `it refused: ${answer.reason}` };
    // Answers to other operations.
    case 'found':
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'records':
    case 'heads':
    case 'time':
    case 'many':
    case 'judged':
    case 'unmet':
    case 'unsettled':
      return { answer: answer.kind, why: 'it did not understand the question' };
    default:
      return unreachable(answer);
  }
}

function recordIn(record: StoredRecord): ExplainedRecord {
  const expiresAtMs = recordExpiresAtMs(record);
  return {
    version: printRecordVersion(record),
    etag: printETag(etagOf(record)),
    size: recordValueBytes(record),
    ...(expiresAtMs === 0 ? {} : { expiresAt: expiresAtMs }),
  };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
