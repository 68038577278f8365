// A page of an application whose browser stores files at file servers: with an HTML form, and with a PUT of its script, from another
// origin than theirs. The browser is Chromium without a window, where it is installed.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { type LocalCluster, Started, startCluster } from '../helpers/cluster.ts';

const HAS_CHROMIUM = spawnSync('which', ['chromium']).status === 0;
const TEXT = `${'a line of some length\n'.repeat(5000)}the last one`;

let cluster: LocalCluster;
let broker = '';
let profile = '';
beforeAll(async () => {
  if (!HAS_CHROMIUM) return;
  cluster = await startCluster({ fileservers: 2 });
  [broker = ''] = cluster.brokers;
  profile = mkdtempSync(join(tmpdir(), 'velour-chromium-'));
});
afterAll(async () => {
  if (!HAS_CHROMIUM) return;
  await cluster.stop();
  rmSync(profile, { recursive: true, force: true });
});

/** As an application asks for it, which then writes it into its page. */
async function uploadUrl(path: string): Promise<string> {
  const { status, text } = await call(broker, path, { method: 'PUT' });
  expect(status).toBe(307);
  return JSON.parse(text).upload;
}

/** The form takes a file as if somebody had chosen it, and is sent once the script's own upload is answered. */
function pageWith(upload: { readonly form: string; readonly put: string }, next: string): string {
  const action = `${upload.form}?redirect=${encodeURIComponent(next)}`;
  return `<!doctype html>
<form action="${action}" method="post" enctype="multipart/form-data"><input type="file" name="file"></form>
<script type="module">
const content = ${JSON.stringify(TEXT)};
const answer = await fetch('${upload.put}', { method: 'PUT', body: content });
await fetch('/told', { method: 'POST', body: answer.status + ' ' + answer.headers.get('etag') });
const chosen = new DataTransfer();
chosen.items.add(new File([content], 'chosen.txt', { type: 'text/plain' }));
document.querySelector('input').files = chosen.files;
document.querySelector('form').submit();
</script>`;
}

test.skipIf(!HAS_CHROMIUM)(
  'a form and a script of an application store at file servers',
  async () => {
    const upload = {
      form: await uploadUrl('/by/form.txt'),
      put: await uploadUrl('/by/script.txt'),
    };
    const told: string[] = [];
    const application = createServer((request, response) => {
      const { port } = application.address() as AddressInfo;
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        told.push(`${request.method} ${request.url} ${Buffer.concat(pieces)}`.trimEnd());
        response.setHeader('content-type', 'text/html');
        response.end(
          request.url === '/' ? pageWith(upload, `http://localhost:${port}/done`) : 'ok',
        );
        if (request.url === '/done') application.emit('over');
      });
    });
    application.listen(0, '127.0.0.1');
    await once(application, 'listening');
    const { port } = application.address() as AddressInfo;
    const over = once(application, 'over');
    const words = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run'];
    const page = `http://localhost:${port}/`;
    const browser = new Started('chromium', [
      ...words,
      '--disable-background-networking',
      `--user-data-dir=${profile}`,
      '--remote-debugging-port=0',
      page,
    ]);
    const ended = browser.exit().then((code) => {
      throw new Error(`the browser ended with ${code}:\n${browser.stderr}`);
    });
    ended.catch(() => undefined);
    await Promise.race([over, ended]);
    await browser.stop('SIGKILL');
    application.close();
    const asked = told.filter((line) => !line.includes('favicon'));
    const { headers } = await call(broker, '/by/script.txt');
    expect(asked).toEqual(['GET /', `POST /told 201 ${headers.etag}`, 'GET /done']);
    for (const path of ['/by/form.txt', '/by/script.txt']) {
      const redirect = await call(broker, path);
      expect(redirect.status).toBe(302);
      const { host, pathname } = new URL(redirect.headers.location as string);
      const file = await call(host, pathname);
      expect(file.text).toBe(TEXT);
      expect(file.headers['content-type']).toMatch(/^text\/plain/);
    }
    // Each ticket is used up.
    const again = { method: 'PUT', body: randomBytes(10) } as const;
    const { host, pathname } = new URL(upload.form);
    expect((await call(host, pathname, again)).status).toBe(409);
  },
);
