// The house rules, as tests: what may import what, what may touch the world, and documents that agree
// with the code. Each ban names what to use instead.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { methodsOf } from '../src/cluster/http/client-route.ts';
import { ERRORS } from '../src/cluster/http/errors.ts';
import { VERSION } from '../src/cluster/software.ts';
import { CONTROL } from '../src/cluster/wire/control-table.ts';
import { CHANGES_STREAM, OPERATION_STREAM } from '../src/cluster/wire/streams.ts';
import type { Command } from '../src/commands/options.ts';
import { routeTables } from './helpers/route-tables.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

function filesBelow(folder: string, ending = '.ts'): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

const SOURCES = filesBelow('src');
const TESTS = filesBelow('test');

/** The code without its comments: a ban is on doing, not on mentioning. */
function codeOf(path: string): string {
  return read(path)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Paths of the project's own modules, and names of packages. */
function importsOf(path: string): string[] {
  return [...codeOf(path).matchAll(/(?<![./'])\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    ([, target = '']) =>
      target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), target)) : target,
  );
}

/** `src/storage/log/log.ts` is in `storage`; files right below src/ are in `cli`. */
function roomOf(path: string): string {
  const [, room = '', rest] = path.split('/');
  if (rest === undefined) return 'cli';
  return path.startsWith('src/cluster/io/') ? 'cluster/io' : room;
}

describe('imports point one way', () => {
  const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
    cli: ['commands', 'cluster'],
    commands: [
      'simulation',
      'controller',
      'frontend',
      'fileserver',
      'files',
      'coordinator',
      'storage',
      'client',
      'backup',
      'load',
      'cluster',
      'cluster/io',
    ],
    simulation: [
      'controller',
      'frontend',
      'fileserver',
      'files',
      'coordinator',
      'storage',
      'backup',
      'cluster',
    ],
    backup: ['files', 'coordinator', 'cluster'],
    load: ['cluster'],
    controller: ['cluster'],
    frontend: ['files', 'coordinator', 'cluster'],
    fileserver: ['files', 'coordinator', 'cluster'],
    files: ['coordinator', 'cluster'],
    coordinator: ['cluster'],
    storage: ['cluster'],
    // Lives in somebody else's process, and composes with the adapters as commands do.
    client: ['coordinator', 'cluster', 'cluster/io'],
    // The same, for applications on node:http.
    middleware: ['client', 'cluster', 'cluster/io'],
    'cluster/io': ['cluster'],
    cluster: [],
  };

  test('no role imports another, nobody but commands imports the adapters', () => {
    for (const path of SOURCES) {
      const room = roomOf(path);
      const allowed = MAY_IMPORT[room];
      expect(allowed, `${path} is in a folder that the architecture has`).toBeDefined();
      for (const target of importsOf(path).filter((name) => name.startsWith('src/'))) {
        const other = roomOf(target);
        expect(other === room || allowed?.includes(other), `${path} imports ${target}`).toBe(true);
      }
    }
  });

  test('no two files import each other in a circle', () => {
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]) => {
      expect(trail, `a circle: ${[...trail, path].join(' -> ')}`).not.toContain(path);
      if (done.has(path)) return;
      for (const target of importsOf(path)) {
        if (target.startsWith('src/')) visit(target, [...trail, path]);
      }
      done.add(path);
    };
    for (const path of SOURCES) visit(path, []);
  });

  test('every file is imported by another, but the entries', () => {
    const imported = new Set(SOURCES.flatMap(importsOf));
    const entries = ['src/cli.ts', 'src/client/index.ts', 'src/middleware/index.ts'];
    expect(SOURCES.filter((path) => !imported.has(path) && !entries.includes(path))).toEqual([]);
  });
});

