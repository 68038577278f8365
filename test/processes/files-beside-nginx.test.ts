// A thousand random ranges and conditions, each asked of WebDAV, of the small file service, of the blob service and of a real
// nginx that has the same file: status, Content-Range and bytes are the same. Where we differ on purpose, it is listed here with
// the section of RFC 9110 that says so.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, inParallel } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';
import { isNginxHere, type Nginx, startNginx } from '../helpers/nginx.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';

const REQUESTS = 1000;
const HOUR_MS = 3_600_000;

/** A validator as it stands in a request: each server has its own ETag and date. */
type Tag = 'own' | 'weak own' | 'other' | 'any' | 'none';
type Moment = 'same' | 'before' | 'after' | 'none';

interface AskedFile {
  readonly method: 'GET' | 'HEAD';
  readonly range?: string;
  readonly ifRange?: Tag | Moment;
  readonly ifMatch?: readonly Tag[];
  readonly ifNoneMatch?: readonly Tag[];
  readonly ifModifiedSince?: Moment;
  readonly ifUnmodifiedSince?: Moment;
}

/**
 * Where nginx does otherwise: what it has to be asked so that it answers as we do.
 * Each must be met in a run, or it is no difference.
 */
const DIFFERENCES: readonly {
  readonly section: string;
  readonly why: string;
  readonly isMet: (asked: AskedFile) => boolean;
  readonly asked: (asked: AskedFile) => AskedFile;
}[] = [
  {
    section: '14.2',
    why: 'a range is of a GET alone',
    isMet: ({ method, range }) => method === 'HEAD' && range !== undefined,
    asked: ({ range: _range, ifRange: _ifRange, ...others }) => others,
  },
  {
    section: '13.1.5',
    why: 'a date is no strong validator: the file may have changed twice within its second (F3)',
    isMet: ({ range, ifRange }) => range !== undefined && ifRange === 'same',
    asked: ({ range: _range, ifRange: _ifRange, ...others }) => others,
  },
  {
    section: '13.2.2',
    why: 'If-Modified-Since counts only without If-None-Match',
    isMet: ({ ifNoneMatch, ifModifiedSince }) =>
      ifNoneMatch !== undefined && ifModifiedSince !== undefined,
    asked: ({ ifModifiedSince: _date, ...others }) => others,
  },
  {
    section: '13.2.2',
    why: 'If-Unmodified-Since counts only without If-Match',
    isMet: ({ ifMatch, ifUnmodifiedSince }) =>
      ifMatch !== undefined && ifUnmodifiedSince !== undefined,
    asked: ({ ifUnmodifiedSince: _date, ...others }) => others,
  },
  {
    section: '13.1.4',
    why: 'what is no date is as if it were not there',
    isMet: ({ ifUnmodifiedSince }) => ifUnmodifiedSince === 'none',
    asked: ({ ifUnmodifiedSince: _date, ...others }) => others,
  },
];

/** Where the answer itself is another one. */
const OWN_ANSWERS: readonly {
  readonly section: string;
  readonly why: string;
  readonly isMet: (asked: AskedFile) => boolean;
  readonly status: number;
}[] = [
  {
    section: '13.1.1',
    why: 'a list that is none is told, for whoever sends it believes that it guards something',
    isMet: ({ ifMatch, ifNoneMatch }) =>
      [...(ifMatch ?? []), ...(ifNoneMatch ?? [])].includes('none'),
    status: 400,
  },
];

interface FileService {
  readonly name: string;
  readonly address: string;
  readonly path: string;
}

let folder = '';
let cluster: LocalCluster;
let nginx: Nginx;

beforeAll(async () => {
  if (!isNginxHere()) return;
  folder = mkdtempSync(join(tmpdir(), 'velour-beside-'));
  cluster = await startCluster({ frontends: 2, storages: 2, redundancy: 2, fileservers: 2 });
  // `exact` is nginx's own; the RFC says that what was modified before the date was not modified since.
  nginx = await startNginx(`root ${folder}; if_modified_since before; max_ranges 16;`);
});
afterAll(async () => {
  if (!isNginxHere()) return;
  await cluster.stop();
  await nginx.stop();
  rmSync(folder, { recursive: true });
});

