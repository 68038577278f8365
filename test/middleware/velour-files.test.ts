// What the handlers of files do with requests: in an application of node:http, before a broker that behaves as a test says.

import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type VelourFiles,
  VelourFilesError,
  type VelourFilesOptions,
  velourFiles,
} from '../../src/middleware/index.ts';

/** What is to be done after a test, last first. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  body: string;
}

/** A broker that notes what it was asked, and answers once it has the whole of it. */
async function broker(
  answer: (reply: ServerResponse) => void,
  options: Omit<VelourFilesOptions, 'brokers'> = {},
) {
  const seen: Seen[] = [];
  const address = await listening((from, reply) => {
    reply.setHeader('x-fog-role', 'broker');
    if (from.url === '/livez') {
      reply.end('ok');
      return;
    }
    const { method, url, headers } = from;
    const noted = { method, url, headers, body: '' };
    seen.push(noted);
    from.on('data', (piece) => {
      noted.body += piece;
    });
    from.on('end', () => answer(reply));
  });
  const files = velourFiles({ brokers: [address], ...options });
  ends.push(() => files.close());
  return { files, seen, address };
}

interface Answered {
  readonly status: number | undefined;
  readonly text: string;
  readonly allow: string | undefined;
}

async function asked(
  address: string,
  method: string,
  body?: string,
  path = '/a',
): Promise<Answered> {
  const sent = request(`http://${address}${path}`, { method });
  // In chunks, as it has more than one.
  if (body !== undefined) sent.write(body);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of answer) text += piece;
  return { status: answer.statusCode, text, allow: answer.headers.allow };
}

const stored = (reply: ServerResponse) => reply.writeHead(201).end();
const passing =
  (files: VelourFiles): RequestListener =>
  (from, reply) =>
    files.upload(from, reply);

describe('an upload', () => {
  test('passes on what its client sends', async () => {
    const { files, seen } = await broker(stored);
    expect((await asked(await listening(passing(files)), 'PUT', 'text')).status).toBe(201);
    expect(seen).toMatchObject([{ method: 'PUT', url: '/a?proxy=1', body: 'text' }]);
  });

  test.each(['text', undefined])(
    'of %j that was read before is refused only where something is missing',
    async (body) => {
      const { files, seen } = await broker(stored);
      const errors: unknown[] = [];
      const address = await listening((from, reply) => {
        from.resume();
        from.once('end', () =>
          files.upload(from, reply, (error) => {
            errors.push(error);
            reply.writeHead(500).end();
          }),
        );
      });
      const { status } = await asked(address, 'PUT', body);
      if (body === undefined) expect([status, seen.length, errors]).toEqual([201, 1, []]);
      else {
        expect([status, seen]).toEqual([500, []]);
        expect(errors).toMatchObject([
          { status: 500, message: expect.stringContaining('read before') },
        ]);
      }
    },
  );

  test.each([
    ['PUT', 'text'],
    ['DELETE', undefined],
  ])('of which nobody knows what became of it, a %s, is a 504 and no 503', async (method, body) => {
    const { files } = await broker((reply) => reply.destroy());
    expect((await asked(await listening(passing(files)), method, body)).status).toBe(504);
    const there: RequestListener = (from, reply) => files.redirectUpload(from, reply);
    expect((await asked(await listening(there), 'PUT', 'text')).status).toBe(503);
  });

  test('that deletes is of a file alone, and never of a folder with all that is in it', async () => {
    const { files, seen } = await broker(stored);
    await asked(await listening(passing(files)), 'DELETE');
    expect(seen).toMatchObject([{ method: 'DELETE', headers: { depth: '0' } }]);
  });
});

