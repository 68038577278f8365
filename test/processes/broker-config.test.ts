// The configuration of a broker on real processes: what a start says of a wrong one, rules that act on files which are there
// when they change, and a running broker that keeps its rules while its file is wrong.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  childrenOf,
  freePorts,
  isAlive,
  type LocalCluster,
  Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

let folder = '';
const configAt = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'velour-broker-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const WRONG = 'domain {\n  domain_name a.com\n  type jpg { replicate 99 }\n}\n';
const PLACE = ':3:24: this is 99, and must be a number of copies from 1 to 16';

async function ran(...words: readonly string[]) {
  const process = velour(words);
  const code = await process.exit();
  return { code, out: process.stdout, said: process.stderr };
}

describe('before a broker goes by it', () => {
  test('a right one is ok, with remarks on words without effect', async () => {
    const path = configAt('right', 'daemonize yes\ndomain { domain_name a.com type jpg {} }');
    expect(await ran('broker', 'check-config', path)).toEqual({
      code: 0,
      out: 'ok: 1 domain, 1 type, 0 shares\n',
      said: `${path}:1:1: daemonize has no effect: velour stays in the foreground, and a service manager puts it into the background\n`,
    });
    expect(JSON.parse((await ran('broker', 'check-config', path, '--json')).out)).toMatchObject({
      ok: true,
      remarks: [{ line: 1, column: 1 }],
    });
  });

  test('a wrong one is 78, with the place, for who checks and for who starts', async () => {
    const path = configAt('wrong', WRONG);
    const checked = await ran('broker', 'check-config', path);
    expect(checked).toEqual({
      code: 78,
      out: '',
      said: `velour: ${path} is wrong:\n${path}${PLACE}\n`,
    });
    const json = await ran('broker', 'check-config', path, '--json');
    expect([json.code, JSON.parse(json.out).problems.length]).toEqual([78, 1]);
    const [controller, own, broker] = await freePorts(3);
    const frontend = ['frontend', `127.0.0.1:${controller}`, `127.0.0.1:${own}`];
    const started = await ran(...frontend, '--broker-port', `${broker}`, '--broker-config', path);
    expect(started.code).toBe(78);
    expect(started.said).toContain(PLACE);
    const local = await ran('local', '--broker-config', path);
    expect([local.code, local.out]).toEqual([78, '']);
    // One line of the log for each thing that is wrong.
    const lines = local.said.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      `${path} is wrong:`,
      `${path}${PLACE}`,
    ]);
  });

  test('one that is not there is 78 as well, and one without a port is a mistake of usage', async () => {
    const away = join(folder, 'away');
    expect((await ran('broker', 'check-config', away)).code).toBe(78);
    const [controller, own] = await freePorts(2);
    const frontend = ['frontend', `127.0.0.1:${controller}`, `127.0.0.1:${own}`];
    expect((await ran(...frontend, '--broker-config', away)).code).toBe(78);
    const portless = configAt('portless', 'domain { domain_name * }');
    const started = await ran(...frontend, '--broker-config', portless);
    expect([started.code, started.said]).toEqual([2, expect.stringContaining('broker-port')]);
  });
});