describe.skipIf(!isNginxHere())('beside nginx (not installed: apt-get install nginx-light)', () => {
  const seed = firstFreshSeed();
  test.each([
    [seed, 'in its record', 2500],
    [seed + 1, 'on file servers', 70_000],
    [seed + 2, 'empty', 0],
  ])('seed %d: a file %s is answered alike', async (drawn, _where, size) => {
    const random = new SeededRandom(drawn);
    const content = random.bytes(size);
    const services = await stored(`file-${size}`, content);
    const [beside, ...own] = services;
    if (beside === undefined) throw new Error('nginx is the first');
    const validators = new Map<FileService, Validators>();
    for (const service of services) validators.set(service, await validatorsOf(service));
    const requests = Array.from({ length: REQUESTS }, () => askedFile(random, size));
    const wrong: string[] = [];
    const met = new Set<string>();
    await inParallel(requests, 8, async (asked) => {
      const differences = DIFFERENCES.filter(({ isMet }) => isMet(asked));
      const other = OWN_ANSWERS.find(({ isMet }) => isMet(asked));
      for (const { why } of [...differences, ...(other ? [other] : [])]) met.add(why);
      const equal = differences.reduce((each, difference) => difference.asked(each), asked);
      const told = await answerOf(beside, equal, validators);
      const expected =
        other === undefined ? outline(told, validators.get(beside)) : `${other.status}`;
      for (const service of own) {
        const answer = outline(await answerOf(service, asked, validators), validators.get(service));
        const seen = other === undefined ? answer : (answer.split('\n')[0] ?? '');
        if (seen !== expected)
          wrong.push(`${service.name} ${JSON.stringify(asked)}:\n${seen}\nnginx: ${expected}`);
      }
    });
    expect(wrong.slice(0, 3), `${wrong.length} of ${REQUESTS}`).toEqual([]);
    expect(met.size).toBe(DIFFERENCES.length + OWN_ANSWERS.length);
  });
});

/** @returns nginx, then those of ours: whichever frontend is asked */
async function stored(name: string, content: Buffer): Promise<readonly FileService[]> {
  const [first = '', second = ''] = cluster.frontends;
  const [blobs = '', otherBlobs = ''] = cluster.blobs;
  writeFileSync(join(folder, name), content);
  const agoMs = Date.now() - 48 * HOUR_MS;
  utimesSync(join(folder, name), agoMs / 1000, agoMs / 1000);
  for (const [address, path] of [
    [first, `/dav/${name}`],
    [first, `/file?path=${name}`],
    [blobs, `/${name}`],
  ] as const) {
    const { status } = await call(address, path, { method: 'PUT', body: content });
    expect(status).toBeLessThan(300);
  }
  const hash = createHash('sha512').update(content).digest('hex');
  return [
    { name: 'nginx', address: nginx.address, path: `/${name}` },
    { name: 'WebDAV', address: second, path: `/dav/${name}` },
    { name: 'sfss', address: second, path: `/file?path=${name}` },
    { name: 'dtfc', address: otherBlobs, path: `/${hash}` },
  ];
}

interface Validators {
  readonly etag: string;
  readonly modifiedMs: number;
}

async function validatorsOf({ address, path }: FileService): Promise<Validators> {
  const { headers } = await call(address, path);
  expect(headers['accept-ranges']).toBe('bytes');
  return { etag: `${headers.etag}`, modifiedMs: modifiedMsOf(headers) };
}

function modifiedMsOf(headers: Answer['headers']): number {
  return Date.parse(`${headers['last-modified']}`);
}

function answerOf(
  service: FileService,
  asked: AskedFile,
  validators: ReadonlyMap<FileService, Validators>,
): Promise<Answer> {
  const { etag, modifiedMs } = validators.get(service) ?? { etag: '', modifiedMs: 0 };
  const tagOf = (tag: Tag) =>
    ({ own: etag, 'weak own': `W/${etag}`, other: '"another"', any: '*', none: 'no tag' })[tag];
  const dateOf = (moment: Moment) => {
    const at = { same: 0, before: -HOUR_MS, after: HOUR_MS, none: Number.NaN }[moment];
    return Number.isNaN(at) ? 'no date' : new Date(modifiedMs + at).toUTCString();
  };
  const { ifRange } = asked;
  const given: Record<string, string | undefined> = {
    range: asked.range,
    'if-range':
      ifRange === undefined ? undefined : isMoment(ifRange) ? dateOf(ifRange) : tagOf(ifRange),
    'if-match': asked.ifMatch?.map(tagOf).join(', '),
    'if-none-match': asked.ifNoneMatch?.map(tagOf).join(', '),
    'if-modified-since': asked.ifModifiedSince && dateOf(asked.ifModifiedSince),
    'if-unmodified-since': asked.ifUnmodifiedSince && dateOf(asked.ifUnmodifiedSince),
  };
  const headers = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return call(service.address, service.path, { method: asked.method, headers });
}

