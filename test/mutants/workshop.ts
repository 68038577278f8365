// Where mutants are made and tried: a copy of the tree, one change in it, and the mutant's programme.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Edit, Programme } from './mutant.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const COPIED = ['src', 'test', 'scripts', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const BUILD_INFO = 'dist.tsbuildinfo';
/** What the compiler leaves beside them. */
const BUILT = ['dist', BUILD_INFO];
/** Runs at a time, so that a mutant that dies early costs little. */
const CHUNK = 10;

export interface Verdict {
  readonly killed: boolean;
  /** What killed it, or what did not. */
  readonly by: string;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** What is read of vitest's own report. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** @returns the text with the edit made; throws unless what is to be replaced occurs exactly once */
export function edited(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** The product as it is, with what the compiler knows of it: of a mutant it compiles again what the change reaches. */
let built: Promise<Workshop> | undefined;

export class Workshop {
  readonly #folder = mkdtempSync(join(tmpdir(), 'velour-mutant-'));
  readonly #edits: readonly Edit[];
  #running: ChildProcess | undefined;

  constructor(edits: readonly Edit[]) {
    this.#edits = edits;
  }

  /** A mutant must be a program: one that does not compile would die of anything. */
  async build(): Promise<void> {
    built ??= Workshop.#ofTheProduct();
    this.#copy((await built).#folder, [...COPIED, ...BUILT]);
    for (const edit of this.#edits) {
      const path = join(this.#folder, edit.file);
      writeFileSync(path, edited(readFileSync(path, 'utf8'), edit));
    }
    await this.#compile();
  }

  play(programme: Programme): Promise<Verdict> {
    return programme.kind === 'seeds' ? this.#simulate(programme) : this.#test(programme);
  }

  discard(): void {
    this.#running?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  static async #ofTheProduct(): Promise<Workshop> {
    const workshop = new Workshop([]);
    process.once('exit', () => workshop.discard());
    workshop.#copy(ROOT, COPIED);
    await workshop.#compile();
    return workshop;
  }

  #copy(from: string, names: readonly string[]): void {
    for (const name of names)
      cpSync(join(from, name), join(this.#folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'), 'dir');
  }

  async #compile(): Promise<void> {
    const { code, output } = await this.#run('node_modules/typescript/bin/tsc', [
      ...['-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', BUILD_INFO],
      ...['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'],
    ]);
    if (code !== 0) throw new Error(`it does not compile:\n${output}`);
    // scripts/runlocal.sh builds anew what is older than its sources.
    const now = new Date();
    utimesSync(join(this.#folder, 'dist/cli.js'), now, now);
  }

  async #simulate({
    first,
    count,
    programme,
    long = false,
    files,
  }: Extract<Programme, { kind: 'seeds' }>): Promise<Verdict> {
    const kind = [
      ...(programme ? ['--programme', programme] : []),
      ...(long ? ['--long'] : []),
      ...(files ? ['--files', `${files}`] : []),
    ];
    for (let seed = first; seed < first + count; seed += CHUNK) {
      const seeds = Math.min(CHUNK, first + count - seed);
      const flags = ['simulate', '--seed', `${seed}`, '--seeds', `${seeds}`, ...kind];
      const { code, output } = await this.#run('dist/cli.js', flags);
      if (code === 0) continue;
      const found = /^seed (\d+) failed:\n\s*(.*)$/m.exec(output);
      if (found === null || !output.includes('broke a promise')) {
        throw new Error(`the simulator did not end as it should:\n${output.slice(-2000)}`);
      }
      return { killed: true, by: `seed ${found[1]}: ${found[2]?.slice(0, 90)}` };
    }
    return { killed: false, by: `${count} seeds from ${first}` };
  }

  async #test({ file, name }: Extract<Programme, { kind: 'tests' }>): Promise<Verdict> {
    const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const flags = ['run', file, '-t', pattern, '--reporter=json', '--cache=false'];
    const { code, output } = await this.#run('node_modules/vitest/vitest.mjs', flags);
    // One line; what a test that still runs prints may come behind it.
    const [line = ''] = output.slice(output.indexOf('{"numTotal')).split('\n');
    const report = JSON.parse(line) as Report;
    const ran = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status !== 'skipped');
    const [failed, ...others] = ran.filter(({ status }) => status === 'failed');
    if (ran.length === 0) throw new Error(`${file} has no test named ${name}`);
    if (failed === undefined) {
      // What is thrown where no test waits for it ends a process that serves.
      const isThrown = code !== 0;
      return {
        killed: isThrown,
        by: `${isThrown ? 'an error outside of ' : ''}${ran.length} tests`,
      };
    }
    const [why = ''] = failed.failureMessages.join(' ').replace(/\s+/g, ' ').split(' // ');
    return {
      killed: true,
      by: `${1 + others.length} of ${ran.length}: ${failed.title}: ${why.slice(0, 120)}`,
    };
  }

  #run(script: string, flags: readonly string[]): Promise<Ended> {
    const child = spawn(process.execPath, [script, ...flags], {
      cwd: this.#folder,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    return new Promise((done, failed) => {
      child.once('error', failed);
      child.once('close', (code) => {
        this.#running = undefined;
        done({ code, output });
      });
    });
  }
}
