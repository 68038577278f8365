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
async function broker(answer: (reply: ServerResponse) => void) {
  const seen: Seen[] = [];
  const address = await listening((from, reply) => {
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
  const files = velourFiles({ brokers: [address] });
  ends.push(() => files.close());
  return { files, seen };
}

interface Answered {
  readonly status: number | undefined;
  readonly text: string;
}

async function asked(address: string, method: string, body?: string): Promise<Answered> {
  const sent = request(`http://${address}/a`, { method });
  // In chunks, as it has more than one.
  if (body !== undefined) sent.write(body);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of answer) text += piece;
  return { status: answer.statusCode, text };
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

test.each(['upload', 'serve'] as const)(
  'why a broker refuses what the application asks is told to `next` of %s, or else a warning of the process',
  async (name) => {
    const what = 'unknown-domain: no domain of this broker has this Host';
    const { files } = await broker((reply) => reply.writeHead(421).end(`${what}\n`));
    const method = name === 'upload' ? 'PUT' : 'GET';
    const errors: unknown[] = [];
    const nexting: RequestListener = (from, reply) =>
      files[name](from, reply, (error) => {
        errors.push(error);
        reply.writeHead(502).end();
      });
    expect((await asked(await listening(nexting), method)).status).toBe(502);
    expect(errors).toMatchObject([{ status: 502, message: what }]);
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    ends.push(() => process.off('warning', note));
    const bare: RequestListener = (from, reply) => files[name](from, reply);
    const { status, text } = await asked(await listening(bare), method);
    expect([status, text]).toEqual([502, 'The store of files cannot do this now\n']);
    expect(warnings).toMatchObject([{ name: 'VelourFilesError', message: what }]);
  },
);

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
    [{ brokers: [12280] }, 'brokers is [12280]'],
  ])('%j is refused with what is wrong', (options, what) => {
    expect(given(options)).toThrow(TypeError);
    expect(given(options)).toThrow(what);
  });

  test('all that there are are taken', () => {
    given({ brokers: ['a:1'], domain: 'd.com', folder: 'media', connections: 2 })();
  });
});
