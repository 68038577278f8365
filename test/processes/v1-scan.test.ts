// Scans, exports and imports of real clusters, by curl where users would: each key once while nodes come and die, the
// same records in a cluster of another size, and what was cut goes on.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, call } from '../helpers/client.ts';
import { Fleet } from '../helpers/fleet.ts';

const KEYS = 20_000;
const nameOf = (index: number) => `user:${index}`;

type Line = Readonly<Record<string, unknown>>;
const linesOf = ({ text }: Answer): readonly Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

function curl(...words: readonly string[]): string {
  return execFileSync('curl', ['--silent', '--show-error', ...words], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
}

/** Scans with requests at one frontend after the other, each going on at the cursor of the one before. */
async function scanned(
  fleet: Fleet,
  query: string,
  between: () => Promise<void> | void = () => {},
) {
  const lines: Line[] = [];
  let cursor: string | undefined;
  for (let request = 0; ; request++) {
    const { address } = fleet.frontend(request % fleet.frontends.length);
    const place = cursor === undefined ? '' : `&cursor=${cursor}`;
    const answer = await call(address, `/v1/scan?${query}${place}`);
    await between();
    if (answer.status === 503) continue;
    expect(answer.status, answer.text).toBe(200);
    const all = linesOf(answer);
    const last = all.at(-1);
    lines.push(...all.filter(({ key }) => key !== undefined));
    if (last?.cursor === undefined) return lines;
    cursor = String(last.cursor);
  }
}

async function fill(fleet: Fleet, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ key: nameOf(index), value: `value ${index}` }),
  );
  const odd = JSON.stringify({ key: { base64: '//8A' }, value: { base64: 'AP8=' } });
  const body = `${lines.join('\n')}\n${odd}\n`;
  const { address } = fleet.frontend(0);
  const answer = await call(address, '/v1/import?as-new=1', { method: 'POST', body });
  expect(JSON.parse(answer.text)).toEqual({
    stored: count + 1,
    skipped: 0,
    failed: 0,
    lines: count + 1,
  });
}

describe('a cluster with many keys', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ storages: 4, frontends: 2, redundancy: 3 });
    await fleet.untilSettled();
    await fill(fleet, KEYS);
  });
  afterAll(() => fleet.stop());

  test('an export is the same records in a cluster of another size, and an import of it may be repeated', async () => {
    const other = await Fleet.start({ storages: 2, frontends: 1, redundancy: 2, digits: 2 });
    onTestFinished(() => other.stop());
    const [one, target] = [fleet.frontend(0).address, other.frontend(0).address];
    const counts = execFileSync(
      'bash',
      ['-c', `curl -sS http://${one}/v1/export | curl -sS -T - -X POST http://${target}/v1/import`],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(counts)).toEqual({
      stored: KEYS + 1,
      skipped: 0,
      failed: 0,
      lines: KEYS + 1,
      complete: true,
    });
    const sorted = (text: string) => text.split('\n').toSorted();
    const query = 'v1/scan?values=1&limit=1000000';
    const copied = sorted(curl(`http://${target}/${query}`));
    expect(copied).toHaveLength(KEYS + 2);
    expect(copied).toEqual(sorted(curl(`http://${one}/${query}`)));

    // An export that was cut in the middle of a line goes on at its last cursor.
    const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const whole = curl(`http://${one}/v1/export`);
    const cut = whole.slice(0, Math.floor(whole.length / 2));
    const [, cursor = ''] = [...cut.matchAll(/^\{"cursor":"([\w-]+)"\}$/gm)].at(-1) ?? [];
    const upTo = cut.slice(0, cut.indexOf(cursor));
    const rest = curl(`http://${one}/v1/export?cursor=${cursor}`);
    const records = (text: string) => text.split('\n').filter((line) => line.includes('"version"'));
    expect([...records(upTo), ...records(rest)].toSorted()).toEqual(records(whole).toSorted());

    const path = join(directory, 'cut.ndjson');
    writeFileSync(path, cut);
    const answer = JSON.parse(curl('-T', path, '-X', 'POST', `http://${target}/v1/import`));
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"key"'));
    expect(answer).toMatchObject({ stored: 0, lines: lines.length, complete: false });
    expect(answer.skipped + answer.failed).toBe(lines.length);
    expect(answer.failed).toBeLessThanOrEqual(1);
  });

  test('a cursor that was made by hand or comes from another cluster is 400', () => {
    const { address } = fleet.frontend(0);
    const url = `http://${address}/v1/scan`;
    const [line = ''] = curl(`${url}?limit=1`).split('\n').slice(-2);
    const { cursor } = JSON.parse(line);
    const changed = `${cursor.slice(0, -1)}${cursor.endsWith('A') ? 'B' : 'A'}`;
    for (const wrong of ['1', 'AAAA', changed, `${cursor}AA`, '..%2F..']) {
      const head = curl('--include', `${url}?cursor=${wrong}`);
      expect(head).toMatch(/^HTTP\/1.1 400 /);
      expect(head.toLowerCase()).toContain('x-fog-error: bad-cursor');
    }
    expect(curl(`${url}?limit=1&cursor=${cursor}`)).toContain('"key"');
  });

  test('a client that goes away in the middle of a long scan holds nothing up', () => {
    const { address } = fleet.frontend(0);
    const text = execFileSync(
      'bash',
      ['-c', `curl -sS 'http://${address}/v1/scan?values=1&limit=1000000' | head -n 3`],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    expect(text.split('\n')).toHaveLength(4);
    expect(curl(`http://${address}/v1/scan?limit=2`).split('\n')).toHaveLength(4);
  });

  test('each key is listed once while a storage node comes and another one is killed', async () => {
    const wanted = Array.from({ length: KEYS }, (_, index) => nameOf(index)).toSorted();
    const [killed] = fleet.storages;
    if (killed === undefined) throw new Error('there are storage nodes');
    let requests = 0;
    const between = async () => {
      requests++;
      if (requests === 3) fleet.spare.start();
      if (requests === 8) await killed.kill();
    };
    const listed = await scanned(fleet, 'prefix=user:&limit=1000&values=1', between);
    expect(requests).toBeGreaterThanOrEqual(20);
    expect(listed.map(({ key }) => String(key)).toSorted()).toEqual(wanted);
    for (const { key, value } of listed) expect(value).toBe(`value ${String(key).slice(5)}`);

    // And again, until the new node has what the killed one had.
    for (let isSettled = false; !isSettled; ) {
      const again = await scanned(fleet, 'prefix=user:&limit=3000');
      expect(again.map(({ key }) => String(key)).toSorted()).toEqual(wanted);
      isSettled = (await fleet.isMember(fleet.spare)) && !(await fleet.isMember(killed));
    }
  });

  test('a delete by prefix takes those keys alone, and everything only when that is said', async () => {
    const url = `http://${fleet.frontend(1).address}/v1/scan`;
    expect(JSON.parse(curl('-X', 'DELETE', `${url}?prefix=user:1`))).toEqual({ deleted: 11_111 });
    expect(await scanned(fleet, 'prefix=user:&limit=100000')).toHaveLength(KEYS - 11_111);
    expect(curl('--include', '-X', 'DELETE', `${url}?prefix=`)).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(curl('-X', 'DELETE', `${url}?prefix=&all=1`))).toEqual({
      deleted: KEYS - 11_111 + 1,
    });
    expect(curl(url)).toBe('');
  });
});
