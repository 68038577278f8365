// The configuration of a broker: what it may be, in words and in JSON, and what is said of one that is wrong.

import { describe, expect, test } from 'vitest';
import {
  type BrokerConfig,
  ruleFor,
} from '../../../../../src/frontend/gateways/broker/config/broker-config.ts';
import {
  type ReadConfig,
  readBrokerConfig,
} from '../../../../../src/frontend/gateways/broker/config/read-config.ts';
import { SeededRandom } from '../../../../helpers/random.ts';

/** Every word that the original has. */
const ORIGINAL = `daemonize yes
listen 0.0.0.0:6565
logfile /srv/log/broker
loglevel DEBUG
# who keeps what is known of files
upstream db {
    server 192.0.2.1:7001
    server 192.0.2.2:7001
}
domain {
    domain_name www.domain.com
    db_backend db
    # a word after this mark means nothing: db_backend
    logfile /srv/log/www
    loglevel warn
    type jpg {
        replicate 3
    }
    type pdf {
        replicate 2
        client_wait_to_finish true
    }
    share /prefix http://static03.domain.com/
}
`;

const IN_ONE_LINE =
  'listen 0.0.0.0:6565 loglevel debug upstream db { server 192.0.2.1:7001 server 192.0.2.2:7001 } domain { domain_name www.domain.com  type jpg { replicate 3 }  type pdf { replicate 2  client_wait_to_finish true }  share /prefix http://static03.domain.com/ }';

