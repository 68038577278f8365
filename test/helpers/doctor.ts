// Runs velour doctor as people do, on real processes and directories, and reads what it found.

import { expect } from 'vitest';
import { CLI, Started } from './cluster.ts';

export interface Finding {
  readonly check: string;
  readonly what: string;
  readonly todo: string;
}

export const MEMORY = ['--memory', '32MiB'];

export interface Surroundings {
  /** What stands before its command line. */
  readonly before?: readonly string[];
  readonly env?: Record<string, string>;
  readonly cli?: string;
}

export async function examine(
  words: readonly string[],
  { before = [], env = {}, cli = CLI }: Surroundings = {},
): Promise<readonly Finding[]> {
  const [command = '', ...rest] = [...before, process.execPath, cli, 'doctor', ...MEMORY, ...words];
  const doctor = new Started(command, [...rest, '--json'], env);
  const code = await doctor.exit();
  expect(doctor.stderr).toBe('');
  const { findings } = JSON.parse(doctor.stdout) as { findings: readonly Finding[] };
  expect(code).toBe(findings.length === 0 ? 0 : 1);
  for (const { what, todo } of findings) expect(`${what}; ${todo}`).not.toMatch(/\n|undefined|NaN/);
  return findings;
}

/** The only one, of this kind. */
export function one(findings: readonly Finding[], check: string): Finding {
  expect(
    findings.map((each) => each.check),
    JSON.stringify(findings),
  ).toEqual([check]);
  return findings[0] as Finding;
}

/** As people read them. */
export function linesOf(findings: readonly Finding[]): string {
  return findings.map(({ check, what, todo }) => `${check}: ${what}; ${todo}`).join('\n');
}