function isMoment(validator: Tag | Moment): validator is Moment {
  return ['same', 'before', 'after', 'none'].includes(validator);
}

/** What must be the same: the status first. Texts of errors are each server's own. */
function outline({ status, headers, bytes }: Answer, own: Validators | undefined): string {
  const type = `${headers['content-type']}`;
  const [, boundary] = /^multipart\/byteranges; ?boundary=(.+)$/.exec(type) ?? [];
  const body = boundary === undefined ? shortOf(bytes) : partsOf(bytes, boundary).join('\n');
  const lines = [`${status}`, `content-range: ${headers['content-range']}`];
  if (status >= 400) return lines.join('\n');
  const isOwn = headers.etag === own?.etag && modifiedMsOf(headers) === own?.modifiedMs;
  return [...lines, `the file's ETag and date: ${isOwn}`, body].join('\n');
}

function shortOf(bytes: Buffer): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

function partsOf(bytes: Buffer, boundary: string): readonly string[] {
  const text = bytes.toString('latin1');
  const [before = '', ...parts] = text.split(`--${boundary}`);
  expect([before.trim(), parts.at(-1)]).toEqual(['', '--\r\n']);
  return parts.slice(0, -1).map((part) => {
    const end = part.indexOf('\r\n\r\n');
    const [, range] = /^content-range: (.*)$/im.exec(part.slice(0, end)) ?? [];
    return `${range?.trim()}: ${shortOf(Buffer.from(part.slice(end + 4, -2), 'latin1'))}`;
  });
}

function askedFile(random: SeededRandom, size: number): AskedFile {
  const one = <T>(choices: readonly T[]): T => choices[random.below(choices.length)] as T;
  const maybe = <T>(chance: number, draw: () => T) => (random.chance(chance) ? draw() : undefined);
  const tag = () => one<Tag>(['own', 'own', 'weak own', 'other', 'other']);
  const tags = (): readonly Tag[] => {
    if (random.chance(0.1)) return ['any'];
    if (random.chance(0.05)) return ['none'];
    return Array.from({ length: random.whole(1, 3) }, tag);
  };
  const moment = () => one<Moment>(['same', 'before', 'after', 'same', 'none']);
  const drawn = {
    range: maybe(0.75, () => rangeIn(random, size)),
    ifRange: maybe(0.25, () => one<Tag | Moment>([tag(), moment()])),
    ifMatch: maybe(0.2, tags),
    ifNoneMatch: maybe(0.2, tags),
    ifModifiedSince: maybe(0.2, moment),
    ifUnmodifiedSince: maybe(0.2, moment),
  };
  const given = Object.entries(drawn).filter(([, value]) => value !== undefined);
  return { method: random.chance(0.15) ? 'HEAD' : 'GET', ...Object.fromEntries(given) };
}

/** What clients send, what they might, and what nobody should. */
function rangeIn(random: SeededRandom, size: number): string {
  const position = () =>
    random.chance(0.1) ? random.whole(0, 2 * size + 3) : random.below(Math.max(1, size));
  const space = () => (random.chance(0.05) ? ' ' : '');
  const part = (): string => {
    switch (random.below(random.chance(0.1) ? 12 : 5)) {
      case 0:
        return `${position()}-`;
      case 1:
        return `-${random.chance(0.1) ? 0 : position()}`;
      case 2:
      case 3:
      case 4: {
        const [first, second] = [position(), position()];
        const isRight = random.chance(0.9);
        const [from, to] = isRight === first <= second ? [first, second] : [second, first];
        return `${space()}${from}${space()}-${space()}${to}${space()}`;
      }
      case 5:
        return '-';
      case 6:
        return '';
      case 7:
        return `${position()}`;
      case 8:
        return `${2 ** 40}${random.below(10 ** 8)}-`;
      case 9:
        return `00${position()}-00${position()}`;
      case 10:
        return `${position()}--${position()}`;
      default:
        return `0x1-${position()}`;
    }
  };
  const count = random.chance(0.6) ? 1 : random.whole(2, random.chance(0.1) ? 20 : 4);
  const unit = random.chance(0.95)
    ? 'bytes='
    : ['Bytes=', 'bytes =', 'items=', 'bytes', ''][random.below(5)];
  return `${unit}${Array.from({ length: count }, part).join(random.chance(0.2) ? ', ' : ',')}`;
}
