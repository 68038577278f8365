// What the tests of `velour backup` and `velour restore` share: clusters, directories, the commands, and
// content that is compared byte for byte.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { call, inParallel } from './client.ts';
import { childrenOf, type LocalCluster, type Started, startCluster, velour } from './cluster.ts';
import { SeededRandom } from './random.ts';

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return join(path, 'backup');
}

export async function cluster(settings: Parameters<typeof startCluster>[0]): Promise<LocalCluster> {
  const started = await startCluster(settings);
  onTestFinished(async () => {
    await started.stop();
  });
  return started;
}

export function begin(words: readonly string[]): Started {
  const started = velour(words);
  onTestFinished(async () => {
    await started.stop('SIGKILL');
  });
  return started;
}

export interface Ended {
  readonly code: number | null;
  readonly answer: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

export async function run(...words: readonly string[]): Promise<Ended> {
  return ended(begin([...words, '--json']));
}

export async function ended(started: Started): Promise<Ended> {
  const code = await started.exit();
  const answer = started.stdout === '' ? {} : JSON.parse(started.stdout);
  return { code, answer, stderr: started.stderr };
}

/** Keys and values of many kinds: bytes, empty values, some that are longer than an answer of a copy. */
export function contentOf(count: number): Map<string, Buffer> {
  const random = new SeededRandom(4);
  const content = new Map<string, Buffer>();
  for (let index = 0; index < count; index++) {
    const name = random.chance(0.2) ? random.bytes(random.whole(1, 30)) : Buffer.from(`k ${index}`);
    const long = random.chance(0.002) ? 700_000 : random.chance(0.05) ? 9000 : 60;
    content.set(
      escaped(name),
      random.chance(0.02) ? Buffer.alloc(0) : random.bytes(random.below(long)),
    );
  }
  return content;
}

function escaped(key: Buffer): string {
  return key.toString('hex').replace(/../g, '%$&');
}

/** @param keys percent-encoded */
export async function setAll(
  frontend: string,
  content: ReadonlyMap<string, Buffer>,
): Promise<void> {
  await inParallel([...content], 32, async ([key, body]) => {
    const { status, text } = await call(frontend, `/set?key=${key}`, { method: 'POST', body });
    if (status !== 200) throw new Error(`set ${key}: ${status} ${text}`);
  });
}

export async function deleteAll(frontend: string, keys: readonly string[]): Promise<void> {
  await inParallel(keys, 32, async (key) => {
    expect((await call(frontend, `/delete?key=${key}`)).status).toBe(200);
  });
}

/** By key what the cluster answers: its version and its value, or that there is none. */
export async function answersFor(
  frontend: string,
  keys: Iterable<string>,
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  await inParallel([...keys], 32, async (key) => {
    const { status, headers, bytes } = await call(frontend, `/get?key=${key}`);
    const found = `${headers['x-fog-version']} ${bytes.toString('base64')}`;
    answers.set(key, status === 200 ? found : String(status));
  });
  return answers;
}

export function pidOf({ process: local }: LocalCluster, address: string): number {
  const child = childrenOf(local.pid).find(({ title }) => title.endsWith(address));
  if (child === undefined) throw new Error(`no process of ${address}`);
  return child.pid;
}

export function manifestOf(path: string): {
  startedAtMs: number;
  finishedAtMs?: number;
  partitions: Record<string, { complete: boolean; bytes: number }>;
} {
  return JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'));
}