describe('the application is told why the store fails', () => {
  const REFUSED = 'unknown-domain: no domain of this broker has this Host';
  const refusing = (reply: ServerResponse) => reply.writeHead(421).end(`${REFUSED}\n`);

  test.each(['upload', 'serve'] as const)('by `next` and by onError, of %s', async (name) => {
    const told: Error[] = [];
    const options = { domain: 'd.com', onError: (error: Error) => told.push(error) };
    const { files, address } = await broker(refusing, options);
    const errors: unknown[] = [];
    const nexting: RequestListener = (from, reply) =>
      files[name](from, reply, (error) => {
        errors.push(error);
        reply.writeHead(502).end();
      });
    const method = name === 'upload' ? 'PUT' : 'GET';
    expect((await asked(await listening(nexting), method)).status).toBe(502);
    const message = `the option domain, which is "d.com", is none of the broker's; http://${address} answers 421: ${REFUSED}`;
    expect(errors).toMatchObject([{ status: 502, message }]);
    const bare: RequestListener = (from, reply) => files[name](from, reply);
    const { status, text } = await asked(await listening(bare), method);
    expect([status, text]).toEqual([502, 'The store of files cannot do this now\n']);
    expect(told).toMatchObject([
      { status: 502, message },
      { status: 502, message },
    ]);
  });

  test.each(['upload', 'serve'] as const)('where %s asks a process that is none', async (name) => {
    const told: Error[] = [];
    const writes: unknown[] = [];
    // As the port of blobs does: it has /livez, and takes each PUT.
    const address = await listening((from, reply) => {
      if (from.method !== 'GET') writes.push(from.method);
      reply.writeHead(from.method === 'GET' && from.url !== '/livez' ? 404 : 200).end();
    });
    const files = velourFiles({ brokers: [address], onError: (error) => told.push(error) });
    ends.push(() => files.close());
    const url = await listening((from, reply) => files[name](from, reply, passed(reply)));
    expect((await asked(url, name === 'upload' ? 'PUT' : 'GET')).status).toBe(502);
    expect(told).toMatchObject([
      { message: expect.stringContaining(`http://${address} is no broker: name one`) },
    ]);
    expect(writes).toEqual([]);
  });

  test('that no broker answers, with their names', async () => {
    const told: Error[] = [];
    const { files, address } = await broker((reply) => reply.destroy(), {
      onError: (error) => told.push(error),
    });
    const url = await listening((from, reply) => files.serve(from, reply));
    expect((await asked(url, 'GET')).status).toBe(503);
    expect(told).toMatchObject([{ status: 503, message: expect.stringContaining(address) }]);
  });

  test('by a warning of the process otherwise, and not by one for each request', async () => {
    const { files } = await broker(refusing);
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    ends.push(() => process.off('warning', note));
    const url = await listening((from, reply) => files.serve(from, reply, passed(reply)));
    for (let turn = 0; turn < 3; turn++) expect((await asked(url, 'GET')).status).toBe(502);
    expect(warnings).toMatchObject([
      { name: 'VelourFilesError', message: expect.stringContaining(REFUSED) },
    ]);
  });

  const passed = (reply: ServerResponse) => (error?: unknown) =>
    reply.writeHead(error instanceof VelourFilesError ? error.status : 404).end();
});

test('what the application has answered itself meanwhile is left alone', async () => {
  let answerNow = () => {};
  const told: Error[] = [];
  const { files, address } = await broker(
    (reply) => {
      answerNow = () => {
        if (isBroken) reply.destroy();
        else reply.writeHead(200, { etag: '"a"' }).end('of the store');
      };
      early();
    },
    { onError: (error) => told.push(error) },
  );
  let isBroken = false;
  let early = () => {};
  const errors: unknown[] = [];
  const url = await listening((from, reply) => {
    early = () => {
      reply.writeHead(408);
      reply.write('too late, ');
      answerNow();
      // When that has come, the handler has had its answer as well.
      fetch(`http://${address}/livez`).then(
        () => setImmediate(() => reply.end('says the application')),
        (error: unknown) => reply.destroy(error as Error),
      );
    };
    files.serve(from, reply, (error) => errors.push(error));
  });
  for (isBroken of [false, true]) {
    const { status, text } = await asked(url, 'GET');
    expect([status, text]).toEqual([408, 'too late, says the application']);
  }
  expect(errors).toEqual([]);
});

describe('without a next handler', () => {
  test.each([
    ['upload', 'POST', 'PUT, DELETE'],
    ['redirectUpload', 'GET', 'PUT, POST'],
    ['serve', 'PUT', 'GET, HEAD'],
  ] as const)('%s answers %s with the methods that it takes', async (name, method, allow) => {
    const { files, seen } = await broker(stored);
    const url = await listening((from, reply) => files[name](from, reply));
    expect(await asked(url, method, method === 'GET' ? undefined : 'text')).toMatchObject({
      status: 405,
      allow,
    });
    expect(seen).toEqual([]);
  });
});

