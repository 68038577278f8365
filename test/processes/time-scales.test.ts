// D12: a process that is started with another --time-scale than its controller ends, and says both.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, type Started, velour } from '../helpers/cluster.ts';

// What is started without a scale has 1 here, as with its users (test/setup.mjs).
delete process.env.VELOUR_TIME_SCALE;

const HERE = '127.0.0.1';
const scratch = mkdtempSync(join(tmpdir(), 'velour-test-'));
let controller: string;
let own: string;
let started: Started;

beforeAll(async () => {
  const [controllerPort = 0, ownPort = 0] = await freePorts(2);
  controller = `${HERE}:${controllerPort}`;
  own = `${HERE}:${ownPort}`;
  started = velour(
    ['controller', String(controllerPort), '1', '1', '--host', HERE].concat('--time-scale', '3'),
  );
  await started.printed('stderr', 'listening');
});
afterAll(async () => {
  await started.stop('SIGKILL');
  rmSync(scratch, { recursive: true });
});

describe('D12: beside a controller with --time-scale 3', () => {
  test.each([
    [
      'storage',
      ['--time-scale', '1.5'],
      /node .* has --time-scale 1\.5, and the controller has 3:/,
    ],
    [
      'storage',
      ['--data-dir', join(scratch, 'node')],
      /has --time-scale 1, and the controller has 3:/,
    ],
    ['frontend', [], /frontend .* has --time-scale 1, and the controller has 3:/],
    ['frontend', ['--workers', '2'], /has --time-scale 1, and the controller has 3:/],
  ])('velour %s %o exits 78', async (role, options, message) => {
    const other = velour([role, controller, own, ...options]);
    expect(await other.exit()).toBe(78);
    expect(other.stderr).toMatch(message);
    expect(other.stderr).not.toMatch(/\n {4}at /);
  });

  test('velour backup exits 78, and writes nothing', async () => {
    const other = velour(['backup', controller, join(scratch, 'backup')]);
    expect(await other.exit()).toBe(78);
    expect(other.stderr).toMatch(/this process has --time-scale 1, and the controller has 3:/);
  });
});
