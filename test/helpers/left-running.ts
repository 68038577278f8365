// Two tests that leave a process behind, which surroundings.test.ts plays. They are in no other run.

import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { isAlive, Started, until } from './cluster.ts';

function leaveOne(name: string): void {
  if (process.env.CONTROLLER_PORT !== undefined) throw new Error('setup.mjs left a variable');
  writeFileSync(join(tmpdir(), name), `${new Started('sleep', ['100000']).pid}`);
}

test('runs out of time', { timeout: 100 }, async () => {
  leaveOne('late');
  await new Promise(() => undefined);
});

test('is played by a worker that is killed', async () => {
  const late = Number(readFileSync(join(tmpdir(), 'late'), 'utf8'));
  await until(() => !isAlive(late));
  leaveOne('killed');
  process.kill(process.pid, 'SIGKILL');
});