test('the page to which a form goes on is said to the broker, and nothing else of the query', async () => {
  const { files, seen } = await broker((reply) => reply.writeHead(307).end());
  const url = await listening((from, reply) => files.redirectUpload(from, reply));
  const page = encodeURIComponent('https://a.com/done?x=1&y');
  await asked(url, 'POST', 'form', `/a?proxy=1&redirect=${page}`);
  await asked(url, 'POST', 'form', '/a?replicate=3');
  await asked(url, 'PUT', 'text', `/a?redirect=${page}`);
  expect(seen.map((each) => each.url)).toEqual([`/a?redirect=${page}`, '/a', '/a']);
});

describe('of options', () => {
  const given = (options: unknown) => () => velourFiles(options as VelourFilesOptions).close();

  test.each([
    [{ broker: ['a:1'] }, 'broker is no option'],
    [
      { brokers: ['a:1'], foldr: 'media' },
      'foldr is no option of velourFiles: there are brokers, ',
    ],
    [{}, 'brokers is missing'],
    [undefined, 'brokers is missing'],
    [{ brokers: 'a:1' }, 'brokers is "a:1", and must be a list'],
    [{ brokers: [] }, 'at least one'],
    [{ brokers: [12280] }, 'brokers is [12280], and 12280 must be HOST:PORT'],
    [{ brokers: ['a:1', ''] }, 'brokers is ["a:1", ""], and "" must be HOST:PORT'],
    [{ brokers: ['127.0.0.1'] }, '"127.0.0.1" must be HOST:PORT'],
    [{ brokers: ['a:1/x'] }, '"a:1/x" must be HOST:PORT, '],
    [{ brokers: ['http://a:1/x'] }, 'or a URL without a path'],
    [{ brokers: ['http://me:secret@a:1'] }, 'or a URL without a path'],
    [{ brokers: ['ftp://a:1'] }, 'brokers is ["ftp://a:1"]'],
    [{ brokers: [undefined] }, 'undefined must be HOST:PORT'],
    [{ brokers: ['a:1'], connections: '5' }, 'connections is "5", and must be a whole number'],
    [{ brokers: ['a:1'], connections: 0 }, 'connections is 0, and must be a whole number'],
    [{ brokers: ['a:1'], connections: 1.5 }, 'connections is 1.5'],
    [{ brokers: ['a:1'], connections: Number.NaN }, 'connections is NaN'],
    [{ brokers: ['a:1'], folder: 5 }, 'folder is 5, and must be a text'],
    [{ brokers: ['a:1'], folder: null }, 'folder is null, and must be a text'],
    [{ brokers: ['a:1'], folder: '\ud800' }, 'must be a text'],
    [{ brokers: ['a:1'], folder: 'a/../b' }, 'folder is "a/../b", and must have no .'],
    [{ brokers: ['a:1'], folder: '/.broker' }, 'folder is "/.broker", where a broker says'],
    [{ brokers: ['a:1'], domain: 5 }, 'domain is 5, and must be the name of a host'],
    [{ brokers: ['a:1'], domain: null }, 'domain is null'],
    [{ brokers: ['a:1'], domain: 'a/b' }, 'domain is "a/b"'],
    [{ brokers: ['a:1'], domain: '' }, 'domain is ""'],
    [{ brokers: ['a:1'], onError: 'log' }, 'onError is "log", and must be a function'],
  ])('%j is refused with what is wrong', (options, what) => {
    expect(given(options)).toThrow(TypeError);
    expect(given(options)).toThrow(what);
  });

  test('all that there are are taken', () => {
    const brokers = ['a:1', '[::1]:1', 'http://a:1', 'HTTPS://a.com/'];
    given({ brokers, domain: 'd.com', folder: '/media/ä/', connections: 2, onError: () => 0 })();
    given({ brokers, domain: undefined, folder: '', connections: undefined })();
  });
});
