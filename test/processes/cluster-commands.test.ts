// velour status, top and cluster on a real cluster: through pipes without a code for terminals, and on a terminal, which
// is as it was before when they end.

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CLI,
  childrenOf,
  freePorts,
  type LocalCluster,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';
import { Terminal } from '../helpers/terminal.ts';

const ESCAPE = '\x1b';
let cluster: LocalCluster;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  cluster = await startCluster();
  env = { VELOUR_CONTROLLER: cluster.controller, VELOUR_ENDPOINT: cluster.frontends[0] ?? '' };
});
afterAll(() => cluster.stop());

function run(words: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const ran = spawnSync(process.execPath, [CLI, ...words], {
    env: { ...process.env, ...env, ...more },
  });
  return { code: ran.status, stdout: String(ran.stdout), stderr: String(ran.stderr) };
}

/** What is shown once the page is gone, which has no code in it. */
function afterScreen(shown: string): string {
  const leave = `${ESCAPE}[?25h${ESCAPE}[?1049l`;
  expect(shown.split(leave)).toHaveLength(2);
  const after = shown.split(leave)[1] ?? '';
  expect(after).not.toContain(ESCAPE);
  return after;
}

const addresses = () => [cluster.controller, ...cluster.storages, ...cluster.frontends];

describe('through a pipe', () => {
  test('status shows every node, and exits 0 when all is well', async () => {
    await until(() => run(['status']).code === 0);
    const { stdout, stderr } = run(['status']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^all is well\n/);
    expect(stdout).toContain('256 of 256 partitions are served, 3 copies of each key, a store');
    for (const address of addresses()) {
      expect(stdout).toMatch(
        new RegExp(`^${address} +(?:controller|storage|frontend) +ready `, 'm'),
      );
    }
    expect(stdout).not.toContain(ESCAPE);
    const json = JSON.parse(run(['status', '--json']).stdout);
    expect(json).toMatchObject({ ok: true, findings: [], cluster: { partitions: 256 } });
    const nodes: readonly { address: string }[] = json.nodes;
    expect(nodes.map(({ address }) => address)).toEqual(addresses());
  });

  test('top prints one table, or as many as it is told', () => {
    const one = run(['top', '--interval', '0.2']);
    expect([one.code, one.stderr]).toEqual([0, '']);
    const lines = one.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2 + addresses().length);
    expect(lines[1]).toMatch(
      /^NODE +STATE +ROLE +REQUESTS\/S +GETS\/S +SETS\/S +ITEMS +MEMORY +PROCESS +CPU +LAG$/,
    );
    expect(one.stdout).not.toContain(ESCAPE);
    expect(run(['top', '--interval', '0.2', '--count', '2']).stdout.match(/^NODE/gm)).toHaveLength(
      2,
    );
    const json = run(['top', '--json', '--interval', '0.1', '--count', '2']).stdout.trimEnd();
    const nodes = json.split('\n').map((line) => JSON.parse(line).nodes.length);
    expect(nodes).toEqual([addresses().length, addresses().length]);
  });

  test('cluster shows the members of each partition', () => {
    const { code, stdout } = run(['cluster']);
    expect(code).toBe(0);
    expect(
      stdout.match(/^ +\d+ {2}[0-9a-f]{2} +\d+ {2}(?:127[^ ]+) 127[^ ]+ 127[^ ]+$/gm),
    ).toHaveLength(256);
    expect(stdout).not.toContain(ESCAPE);
    const some = run(['cluster', '0', '255']).stdout.trimEnd().split('\n');
    expect(some.slice(-2)).toEqual([
      expect.stringMatching(/^ +0 {2}00 /),
      expect.stringMatching(/^ +255 {2}ff /),
    ]);
    expect(JSON.parse(run(['cluster', '--json']).stdout)).toMatchObject({
      digits: 2,
      redundancy: 3,
    });
    const byStorage = run(['cluster', '--controller', cluster.storages[1] ?? '']);
    expect(byStorage.stdout).toBe(stdout);
    expect(run(['cluster', '256'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/whole numbers from 0 to 255/),
    });
  });

  test('who is no controller is named, and nobody is 69', async () => {
    const [gone] = await freePorts(1);
    const operators = [
      ['drain', 'x'],
      ['plan', 'add', '1'],
      ['files', 'ls', '--time-scale', '1'],
    ];
    for (const words of [['status'], ['top'], ['cluster'], ...operators]) {
      const frontend = run(words, { VELOUR_CONTROLLER: cluster.frontends[0] ?? '' });
      expect(frontend).toMatchObject({
        code: 69,
        stdout: '',
        stderr: expect.stringMatching(/is a frontend, and no contr/),
      });
      const nobody = run(words, { VELOUR_CONTROLLER: `127.0.0.1:${gone}` });
      expect(nobody.code).toBe(69);
      expect(nobody.stdout + nobody.stderr).toMatch(/ECONNREFUSED/);
    }
    const broker = run(['status'], { VELOUR_CONTROLLER: cluster.brokers[0] ?? '' });
    expect(broker).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/is a broker, and no controller/),
    });
    // The cluster goes on without its controller, which is when one looks.
    const { stdout } = run(['status'], { VELOUR_CONTROLLER: `127.0.0.1:${gone}` });
    expect(stdout).toContain(`frontend ${cluster.frontends[0]} is ready`);
    const other = createServer((_, response) => response.end('{}'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const controller = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const word of ['status', 'cluster']) {
      const asked = velour([word, '--controller', controller]);
      expect(await asked.exit()).toBe(69);
      expect(asked.stderr).toMatch(/is no node of velour-fog, and no controller/);
    }
    other.close();
  });
});