describe('while it runs', () => {
  let cluster: LocalCluster;
  let path = '';
  const ofCopies = (copies: number) =>
    `domain {\n domain_name www.domain.com\n type jpg { replicate ${copies} client_wait_to_finish true }\n}\n`;

  beforeAll(async () => {
    path = configAt('running', ofCopies(2));
    const words = ['--broker-config', path];
    cluster = await startCluster({ frontends: 1, storages: 3, fileservers: 3, words });
  });
  afterAll(() => cluster.stop());

  /** A request to the broker through which the bytes pass, so that one answer tells all. */
  async function ask(method: 'GET' | 'PUT', name: string, body?: Buffer) {
    const response = await request(`http://${cluster.brokers[0]}/${name}?proxy=1`, {
      method,
      headers: { host: 'www.domain.com' },
      ...(body === undefined ? {} : { body }),
    });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return { status: response.statusCode, bytes };
  }

  const stat = async (name: string) => {
    const to = ['--controller', cluster.controller, '--space', 'd:www.domain.com', '--json'];
    return JSON.parse((await ran('files', 'stat', name, ...to)).out);
  };

  test('the greeting has lines for the broker that work, by a domain that there is', async () => {
    await cluster.process.printed('stdout', 'Ctrl-C');
    const lines = cluster.process.stdout.split('\n').filter((line) => line.includes('curl -L'));
    expect(lines).toHaveLength(2);
    const answers = [];
    for (const line of lines) {
      const { status, stdout } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
      answers.push([status, stdout]);
    }
    expect(answers).toEqual([
      [0, ''],
      [0, 'any text'],
    ]);
  });

  test('a changed rule raises and lowers the copies of files that are there', async () => {
    const content = randomBytes(100_000);
    await until(async () => (await ask('PUT', 'a.jpg', content)).status === 201);
    const stored = await stat('a.jpg');
    expect(stored.class).toBe('broker:www.domain.com:jpg');
    expect(stored.holders).toHaveLength(2);
    expect(await stat('/a.jpg')).toEqual(stored);
    for (const copies of [3, 2]) {
      writeFileSync(path, ofCopies(copies));
      await until(async () => {
        // File servers look when they are told that copies lack, and after a minute by themselves.
        await ran('files', 'check', '--controller', cluster.controller);
        return (await stat('a.jpg')).holders.length === copies;
      });
    }
    expect((await ask('GET', 'a.jpg')).bytes.equals(content)).toBe(true);
  });

  test('a wrong file changes nothing, and the log says where it is wrong', async () => {
    writeFileSync(path, WRONG);
    await cluster.process.printed('stderr', PLACE);
    const content = randomBytes(100_000);
    expect((await ask('PUT', 'b.jpg', content)).status).toBe(201);
    expect((await stat('b.jpg')).class).toBe('broker:www.domain.com:jpg');
    const wrong = await toldOfTheFile();
    expect(wrong.health).toContain('[!]rules warning: the configuration of the broker is wrong');
    expect(wrong.health).toContain(PLACE);
    expect(wrong.isWrong).toBe('1');
    expect(wrong.status.code).toBe(1);
    expect(wrong.status.out).toContain(PLACE);
    writeFileSync(path, ofCopies(2));
    await until(async () => (await toldOfTheFile()).isWrong === '0');
    expect((await toldOfTheFile()).health).toContain('[+]rules ok');
    expect((await toldOfTheFile()).status.out).not.toContain(PLACE);
  });

  test('a space that no domain has is told from one that is empty for now', async () => {
    const to = ['--controller', cluster.controller];
    const listed = await ran('files', 'ls', '/b.j', '--space', 'd:www.domain.com', ...to);
    expect([listed.code, listed.out.split('\t')[0], listed.said]).toEqual([0, 'b.jpg', '']);
    const other = await ran('files', 'ls', '--space', 'd:domain.com', ...to);
    expect([other.code, other.out]).toEqual([0, '']);
    expect(other.said).toContain('there is nothing in d:domain.com: the files of a domain are in');
  });

  test('a SIGHUP ends nobody, and the level of the log is that of the file', async () => {
    const title = `velour frontend ${cluster.frontends[0]}`;
    const frontend = childrenOf(cluster.process.pid).find((each) => each.title === title);
    if (frontend === undefined) throw new Error('the frontend runs');
    // Each remark names its word: as they come in their order, the second tells that the first was never written.
    for (const [level, word, domain] of [
      ['error', 'logfile no.log', 'png.com'],
      ['info', 'daemonize yes', 'pdf.com'],
    ] as const) {
      const text = `loglevel ${level}\n${word}\n${ofCopies(2)}domain { domain_name ${domain} }`;
      writeFileSync(path, text);
      process.kill(frontend.pid, 'SIGHUP');
      await until(async () => (await domains()).includes(domain));
    }
    await until(() => cluster.process.stderr.includes('daemonize has no effect'));
    expect(cluster.process.stderr).not.toContain('logfile has no effect');
    expect(isAlive(frontend.pid)).toBe(true);
  });

  const domains = async () =>
    (await request(`http://${cluster.brokers[0]}/.broker/domains`)).body.text();

  async function toldOfTheFile() {
    const of = async (path: string) =>
      (await request(`http://${cluster.frontends[0]}${path}`)).body.text();
    const metrics = await of('/metrics');
    return {
      health: await of('/readyz?verbose'),
      isWrong: /^velourfog_broker_config_wrong (\d)$/m.exec(metrics)?.[1],
      status: await ran('status', '--controller', cluster.controller),
    };
  }
});

const NGINX = spawnSync('nginx', ['-v']).status === 0;
if (!NGINX)
  console.warn('skipped: there is no nginx to put in front of the directories of file servers');

describe.runIf(NGINX)('a share', () => {
  let cluster: LocalCluster;
  let nginx: Started;
  let front = 0;

  beforeAll(async () => {
    const [first = 0, second = 0, tried = 0] = await freePorts(3);
    front = tried;
    const data = join(folder, 'data');
    const serving = (port: number, index: number) =>
      `server { listen 127.0.0.1:${port}; location / { root ${data}/fileserver-${index}/blobs; } }`;
    const nginxConfig = configAt(
      'nginx.conf',
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${folder}/nginx.pid; events {} http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ${serving(first, 0)} ${serving(second, 1)}
  upstream servers { server 127.0.0.1:${first}; server 127.0.0.1:${second}; }
  server { listen 127.0.0.1:${front};
    location / { proxy_pass http://servers; proxy_next_upstream error timeout http_404; } } }`,
    );
    nginx = new Started('nginx', ['-p', folder, '-e', 'stderr', '-c', nginxConfig]);
    const path = configAt(
      'share',
      `domain {\n domain_name *\n replicate 1\n share /public http://127.0.0.1:${front}/$blob\n}\n`,
    );
    const words = ['--broker-config', path, '--data-dir', data];
    cluster = await startCluster({ frontends: 1, storages: 3, fileservers: 2, words });
  });
  afterAll(async () => {
    await nginx?.stop('SIGQUIT');
    await cluster?.stop();
  });

  test('leads to a web server in front of the directories of file servers, which has the bytes', async () => {
    const [broker = ''] = cluster.brokers;
    for (let index = 0; index < 6; index++) {
      const content = randomBytes(200_000);
      const url = `http://${broker}/public/${index}.bin`;
      await until(
        async () =>
          (await fetch(`${url}?proxy=1`, { method: 'PUT', body: content.toString('hex') })).ok,
      );
      const answer = await fetch(url);
      expect(new URL(answer.url).port).toBe(`${front}`);
      expect(await answer.text()).toBe(content.toString('hex'));
      const part = await fetch(url, { headers: { range: 'bytes=3-7' } });
      expect([part.status, await part.text()]).toEqual([206, content.toString('hex').slice(3, 8)]);
    }
    expect(
      (
        await fetch(`http://${broker}/private.bin?proxy=1`, {
          method: 'PUT',
          body: 'x'.repeat(100_000),
        })
      ).ok,
    ).toBe(true);
    const aside = await fetch(`http://${broker}/private.bin`);
    expect(cluster.fileservers).toContain(new URL(aside.url).host);
  });
});
