// What both clients promise: one suite, run on the one over HTTP and on the direct one, against a real cluster.

import { beforeAll, describe, expect, test } from 'vitest';
import {
  AbortedError,
  ConditionFailedError,
  type ScannedEntry,
  type ScanOptions,
  type Velour,
  VelourError,
  type WatchEvent,
} from '../../src/client/index.ts';

export interface ClientsUnderTest {
  /** The client of the suite, to a cluster that serves. */
  open(): Promise<Velour>;
  /** One of the other kind, to the same cluster: what one stores, the other reads. */
  openOther(): Promise<Velour>;
}

const TTL_MS_MAX = 315_360_000_000;
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);
const UNKNOWN_KEY = Uint8Array.of(0xff, 0);
const ODD_KEYS: readonly (string | Uint8Array)[] = [
  'a/b/c',
  '/',
  '//a//',
  '.',
  '..',
  'a/../b',
  '100%',
  '%2F',
  '?key=a&b#c',
  'a b+c',
  'incr',
  'a/incr',
  'schlüssel/鍵/🔑',
  '"quoted"\n\r\t\0',
  ALL_BYTES,
  Uint8Array.of(0xff, 0xfe),
  'x'.repeat(1024),
];

function shownOf(key: string | Uint8Array): string {
  const text = typeof key === 'string' ? JSON.stringify(key) : `of ${key.length} bytes, no UTF-8`;
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

export function clientContract({ open, openOther }: ClientsUnderTest): void {
  let client: Velour;
  let other: Velour;
  beforeAll(async () => {
    client = await open();
    other = await openOther();
    return async () => {
      await client.close();
      await other.close();
    };
  });

  const failure = (call: Promise<unknown>): Promise<VelourError> =>
    call.then(
      () => {
        throw new Error('it did not fail');
      },
      (error: VelourError) => error,
    );

  describe('keys and values', () => {
    test('strings and bytes come back as bytes, and as text', async () => {
      await client.set('text', 'grün');
      expect(await client.get('text')).toEqual(new Uint8Array(Buffer.from('grün')));
      expect(await client.getText('text')).toBe('grün');
      await client.set('bytes', ALL_BYTES);
      expect(await client.get('bytes')).toEqual(ALL_BYTES);
      await client.set('long', Buffer.alloc(300_000, 7));
      expect(await client.get('long')).toEqual(new Uint8Array(300_000).fill(7));
    });

    test('the empty value is a value', async () => {
      await client.set('empty', '');
      expect(await client.get('empty')).toEqual(new Uint8Array());
      expect(await client.getText('empty')).toBe('');
    });

    test('what is absent is undefined, in whatever form', async () => {
      expect(await client.get('nobody')).toBeUndefined();
      expect(await client.getText('nobody')).toBeUndefined();
      expect(await client.entry('nobody')).toBeUndefined();
      expect(await client.get('nobody', { linearizable: true })).toBeUndefined();
    });

    test.each(ODD_KEYS.map((key) => ({ key, shown: shownOf(key) })))(
      'the key $shown is one of its own',
      async ({ key }) => {
        await client.set(key, 'odd');
        expect(await client.getText(key)).toBe('odd');
        expect(await other.getText(key)).toBe('odd');
        const counter = Buffer.concat([Buffer.from('n'), Buffer.from(key)]).subarray(0, 1024);
        await client.delete(counter);
        expect(await client.incr(counter)).toBe(1);
        await client.delete(key);
        expect(await client.get(key)).toBeUndefined();
      },
    );

    test('a string is its bytes in UTF-8', async () => {
      await client.set('ü', 'same');
      expect(await client.getText(Buffer.from('ü'))).toBe('same');
    });

    test('what the caller does with his bytes afterwards changes nothing', async () => {
      const [key, value] = [Buffer.from('his key'), Buffer.from('his value')];
      const stored = client.set(key, value);
      key.fill(0);
      value.fill(0);
      await stored;
      expect(await client.getText('his key')).toBe('his value');
    });
  });

  describe('what is known of a value', () => {
    test('etag, version, content type and expiry', async () => {
      const contentType = 'text/html; charset=utf-8';
      const written = await client.set('entry', '<p>', { contentType, ttl: 1000 });
      expect(written.version).toMatch(/^[0-9a-f]{16}$/);
      expect(written.etag).toMatch(new RegExp(`^"${written.version}-[0-9a-f]{8}"$`));
      const entry = await client.entry('entry');
      const { etag, version } = written;
      expect(entry).toMatchObject({ etag, version, contentType });
      expect(Buffer.from(entry?.value ?? []).toString()).toBe('<p>');
      // Far from a day, whatever the clocks: the bound only tells milliseconds from seconds.
      const leftMs = (entry?.expiresAtMs ?? 0) - Date.now();
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThan(86_400_000);
      expect(await other.entry('entry')).toMatchObject({ etag, version, contentType });
    });

    test('without content type and ttl', async () => {
      await client.set('plain', 'x');
      expect(await client.entry('plain')).toMatchObject({
        contentType: 'application/octet-stream',
        expiresAtMs: undefined,
      });
    });

    test('versions rise', async () => {
      const versions: string[] = [];
      for (let index = 0; index < 10; index++) {
        versions.push((await client.set('rising', `${index}`)).version);
      }
      versions.push((await client.delete('rising')).version);
      expect(versions).toEqual([...versions].sort());
    });

    test('a ttl ends', async () => {
      await client.set('short', 'x', { ttl: 1 });
      await expect.poll(() => client.get('short')).toBeUndefined();
      expect(await other.get('short')).toBeUndefined();
      await client.set('for ten years', 'x', { ttl: TTL_MS_MAX / 1000 });
      expect(await client.getText('for ten years')).toBe('x');
    });
  });

  describe('a read that demands a version', () => {
    test('finds what a write of either client has returned, or a newer delete', async () => {
      const { version } = await other.set('demanded', '1');
      const options = { minVersion: version };
      expect(await client.getText('demanded', options)).toBe('1');
      expect(await client.get('demanded', options)).toEqual(new Uint8Array(Buffer.from('1')));
      expect(await client.entry('demanded', options)).toMatchObject({ version });
      expect(await client.getText('demanded', { ...options, linearizable: true })).toBe('1');
      const deleted = await client.delete('demanded');
      for (const minVersion of [version, deleted.version]) {
        expect(await other.get('demanded', { minVersion })).toBeUndefined();
      }
    });

    test('is refused one that nobody has', async () => {
      await client.set('demanded', '1');
      const minVersion = 'ffff000000000000';
      const refused = { code: 'older-version', status: 503, retryable: true };
      const [error, [result]] = await Promise.all([
        failure(client.get('demanded', { minVersion })),
        client.getMany(['demanded'], { minVersion }),
      ]);
      expect(error).toMatchObject(refused);
      expect(result).toMatchObject({ ok: false, error: refused });
    });

    test.each(['', '1', 'FFFF000000000000', '"0196c6f1f2c40000-1c291ca3"'])(
      'takes no %o for a version',
      async (minVersion) => {
        for (const call of [
          client.get('a', { minVersion }),
          client.entry('a', { minVersion }),
          client.explain('a', { minVersion }),
        ]) {
          expect(await failure(call)).toMatchObject({ code: 'bad-parameter' });
        }
      },
    );
  });

  describe('an explanation', () => {
    test('names the members, and what each has', async () => {
      const { version, etag } = await client.set('explained', 'four');
      const explanation = await client.explain('explained');
      expect(explanation).toMatchObject({
        key: 'explained',
        status: 200,
        answer: 'value',
        version,
        repaired: [],
      });
      expect(explanation.members.length).toBeGreaterThan(1);
      for (const member of explanation.members) {
        expect(member).toMatchObject({ role: 'serving', answer: 'value', version, etag, size: 4 });
      }
      expect(explanation.decidedBy).toEqual(explanation.members.map(({ node }) => node));
      const { partition, epoch, members } = await other.explain('explained');
      expect([partition, epoch]).toEqual([explanation.partition, explanation.epoch]);
      const who = (all: typeof members) => all.map(({ node, address }) => [node, address]);
      expect(who(members)).toEqual(who(explanation.members));
    });

    test('of what was deleted, and of what never was', async () => {
      await client.set(UNKNOWN_KEY, '1', { ttl: 1000 });
      const { version } = await client.delete(UNKNOWN_KEY);
      const deleted = await client.explain(UNKNOWN_KEY, { minVersion: version });
      expect(deleted).toMatchObject({
        key: { base64: '/wA=' },
        status: 404,
        answer: 'absent',
        version,
        members: [{ answer: 'deleted' }, { answer: 'deleted' }, { answer: 'deleted' }],
      });
      const never = await client.explain('explained by nobody');
      expect(never).toMatchObject({ status: 404, answer: 'absent' });
      expect(new Set(never.members.map(({ answer }) => answer))).toEqual(new Set(['nothing']));
    });
  });

  describe('conditions', () => {
    test('ifNoneMatch * creates, once', async () => {
      await client.delete('created');
      const first = await client.set('created', 'mine', { ifNoneMatch: '*' });
      expect(first.created).toBe(true);
      const error = await failure(client.set('created', 'yours', { ifNoneMatch: '*' }));
      expect(error).toBeInstanceOf(ConditionFailedError);
      expect(error).toMatchObject({
        code: 'condition-failed',
        status: 412,
        retryable: false,
        etag: first.etag,
      });
      expect(await client.getText('created')).toBe('mine');
    });

    test('a set says whether the key is new', async () => {
      await client.delete('new');
      expect((await client.set('new', '1')).created).toBe(true);
      expect((await client.set('new', '2')).created).toBe(false);
    });

    test('ifMatch changes what was read, and nothing else', async () => {
      const { etag } = await client.set('read', '1');
      const { etag: next, created } = await client.set('read', '2', { ifMatch: etag });
      expect(created).toBe(false);
      const error = await failure(client.set('read', '3', { ifMatch: etag }));
      expect(error).toMatchObject({ code: 'condition-failed', etag: next });
      await client.set('read', '3', { ifMatch: ['"another-server"', next] });
      expect(await client.getText('read', { linearizable: true })).toBe('3');
    });

    test('ifMatch of what is gone finds no etag', async () => {
      const { etag } = await client.set('gone', '1');
      await client.delete('gone');
      for (const call of [
        () => client.set('gone', '2', { ifMatch: '*' }),
        () => client.set('gone', '2', { ifMatch: etag }),
        () => client.delete('gone', { ifMatch: etag }),
      ]) {
        const error = await failure(call());
        expect(error).toBeInstanceOf(ConditionFailedError);
        expect(error).toMatchObject({ code: 'condition-failed', status: 412, etag: undefined });
      }
    });

    test('a delete under a condition', async () => {
      const { etag } = await client.set('deleted', '1');
      const { etag: next } = await client.set('deleted', '2');
      expect(await failure(client.delete('deleted', { ifMatch: etag }))).toMatchObject({
        code: 'condition-failed',
        etag: next,
      });
      expect(await client.getText('deleted')).toBe('2');
      await client.delete('deleted', { ifMatch: next });
      expect(await client.get('deleted')).toBeUndefined();
    });
  });

  describe('incr, append, getset', () => {
    test('the increments of eight callers sum up, of both clients', async () => {
      await client.delete('counter');
      const sums = await Promise.all(
        Array.from({ length: 8 }, async (_, caller) => {
          const results: number[] = [];
          for (let count = 0; count < 10; count++) {
            results.push(await (caller % 2 === 0 ? client : other).incr('counter'));
          }
          return results;
        }),
      );
      expect(sums.flat().sort((a, b) => a - b)).toEqual(
        Array.from({ length: 80 }, (_, index) => index + 1),
      );
      expect(await client.getText('counter')).toBe('80');
      expect(await client.incr('counter', -100)).toBe(-20);
      expect(await client.incr('counter', 0)).toBe(-20);
    });

    test('what is no number, and what would be beyond one', async () => {
      await client.set('word', 'seven');
      expect(await failure(client.incr('word'))).toMatchObject({
        code: 'not-a-number',
        status: 409,
        retryable: false,
      });
      await client.set('most', String(Number.MAX_SAFE_INTEGER));
      expect(await failure(client.incr('most'))).toMatchObject({ code: 'overflow', status: 409 });
    });

    test('append returns the whole, and its etag', async () => {
      await client.delete('log');
      await client.append('log', 'one,');
      const { value, etag } = await client.append('log', 'two');
      expect(Buffer.from(value).toString()).toBe('one,two');
      expect((await client.entry('log'))?.etag).toBe(etag);
    });

    test('getset returns what was there', async () => {
      await client.delete('colour');
      expect(await client.getset('colour', 'red')).toBeUndefined();
      const before = await client.getset('colour', 'blue', { contentType: 'text/plain' });
      expect(Buffer.from(before ?? []).toString()).toBe('red');
      expect(await client.entry('colour')).toMatchObject({ contentType: 'text/plain' });
    });

    test('they take conditions', async () => {
      const { etag } = await client.set('conditional', '1');
      expect(await client.incr('conditional', 1, { ifMatch: etag })).toBe(2);
      const again = client.incr('conditional', 1, { ifMatch: etag });
      expect(await failure(again)).toMatchObject({ code: 'condition-failed' });
      const append = client.append('conditional', '0', { ifNoneMatch: '*' });
      expect(await failure(append)).toMatchObject({ code: 'condition-failed' });
      const getset = client.getset('conditional', '0', { ifMatch: etag });
      expect(await failure(getset)).toMatchObject({ code: 'condition-failed' });
      expect(await client.getText('conditional')).toBe('2');
    });
  });

  describe('many keys', () => {
    const keys = Array.from({ length: 150 }, (_, index) => `many/${index}`);

    test('are set, read and deleted, in order', async () => {
      const set = await client.setMany(keys.map((key, index) => ({ key, value: `${index}` })));
      expect(set.map(({ key, ok }) => [key, ok])).toEqual(keys.map((key) => [key, true]));
      const got = await client.getMany([...keys, 'many/none', UNKNOWN_KEY]);
      const texts = got.map((result) =>
        result.ok && result.value !== undefined ? Buffer.from(result.value).toString() : undefined,
      );
      expect(texts).toEqual([...keys.map((_, index) => `${index}`), undefined, undefined]);
      expect(got.every(({ ok }) => ok)).toBe(true);
      expect(got.at(-1)?.key).toBe(UNKNOWN_KEY);
      for (const result of await client.deleteMany(keys)) expect(result.ok).toBe(true);
      for (const result of await client.getMany(keys)) {
        expect(result).toMatchObject({ ok: true, value: undefined });
      }
    });

    test('one that is wrong concerns no other', async () => {
      const results = await client.setMany([
        { key: 'right', value: ALL_BYTES },
        { key: '', value: 'x' },
        { key: 'wrong ttl', value: 'x', ttl: 0 },
        { key: 'with ttl', value: '', ttl: 1000 },
      ]);
      expect(results.map((result) => (result.ok ? result.key : result.error.code))).toEqual([
        'right',
        'empty-key',
        'bad-ttl',
        'with ttl',
      ]);
      const [right, ttl] = await client.getMany(['right', 'with ttl'], { linearizable: true });
      expect(right).toMatchObject({ ok: true, value: ALL_BYTES });
      expect(ttl).toMatchObject({ ok: true, value: new Uint8Array() });
      expect((await client.entry('with ttl'))?.expiresAtMs).toBeDefined();
    });

    test('none are none', async () => {
      expect(await client.getMany([])).toEqual([]);
      expect(await client.setMany([])).toEqual([]);
      expect(await client.deleteMany([])).toEqual([]);
    });
  });

  describe('watch and waitFor', () => {
    /** Takes events up to the one that ends it, which is the last one of the list. */
    const eventsUntil = async (
      watch: AsyncIterable<WatchEvent>,
      isLast: (event: WatchEvent) => boolean,
    ): Promise<WatchEvent[]> => {
      const events: WatchEvent[] = [];
      for await (const event of watch) {
        events.push(event);
        if (isLast(event)) return events;
      }
      throw new Error('the watch ended by itself');
    };
    const ofKey = (key: string) => (event: WatchEvent) =>
      'key' in event && Buffer.from(event.key).toString() === key;
    const textOf = (event: WatchEvent) =>
      'key' in event ? `${event.kind} ${Buffer.from(event.key)}` : event.kind;

    test('tells what is set and deleted from then on, by whomever', async () => {
      await client.set('watch/before', 'x');
      const watch = client.watch({ prefix: 'watch/', values: true });
      const seen: WatchEvent[] = [];
      let stored = { etag: '', version: '' };
      for await (const event of watch) {
        seen.push(event);
        if (event.kind === 'begun') {
          stored = await other.set('watch/a', 'one', { ttl: 1000 });
          await client.set('elsewhere', 'x');
        } else if (ofKey('watch/a')(event)) await client.delete('watch/before');
        else if (ofKey('watch/before')(event)) break;
      }
      expect(seen.map(textOf)).toEqual(['begun', 'set watch/a', 'delete watch/before']);
      const { etag, version } = stored;
      const value = new Uint8Array(Buffer.from('one'));
      expect(seen[1]).toMatchObject({ etag, version, value });
      const [, set] = seen;
      const expiresAtMs = set?.kind === 'set' ? (set.expiresAtMs ?? 0) : 0;
      expect(expiresAtMs).toBeGreaterThan(Date.now() + 900_000);
      expect(expiresAtMs).toBeLessThan(Date.now() + 1_100_000);
    });

    test('keys are bytes, and without being asked for them it tells no values', async () => {
      const key = Uint8Array.of(0xff, 0xfe);
      const watch = client.watch({ prefix: Uint8Array.of(0xff) });
      for await (const event of watch) {
        if (event.kind === 'begun') await client.set(key, 'x');
        else {
          expect(event).toMatchObject({ kind: 'set', key });
          expect(event).not.toHaveProperty('value');
          break;
        }
      }
      await client.delete(key);
    });

    test('goes on where an earlier one was, at the other client as well', async () => {
      const watch = client.watch({ prefix: 'goes-on/' });
      await eventsUntil(watch, ({ kind }) => kind === 'begun');
      // The event that ended the loop was not taken to its end.
      expect(watch.place).toBeUndefined();
      const taken = client.watch({ prefix: 'goes-on/' });
      for await (const event of taken) {
        if (event.kind === 'begun') await client.set('goes-on/1', 'x');
        else if (ofKey('goes-on/1')(event)) await client.set('goes-on/2', 'x');
        else break;
      }
      const since = taken.place;
      expect(since).toBeDefined();
      await client.set('goes-on/3', 'x');
      for (const each of [client, other]) {
        // Keys of other partitions may come in another order.
        const left = new Set(['set goes-on/2', 'set goes-on/3']);
        const events = await eventsUntil(each.watch({ prefix: 'goes-on/', since }), (event) => {
          left.delete(textOf(event));
          return left.size === 0;
        });
        expect(events.map(textOf)).not.toContain('begun');
        expect(events.map(textOf)).not.toContain('missed');
      }
    });

    test('what is no place is refused', async () => {
      const watch = client.watch({ since: 'nonsense' });
      const events = eventsUntil(watch, () => false);
      expect(await failure(events)).toMatchObject({ code: 'bad-cursor' });
    });

    test('a signal ends it', async () => {
      const ends = new AbortController();
      const events = eventsUntil(client.watch({ signal: ends.signal }), () => {
        ends.abort('enough');
        return false;
      });
      const error = await failure(events);
      expect(error).toBeInstanceOf(AbortedError);
      expect(error.cause).toBe('enough');
    });

    test('a key is waited for: a value, another one, none any more, or no change', async () => {
      await client.delete('awaited');
      const first = client.waitFor('awaited');
      const { etag } = await other.set('awaited', '1');
      expect(await first).toMatchObject({ changed: true, entry: { etag } });
      const unchanged = await client.waitFor('awaited', { newerThan: etag, waitMs: 50 });
      expect(unchanged).toMatchObject({ changed: false, entry: { etag } });
      const second = client.waitFor('awaited', { newerThan: etag });
      await other.set('awaited/not', 'x');
      const newer = await other.set('awaited', '2');
      expect(await second).toMatchObject({ changed: true, entry: { etag: newer.etag } });
      const third = client.waitFor('awaited', { newerThan: newer.etag });
      await other.delete('awaited');
      expect(await third).toEqual({ changed: true, entry: undefined });
      const short = await other.set('awaited', '3', { ttl: 1 });
      const fourth = client.waitFor('awaited', { newerThan: short.etag });
      expect(await fourth).toEqual({ changed: true, entry: undefined });
      const ends = new AbortController();
      const aborted = client.waitFor('awaited', { signal: ends.signal });
      ends.abort();
      expect(await failure(aborted)).toBeInstanceOf(AbortedError);
    });
  });

  describe('scan and deletePrefix', () => {
    const listed = async (it: Velour, options?: ScanOptions): Promise<ScannedEntry[]> => {
      const entries: ScannedEntry[] = [];
      for await (const entry of it.scan(options)) entries.push(entry);
      return entries;
    };
    const textsOf = (entries: readonly ScannedEntry[]) =>
      entries.map(({ key }) => Buffer.from(key).toString()).sort();
    // More than two pages over HTTP, and more than one in each partition.
    const keys = Array.from({ length: 2500 }, (_, index) => `scan/${index}`).sort();
    beforeAll(async () => {
      await client.deletePrefix('', { all: true });
      const set = await client.setMany(keys.map((key) => ({ key, value: `v${key}` })));
      expect(set.every(({ ok }) => ok)).toBe(true);
      await client.set('scan', 'not below the prefix');
    });

    test('each key with the prefix, once', async () => {
      expect(textsOf(await listed(client, { prefix: 'scan/' }))).toEqual(keys);
      expect(textsOf(await listed(other, { prefix: 'scan/' }))).toEqual(keys);
      expect(textsOf(await listed(client))).toEqual(['scan', ...keys].sort());
      expect(await listed(client, { prefix: 'nobody/' })).toEqual([]);
    });

    test('with what identifies the value, and with the value where that is asked for', async () => {
      const written = await client.set('known', 'text');
      const { etag, version } = written;
      const key = new Uint8Array(Buffer.from('known'));
      expect(await listed(client, { prefix: 'known' })).toEqual([{ key, etag, version }]);
      const value = new Uint8Array(Buffer.from('text'));
      const whole = await listed(client, { prefix: 'known', values: true });
      expect(whole).toEqual([{ key, etag, version, value }]);
      const all = await listed(client, { prefix: 'scan/', values: true });
      const texts = all.map((entry) => Buffer.from(entry.value ?? []).toString());
      expect(texts.sort()).toEqual(keys.map((each) => `v${each}`).sort());
    });

    test('keys and prefixes are bytes', async () => {
      const odd = [ALL_BYTES, Uint8Array.of(0xff), Uint8Array.of(0xff, 0xff, 1)];
      for (const key of odd) await client.set(key, key);
      const entries = await listed(client, { prefix: Uint8Array.of(0xff), values: true });
      expect(entries.map(({ key }) => key.length).sort()).toEqual([1, 3]);
      for (const { key, value } of entries) expect(value).toEqual(key);
      const [first] = await listed(client, { prefix: ALL_BYTES.subarray(0, 3) });
      expect(first?.key).toEqual(ALL_BYTES);
      for (const key of odd) await client.delete(key);
    });

    test.each([1, 1000, 1001, 2499, 2500, 9999])('no more than %i', async (limit) => {
      const entries = await listed(client, { prefix: 'scan/', limit });
      expect(new Set(textsOf(entries)).size).toBe(Math.min(limit, keys.length));
      expect(entries.length).toBe(Math.min(limit, keys.length));
    });

    test('values that together are long', async () => {
      const long = Buffer.alloc(700_000, 'x');
      for (let index = 0; index < 6; index++) await client.set(`long/${index}`, long);
      const entries = await listed(client, { prefix: 'long/', values: true });
      expect(entries.map(({ value }) => value?.length)).toEqual(Array(6).fill(700_000));
      expect(new Set(textsOf(entries)).size).toBe(6);
      expect(await client.deletePrefix('long/')).toBe(6);
    });

    test('is left at any time, and is begun anew', async () => {
      // More often than a frontend may have scans under way: none of them stays.
      for (let round = 0; round < 150; round++) {
        for await (const { key } of client.scan({ prefix: 'scan/' })) {
          expect(key.length).toBeGreaterThan(5);
          break;
        }
      }
      expect(textsOf(await listed(client, { prefix: 'scan/' }))).toEqual(keys);
    });

    test('ends when it is aborted, in the middle of a page', async () => {
      const aborter = new AbortController();
      let count = 0;
      const error = await failure(
        (async () => {
          for await (const _entry of client.scan({ signal: aborter.signal })) {
            if (++count === 10) aborter.abort('enough');
          }
        })(),
      );
      expect(error).toBeInstanceOf(AbortedError);
      expect([error.cause, count]).toEqual(['enough', 10]);
    });

    test('wrong arguments are refused when the first key is asked for', async () => {
      for (const [options, code] of [
        [{ limit: 0 }, 'bad-parameter'],
        [{ limit: 1.5 }, 'bad-parameter'],
        [{ prefix: 'x'.repeat(1025) }, 'bad-parameter'],
        [{ signal: AbortSignal.abort() }, 'aborted'],
      ] as const) {
        expect(await failure(listed(client, options))).toMatchObject({ code });
      }
      await expect(listed(client, { prefix: 7 as unknown as string })).rejects.toThrow(TypeError);
      await expect(listed(client, { timeoutMs: 0 })).rejects.toThrow(TypeError);
    });

    test('deletePrefix deletes what has the prefix, and says how much', async () => {
      const some = Array.from({ length: 1500 }, (_, index) => ({ key: `old/${index}`, value: '' }));
      await client.setMany(some);
      await client.set('old', 'stays');
      expect(await client.deletePrefix('old/')).toBe(1500);
      expect(await client.deletePrefix('old/')).toBe(0);
      expect(await listed(other, { prefix: 'old/' })).toEqual([]);
      expect(await client.getText('old')).toBe('stays');
      expect(textsOf(await listed(client, { prefix: 'scan/' }))).toEqual(keys);
    });

    test('deletePrefix deletes everything only where that is said', async () => {
      const error = await failure(client.deletePrefix(''));
      expect(error).toMatchObject({ code: 'bad-parameter', status: 400 });
      expect(error.message).toContain('all: true');
      expect(await client.deletePrefix(new Uint8Array(), { all: true })).toBeGreaterThan(2500);
      expect(await listed(other)).toEqual([]);
    });
  });

  describe('errors', () => {
    test.each([
      ['an empty key', 'empty-key', 501, (it: Velour) => it.get('')],
      ['a long key', 'key-too-long', 501, (it: Velour) => it.set('x'.repeat(1025), '')],
      ['a ttl of no seconds', 'bad-ttl', 501, (it: Velour) => it.set('a', '', { ttl: 0 })],
      ['a ttl of a half', 'bad-ttl', 501, (it: Velour) => it.getset('a', '', { ttl: 0.5 })],
      [
        'a content type of two lines',
        'bad-parameter',
        400,
        (it: Velour) => it.set('a', '', { contentType: 'a\r\nb: c' }),
      ],
      ['a half', 'bad-parameter', 400, (it: Velour) => it.incr('a', 0.5)],
      [
        'an ETag without quotes',
        'bad-parameter',
        400,
        (it: Velour) => it.set('a', '', { ifMatch: 'abc' }),
      ],
      [
        'a value that is too long',
        'value-too-large',
        413,
        (it: Velour) => it.set('a', Buffer.alloc(17 * 1024 * 1024)),
      ],
    ])('%s is refused: %s', async (_what, code, status, call) => {
      const error = await failure(call(client));
      expect(error).toBeInstanceOf(VelourError);
      expect(error).toMatchObject({ name: 'VelourError', code, status, retryable: false });
      expect(error.message).not.toBe('');
    });

    test('another type is a TypeError', async () => {
      const wrong = 7 as unknown as string;
      await expect(client.get(wrong)).rejects.toThrow(TypeError);
      await expect(client.set('a', wrong)).rejects.toThrow(TypeError);
      await expect(client.get('a', { timeoutMs: 0 })).rejects.toThrow(TypeError);
    });

    test('an option that no call has is a TypeError, and nothing is sent', async () => {
      const wrong = { tll: 5 } as object;
      const message = 'tll is no option of a call: did you mean ttl?';
      for (const call of [
        () => client.set('mistyped', 'a', wrong),
        () => client.get('mistyped', wrong),
        () => client.incr('mistyped', 1, wrong),
        () => client.waitFor('mistyped', wrong),
        async () => client.scan(wrong)[Symbol.asyncIterator]().next(),
        () => client.watch(wrong)[Symbol.asyncIterator]().next(),
      ]) {
        const error = await failure(call());
        expect([error.name, error.message]).toEqual(['TypeError', message]);
      }
      expect(await client.get('mistyped')).toBeUndefined();
    });

    test('a call that is aborted ends at once, with the reason', async () => {
      const reason = new Error('changed my mind');
      const before = await failure(client.get('a', { signal: AbortSignal.abort(reason) }));
      expect(before).toBeInstanceOf(AbortedError);
      expect(before).toMatchObject({ name: 'AbortError', code: 'aborted', cause: reason });
      for (const call of [
        (signal: AbortSignal) => client.get('a', { signal }),
        (signal: AbortSignal) => client.set('a', 'b', { signal }),
        (signal: AbortSignal) => client.incr('aborted', 1, { signal }),
      ]) {
        const aborter = new AbortController();
        const under = failure(call(aborter.signal));
        await Promise.resolve();
        aborter.abort(reason);
        expect(await under).toMatchObject({ code: 'aborted', cause: reason });
      }
      const many = await client.getMany(['a', 'b'], { signal: AbortSignal.abort(reason) });
      expect(many).toMatchObject([{ ok: false }, { ok: false }]);
      // A signal that outlives its calls keeps none of them.
      const { signal } = new AbortController();
      for (let index = 0; index < 20; index++) await client.get('a', { signal });
    });
  });

  test('closed: what is under way ends, and nothing begins', async () => {
    const closing = await open();
    await closing.set('closing', '1');
    const under = [failure(closing.get('closing')), failure(closing.incr('closing'))];
    await Promise.resolve();
    await closing.close();
    const [read, write] = await Promise.all(under);
    expect(read).toMatchObject({ code: 'closed', retryable: false });
    expect(['closed', 'effect-unknown']).toContain(write?.code);
    expect(await failure(closing.get('closing'))).toMatchObject({ code: 'closed' });
    const scan = closing.scan()[Symbol.asyncIterator]();
    expect(await failure(scan.next())).toMatchObject({ code: 'closed' });
    await closing.close();
  });
}
