// Sessions of a real application: express and express-session, asked over HTTP, on both clients at once; and what
// users of session stores trip over.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session, { type SessionData } from 'express-session';
import { afterEach, describe, expect, test } from 'vitest';
import type { StoredEntry, Velour } from '../../dist/client/index.js';
import { VelourSessionStore } from '../express-session.js';
import { clients, KINDS } from './clients.ts';

declare module 'express-session' {
  interface SessionData {
    user: string;
    views: number;
  }
}

const has = clients();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** @returns asks the application as a browser does, with the cookie of `jar` */
async function application(velour: Velour, cookie: session.CookieOptions = {}) {
  const app = express();
  const store = new VelourSessionStore(velour, { prefix: 'app:' });
  app.use(session({ store, secret: 's', resave: false, saveUninitialized: false, cookie }));
  app.get('/login/:user', (request, response) => {
    request.session.regenerate(() => {
      request.session.user = request.params.user;
      response.send('welcome');
    });
  });
  app.get('/count', (request, response) => {
    request.session.views = (request.session.views ?? 0) + 1;
    response.send(String(request.session.views));
  });
  app.get('/who', (request, response) => {
    response.send(request.session.user ?? 'nobody');
  });
  app.get('/logout', (request, response) => {
    request.session.destroy(() => response.send('bye'));
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return async (path: string, jar: { cookie?: string }) => {
    const headers: Record<string, string> = jar.cookie === undefined ? {} : { cookie: jar.cookie };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) jar.cookie = set.split(';')[0] ?? '';
    expect(response.status).toBe(200);
    return response.text();
  };
}

/** @returns the only session that there is, as it is stored */
async function stored(): Promise<StoredEntry & { readonly data: SessionData }> {
  for await (const { key } of has.http.scan({ prefix: 'app:' })) {
    const entry = await has.http.entry(key);
    if (entry) return { ...entry, data: JSON.parse(Buffer.from(entry.value).toString()) };
  }
  throw new Error('there is no session');
}

describe.each(KINDS)('an application with the client %s, and one with the other', (kind) => {
  const both = async (cookie: session.CookieOptions = {}) =>
    [
      await application(has[kind], cookie),
      await application(has[kind === 'http' ? 'direct' : 'http'], cookie),
    ] as const;
  afterEach(() => has.http.deletePrefix('app:'));

  test('keeps a session from login to logout, whoever is asked', async () => {
    const [one, two] = await both();
    const [ada, grace] = [{}, {}];
    expect(await one('/login/ada', ada)).toBe('welcome');
    expect(await two('/login/grace', grace)).toBe('welcome');
    for (let views = 1; views <= 6; views++) {
      expect(await (views % 2 === 0 ? one : two)('/count', ada)).toBe(String(views));
    }
    expect(await two('/who', ada)).toBe('ada');
    expect(await one('/who', grace)).toBe('grace');
    expect(await one('/logout', ada)).toBe('bye');
    expect(await two('/who', ada)).toBe('nobody');
    expect(await two('/who', grace)).toBe('grace');
  });

  test('a request that changes nothing moves the end, and nothing else', async () => {
    const [one, two] = await both({ maxAge: 1_000_000 });
    const jar = {};
    await one('/login/ada', jar);
    const before = await stored();
    expect(before.expiresAtMs).toBeDefined();
    expect(await two('/who', jar)).toBe('ada');
    const after = await stored();
    expect(after.version > before.version).toBe(true);
    expect(after.data.user).toBe('ada');
    const ends = [before, after].map(({ data }) => new Date(data.cookie.expires ?? 0).getTime());
    expect(ends[1]).toBeGreaterThan(ends[0] ?? 0);
  });

  test('a session without an end stays for a day', async () => {
    const [one] = await both();
    await one('/login/ada', {});
    const { expiresAtMs, data } = await stored();
    expect(data.cookie.expires ?? null).toBeNull();
    const leftMs = (expiresAtMs ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(80_000_000);
    expect(leftMs).toBeLessThan(90_000_000);
  });

  test('a session ends with its cookie', async () => {
    const [one, two] = await both({ maxAge: 700 });
    const jar = {};
    await one('/login/ada', jar);
    await expect
      .poll(() => has.http.scan({ prefix: 'app:' })[Symbol.asyncIterator]().next())
      .toEqual({
        done: true,
        value: undefined,
      });
    expect(await two('/who', jar)).toBe('nobody');
  });
});

/** A store whose calls are promises. */
function storeOf(velour: Velour) {
  const store = new VelourSessionStore(velour, { prefix: 'direct:' });
  const promised = <T>(begin: (callback: (error?: unknown, value?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) => {
      begin((error, value) => (error ? reject(error) : resolve(value)));
    });
  return {
    get: (sid: string) => promised<SessionData | null>((done) => store.get(sid, done)),
    set: (sid: string, data: SessionData) => promised((done) => store.set(sid, data, done)),
    touch: (sid: string, data: SessionData) => promised((done) => store.touch(sid, data, done)),
    destroy: (sid: string) => promised((done) => store.destroy(sid, done)),
    all: () => promised<Record<string, SessionData>>((done) => store.all(done)),
    length: () => promised<number>((done) => store.length(done)),
    clear: () => promised((done) => store.clear(done)),
  };
}

function dataOf(user: string, leftMs = 1_000_000): SessionData {
  const cookie = { originalMaxAge: leftMs, expires: new Date(Date.now() + leftMs) };
  return { user, views: 0, cookie } as SessionData;
}

/** A client at which something happens between the read and the write of a touch. */
function meanwhile(happens: () => Promise<unknown>): Velour {
  return new Proxy(has.http, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const value: unknown = await member.apply(target, args);
        if (name === 'entry') await happens();
        return value;
      };
    },
  });
}