describe('logic apart from I/O', () => {
  const BANS: readonly (readonly [RegExp, string])[] = [
    [/\bDate\.now\b|\bnew Date\b/, 'runtime.clock.wallMs()'],
    [/\bperformance\b|\bprocess\.hrtime\b/, 'runtime.clock.monotonicMs()'],
    [/\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/, 'runtime.timers'],
    [/\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, 'runtime.random'],
    [/\bfetch\(|'node:https?'|'node:net'|'node:dgram'|'undici'/, 'runtime.network'],
    [/'node:fs(?:\/promises)?'/, 'runtime.disk'],
    [/'node:(?:cluster|child_process|worker_threads)'/, 'one process; commands/ starts others'],
    [
      /\bconsole\.|\bprocess\.(?:env|exit|on|once|argv|pid|std\w+|title|cwd|kill|cpuUsage|memoryUsage|uptime)\b/,
      'runtime.log and runtime.host',
    ],
  ];
  const PROMISES = [
    /\bPromise\b|\basync\b|\bawait\b/,
    'callbacks: a simulator decides the order of everything',
  ] as const;
  const PURE = [
    'simulation',
    'backup',
    'load',
    'controller',
    'frontend',
    'fileserver',
    'files',
    'coordinator',
    'storage',
    'cluster',
  ];

  test('no module but the adapters touches clock, timers, randomness, network or disk', () => {
    const pure = SOURCES.filter((path) => PURE.includes(roomOf(path)));
    expect(pure.length).toBeGreaterThan(30);
    for (const path of pure) {
      for (const [ban, instead] of [...BANS, PROMISES]) {
        expect(ban.exec(codeOf(path))?.[0], `${path}: use ${instead}`).toBeUndefined();
      }
    }
  });

  test('the client has promises for its callers, and it and the middleware the world by the adapters alone', () => {
    const paths = SOURCES.filter((path) => ['client', 'middleware'].includes(roomOf(path)));
    expect(paths.length).toBeGreaterThan(5);
    for (const path of paths) {
      for (const [ban, instead] of BANS) {
        expect(ban.exec(codeOf(path))?.[0], `${path}: use ${instead}`).toBeUndefined();
      }
    }
  });

  test('only the logged store changes records, beside the replay of its log', () => {
    const knowing = (names: RegExp, room: string) =>
      SOURCES.filter((path) => !path.startsWith(room) && names.test(codeOf(path)));
    // The storage node makes both, and gives everybody else the logged store or its reader.
    const store = knowing(
      /\b(?:Partition|Segment)Store\b|\bPartitionWriter\b/,
      'src/storage/memory/',
    );
    expect(store).toEqual([
      'src/storage/data-directory/recovery.ts',
      'src/storage/logged-store.ts',
      'src/storage/storage-node.ts',
    ]);
    const log = knowing(/\bAppendLog\b|\bRecordLog\b/, 'src/storage/log/');
    expect(log).toEqual(['src/storage/logged-store.ts', 'src/storage/storage-node.ts']);
  });

  test('only the adapters know how workers share a port', () => {
    const knowing = SOURCES.filter((path) => codeOf(path).includes("'node:cluster'"));
    expect(knowing).toEqual(['src/cluster/io/process/workers.ts']);
  });

  test('node:crypto and node:zlib only hash, seal and check', () => {
    const pure = ['hash', 'createHash', 'type Hash', 'crc32', 'createHmac', 'timingSafeEqual'];
    for (const path of SOURCES.filter((name) => PURE.includes(roomOf(name)))) {
      const named = [...codeOf(path).matchAll(/import \{([^}]*)\} from 'node:(?:crypto|zlib)'/g)];
      for (const name of named.flatMap(([, names = '']) => names.split(','))) {
        expect(pure).toContain(name.trim());
      }
    }
  });
});

