// Django's storage in a site of its own, on a real cluster: Debian's python3-django, or whatever Python has it.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pidOf } from '../../test/helpers/backups.ts';
import {
  freePorts,
  type LocalCluster,
  Started,
  startCluster,
  until,
} from '../../test/helpers/cluster.ts';

const FOLDER = fileURLToPath(new URL('../django', import.meta.url));
const PYTHON = ['python3', '/usr/bin/python3'].find(
  (python) => spawnSync(python, ['-c', 'import django']).status === 0,
);
if (PYTHON === undefined)
  console.warn('skipped: no Python has Django (apt-get install python3-django)');

const ENV = { PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf8', PYTHONPATH: FOLDER };

describe.runIf(PYTHON !== undefined)('Django', () => {
  const python = PYTHON ?? '';
  let cluster: LocalCluster;
  let site: Started;
  let url = '';

  beforeAll(async () => {
    cluster = await startCluster({ frontends: 2, storages: 3, fileservers: 2 });
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    site = new Started(python, [join(FOLDER, 'example.py'), `${port}`, ...cluster.brokers], ENV);
    await until(() =>
      fetch(url).then(
        () => true,
        () => site.ended,
      ),
    );
  });
  afterAll(async () => {
    await site.stop('SIGKILL');
    await cluster.stop();
  });

  /** Sends the form of the page, as a browser does. */
  async function upload(name: string, content: Buffer): Promise<Response> {
    const page = await fetch(url);
    const [, token = ''] = /csrfmiddlewaretoken" value="(\w+)"/.exec(await page.text()) ?? [];
    const form = new FormData();
    form.append('csrfmiddlewaretoken', token);
    form.append('document', new Blob([new Uint8Array(content)], { type: 'image/jpeg' }), name);
    const cookie = page.headers
      .getSetCookie()
      .map((each) => each.split(';')[0])
      .join('; ');
    return fetch(url, { method: 'POST', body: form, headers: { cookie }, redirect: 'manual' });
  }

  /** Runs a program with the storage, and returns what it prints. */
  async function ran(...lines: readonly string[]): Promise<string> {
    const brokers = JSON.stringify(cluster.brokers);
    const program = [
      'from django.conf import settings',
      "settings.configure(MEDIA_URL='/media/', USE_TZ=True)",
      'from django.core.files.base import ContentFile',
      'from velour_storage import VelourStorage',
      `store = VelourStorage(brokers=${brokers}, folder='unit')`,
      ...lines,
    ].join('\n');
    const run = new Started(python, ['-c', program], ENV);
    expect([await run.exit(), run.stderr]).toEqual([0, '']);
    return run.stdout.trimEnd();
  }

  test('a form stores a file, the page lists it, and a file server has it, in parts as well', async () => {
    const content = randomBytes(3_000_000);
    expect((await upload('Foto ä.jpg', content)).status).toBe(302);
    const [, href = ''] = /<a href="([^"]+)">/.exec(await (await fetch(url)).text()) ?? [];
    expect(href).toMatch(/^\/media\/uploads\/Foto/);
    const whole = await fetch(`${url}${href}`);
    expect(cluster.fileservers).toContain(new URL(whole.url).host);
    expect(whole.headers.get('content-type')).toBe('image/jpeg');
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true);
    const part = await fetch(`${url}${href}`, { headers: { range: 'bytes=7-9' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(7, 10))).toBe(true);
  });

  test('a name that is taken gets another one, and no file is lost', async () => {
    for (const text of ['one', 'two']) await upload('same.txt', Buffer.from(text));
    const page = await (await fetch(url)).text();
    const links = [...page.matchAll(/<a href="([^"]+same[^"]+)">/g)].map(([, link]) => link);
    const texts = await Promise.all(
      links.map(async (link) => (await fetch(`${url}${link}`)).text()),
    );
    expect(texts.sort()).toEqual(['one', 'two']);
    expect((await fetch(`${url}/media/uploads/nothing`)).status).toBe(404);
  });

  test('the storage does all that storages of Django do', async () => {
    const said = await ran(
      "name = store.save('a/b %.txt', ContentFile(b'hello'))",
      'print(name, store.exists(name), store.size(name), store.open(name).read(), store.url(name))',
      "print(store.save('a/b %.txt', ContentFile(b'')) != name, store.listdir('a')[0], len(store.listdir('a')[1]))",
      "print(store.listdir('/'), store.get_modified_time(name).tzinfo)",
      'store.delete(name); store.delete(name)',
      'print(store.exists(name))',
      "print(store.listdir('nothing'))",
      'for ask in (store.size, store.open, store.location):',
      '  try: ask("nothing")',
      '  except FileNotFoundError as error: print(error)',
    );
    expect(said.split('\n')).toEqual([
      "a/b %.txt True 5 b'hello' /media/a/b%20%25.txt",
      'True [] 2',
      "(['a'], []) UTC",
      'False',
      '([], [])',
      ...Array(3).fill('nothing is not in the store'),
    ]);
  });

  test('a name that somebody takes in the last moment is not overwritten', async () => {
    const said = await ran(
      "store.save('race', ContentFile(b'first'))",
      'known = store.exists',
      'store.exists = lambda name: False if name == "race" and not seen.append(name) and len(seen) == 1 else known(name)',
      'seen = []',
      "name = store.save('race', ContentFile(b'second'))",
      "print(name != 'race', store.open('race').read(), store.open(name).read())",
    );
    expect(said).toBe("True b'first' b'second'");
  });

  test('a file that is broken off in the midst is no file', async () => {
    const broker = createServer((_request, response) => {
      const headers = { etag: '"a"', 'content-length': 100, 'x-fog-role': 'broker' };
      response.writeHead(200, headers);
      response.write('the first', () => response.destroy());
    }).listen(0, '127.0.0.1');
    await once(broker, 'listening');
    const { port } = broker.address() as AddressInfo;
    const said = await ran(
      'from velour_storage import StoreError',
      `whole = VelourStorage(brokers=['127.0.0.1:${port}'])`,
      'try: print(whole.open("a").read())',
      'except StoreError as error: print(error)',
    );
    broker.close();
    expect(said).toBe('a: broken off');
  });

  test('delete is of a file: no folder goes, and nothing by an empty name', async () => {
    const said = await ran(
      "store.save('kept/a', ContentFile(b'a'))",
      'from velour_storage import log, StoreError',
      'log.disabled = True',
      "for name in ('', '/', 'kept', 'kept/'):",
      '  try: store.delete(name)',
      '  except (ValueError, StoreError) as error: print(type(error).__name__)',
      "print(store.open('kept/a').read())",
    );
    expect(said.split('\n')).toEqual([
      ...['ValueError', 'ValueError', 'StoreError', 'StoreError'],
      "b'a'",
    ]);
  });

  test('shows no folder, nothing that a broker says of itself, and nothing at a name that no file has', async () => {
    await upload('shown.txt', Buffer.from('shown'));
    const long = 'x'.repeat(5000);
    for (const name of ['uploads', 'uploads/', '', 'a%2F..%2Fb', '..%2F.broker%2Fservers', long]) {
      expect((await fetch(`${url}/media/${name}`)).status, name).toBe(404);
    }
    const said = await ran(
      "whole = VelourStorage(brokers=store.brokers, folder='')",
      "for name in ('.broker/domains', '.broker/servers', 'metrics', 'livez', 'openapi.json'):",
      '  for ask in (whole.location, whole.open):',
      '    try: print(ask(name))',
      '    except FileNotFoundError: pass',
      "print(store.exists('..'))",
    );
    expect(said).toBe('False');
  });

  test('says why where the store cannot be asked, and how it is started', async () => {
    const [free = 0, port = 0] = await freePorts(2);
    const example = join(FOLDER, 'example.py');
    const alone = new Started(python, [example, `${port}`, `127.0.0.1:${free}`], ENV);
    const ask = async () =>
      (await fetch(`http://127.0.0.1:${port}`).catch(() => undefined))?.status;
    await until(async () => alone.ended || (await ask()) === 500);
    await alone.printed('stderr', `127.0.0.1:${free}: ConnectionRefusedError`);
    await alone.stop('SIGKILL');
    const bare = new Started(python, [example], ENV);
    expect([await bare.exit(), bare.stderr]).toEqual([
      1,
      expect.stringContaining('example.py 8000'),
    ]);
  });

  test('at another port of the cluster it is an error that says so, and no file is absent there', async () => {
    const { frontends, blobs, fileservers, controller } = cluster;
    const ports = [frontends[0], blobs[0], fileservers[0], controller];
    const said = await ran(
      'from velour_storage import log, StoreError',
      'log.disabled = True',
      `for port in ${JSON.stringify(ports)}:`,
      '  wrong = VelourStorage(brokers=[port])',
      "  asks = [lambda: wrong.save('a', ContentFile(b'a')), lambda: wrong._save('a', ContentFile(b'a'))]",
      '  for ask in (wrong.exists, wrong.delete, wrong.open, wrong.size, wrong.listdir, wrong.location):',
      "    asks.append(lambda ask=ask: ask('a'))",
      '  for ask in asks:',
      '    try: print(ask())',
      '    except StoreError as error: print(port in str(error) and "it is no broker: name one" in str(error))',
    );
    expect(said.split('\n')).toEqual(Array(8 * ports.length).fill('True'));
  });

  test('a domain that the broker has not is named, also where the answer has no text', async () => {
    const broker = createServer((request, response) => {
      // As a broker whose domains have names.
      response.writeHead(421, { 'x-fog-role': 'broker' });
      response.end(request.method === 'HEAD' ? undefined : 'unknown-domain');
    }).listen(0, '127.0.0.1');
    await once(broker, 'listening');
    const address = `127.0.0.1:${(broker.address() as AddressInfo).port}`;
    const said = await ran(
      'from velour_storage import log, StoreError',
      'log.disabled = True',
      "for domain in ('d.com', None):",
      `  other = VelourStorage(brokers=['${address}'], domain=domain)`,
      '  for ask in (other.exists, other.open):',
      "    try: print(ask('a'))",
      '    except StoreError as error: print(error)',
    );
    broker.close();
    expect(said.split('\n')).toEqual([
      `a: ${address}: it has no domain d.com; 421`,
      `a: ${address}: it has no domain d.com; 421 unknown-domain`,
      `a: ${address}: it has no domain ${address}; 421`,
      `a: ${address}: it has no domain ${address}; 421 unknown-domain`,
    ]);
  });

  test('without brokers, or with what is no list of them, is not configured', async () => {
    const said = await ran(
      'from django.core.exceptions import ImproperlyConfigured',
      "for brokers in (None, [], '127.0.0.1:1', ['http://127.0.0.1:1']):",
      '  try: print(VelourStorage(brokers=brokers))',
      '  except ImproperlyConfigured as error: print(error)',
    );
    expect(said.split('\n')).toEqual(
      ['None', 'None', "'127.0.0.1:1'", "['http://127.0.0.1:1']"].map(
        (brokers) => `brokers is ${brokers}, and must be a list such as ['127.0.0.1:12280']`,
      ),
    );
  });

  test('goes on where the first broker is gone', async () => {
    process.kill(pidOf(cluster, cluster.frontends[0] ?? ''), 'SIGKILL');
    await upload('after.txt', Buffer.from('after'));
    const answer = await fetch(`${url}/media/uploads/after.txt`);
    expect(await answer.text()).toBe('after');
  });
});