const WITH_SEMICOLONS = ORIGINAL.replace(/^( *[^#\s].*[^{}\s])$/gm, '$1;');

const AS_JSON = `{
  "listen": "0.0.0.0:6565", "loglevel": "debug",
  "upstream": {"db": {"server": ["192.0.2.1:7001", "192.0.2.2:7001"]}},
  "domain": [{
    "domain_name": "www.domain.com",
    "type": {"jpg": {"replicate": 3}, "pdf": {"replicate": 2, "client_wait_to_finish": true}},
    "share": {"/prefix": "http://static03.domain.com/"}
  }]
}`;

const configOf = (text: string): BrokerConfig => {
  const read = readBrokerConfig(text);
  if (read.kind === 'wrong') throw new Error(JSON.stringify(read.problems));
  return read.config;
};

/** The faults of a text, as LINE:COLUMN and what is said. */
const faultsOf = (text: string): readonly string[] => {
  const read = readBrokerConfig(text);
  return read.kind === 'config'
    ? []
    : read.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
};

const inDomain = (words: string) => `domain { domain_name a.com ${words} }`;

describe('a configuration as the original has it', () => {
  const config = configOf(ORIGINAL);

  test('says where to listen, and which domains there are', () => {
    expect(config).toMatchObject({
      port: 6565,
      upstreams: [{ name: 'db', servers: ['192.0.2.1:7001', '192.0.2.2:7001'] }],
      domains: [{ name: 'www.domain.com', hosts: ['www.domain.com'] }],
    });
  });

  test('has a rule for each type', () => {
    const [domain] = config.domains;
    expect(domain?.types).toEqual(
      new Map([
        ['jpg', { copies: 3, waitsForAll: false, replicationClass: 'broker:www.domain.com:jpg' }],
        ['pdf', { copies: 2, waitsForAll: true, replicationClass: 'broker:www.domain.com:pdf' }],
      ]),
    );
    expect(domain?.other).toEqual({
      copies: undefined,
      waitsForAll: false,
      replicationClass: 'default',
    });
  });

  test('has remarks on the words that do nothing here, and only on them', () => {
    const read = readBrokerConfig(ORIGINAL);
    const remarks = read.kind === 'config' ? read.remarks : [];
    expect(
      remarks.map(({ line, column, message }) => `${line}:${column} ${message.split(' ')[0]}`),
    ).toEqual([
      '1:1 daemonize',
      '2:8 the',
      '3:1 logfile',
      '12:5 db_backend',
      '14:5 logfile',
      '15:5 loglevel',
    ]);
  });

  test.each([
    ['without line breaks', IN_ONE_LINE],
    ['with the semicolons of nginx', WITH_SEMICOLONS],
    [
      'with the line ends of Windows and a mark of byte order',
      `\uFEFF${ORIGINAL.replaceAll('\n', '\r\n')}`,
    ],
    ['with each brace on a line of its own', ORIGINAL.replace(/ \{/g, '\n{')],
    ['as JSON', AS_JSON],
  ])('is the same %s', (_how, text) => {
    expect(configOf(text)).toEqual(config);
  });
});

describe('rules', () => {
  const typesOf = (words: string) => {
    const [domain] = configOf(inDomain(words)).domains;
    return (name: string) => {
      const rule = domain && ruleFor(domain, [Buffer.from('x.pdf'), Buffer.from(name)]);
      return `${rule?.copies} ${rule?.waitsForAll} ${rule?.replicationClass}`;
    };
  };

  test('of a type take what they do not say from the domain', () => {
    const rule = typesOf(
      'replicate 4 client_wait_to_finish yes type jpg { replicate 1 } type pdf {} type png { client_wait_to_finish off }',
    );
    expect([rule('a.jpg'), rule('a.pdf'), rule('a.png'), rule('a.txt')]).toEqual([
      '1 true broker:a.com:jpg',
      '4 true broker:a.com:pdf',
      '4 false broker:a.com:png',
      '4 true broker:a.com:*',
    ]);
  });

  test('of * are of all files that have no type with a rule', () => {
    const rule = typesOf('type * { replicate 5 } type JPG { replicate 1 }');
    expect([
      rule('A.Jpg'),
      rule('a.gz.jpg'),
      rule('a.jpg.gz'),
      rule('jpg'),
      rule('.jpg'),
      rule('a.'),
    ]).toEqual([
      '1 false broker:a.com:jpg',
      '1 false broker:a.com:jpg',
      ...Array(4).fill('5 false broker:a.com:*'),
    ]);
  });

  test('that say no number leave it to the class of the cluster', () => {
    expect(typesOf('type jpg { client_wait_to_finish true }')('a.jpg')).toBe(
      'undefined true default',
    );
  });
});

describe('what is wrong is said with its place, and with what would be right', () => {
  test.each([
    [
      'an unknown word',
      'lisen 1',
      ['1:1 lisen is no word outside of all blocks: did you mean listen?'],
    ],
    [
      'a word in the wrong case',
      'Domain {}',
      ['1:1 Domain is no word outside of all blocks: did you mean domain?'],
    ],
    [
      'a word of nobody',
      inDomain('\n  xyzzyx 1'),
      [
        '2:3 xyzzyx is no word in a domain: there are domain_name, type, replicate, client_wait_to_finish, share, db_backend, loglevel, logfile',
      ],
    ],
    [
      'a value too many',
      inDomain('\ndomain_name b.com c.com'),
      [
        '2:19 c.com is no word in a domain: domain_name takes one value; say domain_name again for another, and quote what has spaces',
      ],
    ],
    [
      'a typing error behind a complete word',
      inDomain('type a { replicate 2 client_wait_to_finsh true }'),
      ['1:49 client_wait_to_finsh is no word in a type: did you mean client_wait_to_finish?'],
    ],
    [
      'a word outside of its block',
      'replicate 3',
      [
        '1:1 replicate is no word outside of all blocks: it stands in a domain and in a type; put it into one',
      ],
    ],
    [
      'a missing } before the next domain',
      'domain {\n domain_name a.com\ndomain { domain_name b.com }',
      [
        '3:1 domain is no word in a domain: it stands outside of all blocks; is a } missing before it?',
      ],
    ],
    [
      'a missing } at the end',
      'domain {\n  domain_name a.com\n  type jpg {\n replicate 3\n  }\n',
      ['1:8 this { is never closed: its } is missing'],
    ],
    [
      'a missing {',
      'domain {\n domain_name a.com\n type jpg\n  replicate 3\n }\n}',
      ['4:3 a { is missing after type jpg'],
    ],
    ['a missing { at the end', 'domain', ['1:1 a { is missing after domain']],
    [
      'a } too many',
      `${inDomain('')}\n}`,
      ['2:1 this } closes nothing: take it away, or put the { before'],
    ],
    ['a { of nobody', '{{', ['1:2 a word in " is missing here']],
    [
      'a { behind a word that opens nothing',
      inDomain('replicate 3 {'),
      ['1:40 this { follows no word that opens a block'],
    ],
    [
      'a missing value',
      inDomain('replicate\n3'),
      ['1:28 replicate takes a number of copies, which is missing on its line'],
    ],
    [
      'a share without a URL',
      inDomain('share /a'),
      ['1:28 share takes a URL, which is missing on its line'],
    ],
    [
      'a share whose URL is none',
      inDomain('share /a cdn.com'),
      ['1:37 this is cdn.com, and must be a URL such as http://static.domain.com/uploads'],
    ],
    [
      'a variable that a URL has not',
      inDomain('share /a http://cdn.com/$name'),
      ['1:37 a URL has no $name: there are $path, $blob, $id, $token'],
    ],
    [
      'a query without a place for the path',
      inDomain('share /a http://cdn.com/?a'),
      ['1:37 a URL with a ? needs $path to say where the rest of the path belongs'],
    ],
    [
      'a share that begins nowhere',
      inDomain('share a http://cdn.com'),
      ['1:34 this is a, and must be the beginning of a path, such as /uploads, with any % as %25'],
    ],
    [
      'a share of a path that no request has',
      inDomain('share /a/../b http://cdn.com'),
      ['1:34 this is /a/../b, and must be a path without . and ..'],
    ],
    [
      'two shares of one prefix',
      inDomain('share /a http://b.com\nshare /a/ http://c.com'),
      ['2:7 share /a/ stands here twice, first in line 1: keep one'],
    ],
    [
      'a share of the broker itself',
      'listen 80 domain { domain_name a.com share /a http://a.com/b }',
      [
        '1:47 this URL is of the broker itself, which would redirect to it for ever: name the server that has the files',
      ],
    ],
    [
      'no copies',
      inDomain('replicate 0'),
      ['1:38 this is 0, and must be a number of copies from 1 to 16'],
    ],
    [
      'too many copies',
      inDomain('replicate 17'),
      ['1:38 this is 17, and must be a number of copies from 1 to 16'],
    ],
    [
      'a number twice',
      inDomain('replicate 2\nreplicate 3'),
      ['2:1 replicate stands here twice, first in line 1: keep one'],
    ],
    [
      'neither yes nor no',
      inDomain('client_wait_to_finish maybe'),
      ['1:50 this is maybe, and must be true or false'],
    ],
    [
      'a level of nobody',
      'loglevel loud\ndomain { domain_name a.com }',
      ['1:10 this is loud, and must be debug, info, warn or error'],
    ],
    [
      'a port out of range',
      `listen 65536 ${inDomain('')}`,
      ['1:8 this is 65536, and must be HOST:PORT or a port from 1 to 65535, such as 0.0.0.0:6565'],
    ],
    [
      'no domain',
      'listen 6565',
      [
        '1:1 there is no domain, so that no request would be answered: say domain { domain_name HOST }',
      ],
    ],
    [
      'a domain without a name',
      'domain { type jpg { replicate 3 } }',
      ['1:1 this domain has no name: say domain_name HOST, or domain_name * for all others'],
    ],
    [
      'a name with a port',
      'domain { domain_name a.com:80 }',
      [
        '1:22 this is a.com:80, and must be the name of a host without a port: a domain is of all ports',
      ],
    ],
    [
      'two domains of one name',
      `${inDomain('')}\ndomain { domain_name b.com\ndomain_name A.com. }`,
      ['3:13 a.com is a domain already, in line 1: a name belongs to one domain'],
    ],
    [
      'two domains of all other names',
      'domain { domain_name * }\ndomain { domain_name * }',
      ['2:22 all other hosts are a domain already, in line 1: a name belongs to one domain'],
    ],
    [
      'two domains with the same files',
      'domain { domain_name default }\ndomain { domain_name * }',
      [
        '2:1 the files of this domain would be those of default, which is a domain already: give it a name beside *',
      ],
    ],
    [
      'a port of an upstream',
      `upstream s { server a:1 } domain { domain_name b.com share /x http://s:99/y }`,
      ['1:63 s is an upstream, whose servers have ports: leave that of the URL out'],
    ],
    [
      'two endings of a type',
      inDomain('\ntype jpg png { replicate 17 }'),
      [
        '2:10 png is too much here: type takes one value; say type again for another, and quote what has spaces',
        '2:26 this is 17, and must be a number of copies from 1 to 16',
      ],
    ],
    [
      'a name behind a domain',
      'domain a.com { domain_name a.com }',
      ['1:8 a.com is too much here: domain takes no value: what is of it stands between { and }'],
    ],
    [
      'the words of nginx',
      'http {\n server { listen 80; server_name a.com; location / { root /srv; } }\n}\ndomain {\n server_name a.com;\n location / { root /srv; }\n}',
      [
        '1:1 http is no word outside of all blocks: what stands in it is said outside of all blocks here',
        '5:2 server_name is no word in a domain: domain_name HOST says that here, once for each host',
        '6:2 location is no word in a domain: a type says how files are kept, and share /PREFIX URL where clients fetch them',
      ],
    ],
    [
      'a server as nginx has it',
      'server {\n listen 80;\n}',
      [
        "1:1 server is no word outside of all blocks: nginx's server { } is domain { } here; server HOST:PORT stands in an upstream",
      ],
    ],
    [
      'far too much',
      '#'.repeat(2 ** 20 + 1),
      ['1:1 the configuration is longer than 1048576 bytes: name fewer domains and types'],
    ],
    [
      'two rules of one type',
      inDomain('type jpg {}\ntype JPG {}'),
      ['2:6 type jpg stands here twice, first in line 1: keep one'],
    ],
    [
      'a type of two endings',
      inDomain('type tar.gz {}'),
      ['1:33 this is tar.gz, and must be the last ending alone, without its dot: gz'],
    ],
    [
      'an upstream that is not there',
      inDomain('db_backend db'),
      ['1:39 there is no upstream db: say upstream db { server HOST:PORT }'],
    ],
    [
      'two upstreams of one name',
      `upstream a { server b:1 } upstream A { server b:2 } ${inDomain('')}`,
      ['1:36 there are two upstreams a: put their servers into one'],
    ],
    [
      'an upstream without servers',
      `upstream a {} ${inDomain('')}`,
      ['1:10 upstream a has no server: say server HOST:PORT'],
    ],
    [
      'a server without a port',
      `upstream a { server b } ${inDomain('')}`,
      ['1:21 this is b, and must be HOST:PORT, such as 10.0.0.10:6444'],
    ],
    [
      'a quotation mark without its other',
      inDomain('share "/a b http://c.com\n'),
      ['1:34 this " is not closed on its line: put another "'],
    ],
    [
      'a word with what a terminal obeys',
      '\u001b[2J',
      [
        '1:1 ?[2J is no word outside of all blocks: there are domain, upstream, listen, loglevel, logfile, daemonize',
      ],
    ],
  ])('%s', (_what, text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  test('all of it at once, also behind words that lack their values, and nothing that only follows from it', () => {
    const text = `listen
upstrem db { server 10.0.0.1:1 }
domain {
  domain_nam a.com
  db_backend db
  share /y
  client_wait_to_finish
  replicate
  99
  type jpg png { replicate 0 }
  type { replicat 3 }
}
domain { domain_name b.com:1 }
domain {
`;
    expect(faultsOf(text).map((fault) => fault.split(' ').slice(0, 2).join(' '))).toEqual([
      '1:1 listen',
      '2:1 upstrem',
      '4:3 domain_nam',
      '6:3 share',
      '7:3 client_wait_to_finish',
      '8:3 replicate',
      '10:12 png',
      '10:28 this',
      '11:3 type',
      '11:10 replicat',
      '13:22 this',
      '14:8 this',
    ]);
  });

  test('as much as anybody reads, however much it is', () => {
    const faults = faultsOf(inDomain('\nxyzzyx 1'.repeat(100_000)));
    expect([faults.length, faults.at(-1)]).toEqual([
      51,
      '52:1 from here on more is wrong: mend what is above first',
    ]);
  });

  test('all wrong values at once, in the order of the text', () => {
    const text =
      'loglevel loud\ndomain {\n domain_name a:1\n type jpg { replicate 0 }\n}\nlisten x\n';
    expect(faultsOf(text).map((fault) => fault.split(' ')[0])).toEqual([
      '1:10',
      '3:14',
      '4:23',
      '6:8',
    ]);
  });
});

describe('what is wrong in JSON is said in the same way', () => {
  test.each([
    [
      'an unknown word',
      '{"domains": []}',
      ['1:2 domains is no word outside of all blocks: did you mean domain?'],
    ],
    [
      'a wrong value',
      '{"domain": {"domain_name": "a",\n "replicate": 17}}',
      ['2:15 this is 17, and must be a number of copies from 1 to 16'],
    ],
    [
      'a number that is a list',
      '{"domain": {"domain_name": "a", "replicate": [[3]]}}',
      ['1:47 this must be a number of copies'],
    ],
    [
      'a block that is none',
      '{"domain": "a"}',
      [
        '1:12 an object is missing here, which has the words of its block: domain_name, type, replicate, client_wait_to_finish, share, loglevel',
      ],
    ],
    [
      'a number in the place of a block',
      '{"domain": {"domain_name": "a", "type": {"jpg": 3}}}',
      [
        '1:49 an object is missing here, which has the words of its block: replicate, client_wait_to_finish',
      ],
    ],
    [
      'a type that is none',
      '{"domain": {"type": "jpg"}}',
      ['1:21 an object is missing here, which has type by the ending of a name, or *'],
    ],
    [
      'a missing }',
      '{"domain": {"domain_name": "a"}',
      ['1:1 this is never closed: its } is missing'],
    ],
    ['a missing ]', '{"domain": [', ['1:12 this is never closed: its ] is missing']],
    ['a missing comma', '{"listen": 1 "loglevel": "warn"}', ['1:14 a , or } is missing here']],
    ['a comma too many', '{"listen": 1,}', ['1:14 JSON has no , before }']],
    ['a missing colon', '{"listen" 1}', ['1:11 a : is missing after listen']],
    [
      'a missing value',
      '{"listen": }',
      ['1:12 a value is missing here: a text in ", a number, true, false, { or ['],
    ],
    ['null', '{"listen": null}', ['1:12 null is no value: leave the word out']],
    [
      'a text without an end',
      '{"listen": "a}',
      ['1:12 this text is not closed on its line, or has an escape that JSON has not'],
    ],
    ['something behind it', '{} x', ['1:4 this is behind the end of the JSON']],
    [
      'far too many levels',
      `{"domain": ${'['.repeat(100_000)}`,
      ['1:28 this is nested more deeply than any block is'],
    ],
  ])('%s', (_what, text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  test('all of it at once, and nothing that only follows from it', () => {
    const text =
      '{"lisen": 1,\n"domain": [{"domain_nam": "a"},\n{"domain_name": ["b", ["c"]], "share": {"/x": 17}},\n"d"]}';
    expect(faultsOf(text).map((fault) => fault.split(' ')[0])).toEqual([
      '1:2',
      '2:13',
      '3:23',
      '3:47',
      '4:1',
    ]);
    expect(faultsOf(`{${'"x": 1, '.repeat(10_000)}"y": 2}`)).toHaveLength(51);
  });

  test('a word twice', () => {
    expect(
      faultsOf('{"domain": {"domain_name": ["a", "b"], "replicate": 2, "replicate": 3}}'),
    ).toEqual(['1:56 replicate stands here twice, first in line 1: keep one']);
  });
});

describe('whatever is in a file, it is a configuration or has a fault in it', () => {
  const PARTS = [...(IN_ONE_LINE + ORIGINAL + AS_JSON).matchAll(/\S+|\s/g)].map(([part]) => part);
  const ODD = [
    '{',
    '}',
    '"',
    "'",
    ';',
    '\\',
    '#',
    '\n',
    '\0',
    '\uD800',
    '*',
    '%',
    '$',
    '[',
    ']',
    ',',
    ':',
    '__proto__',
    'constructor',
    '"a\\"b"',
  ];

  const check = (text: string): ReadConfig['kind'] => {
    const read = readBrokerConfig(text);
    if (read.kind === 'config') return read.kind;
    expect(read.problems.length).toBeGreaterThan(0);
    const lines = text.split('\n');
    for (const { line, column, message } of read.problems) {
      expect(message).toMatch(/^[^\p{Cc}]+$/u);
      expect(column).toBeGreaterThan(0);
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
    }
    return read.kind;
  };

  test.each([ORIGINAL, AS_JSON])('of a right one with some characters changed', (whole) => {
    const random = new SeededRandom(7);
    const kinds = new Set<string>();
    for (let round = 0; round < 3000; round++) {
      let text = whole;
      for (let change = random.below(4); change >= 0; change--) {
        const at = random.below(text.length);
        const odd = ODD[random.below(ODD.length)] ?? '';
        text = text.slice(0, at) + odd + text.slice(at + random.below(5));
      }
      kinds.add(check(text));
    }
    expect(kinds).toEqual(new Set(['config', 'wrong']));
  });

  test('of words in any order', () => {
    const random = new SeededRandom(8);
    const any = [...PARTS, ...ODD];
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: random.below(40) }, () => any[random.below(any.length)]);
      check(text.join(random.below(2) === 0 ? ' ' : ''));
    }
  });

  test('of a mebibyte of one character', () => {
    for (const odd of [...ODD, 'a ', '"a" ', '{"a":', 'domain {']) {
      check(odd.repeat(2 ** 20 / odd.length));
    }
    check(`"${'a'.repeat(2 ** 20)}"`);
  });
});