describe('touch', () => {
  test('does not undo what another request stored meanwhile', async () => {
    const store = storeOf(has.http);
    await store.set('a', dataOf('old'));
    const late = storeOf(meanwhile(() => store.set('a', dataOf('new'))));
    await late.touch('a', dataOf('old'));
    expect(await store.get('a')).toMatchObject({ user: 'new' });
  });

  test('does not bring a session back that was destroyed meanwhile', async () => {
    const store = storeOf(has.http);
    await store.set('b', dataOf('ada'));
    const late = storeOf(meanwhile(() => store.destroy('b')));
    await late.touch('b', dataOf('ada'));
    await late.touch('b', dataOf('ada'));
    expect(await store.get('b')).toBeNull();
  });

  test('keeps what is stored, whatever the request thinks that it is', async () => {
    const store = storeOf(has.http);
    await store.set('c', dataOf('stored'));
    await store.touch('c', dataOf('stale', 5_000_000));
    const data = await store.get('c');
    expect(data).toMatchObject({ user: 'stored', cookie: { originalMaxAge: 5_000_000 } });
  });
});

test('all, length and clear are of the sessions alone', async () => {
  const store = storeOf(has.direct);
  await store.clear();
  await has.http.set('direct', 'of somebody else');
  const sids = Array.from({ length: 30 }, (_, index) => `sid-${index}`);
  for (const sid of sids) await store.set(sid, dataOf(sid));
  expect(await store.length()).toBe(30);
  const all = (await store.all()) ?? {};
  expect(Object.keys(all).sort()).toEqual(sids.sort());
  for (const sid of sids) expect(all[sid]?.user).toBe(sid);
  await store.clear();
  expect(await store.length()).toBe(0);
  expect(await store.all()).toEqual({});
  expect(await has.http.getText('direct')).toBe('of somebody else');
  expect(() => new VelourSessionStore(has.http, { prefix: '' })).toThrow(TypeError);
});

test('what has ended is not there, although the cluster keeps it to the full second', async () => {
  const store = storeOf(has.http);
  await store.set('ended', dataOf('ada'));
  await has.http.set('direct:ended', JSON.stringify(dataOf('ada', -1)));
  expect(await store.get('ended')).toBeNull();
  expect(Object.keys((await store.all()) ?? {})).not.toContain('ended');
  await store.set('ended', dataOf('ada', -1));
  expect(await has.http.get('direct:ended')).toBeUndefined();
});

test('errors go to the callback', async () => {
  const closed = await has.open('http');
  await closed.close();
  const store = storeOf(closed);
  for (const call of [
    () => store.get('a'),
    () => store.set('a', dataOf('ada')),
    () => store.touch('a', dataOf('ada')),
    () => store.destroy('a'),
    () => store.all(),
    () => store.length(),
    () => store.clear(),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'closed' });
  }
  const own = storeOf(has.http);
  await has.http.set('direct:broken', 'no JSON');
  await expect(own.get('broken')).rejects.toThrow(SyntaxError);
  const circular = dataOf('ada') as SessionData & { self?: unknown };
  circular.self = circular;
  await expect(own.set('circular', circular)).rejects.toThrow(TypeError);
  // Without a callback nothing is thrown, and nobody is told.
  new VelourSessionStore(closed).destroy('a');
});
