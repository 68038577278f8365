// What a configuration answers: the domain of a host, the classes of its rules, and where a shared file is fetched.

import { describe, expect, test } from 'vitest';
import type { BlobId } from '../../../../../src/files/blob-id.ts';
import {
  type BrokerConfig,
  classesOf,
  DEFAULT_CONFIG,
  domainOf,
  ruleFor,
} from '../../../../../src/frontend/gateways/broker/config/broker-config.ts';
import { readBrokerConfig } from '../../../../../src/frontend/gateways/broker/config/read-config.ts';
import { shareUrlsFor } from '../../../../../src/frontend/gateways/broker/config/shares.ts';

const configOf = (text: string): BrokerConfig => {
  const read = readBrokerConfig(text);
  if (read.kind === 'wrong') throw new Error(JSON.stringify(read.problems));
  return read.config;
};

const path = (...names: readonly string[]) => names.map((name) => Buffer.from(name));

describe('the domain of a host', () => {
  const named = configOf(
    'domain { domain_name a.com domain_name b.com } domain { domain_name [::1] }',
  );

  test.each([
    ['a.com', 'a.com'],
    ['A.COM:8080', 'a.com'],
    ['b.com.', 'a.com'],
    ['b.com.:80', 'a.com'],
    ['[::1]:6565', '[::1]'],
    ['c.com', undefined],
    ['', undefined],
    ['a.com:80:80', undefined],
    ['constructor', undefined],
  ])('%s is of %s', (host, name) => {
    expect(domainOf(named, host)?.name).toBe(name);
  });

  test('that none names is of the domain of *', () => {
    const config = configOf(
      'domain { domain_name a.com } domain { domain_name * domain_name b.com }',
    );
    const names = ['a.com', 'b.com', 'c.com', ''].map((host) => domainOf(config, host)?.name);
    expect(names).toEqual(['a.com', 'b.com', 'b.com', 'b.com']);
  });

  test('is the default one without a configuration, with the rule of the cluster', () => {
    const domain = domainOf(DEFAULT_CONFIG, 'any.com');
    expect(domain?.name).toBe('default');
    expect(domain && ruleFor(domain, path('a.jpg'))).toEqual({
      copies: undefined,
      waitsForAll: false,
      replicationClass: 'default',
    });
    expect(configOf('domain { domain_name * }').domains).toEqual(DEFAULT_CONFIG.domains);
  });
});

describe('the classes that a broker writes', () => {
  test('are those of its rules that say a number', () => {
    const config = configOf(
      'domain { domain_name a.com replicate 4 type jpg { replicate 3 } type pdf {} } domain { domain_name b.com type jpg { client_wait_to_finish true } }',
    );
    const classes = classesOf(config);
    expect([...classes]).toEqual([
      ['broker:a.com:jpg', 3],
      ['broker:a.com:pdf', 4],
      ['broker:a.com:*', 4],
    ]);
  });

  test('keep their names when their numbers change', () => {
    const names = [2, 3].map((copies) => [
      ...classesOf(
        configOf(`domain { domain_name a.com type jpg { replicate ${copies} } }`),
      ).keys(),
    ]);
    expect(names[0]).toEqual(names[1]);
  });

  test('have names that a record of a file takes, however long those of domain and type are', () => {
    const host = 'a'.repeat(200);
    const type = 'b'.repeat(40);
    const config = configOf(`domain { domain_name ${host} type ${type} { replicate 3 } }`);
    for (const name of classesOf(config).keys()) expect(name.length).toBeLessThanOrEqual(255);
    const longer = `domain { domain_name ${host}a type ${type}b { replicate 3 } }`;
    expect(readBrokerConfig(longer)).toMatchObject({ problems: [{ column: 22 }, { column: 229 }] });
  });
});

describe('where a shared file is fetched', () => {
  const BLOB = '0123456789ababcd0123456789abcdef' as BlobId;
  const urls = (shares: string, segments: readonly Buffer[], blob: BlobId | undefined = BLOB) => {
    const config = configOf(
      `upstream static { server a:1 server b:2 } domain { domain_name d.com ${shares} }`,
    );
    const [domain] = config.domains;
    return domain && shareUrlsFor(domain, { segments, blob, token: 'T' });
  };

  test('is the URL with the rest of the path and the token', () => {
    const share = 'share /pub http://cdn.com/x/';
    expect(urls(share, path('pub', 'a', 'b c?.jpg'))).toEqual([
      'http://cdn.com/x/a/b%20c%3F.jpg?token=T',
    ]);
    expect(urls('share / https://cdn.com', path('a'))).toEqual(['https://cdn.com/a?token=T']);
  });

  test('is nowhere for what is not below the prefix', () => {
    const share = 'share /pub/x http://cdn.com/';
    expect(urls(share, path('public', 'x', 'y'))).toEqual([]);
    expect(urls(share, path('pub', 'xy', 'y'))).toEqual([]);
    expect(urls(share, path('pub', 'x'))).toEqual([]);
    expect(urls(share, path('a', 'pub', 'x', 'y'))).toEqual([]);
  });

  test('is that of the longest prefix, in whatever order they stand', () => {
    const share =
      'share /a http://one.com\nshare /a/b/c http://three.com\nshare /a/b http://two.com\n';
    expect(urls(share, path('a', 'b', 'c', 'd'))).toEqual(['http://three.com/d?token=T']);
    expect(urls(share, path('a', 'b', 'd'))).toEqual(['http://two.com/d?token=T']);
  });

  test('has its prefix by its bytes, escaped or not', () => {
    const segments = [Buffer.from('é', 'utf8'), Buffer.from('x')];
    expect(urls('share /é http://cdn.com', segments)).toEqual(['http://cdn.com/x?token=T']);
    expect(urls('share /%C3%A9 http://cdn.com', segments)).toEqual(['http://cdn.com/x?token=T']);
    // What is in the head of an answer has no characters beyond ASCII: one would end the process.
    expect(urls('share / http://cdn.com/日é/$path', path('a'))).toEqual([
      'http://cdn.com/%E6%97%A5%C3%A9/a',
    ]);
    expect(urls('share "/a b" http://cdn.com', path('a b', 'x'))).toEqual([
      'http://cdn.com/x?token=T',
    ]);
  });

  test('is what the variables of the URL say, and nothing else', () => {
    const share = 'share /pub http://cdn.com/$token/$path?b=$blob&i=$id';
    expect(urls(share, path('pub', 'a', '$token'))).toEqual([
      `http://cdn.com/T/a/%24token?b=ab/cd/${BLOB}&i=${BLOB}`,
    ]);
  });

  test('is at the file servers for a file without a blob, where its share is of blobs', () => {
    const small = (shares: string) => {
      const [domain] = configOf(`domain { domain_name d.com ${shares} }`).domains;
      return domain && shareUrlsFor(domain, { segments: path('a'), blob: undefined, token: 'T' });
    };
    expect(small('share / http://cdn.com/$blob')).toEqual([]);
    expect(small('share / http://cdn.com/blobs/$id')).toEqual([]);
    expect(small('share / http://cdn.com/$path')).toEqual(['http://cdn.com/a']);
  });

  test('is one URL for each server of an upstream', () => {
    expect(urls('share / http://static/x', path('f'))).toEqual([
      'http://a:1/x/f?token=T',
      'http://b:2/x/f?token=T',
    ]);
  });
});
