// docs/http-forms.md: what the forms of requests are answered here, by bare node:http and by nginx, and why where that
// differs. The servers are real; the columns of those that are not here in that version are taken as they stand.
// `npx vitest run test/cluster/io/server/http-forms-beside.test.ts -u` writes the document.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REASONS } from '../../../helpers/http-form-reasons.ts';
import { BODY_BYTES_MAX, FORMS, HOST, sayTo } from '../../../helpers/http-forms.ts';
import { isNginxHere, type Nginx, startNginx } from '../../../helpers/nginx.ts';

const DOCUMENT = resolve(import.meta.dirname, '../../../../docs/http-forms.md');

let bare: Server;
let nginx: Nginx | undefined;

/** What the service of http-forms.test.ts does, as one would write it with node:http alone. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '', 'http://host');
  request.resume().on('end', () => {
    if (pathname === '/set') {
      setTimeout(() => response.end('Ok'), 2);
      return;
    }
    response.statusCode = pathname === '/get' ? 200 : 404;
    response.end('value of a');
  });
}

const NODE = '20';
const NGINX = '1.22';

beforeAll(async () => {
  bare = createServer(serve);
  // Without this it answers nothing at all once its client has closed its side.
  Object.assign(bare, { httpAllowHalfOpen: true });
  bare.listen(0, HOST);
  await once(bare, 'listening');
  if (!isNginxHere(`${NGINX}.`)) return;
  // In front of bare node:http, as people put it in front of services.
  nginx = await startNginx(
    `client_max_body_size ${BODY_BYTES_MAX}; location / {
       proxy_pass http://${HOST}:${(bare.address() as AddressInfo).port}; proxy_http_version 1.1;
       proxy_ignore_client_abort on; }`,
  );
});

afterAll(async () => {
  bare.closeAllConnections();
  bare.close();
  await nginx?.stop();
});

test('no difference is without a reason, and each stands in the document', async () => {
  const earlier = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, 'utf8') : '';
  const kept = new Map(
    earlier
      .split('\n')
      .map((line) => line.split(' | '))
      .map(([form = '', , , ofBare = '', ofNginx = '']) => [form, { ofBare, ofNginx }] as const),
  );
  const isSameNode = process.versions.node.startsWith(`${NODE}.`);
  const said = async (port: number, bytes: string) =>
    shown((await sayTo(port, bytes, 'half-close')).statuses);
  const rows: string[] = [];
  const unexplained: string[] = [];
  for (const [what, rfc, bytes, statuses] of FORMS) {
    const own = shown(statuses);
    const before = kept.get(`| ${what}`);
    const ofBare =
      before === undefined || isSameNode
        ? await said((bare.address() as AddressInfo).port, bytes)
        : before.ofBare;
    const ofNginx = nginx === undefined ? (before?.ofNginx ?? '') : await said(nginx.port, bytes);
    const differs = own !== ofBare || own !== ofNginx;
    const reason = REASONS[what] ?? '';
    if (differs !== (reason !== '')) unexplained.push(what);
    rows.push(`| ${what} | ${rfc} | ${own} | ${ofBare} | ${ofNginx} | ${reason} |`);
  }
  expect(unexplained).toEqual([]);
  expect(Object.keys(REASONS).filter((what) => !FORMS.some(([form]) => form === what))).toEqual([]);
  await expect(`${BEGINNING}${rows.join('\n')}\n`).toMatchFileSnapshot(DOCUMENT);
});

function shown(statuses: readonly number[]): string {
  return statuses.length === 0 ? 'nothing' : statuses.join(' ');
}

const BEGINNING = `# The forms of requests

What each form of a request is answered: by velour-fog, by bare node:http of Node.js ${NODE} (with \`httpAllowHalfOpen\`;
without it, it answers nothing to who has closed his side), and by nginx ${NGINX} in front of that. The numbers are
sections of RFC 9112 where no other is named. All clients close their side behind the last byte. The bytes are in
\`test/helpers/http-forms.ts\`, and \`test/cluster/io/server/http-forms-beside.test.ts\` keeps this table true.

| form | RFC | velour-fog | bare node:http | nginx | why not alike |
|---|---|---|---|---|---|
`;
