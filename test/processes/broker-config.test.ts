// The configuration of a broker on real processes: what a start says of a wrong one, rules that act on files which are there
// when they change, and a running broker that keeps its rules while its file is wrong.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, type LocalCluster, startCluster, until, velour } from '../helpers/cluster.ts';

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
    expect(local.said).toContain(PLACE);
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

  test('a changed rule raises and lowers the copies of files that are there', async () => {
    const content = randomBytes(100_000);
    await until(async () => (await ask('PUT', 'a.jpg', content)).status === 201);
    const stored = await stat('a.jpg');
    expect(stored.class).toBe('broker:www.domain.com:jpg');
    expect(stored.holders).toHaveLength(2);
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
  });
});
