// Everything a client or a peer can do wrong: the right status, one line that helps, nothing stored.

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type CallOptions, call, get, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';

/** Of all clusters of the tests (setup.mjs). */
const timeScale = process.env.VELOUR_TIME_SCALE ?? '';

let cluster: LocalCluster;
let frontend: string;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1 });
  [frontend = ''] = cluster.frontends;
});
afterAll(() => cluster.stop());

/** Sends raw bytes, ends the sending side, and returns all that comes back. */
function exchange(address: string, bytes: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.end(bytes);
  });
}

function expectOneLine({ text }: Answer): void {
  expect(text.endsWith('\n')).toBe(true);
  expect(text.trimEnd()).not.toContain('\n');
}

const MISUSES: readonly (readonly [string, CallOptions, number, string])[] = [
  ['/get', {}, 501, 'missing-key'],
  ['/set?value=1', {}, 501, 'missing-key'],
  ['/delete', {}, 501, 'missing-key'],
  ['/get?key=', {}, 501, 'empty-key'],
  [`/get?key=${'k'.repeat(1025)}`, {}, 501, 'key-too-long'],
  [`/delete?key=${'k'.repeat(1025)}`, {}, 501, 'key-too-long'],
  ['/set?key=a', {}, 501, 'missing-value'],
  ['/set?key=a&value=1&ttl=0', {}, 501, 'bad-ttl'],
  ['/set?key=a&value=1&ttl=', {}, 501, 'bad-ttl'],
  ['/set?key=a&value=1&ttl=1.5', {}, 501, 'bad-ttl'],
  ['/set?key=a&value=1&ttl=-1', {}, 501, 'bad-ttl'],
  ['/set?key=a&ttl=soon', { method: 'POST', body: 'x' }, 501, 'bad-ttl'],
  ['/get?key=%zz', {}, 501, 'bad-query'],
  ['/get?key=%4', {}, 501, 'bad-query'],
  ['/get?key=a&key=b', {}, 501, 'bad-query'],
  ['/set?key=a&vlaue=1', { method: 'POST', body: '' }, 501, 'bad-query'],
  ['/nothing', {}, 404, 'unknown-path'],
  ['/', { method: 'POST', body: 'x' }, 405, 'method-not-allowed'],
  ['/get/a', {}, 404, 'unknown-path'],
  ['/get?key=a', { method: 'DELETE' }, 405, 'method-not-allowed'],
  ['/get?key=a', { method: 'POST', body: 'x' }, 405, 'method-not-allowed'],
  ['/set?key=a&value=1', { method: 'DELETE' }, 405, 'method-not-allowed'],
  ['/delete?key=a', { method: 'PUT', body: 'x' }, 405, 'method-not-allowed'],
  ['/metrics', { method: 'POST', body: 'x' }, 405, 'method-not-allowed'],
];

