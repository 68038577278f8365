// Prints the steps of a watch as server-sent events (WHATWG HTML, 9.2). Pure.
//
//   event: set      data: {"key":K,"etag":E,"value":V?,"expiresAt":ms?}
//   event: delete   data: {"key":K,"version":V}
//   event: missed   data: {"scan":"the path of a scan that tells what there is now"}

import { printETag } from '../../../../cluster/model/condition.ts';
import {
  isExpired,
  isTombstone,
  type RecordHead,
  recordExpiresAtMs,
  recordHash,
  recordValue,
  type StoredRecord,
} from '../../../../cluster/model/record.ts';
import { printVersion } from '../../../../cluster/model/version.ts';
import { jsonOfBytes } from '../../../../cluster/wire/key-text.ts';
import type {
  ChangedKey,
  WatchStep,
} from '../../../../coordinator/operations/watch/cluster-watch.ts';

export interface Printing {
  readonly values: boolean;
  readonly prefix: Buffer;
  /** The time of the cluster, by which records expire (H31). */
  readonly wallMs: number;
}

/** A browser that lost its connection comes back after so long, in ms. */
const RETRY_MS = 1000;

/** @param place as `printPlace` has it: the id of all that was told so far */
export function printOpening(place: string, followed: number, wanted: number): string {
  const missing = wanted - followed;
  const warning = missing === 0 ? '' : `; nobody answers for ${missing} of them now`;
  return `: following ${wanted} partitions${warning}\nretry: ${RETRY_MS}\nid: ${place}\n\n`;
}

/** @param place goes with the last event: who comes back with an earlier one is told some events again */
export function printStep(step: WatchStep, place: string, printing: Printing): string {
  const id = `id: ${place}\n`;
  if (step.kind === 'missed') {
    const values = printing.values ? '&values=1' : '';
    const scan = `/v1/scan?prefix=${percentEncoded(printing.prefix)}${values}`;
    return `event: missed\ndata: ${JSON.stringify({ scan })}\n${id}\n`;
  }
  const events = step.changed.map((changed) => printChange(changed, printing));
  return `${events.join('\n')}${id}\n`;
}

/** A change that ends with no live value is a delete, whatever has ended it. */
function printChange({ key, version, head }: ChangedKey, { values, wallMs }: Printing): string {
  const named = `"key":${jsonOfBytes(key)}`;
  const expiresAtMs = head === undefined ? 0 : recordExpiresAtMs(head);
  if (head === undefined || isTombstone(head) || isExpired(head, wallMs)) {
    return `event: delete\ndata: {${named},"version":"${printVersion(version)}"}\n`;
  }
  const etag = JSON.stringify(printETag({ version, hash: recordHash(head) }));
  const value = values ? `,"value":${valueJson(head)}` : '';
  const expiresAt = expiresAtMs === 0 ? '' : `,"expiresAt":${expiresAtMs}`;
  return `event: set\ndata: {${named},"etag":${etag}${value}${expiresAt}}\n`;
}

/** @param head the whole record, as values were asked for */
function valueJson(head: RecordHead): string {
  return jsonOfBytes(recordValue(head as StoredRecord));
}

function percentEncoded(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~:-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
