// Requests as nobody should send them, and as many do: drawn from a seed, over all paths of a frontend. Each key has
// values that name it, so that an answer with bytes of another key shows.

import type { SeededRandom } from './random.ts';

/** One request as it goes over the wire, with what its answer may have. */
export interface FuzzedRequest {
  readonly method: string;
  readonly bytes: Buffer;
  /** The number of the key that the whole body is of; undefined where the answer has several, or none. */
  readonly key: number | undefined;
  /** Whether what is sent behind it may be taken for a part of it, or the other way round. */
  readonly isBroken: boolean;
}

interface Parts {
  readonly method: string;
  readonly target: string;
  readonly key?: number;
  readonly headers?: readonly string[];
  readonly body?: Buffer;
}

const KEYS = 200;
/** Keys from here on have values of any bytes, and are not looked at. */
export const WILD_KEYS = 1000;
const BINARY = 'application/vnd.velour.batch';
/** None that nobody has: a read would wait for it. */
const MIN_VERSIONS = ['0000000000000000', '0000000000010000', '0', 'ffff', '""', 'X'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'];
const NUMBERS = [
  '0',
  '-1',
  '1',
  '60',
  '1e99',
  '"60"',
  '1000001',
  '9007199254740993',
  '',
  ' 1',
  '٣',
];
const ODD_PATHS = ['', '/', 'a//b', '..', '%5C', '%00', '%', 'x&path=y', 'x'.repeat(187), '%C0%AE'];
const DAV_METHODS = [
  'GET',
  'PUT',
  'DELETE',
  'MKCOL',
  'COPY',
  'MOVE',
  'PROPFIND',
  'PROPPATCH',
  'LOCK',
  'UNLOCK',
];
const DAV_PATHS = [
  '',
  'a',
  'a/',
  'a/b',
  'a/b/c',
  'b',
  'b/a',
  'c',
  '..',
  'a%2Fb',
  'a%00',
  'a#b',
  '%',
];
const DAV_BODIES = [
  '',
  '<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>',
  '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x/></D:prop></D:propfind>',
  '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x>1</x></D:prop></D:set></D:propertyupdate>',
  '<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><x/></D:prop></D:remove></D:propertyupdate>',
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
  '<!DOCTYPE a [<!ENTITY b "cccc"><!ENTITY d "&b;&b;&b;">]><a>&d;</a>',
  '<a>'.repeat(10_000),
  `<a ${'b="" '.repeat(5_000)}/>`,
  '<a xmlns:b="u"><b:c/></d>',
  '\ufffe',
];
const DAV_IFS = [
  '(<urn:uuid:1>)',
  '(Not <urn:uuid:1>)',
  '(["x"])',
  '(',
  '</dav/a> (<urn:uuid:1>)',
  '()',
];
const ODD_JSON = [
  '{"__proto__":{"key":"a"}}',
  '{"key":"1","key":"2"}',
  '{"key":7}',
  '{"key":null,"value":null}',
  '{"key":"\\ud800"}',
  '{"key":{"base64":"AA"}}',
  '{"key":{"base64":"AA==","x":1}}',
  '{"key":{"base64":{"base64":"AA=="}}}',
  '{"key":"","value":""}',
  '[]',
  'null',
  '"',
  '{"constructor":1}',
  '[[[[[[[[[[[[[[[[',
  '{"cursor":null}',
  '{"error":"internal"}',
];

/** What stands in each value of a key, any number of times. */
export function tokenOf(key: number): Buffer {
  const ends = ['', '"\\\n\u0001', 'ü€🦊', '\xff\x80'];
  const end = ends[key % ends.length] ?? '';
  const encoding = key % ends.length === 3 ? 'latin1' : 'utf8';
  return Buffer.from(`<${key}>${end}`, encoding);
}

/** @returns the numbers of the keys that these bytes name */
export function namedIn(bytes: Buffer | string): ReadonlySet<number> {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  return new Set([...text.matchAll(/<(\d+)>/g)].map(([, digits]) => Number(digits)));
}

/** What earlier answers had, to be sent again. */
export class Remembered {
  readonly cursors: string[] = [];
  readonly etags: string[] = [];
  /** Of events. */
  readonly ids: string[] = [];
}

export class RequestFuzzer {
  readonly #random: SeededRandom;
  readonly #paths: readonly string[];
  readonly #remembered: Remembered;

  /** @param paths of the frontend's OpenAPI document */
  constructor(random: SeededRandom, paths: readonly string[], remembered: Remembered) {
    this.#random = random;
    this.#paths = paths;
    this.#remembered = remembered;
  }

  next(): FuzzedRequest {
    const draws = [
      () => this.#ofKey(),
      () => this.#ofKey(),
      () => this.#ofOldPath(),
      () => this.#file(),
      () => this.#dav(),
      () => this.#dav(),
      () => this.#batch(),
      () => this.#batch(),
      () => this.#scan(),
      () => this.#import(),
      () => this.#watch(),
      () => this.#anyPath(),
    ];
    return this.#encode(this.#one(draws)());
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)] as T;
  }

  #key(): number {
    return this.#random.chance(0.1) ? WILD_KEYS + this.#random.below(9) : this.#random.below(KEYS);
  }

  #keyBytes(key: number): Buffer {
    return key % 5 === 4 ? Buffer.from(`\xff<${key}>/\x00`, 'latin1') : Buffer.from(`<${key}>/ü`);
  }

  #keyText(key: number): string {
    return [...this.#keyBytes(key)]
      .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
      .join('');
  }

  #value(key: number): Buffer {
    const token = tokenOf(key);
    const times = this.#one([0, 1, 2, 30, 3000, this.#random.chance(0.05) ? 40_000 : 10]);
    return Buffer.alloc(times * token.length, token);
  }

  #json(bytes: Buffer): string {
    const text = bytes.toString();
    const isText = Buffer.from(text).equals(bytes) && this.#random.chance(0.8);
    return JSON.stringify(isText ? text : { base64: bytes.toString('base64') });
  }

  #ttl(): string {
    return this.#random.chance(0.5) ? '60' : encodeURIComponent(this.#one(NUMBERS));
  }

  #condition(): readonly string[] {
    if (this.#random.chance(0.85)) return [];
    const etag = this.#one([
      ...this.#remembered.etags.slice(-8),
      '"0000000000000001-00000000"',
      '*',
      'x',
      '""',
    ]);
    const quotes = this.#one([etag, etag.replaceAll('"', ''), `W/${etag}`, `${etag}, ${etag}`]);
    return [`${this.#one(['If-Match', 'If-None-Match'])}: ${quotes}`];
  }

  #ofKey(): Parts {
    const key = this.#key();
    const path = `/v1/keys/${this.#keyText(key)}`;
    const value = this.#value(key);
    const headers = [
      ...this.#condition(),
      ...(this.#random.chance(0.2) ? ['Content-Type: text/html'] : []),
      ...(this.#random.chance(0.1) ? ['X-Fog-Read: linearizable'] : []),
      ...(this.#random.chance(0.1) ? [`X-Fog-Min-Version: ${this.#one(MIN_VERSIONS)}`] : []),
      ...(this.#random.chance(0.1) ? ['X-Fog-Timing: 1'] : []),
    ];
    const ttl = this.#random.chance(0.2) ? `?ttl=${this.#ttl()}` : '';
    return this.#one<() => Parts>([
      () => ({ method: 'GET', target: path, key, headers }),
      () => ({ method: 'HEAD', target: path, key, headers }),
      () => ({ method: 'GET', target: `${path}?explain=1`, key, headers }),
      () => ({ method: 'PUT', target: path + ttl, key, headers, body: value }),
      () => ({ method: 'DELETE', target: path, key, headers }),
      () => ({ method: 'POST', target: `${path}/append`, key, headers, body: tokenOf(key) }),
      () => ({ method: 'POST', target: `${path}/getset${ttl}`, key, headers, body: value }),
      () => ({ method: 'POST', target: `${path}/incr?by=${this.#ttl()}`, headers }),
      () => ({ method: 'POST', target: `/v1/keys/counter/incr`, headers }),
      () => ({ method: this.#one(METHODS), target: path, headers }),
    ])();
  }

  /** As a key, with the values of a key; its content may be in a form. */
  #file(): Parts {
    const random = this.#random;
    const key = this.#key();
    const isOwn = random.chance(0.9);
    const path = isOwn ? this.#keyText(key) : this.#one(ODD_PATHS);
    // What is at an odd path is whosever came last: nothing is expected of it.
    const expected = isOwn ? { key } : {};
    const content = this.#value(key);
    const target = `/file?path=${path}`;
    const ranges = [
      'bytes=0-0',
      'bytes=-1',
      'bytes=5-2',
      'bytes=0-9,20-29,-5',
      `bytes=${'0-0,'.repeat(20)}0-0`,
      'bytes=999999-',
      'lines=1-2',
    ];
    const headers = [
      ...this.#condition(),
      ...(random.chance(0.3) ? [`Range: ${this.#one(ranges)}`] : []),
      ...(random.chance(0.1) ? ['If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT'] : []),
    ];
    const form = Buffer.concat([
      Buffer.from(
        `--xYz\r\nContent-Disposition: form-data; name="${this.#one(['upload_file', 'upload_file', 'other'])}"\r\n\r\n`,
      ),
      content,
      Buffer.from(this.#one(['\r\n--xYz--\r\n', '\r\n--xYz--\r\n', '\r\n--xY', ''])),
    ]);
    const formType = `Content-Type: multipart/form-data; boundary=${this.#one(['xYz', 'xYz', '"xYz"', ''])}`;
    return this.#one<() => Parts>([
      () => ({ method: 'GET', target, ...expected, headers }),
      () => ({ method: 'GET', target, ...expected, headers }),
      () => ({ method: 'HEAD', target, ...expected, headers }),
      () => ({ method: 'PUT', target, headers: this.#condition(), body: content }),
      () => ({ method: 'PUT', target, headers: [formType], body: form }),
      () => ({ method: 'POST', target: `/files?path=${path}`, headers: [formType], body: form }),
      () => ({ method: 'POST', target: `/files?path=${path}`, body: content }),
      () => ({ method: this.#one(METHODS), target, headers }),
    ])();
  }

  #dav(): Parts {
    const random = this.#random;
    const path = () => `/dav/${this.#one(DAV_PATHS)}`;
    const header = (chance: number, name: string, values: readonly string[]) =>
      random.chance(chance) ? [`${name}: ${this.#one(values)}`] : [];
    const destination = this.#one([path(), `http://fuzz${path()}`, 'http://other/dav/a', '/', 'x']);
    const headers = [
      ...this.#condition(),
      ...header(0.9, 'Destination', [destination]),
      ...header(0.8, 'Depth', ['0', '1', 'infinity', '0', '1', '2']),
      ...header(0.2, 'Overwrite', ['T', 'F', 'x']),
      ...header(0.2, 'If', DAV_IFS),
      ...header(0.1, 'Timeout', ['Second-1', 'Infinite', 'x']),
      ...header(0.1, 'Lock-Token', ['<urn:uuid:1>', 'x']),
      ...header(0.1, 'X-OC-Mtime', NUMBERS.slice(0, 8)),
      ...header(0.1, 'OC-Checksum', ['MD5:1', 'SHA1:x', 'x']),
      ...header(0.1, 'Range', ['bytes=0-1', 'bytes=9-']),
    ];
    const body = Buffer.from(this.#one(DAV_BODIES));
    return {
      method: this.#one(random.chance(0.9) ? DAV_METHODS : METHODS),
      target: path(),
      headers,
      body,
    };
  }

  #ofOldPath(): Parts {
    const key = this.#key();
    const name = this.#keyText(key);
    return this.#one<() => Parts>([
      () => ({ method: 'GET', target: `/get?key=${name}`, key }),
      () => ({ method: 'POST', target: `/set?key=${name}`, key, body: this.#value(key) }),
      () => ({ method: 'PUT', target: `/set?key=${name}&ttl=${this.#ttl()}`, body: tokenOf(key) }),
      () => ({ method: 'DELETE', target: `/delete?key=${name}` }),
      () => ({ method: 'GET', target: `/get?key=${'k'.repeat(this.#one([0, 1024, 1025]))}` }),
    ])();
  }

  #batch(): Parts {
    const verb = this.#one(['mget', 'mset', 'mdelete']);
    const isBinary = this.#random.chance(0.3);
    const count = this.#one([0, 1, 2, 10, this.#random.chance(0.1) ? 3000 : 40]);
    const items = Array.from({ length: count }, () =>
      isBinary ? this.#item(verb) : this.#line(verb),
    );
    const whole = Buffer.concat(items);
    const body = this.#random.chance(0.1)
      ? whole.subarray(0, this.#random.below(whole.length + 1))
      : whole;
    return {
      method: 'POST',
      target: `/v1/${verb}`,
      headers: isBinary ? [`Content-Type: ${BINARY}`] : [],
      body,
    };
  }

  #item(verb: string): Buffer {
    const isOdd = this.#random.chance(0.03);
    const number = this.#key();
    const key = isOdd ? Buffer.alloc(this.#one([0, 1025, 65_535]), 'k') : this.#keyBytes(number);
    const head = Buffer.alloc(2);
    head.writeUInt16BE(key.length);
    if (verb !== 'mset') return Buffer.concat([head, key]);
    const value = this.#value(number).subarray(0, 4096);
    const fields = Buffer.alloc(8);
    fields.writeUInt32BE(this.#random.chance(0.01) ? 2 ** 32 - 1 : value.length);
    fields.writeUInt32BE(this.#one([0, 60, isOdd ? 2 ** 32 - 1 : 1]), 4);
    return Buffer.concat([head, key, fields, value]);
  }

  #line(verb: string): Buffer {
    const random = this.#random;
    if (random.chance(0.05)) return Buffer.from(`${this.#one(ODD_JSON)}\n`);
    if (random.chance(0.02)) return Buffer.concat([random.bytes(random.below(40)), Buffer.of(10)]);
    const key = this.#key();
    const name = random.chance(0.02)
      ? Buffer.alloc(this.#one([0, 1024, 1025, 5000]), 'k')
      : this.#keyBytes(key);
    const value =
      verb === 'mset' ? `,"value":${this.#json(this.#value(key).subarray(0, 6000))}` : '';
    const ttl = random.chance(0.1) ? `,"ttl":${this.#one(NUMBERS) || 1}` : '';
    const tag = JSON.stringify(this.#one([...this.#remembered.etags.slice(-4), '*', 'x']));
    const condition = random.chance(0.1)
      ? `,"${this.#one(['ifMatch', 'ifNoneMatch'])}":${tag}`
      : '';
    const end = this.#one(['\n', '\n', '\n', '\r\n', '\n\n']);
    return Buffer.from(`{"key":${this.#json(name)}${value}${ttl}${condition}}${end}`);
  }

  #scan(): Parts {
    const random = this.#random;
    const parameters: string[] = [];
    const add = (share: number, name: string, value: () => string) => {
      if (random.chance(share)) parameters.push(`${name}=${value()}`);
    };
    const path = this.#one(['/v1/scan', '/v1/scan', '/v1/export']);
    add(0.6, 'prefix', () => this.#one(['%3C1', '%3C', '%FF', '%FF%FF', 'k'.repeat(1025), '%f']));
    add(0.3, 'cursor', () => this.#cursor());
    if (path === '/v1/scan') add(0.5, 'values', () => this.#one(['1', '0', '2']));
    if (path === '/v1/scan')
      add(0.6, 'limit', () => this.#one(['5', '50', ...NUMBERS.slice(0, 7)]));
    if (path === '/v1/export') {
      add(0.4, 'since', () => this.#one(['0', '1e3', '1700000000000', 'f'.repeat(16), '-1', ' ']));
    }
    add(0.03, 'prefix', () => 'twice');
    add(0.02, 'all', () => '1');
    const method = random.chance(0.1) ? this.#one(METHODS) : 'GET';
    const query = parameters.map((parameter) => parameter.replaceAll(' ', '%20')).join('&');
    return { method, target: `${path}?${encodeURI(query).replaceAll('%25', '%')}` };
  }

  /** One that ends by itself after a second, or is refused; seldom, because nothing behind it is answered before. */
  #watch(): Parts {
    const random = this.#random;
    if (random.chance(0.7)) return this.#scan();
    if (random.chance(0.3)) {
      const key = this.#key();
      const etag = encodeURIComponent(this.#one([...this.#remembered.etags.slice(-8), '"x"', 'x']));
      const newer = random.chance(0.5) ? `&newer-than=${etag}` : '';
      const wait = this.#one(['1', '1', '1', '0', '60', '1e1', '']);
      return {
        method: 'GET',
        target: `/v1/keys/${this.#keyText(key)}?wait=${wait}${newer}`,
        key,
        headers: this.#condition(),
      };
    }
    const since = this.#one(['', `&since=${this.#id()}`]);
    const values = this.#one(['', '&values=1', '&values=0', '&values=2']);
    const prefix = this.#one(['', '&prefix=%3C1', '&prefix=%FF', '&prefix=%f']);
    const seconds = this.#one(['1', '1', '1', '0', '86401', '1.0', '']);
    const headers = random.chance(0.3) ? [`Last-Event-ID: ${this.#id()}`] : [];
    // A HEAD of it ends at once.
    const method = random.chance(0.2) ? this.#one(METHODS) : 'GET';
    return { method, target: `/v1/watch?for=${seconds}${since}${values}${prefix}`, headers };
  }

  /** The id of an event, as it was or with a change. */
  #id(): string {
    const id = this.#one([...this.#remembered.ids.slice(-8), 'AQAAAAA', '1']);
    if (this.#random.chance(0.6)) return id;
    const at = this.#random.below(id.length + 1);
    return id.slice(0, at) + this.#one(['A', '-', '_', '=']) + id.slice(at + 1);
  }

  /** One that an answer had, as it is or with a change. */
  #cursor(): string {
    const random = this.#random;
    const cursor = this.#one([
      ...this.#remembered.cursors.slice(-8),
      'AQIAAAAA',
      '',
      'x'.repeat(9000),
    ]);
    if (random.chance(0.5)) return cursor;
    const at = random.below(cursor.length + 1);
    const change = this.#one(['', 'A', '-', '=', '%00']);
    return cursor.slice(0, at) + change + cursor.slice(random.chance(0.3) ? 99_999 : at + 1);
  }

  #import(): Parts {
    const random = this.#random;
    const lines = Array.from({ length: this.#one([0, 1, 5, 60]) }, () => {
      if (random.chance(0.03)) return `${this.#one(ODD_JSON)}\n`;
      const key = this.#key();
      const ms = Date.now() + this.#one([-60_000, -1000, 0, 5000, 2 * 86_400_000]);
      const version = (BigInt(ms) << 16n).toString(16).padStart(this.#one([16, 16, 16, 3]), '0');
      const size = this.#one([0, 14, 26, 4064, 4065, random.chance(0.1) ? 5000 : 4093]);
      const attributes = {
        [this.#one(['0', '2', '7', '7', '9', '255', random.chance(0.1) ? '256' : '8'])]:
          Buffer.alloc(size, 7).toString('base64'),
      };
      const line = {
        key: random.chance(0.98) ? this.#keyBytes(key).toString() : this.#one([7, null, {}]),
        ...(random.chance(0.9)
          ? { value: this.#value(key).subarray(0, 3000).toString() }
          : { deleted: true }),
        ...(random.chance(0.9) ? { version } : {}),
        ...(random.chance(0.1)
          ? { expiresAt: this.#one([0, 1, 2 ** 60, -1, Date.now() + 1e5]) }
          : {}),
        ...(random.chance(0.5) ? { attributes } : {}),
        ...(random.chance(0.1)
          ? { contentType: this.#one(['text/plain', '\n', 'é', random.chance(0.1) ? 7 : 't']) }
          : {}),
      };
      return `${JSON.stringify(line)}\n`;
    });
    const target = `/v1/import${this.#one(['', '?as-new=1', '?as-new=2', '?x'])}`;
    return { method: 'POST', target, body: Buffer.from(lines.join('')) };
  }

  #anyPath(): Parts {
    const path = this.#one([...this.#paths, '/nothing', '/v1/', '/v1/keys/', '/v1/keys/%zz']);
    // Without an end it would hold up all that is sent behind it.
    const isEndless = path === '/v1/watch';
    const target = path.replace(/\{\w+\}/, () => this.#keyText(this.#key()));
    const query = this.#one([
      '',
      '?',
      '?verbose',
      '?limit=5',
      '?key=%',
      '?a=1&a=2',
      '?__proto__=1',
    ]);
    const body = this.#random.chance(0.5)
      ? { body: this.#random.bytes(this.#random.below(99)) }
      : {};
    const method = this.#one(METHODS);
    // It would end what the other requests are about.
    const isLast = method === 'DELETE' && path === '/v1/scan';
    if (isEndless) return { method, target: `${path}?for=1`, ...body };
    return { method: isLast ? 'GET' : method, target: target + query, ...body };
  }

  #encode({ method, target, key, headers = [], body }: Parts): FuzzedRequest {
    const random = this.#random;
    const lines = [`${method} ${target} HTTP/${random.chance(0.01) ? '1.0' : '1.1'}`, 'Host: fuzz'];
    lines.push(...headers);
    if (random.chance(0.1)) lines.push(`Accept: ${this.#one(['application/json', '*/*', 'x'])}`);
    if (random.chance(0.02)) lines.push(this.#one(['Origin: http://a', 'Sec-Fetch-Site: none']));
    if (random.chance(0.005)) lines.push(`X-Long: ${'x'.repeat(this.#one([9000, 17_000]))}`);
    if (random.chance(0.01)) lines.push('Connection: close');
    if (random.chance(0.01)) lines.push(`Expect: ${this.#one(['100-continue', 'more'])}`);
    if (random.chance(0.005))
      lines.push(this.#one(['Host: twice', 'Transfer-Encoding: gzip', ':']));
    const isBroken = random.chance(0.005);
    const parts: Buffer[] = [];
    if (body !== undefined) {
      if (random.chance(0.3)) {
        lines.push('Transfer-Encoding: chunked');
        parts.push(...this.#chunks(body));
      } else {
        const lie = isBroken ? this.#one([-1, 1, 7]) : 0;
        lines.push(`Content-Length: ${Math.max(0, body.length + lie)}`);
        parts.push(body);
      }
    }
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    return { method, bytes: Buffer.concat([head, ...parts]), key, isBroken };
  }

  #chunks(body: Buffer): readonly Buffer[] {
    const parts: Buffer[] = [];
    for (let at = 0; at < body.length; ) {
      const length = Math.min(body.length - at, this.#one([1, 7, 1000, 70_000]));
      const extension = this.#random.chance(0.1) ? ';a="b"' : '';
      parts.push(Buffer.from(`${length.toString(16)}${extension}\r\n`));
      parts.push(body.subarray(at, at + length), Buffer.from('\r\n'));
      at += length;
      if (parts.length > 300) {
        parts.push(Buffer.from(`${(body.length - at).toString(16)}\r\n`), body.subarray(at));
        if (at < body.length) parts.push(Buffer.from('\r\n'));
        else parts.splice(-2);
        break;
      }
    }
    const trailer = this.#random.chance(0.1) ? 'X-Trailer: 1\r\n' : '';
    parts.push(Buffer.from(`0\r\n${trailer}\r\n`));
    return parts;
  }
}
