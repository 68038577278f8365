// The text of server-sent events, as a client takes them apart.

import { describe, expect, test } from 'vitest';
import { etagOf, printETag } from '../../../../../src/cluster/model/condition.ts';
import {
  encodeRecord,
  type RecordFields,
  type RecordHead,
  recordHead,
  recordVersion,
} from '../../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../../src/cluster/model/version.ts';
import type { ChangedKey } from '../../../../../src/coordinator/operations/watch/cluster-watch.ts';
import { printOpening, printStep } from '../../../../../src/frontend/gateways/v1/watch/events.ts';

const NOW_MS = 1_800_000_000_000;
const VERSION = 0x0123_4567_89ab_cdefn as Version;

function changed(fields: Partial<RecordFields> = {}, values = true): ChangedKey {
  const key = Buffer.from(fields.key ?? 'a');
  const record = encodeRecord({ key, version: VERSION, value: Buffer.from('v'), ...fields });
  const head: RecordHead = values ? record : recordHead(record);
  return { key, version: recordVersion(record), head };
}

function printed(keys: readonly ChangedKey[], values = true): string {
  const step = { kind: 'changes', changed: keys } as const;
  return printStep(step, 'PLACE', { values, prefix: Buffer.alloc(0), wallMs: NOW_MS });
}

/** As the living standard has it: fields up to an empty line; only an event with data is one. */
function events(text: string) {
  expect(text.endsWith('\n\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((block) => {
      const fields = block.split('\n').map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const;
      });
      expect(new Set(fields.map(([name]) => name)).size).toBe(fields.length);
      const { event, data, id } = Object.fromEntries(fields);
      return { event, data: JSON.parse(data ?? 'null'), id };
    });
}

describe('an event', () => {
  test('of a key that was set has its ETag, and its value where that is wanted', () => {
    const key = changed();
    const etag = printETag(
      etagOf(encodeRecord({ key: Buffer.from('a'), version: VERSION, value: Buffer.from('v') })),
    );
    expect(events(printed([key]))).toEqual([
      { event: 'set', data: { key: 'a', etag, value: 'v' }, id: 'PLACE' },
    ]);
    expect(events(printed([changed({}, false)], false))).toEqual([
      { event: 'set', data: { key: 'a', etag }, id: 'PLACE' },
    ]);
  });

  test('of a key that has no value any more has its version', () => {
    const version = '0123456789abcdef';
    const gone: ChangedKey = { key: Buffer.from('a'), version: VERSION, head: undefined };
    for (const key of [changed({ tombstone: true, value: Buffer.alloc(0) }), gone]) {
      expect(events(printed([key]))).toEqual([
        { event: 'delete', data: { key: 'a', version }, id: 'PLACE' },
      ]);
    }
  });

  test('of a key that expires says when, and is a delete once it has', () => {
    const at = (expiresAtMs: number) => events(printed([changed({ expiresAtMs })]))[0];
    expect(at(NOW_MS + 1)).toMatchObject({ event: 'set', data: { expiresAt: NOW_MS + 1 } });
    expect(at(NOW_MS)).toMatchObject({ event: 'delete', data: { key: 'a' } });
    expect(at(NOW_MS - 1)?.data.value).toBeUndefined();
  });

  test('has bytes that are no text as base64, and no line of its own whatever is in a value', () => {
    const key = Buffer.from('\xff\x00', 'latin1');
    const value = Buffer.from('one\n\ndata: two\r\u2028"\\');
    const [event] = events(printed([changed({ key, value })]));
    expect(event?.data).toMatchObject({ key: { base64: '/wA=' }, value: value.toString() });
    const [binary] = events(printed([changed({ value: Buffer.of(0xff, 10, 10) })]));
    expect(binary?.data).toMatchObject({ value: { base64: '/woK' } });
  });

  test('has the id only if it is the last of its step: the others are told again to who has not read it', () => {
    const keys = ['a', 'b', 'c'].map((key) => changed({ key: Buffer.from(key) }));
    expect(events(printed(keys)).map(({ data, id }) => [data.key, id])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', 'PLACE'],
    ]);
  });

  test('that something is missing says which scan tells what there is', () => {
    const missed = (prefix: string, values = false) =>
      events(
        printStep({ kind: 'missed' }, 'PLACE', {
          values,
          prefix: Buffer.from(prefix, 'latin1'),
          wallMs: NOW_MS,
        }),
      );
    expect(missed('')).toEqual([
      { event: 'missed', data: { scan: '/v1/scan?prefix=' }, id: 'PLACE' },
    ]);
    expect(missed('user:1-a_b.~', true)[0]?.data.scan).toBe(
      '/v1/scan?prefix=user:1-a_b.~&values=1',
    );
    expect(missed('\xff\x00 &+=#%/')[0]?.data.scan).toBe(
      '/v1/scan?prefix=%FF%00%20%26%2B%3D%23%25%2F',
    );
  });
});

describe('the beginning', () => {
  test('has the id of all that was told so far, and is no event', () => {
    const lines = printOpening('PLACE', 16, 16).split('\n');
    expect(lines).toEqual([': following 16 partitions', 'retry: 1000', 'id: PLACE', '', '']);
  });

  test('says how many partitions nobody answers for', () => {
    expect(printOpening('PLACE', 13, 16)).toMatch(/^: following 16 partitions;.* 3 of them/);
  });
});