describe('misuse of the client API', () => {
  test.each(MISUSES)('%s %o is %i %s', async (path, options, status, code) => {
    await set(frontend, 'a', 'untouched');
    const answer = await call(frontend, path, options);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-fog-error']).toBe(code);
    expectOneLine(answer);
    expect((await get(frontend, 'a')).text).toBe('untouched');
  });

  test('501 shows a curl line that goes to the same host', async () => {
    const answer = await call(frontend, '/set?key=a%20b');
    expect(answer.text).toContain(`curl 'http://${frontend}/set?key=a%20b&value=VALUE'`);
  });

  test('404 of no path shows the curl line that lists all', async () => {
    const answer = await call(frontend, '/nothing');
    expect(answer.text).toContain(`curl 'http://${frontend}/'`);
  });

  test.each(['/get?key=a', '/set?key=a&value=1', '/delete?key=a', '/v1/keys/a', '/v1/scan'])(
    '%s at another role says where keys are asked',
    async (path) => {
      const [storage = ''] = cluster.storages;
      for (const address of [cluster.controller, storage]) {
        const answer = await call(address, path);
        expect(answer.status).toBe(404);
        expect(answer.text).toMatch(/keys and files are asked of a frontend, and this is /);
        expectOneLine(answer);
      }
    },
  );

  test.each(['', '?key=', `?key=${'k'.repeat(1025)}`, '?key=a&node=b', '?key=a&key=b', '?key=%zz'])(
    '/s/record%s of a storage node is 400, and says what the path takes',
    async (query) => {
      const answer = await call(cluster.storages[0] ?? '', `/s/record${query}`);
      expect(answer.status).toBe(400);
      expect(answer.headers['x-fog-error']).toBe('bad-parameter');
      const { error, detail } = JSON.parse(answer.text);
      expect(error).toBe('bad-parameter');
      expect(detail).toMatch(/\/s\/record takes key, of 1 to 1024 bytes, and nothing else$/);
    },
  );

  test('HEAD is answered as GET is, without the body, and changes nothing', async () => {
    await set(frontend, 'head', '12345');
    const answer = await call(frontend, '/get?key=head', { method: 'HEAD' });
    const { headers } = await get(frontend, 'head');
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(answer.headers['content-length']).toBe('5');
    expect(answer.headers['x-fog-version']).toBe(headers['x-fog-version']);
    expect((await call(frontend, '/get?key=none', { method: 'HEAD' })).status).toBe(404);
    for (const path of ['/set?key=head&value=1', '/delete?key=head']) {
      expect((await call(frontend, path, { method: 'HEAD' })).status).toBe(405);
    }
    expect((await get(frontend, 'head')).text).toBe('12345');
    for (const address of [frontend, cluster.controller, cluster.storages[0] ?? '']) {
      expect((await call(address, '/status', { method: 'HEAD' })).status).toBe(200);
    }
  });

  test('405 names the methods that are allowed', async () => {
    const answer = await call(frontend, '/set?key=a', { method: 'PATCH', body: 'x' });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, POST, PUT');
  });

  test('a URL over 16 KiB is 431 and says to send the value as the body', async () => {
    const path = `/set?key=long&value=${'v'.repeat(17_000)}`;
    const answer = await call(frontend, path);
    expect(answer.status).toBe(431);
    expect(answer.text).toMatch(/send the value as the body.*curl --data-binary/);
    expectOneLine(answer);
    expect((await get(frontend, 'long')).status).toBe(404);
    const shorter = `/set?key=long&value=${'v'.repeat(15_000)}`;
    expect((await call(frontend, shorter)).status).toBe(200);
  });

  test('a body that breaks off stores nothing and is answered 400 (H22)', async () => {
    const head = `POST /set?key=torn HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n`;
    const answer = await exchange(frontend, `${head}only half of it`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*\r\n/);
    expect(answer).toContain('x-fog-error: truncated-request');
    expect((await get(frontend, 'torn')).status).toBe(404);
  });

  test('a chunked body that breaks off stores nothing', async () => {
    const head = `POST /set?key=torn2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
    await exchange(frontend, `${head}5\r\nhello\r\n`);
    expect((await get(frontend, 'torn2')).status).toBe(404);
  });

  test('bytes that are not HTTP are answered 400 and closed', async () => {
    expect(await exchange(frontend, 'set a 0 0 1\r\nx\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a body announced as too large is refused before it is sent', async () => {
    const head = `PUT /set?key=huge HTTP/1.1\r\nhost: x\r\ncontent-length: 17000000\r\nexpect: 100-continue\r\n\r\n`;
    const answer = await exchange(frontend, head);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).not.toContain('100 Continue');
  });
});

describe('malformed internal messages', () => {
  const BAD_REGISTRATIONS = [
    '',
    'not json',
    '[]',
    '{}',
    '{"node":"x"}',
    '{"node":"","address":"127.0.0.1:1","store":"s","process":"p","wallMs":1}',
    '{"node":"x","address":"nowhere","store":"s","process":"p","wallMs":1}',
    '{"node":"x","address":"127.0.0.1:1","store":"s","process":"p","wallMs":1,"completeSince":"no"}',
    '{"node":"x","address":"127.0.0.1:1","store":"s","process":"p","wallMs":1,"incarnation":1.5}',
  ];

  test.each(BAD_REGISTRATIONS)('the registration %s is refused with the reason', async (body) => {
    const answer = await call(cluster.controller, '/c/register', { method: 'POST', body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'malformed-message' });
  });

  test('they are counted, and the cluster goes on', async () => {
    const { text } = await call(cluster.controller, '/metrics');
    const counted = Number(
      /^velourfog_refused_messages_total{reason="malformed-message"} (\d+)$/m.exec(text)?.[1],
    );
    expect(counted).toBeGreaterThanOrEqual(BAD_REGISTRATIONS.length);
    expect((await call(cluster.controller, '/status')).text).not.toContain('nowhere');
    expect((await set(frontend, 'after', 'x')).status).toBe(200);
  });

  test('a map of another cluster, or one that does not fit itself, is refused by a storage node', async () => {
    const node = cluster.storages[0] ?? '';
    const { map } = JSON.parse((await call(node, '/s/map')).text);
    const push = (changed: unknown) =>
      call(node, '/s/map', { method: 'POST', body: JSON.stringify({ map: changed }) });
    const version = { generation: 99, number: 1 };
    expect(JSON.parse((await push({ ...map, version, cluster: 'other' })).text)).toMatchObject({
      error: 'other-cluster',
    });
    const wider = Array.from({ length: 16 * map.partitions.length }, () => map.partitions[0]);
    const other = { ...map, version, digits: map.digits + 1, partitions: wider };
    expect(JSON.parse((await push(other)).text)).toMatchObject({ error: 'other-cluster' });
    expect((await push({ ...map, version, partitions: [] })).status).toBe(400);
    const unnamed = { epoch: 1, members: [{ node: 'nobody', incarnation: 1, role: 'serving' }] };
    const partitions = map.partitions.map(() => unnamed);
    expect((await push({ ...map, version, partitions })).status).toBe(400);
    const kept = JSON.parse((await call(node, '/s/map')).text).map;
    expect(kept).toEqual(map);
  });

  const HEARTBEAT = {
    mapVersion: { generation: 1, number: 1 },
    items: 0,
    payloadBytes: 0,
    writable: true,
    joined: [],
    vouched: [],
  };

  test('a heartbeat of a node nobody knows must register; of an older life it must end', async () => {
    const beat = (message: object) =>
      call(cluster.controller, '/c/heartbeat', {
        method: 'POST',
        body: JSON.stringify({ ...HEARTBEAT, ...message }),
      });
    const stranger = await beat({ node: 'stranger', incarnation: 5 });
    expect(JSON.parse(stranger.text)).toMatchObject({ error: 'unknown-node' });
    const old = await beat({ node: cluster.storages[0], incarnation: 5 });
    expect(JSON.parse(old.text)).toMatchObject({ error: 'other-incarnation' });
  });

  test('a life that the map does not name is granted no lease, and the refusal is counted', async () => {
    const node = cluster.storages[0] ?? '';
    const ask = (message: object) =>
      call(node, '/s/grant', { method: 'POST', body: JSON.stringify(message) });
    const { map } = JSON.parse((await call(node, '/s/map')).text);
    const version = { mapVersion: map.version };
    const stranger = await ask({ node: 'stranger', incarnation: 5, ...version });
    expect(JSON.parse(stranger.text)).toMatchObject({ answer: 'other-incarnation' });
    const old = await ask({ node: cluster.storages[1], incarnation: 5, ...version });
    expect(JSON.parse(old.text)).toMatchObject({ answer: 'other-incarnation' });
    expect((await ask({ node: cluster.storages[1] })).status).toBe(400);
    const { text } = await call(node, '/metrics');
    const counted = /^velourfog_grants_total{answer="other-incarnation"} (\d+)$/m.exec(text)?.[1];
    expect(Number(counted)).toBe(2);
  });

  test('reports, goodbyes and deaths of lives that the map does not name are refused', async () => {
    const tell = async (path: string, message: object) =>
      JSON.parse(
        (await call(cluster.controller, path, { method: 'POST', body: JSON.stringify(message) }))
          .text,
      );
    const refused = { error: 'other-incarnation' };
    const over = { node: cluster.storages[0], incarnation: 5 };
    const report = { frontend: '127.0.0.1:1', unreachable: [over], silent: [] };
    expect(await tell('/c/report', report)).toMatchObject(refused);
    expect(await tell('/c/goodbye', { ...over, state: 'stopped' })).toMatchObject(refused);
    expect(await tell('/c/goodbye', { ...over, state: 'leaving' })).toMatchObject(refused);
    expect(await tell('/c/death', { ...over, returning: false })).toMatchObject(refused);
    const { text } = await call(cluster.controller, '/metrics');
    const counted = /^velourfog_refused_messages_total{reason="other-incarnation"} (\d+)$/m.exec(
      text,
    )?.[1];
    expect(Number(counted)).toBeGreaterThanOrEqual(4);
    expect((await set(frontend, 'after the words', 'x')).status).toBe(200);
  });

  test('a stream for another cluster, node or incarnation, or of no known protocol, is refused (D13)', async () => {
    const node = cluster.storages[0] ?? '';
    const { map } = JSON.parse((await call(node, '/s/map')).text);
    const open = (fields: Record<string, string | number>, protocol = 'velour-operations-3') => {
      const { incarnation } = map.nodes[node];
      const good = { cluster: map.cluster, node, incarnation, 'time-scale': timeScale };
      const headers = Object.entries({ ...good, ...fields })
        .map(([name, value]) => `x-fog-${name}: ${value}\r\n`)
        .join('');
      return exchange(
        node,
        `GET /s/operations HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n${headers}\r\n`,
      );
    };
    expect(await open({})).toMatch(/^HTTP\/1\.1 101 /);
    expect(await open({ cluster: 'other' })).toMatch(/^HTTP\/1\.1 409 .*this is cluster/s);
    expect(await open({ node: 'other' })).toMatch(/^HTTP\/1\.1 409 .*this is node/s);
    expect(await open({ incarnation: 7 })).toMatch(/^HTTP\/1\.1 409 .*this is incarnation/s);
    expect(await open({}, 'websocket')).toMatch(/^HTTP\/1\.1 400 /);
    // Its epochs have four bytes: it is told which software it meets.
    expect(await open({}, 'velour-operations-2')).toMatch(
      /^HTTP\/1\.1 400 .*speaks velour-operations-3/s,
    );
  });

  test('garbage on a stream closes that stream only', async () => {
    const node = cluster.storages[0] ?? '';
    const { map } = JSON.parse((await call(node, '/s/map')).text);
    const incarnation = map.nodes[node].incarnation;
    const head = `GET /s/operations HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: velour-operations-3\r\nx-fog-cluster: ${map.cluster}\r\nx-fog-node: ${node}\r\nx-fog-incarnation: ${incarnation}\r\nx-fog-time-scale: ${timeScale}\r\n\r\n`;
    expect(await exchange(node, `${head}${'\xff'.repeat(100)}`)).toMatch(/^HTTP\/1\.1 101 /);
    expect((await set(frontend, 'after garbage', 'x')).status).toBe(200);
    expect((await get(frontend, 'after garbage')).text).toBe('x');
  });
});
