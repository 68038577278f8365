// The head of a redirect, over sockets: it is short enough for proxies and clients as they are, however many copies a file has.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpServer, startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Address, NodeId } from '../../../../src/cluster/model/identity.ts';
import { BrokerStage, keyOf } from '../../../helpers/broker-stage.ts';
import { isNginxHere, type Nginx, startNginx } from '../../../helpers/nginx.ts';

const COPIES = 16;
/** Of 13 bytes, and of 1,000 with a name as long as file systems have it. */
const SHORT = 'photos/a1.jpg';
const LONG = `${`${'d'.repeat(148)}/`.repeat(5)}${'n'.repeat(251)}.jpg`;

describe('of a file with sixteen copies, a redirect', () => {
  const stage = new BrokerStage();
  stage.files.locations = Array.from({ length: COPIES }, (_, index) => ({
    id: `${index}` as NodeId,
    publicAddress: `files-${index}.example.com:12800` as Address,
  }));
  for (const path of [SHORT, LONG])
    stage.files.keep(keyOf(path), Buffer.from('any'), { inlineMax: 0 });
  let server: HttpServer;
  let nginx: Nginx | undefined;
  beforeAll(async () => {
    const service = Object.assign(stage.broker, { start: () => undefined });
    server = await startHttpServer(service, {
      host: '127.0.0.1',
      port: 0,
      bodyBytesMax: 1024,
      valueBytesMax: 0,
    });
    const there = `127.0.0.1:${server.port}`;
    // With its default buffers.
    nginx = isNginxHere()
      ? await startNginx(`location / { proxy_pass http://${there}; proxy_set_header Host h; }`)
      : undefined;
  });
  afterAll(async () => {
    await nginx?.stop();
    await server.drain(1000, 0);
  });

  const linksAt = async (address: string, path: string) => {
    const answer = await fetch(`http://${address}/${path}`, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    return (answer.headers.get('link') ?? '').match(/rel=\w+/g);
  };

  test('names four copies, and the document that has all of them', async () => {
    const address = `127.0.0.1:${server.port}`;
    const four = Array.from({ length: 4 }, () => 'rel=duplicate');
    expect(await linksAt(address, SHORT)).toEqual([...four, 'rel=describedby']);
    const document = await (await fetch(`http://${address}/${SHORT}?metalink`)).text();
    expect(document.match(/<url priority=/g)).toHaveLength(COPIES);
  });

  test('fits where nginx has room for it by default, as long as a path may be', async () => {
    // Wherever nginx is not, at least undici has taken it.
    const links = await linksAt(nginx?.address ?? `127.0.0.1:${server.port}`, LONG);
    const three = Array.from({ length: 3 }, () => 'rel=duplicate');
    expect(links).toEqual([...three, 'rel=describedby']);
    if (nginx === undefined) return;
    const upload = await fetch(`http://${nginx.address}/${LONG}`, {
      method: 'PUT',
      body: 'any',
      redirect: 'manual',
    });
    expect(upload.status).toBe(307);
  });
});