describe('on a terminal', () => {
  test('top redraws one page until Ctrl-C, and leaves the terminal as it was', async () => {
    const terminal = new Terminal('velour top --interval 0.1; echo "ended with $?"; stty -a', env);
    await terminal.shows(/measuring; Ctrl-C ends/);
    // The page twice: its head is drawn in place.
    await terminal.shows(/NODE[\s\S]*NODE/);
    expect(terminal.shown.split(`${ESCAPE}[H`).length).toBeGreaterThan(2);
    terminal.interrupt();
    await terminal.shows(/ended with 0/);
    expect(await terminal.exit()).toBe(0);
    expect(terminal.shown.startsWith(`${ESCAPE}[?1049h${ESCAPE}[?25l`)).toBe(true);
    const after = afterScreen(terminal.shown);
    expect(after).toMatch(/ icanon/);
    expect(after).toMatch(/ echo /);
  });

  test('top leaves out columns and rows that do not fit, and says how many', async () => {
    const terminal = new Terminal('stty cols 80 rows 6; velour top --interval 0.1', env);
    await terminal.shows(/NODE +STATE .* CPU +LAG/);
    // Five lines at most, of which the last one counts those that are not there.
    await terminal.shows(
      new RegExp(`and ${addresses().length + 2 - 4} more, on a higher terminal`),
    );
    terminal.interrupt();
    expect(await terminal.exit()).toBe(0);
  });

  test('SIGTERM leaves it as it was too', async () => {
    // Not the function of the shell, which would be a process in between.
    const top = `"${process.execPath}" "${CLI}" top --interval 0.1`;
    const terminal = new Terminal(
      `${top} & pid=$!; read _; kill $pid; wait $pid; echo "ended with $?"`,
      env,
    );
    await terminal.shows(/NODE/);
    terminal.type('\r');
    expect(await terminal.exit()).toBe(0);
    expect(afterScreen(terminal.shown)).toContain('ended with 143');
  });

  test('colours are there, unless NO_COLOR or the terminal says none', async () => {
    for (const [more, isColoured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      const terminal = new Terminal('velour status; velour cluster 0', { ...env, ...more });
      await terminal.exit();
      expect(terminal.shown).toContain('PARTITION');
      expect(terminal.shown.includes(ESCAPE)).toBe(isColoured);
    }
    const dumb = new Terminal('velour top --interval 0.1', { ...env, TERM: 'dumb' });
    expect(await dumb.exit()).toBe(0);
    expect(dumb.shown).not.toContain(ESCAPE);
  });
});

test('what is wrong comes first, with what to do, and exits 1', async () => {
  const [, dead = ''] = cluster.storages;
  const victim = childrenOf(cluster.process.pid).find(({ title }) => title.endsWith(dead));
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await until(() => run(['status']).stdout.includes('has ended'));
  const { code, stdout } = run(['status']);
  expect(code).toBe(1);
  const [first = '', second = ''] = stdout.split('\n');
  expect(first).toBe(`nodes: storage node ${dead} has ended`);
  expect(second).toBe('  start it again, or velour forget it if it is gone for good');
  expect(stdout).toMatch(new RegExp(`^${dead} +storage +silent: ECONNREFUSED`, 'm'));
  const json = JSON.parse(run(['status', '--json']).stdout);
  expect(json.ok).toBe(false);
  const checks = json.findings.map(({ check }: { readonly check: string }) => check);
  // Beside it while others copy what it had.
  expect(checks.filter((check: string) => check !== 'copies')).toEqual(['nodes']);
  const top = run(['top', '--interval', '0.1']).stdout;
  expect(top).toMatch(new RegExp(`^${dead} +silent: ECONNREFUSED +storage +- `, 'm'));
});
