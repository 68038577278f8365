// A log whose stream fails or does not read: lines are dropped and counted, and nothing is thrown. That a log
// goes on when its stream does is test/processes/failing-output.test.ts's: only real ones do.

import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { openLogger } from '../../../../src/cluster/io/process/logger.ts';

const OPTIONS = { role: 'storage', node: '127.0.0.1:1', level: 'info', pretty: false } as const;

class Scripted extends Writable {
  text = '';
  failure: string | undefined;
  stands = false;

  constructor() {
    super({ autoDestroy: false, decodeStrings: false });
  }

  override _write(chunk: string, _: BufferEncoding, done: (error?: Error) => void): void {
    if (this.stands) return;
    if (this.failure !== undefined) return done(Object.assign(new Error(), { code: this.failure }));
    this.text += chunk;
    done();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('an open log hears the errors of its stream', () => {
  const stream = new Scripted();
  openLogger(OPTIONS, stream);
  openLogger(OPTIONS, stream);
  expect(stream.listenerCount('error')).toBe(1);
});

test.each(['EPIPE', 'ENOSPC', 'EAGAIN', 'EIO', 'EBADF'])('%s drops the line', async (failure) => {
  const stream = new Scripted();
  const log = openLogger(OPTIONS, stream);
  stream.failure = failure;
  log.write('info', 'lost');
  await turn();
  expect(log.linesDropped()).toBe(1);
  expect(stream.text).toBe('');
});

test('the level changes while it is open, and back', async () => {
  const stream = new Scripted();
  const log = openLogger(OPTIONS, stream);
  const levels = ['error', undefined, 'debug'] as const;
  for (const level of levels) {
    log.setLevel(level);
    for (const each of ['debug', 'info', 'error'] as const) log.write(each, `${each} at ${level}`);
  }
  await turn();
  const said = stream.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
  expect(said).toEqual([
    'error at error',
    'info at undefined',
    'error at undefined',
    'debug at debug',
    'info at debug',
    'error at debug',
  ]);
});

test('a stream that does not read is given a bounded amount', async () => {
  const stream = new Scripted();
  const log = openLogger(OPTIONS, stream);
  stream.stands = true;
  const message = 'x'.repeat(1000);
  for (let line = 0; line < 10_000; line++) log.write('info', message);
  await turn();
  expect(stream.writableLength).toBeLessThan(1.1 * 2 ** 20);
  expect(log.linesDropped()).toBeGreaterThan(8000);
});