describe('taste', () => {
  test('every file opens with what lives in it', () => {
    for (const path of [...SOURCES, ...TESTS]) {
      const first = read(path).replace(/^#!.*\n/, '');
      expect(first.startsWith('// ') || path.endsWith('.table.ts'), path).toBe(true);
    }
  });

  test('no file is too long to sit down with', () => {
    const lines = (path: string) => read(path).split('\n').length;
    expect(SOURCES.filter((path) => lines(path) > 400)).toEqual([]);
  });

  test('no any, no non-null assertion, no bare void promise, no left-over marks', () => {
    for (const path of SOURCES) {
      expect(codeOf(path)).not.toMatch(/:\s*any\b|\bas any\b|<any>|\w!\.|\w!;/);
      expect(codeOf(path), `${path}: a promise is awaited or handled`).not.toMatch(/^\s*void \w/m);
      expect(read(path)).not.toMatch(/\b(?:TODO|FIXME|XXX)\b/);
    }
  });

  test('no type name is declared twice', () => {
    const declared = /^(?:export )?(?:abstract )?(?:interface|type|class|enum) ([A-Za-z]+)/gm;
    const places = new Map<string, string[]>();
    for (const path of SOURCES) {
      for (const [, name = ''] of codeOf(path).matchAll(declared)) {
        places.set(name, [...(places.get(name) ?? []), path]);
      }
    }
    expect([...places].filter(([, paths]) => new Set(paths).size > 1)).toEqual([]);
  });

  test('a switch names what it decides for: its default only says that there is nothing else', () => {
    const DECIDING: Readonly<Record<string, string>> = {
      'src/storage/log/log-entry.ts':
        'bytes of a file: later software may have written other kinds',
      'src/commands/doctor/verdicts.ts': 'names of checks, as any node may print them',
    };
    const decides = (path: string) =>
      [...codeOf(path).matchAll(/^ *default:(?: \{)?\n\s*(.*)$/gm)].some(
        ([, first = '']) => !/^(?:return )?unreachable\(|^throw |^assert\(/.test(first),
      );
    expect(SOURCES.filter(decides).sort()).toEqual(Object.keys(DECIDING).sort());
  });

  test('no test is skipped without a condition, focused or empty', () => {
    for (const path of TESTS.filter((name) => name !== 'test/tidy.test.ts')) {
      expect(codeOf(path)).not.toMatch(/\b(?:it|test|describe)\.(?:skip|only|todo)\(/);
    }
  });
});

test('each store of integrations/ is less than a hundred lines, and has an example', () => {
  const { exports } = JSON.parse(read('integrations/package.json'));
  const stores = readdirSync(join(ROOT, 'integrations')).filter((name) => name.endsWith('.js'));
  const offered = Object.keys(exports).map((name) => `${name.slice('./'.length)}.js`);
  expect(stores.sort()).toEqual([...offered, 'shared.js'].sort());
  for (const name of offered) {
    expect(read(`integrations/${name}`).split('\n').length, name).toBeLessThanOrEqual(100);
    const path = `velour-fog-integrations/${name.replace('.js', '')}`;
    expect(read('integrations/README.md')).toContain(`from '${path}';`);
  }
});

describe('package.json', () => {
  const manifest = JSON.parse(read('package.json'));

  test('has exactly the two dependencies at run time, and every import is declared', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['undici', 'yargs']);
    const packages = SOURCES.flatMap(importsOf).filter(
      (name) => !name.startsWith('src/') && !name.startsWith('node:'),
    );
    expect([...new Set(packages)].sort()).toEqual(['undici', 'yargs']);
  });

  test('has the version that the software says', () => {
    expect(manifest.version).toBe(VERSION);
  });

  test('names entries that the build makes', () => {
    expect(existsSync(join(ROOT, manifest.bin.velour))).toBe(true);
    for (const entry of ['.', './middleware']) {
      expect(existsSync(join(ROOT, manifest.exports[entry].types))).toBe(true);
      expect(existsSync(join(ROOT, manifest.exports[entry].default))).toBe(true);
    }
  });
});

describe('the documents', () => {
  const DOCUMENTS = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'integrations/README.md',
  ].concat(
    readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  );

  test('have one title each', () => {
    for (const path of DOCUMENTS) {
      const prose = read(path).replace(/^```[\s\S]*?^```/gm, '');
      expect(prose.match(/^# /gm), path).toHaveLength(1);
    }
  });

  test('link only to files that are there', () => {
    for (const path of DOCUMENTS) {
      for (const [, target = ''] of read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        expect(existsSync(join(ROOT, dirname(path), target)), `${path} -> ${target}`).toBe(true);
      }
    }
  });

  test('of the code, CONTRIBUTING.md and docs/architecture.md, name only files and folders that are there', () => {
    const files = ['src', 'test', 'scripts', 'bench', '.'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: folder !== '.', withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
    );
    for (const path of ['CONTRIBUTING.md', 'docs/architecture.md']) {
      // A name may be short, as `set/round.ts` is: it is then the end of a path.
      const named = read(path).match(/(?<![\w*./-])\w[\w./-]*\.(?:ts|mjs|sh|txt)\b/g) ?? [];
      expect(named.length).toBeGreaterThan(50);
      expect(
        named.filter((name) => !files.some((file) => file === name || file.endsWith(`/${name}`))),
        path,
      ).toEqual([]);
      const folders = read(path).match(/(?<=`)(?:src|test|docs)\/[\w/-]*(?=`)/g) ?? [];
      expect(folders.filter((folder) => !existsSync(join(ROOT, folder)))).toEqual([]);
    }
  });

  test('docs/architecture.md explains each term once, in alphabetical order, with its place', () => {
    const [, glossary = ''] = read('docs/architecture.md').split('## Glossary');
    const rows = [...glossary.matchAll(/^\| ([a-z -]+) \| .+ \| `([^`]+)` \|$/gm)];
    const terms = rows.map(([, term]) => term);
    expect(terms.length).toBeGreaterThan(50);
    expect(terms).toEqual([...new Set(terms)].sort());
    expect(glossary.match(/^\| /gm)).toHaveLength(terms.length + 1);
  });

  test('docs/api.md lists every error code with its status, and no other', () => {
    const rows = [...read('docs/api.md').matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| (yes|no) \|/gm)];
    const documented = rows.map(([, code, status, retryable]) => `${code} ${status} ${retryable}`);
    const registered = Object.entries(ERRORS).map(
      ([code, { status, retryable }]) => `${code} ${status} ${retryable ? 'yes' : 'no'}`,
    );
    expect(documented.sort()).toEqual(registered.sort());
  });

  test('docs/api.md has every route of people and their programs as its table says it, and no other', async () => {
    const tables = await routeTables();
    expect(new Set(tables.map(({ path }) => path)).size).toBeGreaterThan(5);
    const rows = tables.map(({ role, route }) => {
      const { statuses, text, path } = route;
      return `| ${role} | ${methodsOf(route).join(', ')} | \`${path}\` | ${statuses.join(', ')} | ${text} |`;
    });
    const documented = read('docs/api.md').match(/^\| [a-z]+ \| [A-Z, ]+ \| `\/.*$/gm) ?? [];
    expect([...documented].sort()).toEqual(rows.sort());
    // A route that stands in no table is not documented.
    const added = SOURCES.flatMap((path) => codeOf(path).match(/\broutes\.add\([^,]*/g) ?? []);
    expect(
      added.filter(
        (call) => !/\(\s*(?:[A-Z\d_]+_ROUTES\.\w+|\{ methods: \[http\.method\])/.test(call),
      ),
    ).toEqual([]);
  });

  test('benchmarks import what the build has', () => {
    const imported = /^import \{ ([^}]+) \} from '(?:\.\.\/)+dist\/(.+)\.js';$/gm;
    for (const path of filesBelow('bench', '.mjs').filter(
      (name) => !name.includes('node_modules'),
    )) {
      for (const [, names = '', module = ''] of read(path).matchAll(imported)) {
        for (const name of names.split(', ')) {
          expect(read(`src/${module}.ts`), `${path} imports ${name}`).toMatch(
            new RegExp(`^export (?:async )?(?:function|class|const) ${name}\\b`, 'm'),
          );
        }
      }
    }
  });

  test('docs/api.md names every metric that the sources have, and no other', () => {
    const inSources = new Set(
      SOURCES.flatMap((path) => [
        ...codeOf(path).matchAll(/'((?:velourfog|process|nodejs)_[a-z0-9_]+)'/g),
      ]).map(([, name]) => name),
    );
    const inDocument = new Set(
      [...read('docs/api.md').matchAll(/\b((?:velourfog|process|nodejs)_[a-z0-9_]+)\b/g)].map(
        ([, name]) => name,
      ),
    );
    expect([...inDocument].sort()).toEqual([...inSources].sort());
  });

  test('docs/protocol.md has every rule that sources and tests cite', () => {
    const text = read('docs/protocol.md');
    const [inForce = '', notInForce = ''] = text.split('## Not in force yet');
    const rows = [...inForce.matchAll(/^\| ([GRHDI]\d+) \|/gm)].map(([, rule]) => rule);
    expect(new Set(rows).size, 'each rule has one row').toBe(rows.length);
    const known = new Set([...rows, ...(notInForce.match(/\b[GRHDI]\d+\b/g) ?? [])]);
    for (const path of [...SOURCES, ...TESTS]) {
      for (const [, rule = ''] of read(path).matchAll(/\b([GRHDI]\d{1,2})[a-c]?\b/g)) {
        expect(known.has(rule), `${path} cites ${rule}`).toBe(true);
      }
    }
  });

  test('docs/protocol.md names every path between the nodes, and no other', () => {
    const named = read('docs/protocol.md').match(/\/[cs]\/[a-z][a-z/-]*/g) ?? [];
    const paths = Object.values(CONTROL).map(({ http }) => http.path);
    expect([...new Set(named)].sort()).toEqual(
      [...new Set([...paths, OPERATION_STREAM.path, CHANGES_STREAM.path])].sort(),
    );
  });

  test('the documents name only commands that there are, docs/operations.md every option', async () => {
    const files = SOURCES.filter((path) => path.startsWith('src/commands/'));
    const modules = await Promise.all(files.map((path) => import(join(ROOT, path))));
    const commands = modules
      .flatMap((module): unknown[] => Object.values(module))
      .filter((value) => typeof value === 'object' && value !== null && 'usage' in value)
      .map((value) => value as Command);
    expect(commands.length).toBeGreaterThan(8);
    const names = commands.flatMap(({ usage, aliases = [] }) => [usage.split(' ')[0], ...aliases]);
    for (const path of DOCUMENTS) {
      for (const [, name] of read(path).matchAll(/(?:^|`)velour ([a-z][a-z-]*)/gm)) {
        expect([...names, 'completion'], `${path}: velour ${name}`).toContain(name);
      }
    }
    const text = read('docs/operations.md');
    const known = [...new Set(commands.flatMap(({ options }) => Object.keys(options)))];
    const named = [...text.matchAll(/--([a-z][a-z\d-]*)/g)].map(([, option = '']) => option);
    expect(named.filter((option) => ![...known, 'config', 'help'].includes(option))).toEqual([]);
    const variableOf = (option: string) => `\`${option.toUpperCase().replaceAll('-', '_')}\``;
    expect(
      known.filter((option) => !named.includes(option) && !text.includes(variableOf(option))),
    ).toEqual([]);
  });
});
