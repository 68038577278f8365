// Watches the file of a broker's configuration while the broker runs: reads it on a hang-up and now and then, and tells of
// each right configuration that it had not before. What is wrong goes to the log, once.

import type { Cancel, LogLevel, OperatorFiles, Runtime } from '../../../../cluster/ports.ts';
import type { BrokerConfig } from './broker-config.ts';
import { type ConfigRemark, remarkLine } from './config-source.ts';
import { readBrokerConfig } from './read-config.ts';

export interface BrokerConfigFile {
  readonly path: string;
  /** As it was read before the broker was made, and what it says. */
  readonly text: string;
  readonly config: BrokerConfig;
  /** What there is to say of words in it that do nothing. */
  readonly remarks: readonly ConfigRemark[];
  readonly files: Pick<OperatorFiles, 'read'>;
  /** Registers what is called when an operator asks for the file to be read again. */
  onHangup(listener: () => void): void;
  /** Changes the least severe line that the process logs; undefined for that with which it was started. */
  logAt(level: LogLevel | undefined): void;
}

/** Without a hang-up a changed file is noticed after so long at the latest. */
export const LOOK_MS = 2000;

export class ConfigFileWatch {
  readonly #runtime: Pick<Runtime, 'timers' | 'logger'>;
  readonly #file: BrokerConfigFile;
  readonly #changed: (config: BrokerConfig) => void;
  /** The text that was judged last, right or wrong. */
  #text: string;
  #problem: string | undefined;
  /** That of the configuration that was read last. */
  #port: number | undefined;
  #reads = 0;
  #nextLook: Cancel = () => undefined;

  /** @param changed called with each new configuration that is right */
  constructor(
    runtime: Pick<Runtime, 'timers' | 'logger'>,
    file: BrokerConfigFile,
    changed: (config: BrokerConfig) => void,
  ) {
    this.#runtime = runtime;
    this.#file = file;
    this.#changed = changed;
    this.#text = file.text;
    this.#port = file.config.port;
  }

  /** What is wrong with the file, while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#remark(this.#file.remarks);
    this.#file.onHangup(() => this.#look());
    this.#lookLater();
  }

  #lookLater(): void {
    this.#nextLook();
    this.#nextLook = this.#runtime.timers.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    this.#lookLater();
    const read = ++this.#reads;
    this.#file.files.read(this.#file.path, (result) => {
      // 1. A look reads the old text. 2. The file changes, and a hang-up has the new one read. 3. The old text comes last.
      if (read !== this.#reads) return;
      if (result.kind === 'done') this.#judge(result.value);
      else this.#refuse(`${this.#file.path} cannot be read: ${result.detail}`);
    });
  }

  #judge(text: string): void {
    const isSame = text === this.#text;
    this.#text = text;
    const { path } = this.#file;
    const read = readBrokerConfig(text);
    switch (read.kind) {
      case 'wrong':
        return this.#refuse(wrongText(path, read.problems));
      case 'config': {
        const wasWrong = this.#problem !== undefined;
        this.#problem = undefined;
        if (wasWrong) {
          this.#runtime.logger.write('info', 'the configuration of the broker is right again');
        }
        if (isSame) return;
        this.#changed(read.config);
        this.#remarkPort(read.config);
        return this.#remark(read.remarks);
      }
    }
  }

  /** The port is taken at the start alone. */
  #remarkPort({ port }: BrokerConfig): void {
    if (port === this.#port) return;
    this.#port = port;
    if (port === this.#file.config.port) return;
    const { path } = this.#file;
    this.#runtime.logger.write(
      'warn',
      `listen in ${path} is another one now, and counts when the frontend is started again: until then the broker stays at its port`,
    );
  }

  #remark(remarks: readonly ConfigRemark[]): void {
    for (const remark of remarks) {
      this.#runtime.logger.write('info', remarkLine(this.#file.path, remark));
    }
  }

  #refuse(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#runtime.logger.write('error', wrongFileText(problem));
  }
}

/** @param problem of a file, while a broker goes by an earlier one */
export function wrongFileText(problem: string): string {
  return `the configuration of the broker is wrong, and its rules stay as they were: ${problem}`;
}

/** @returns the first problem, and how to see the others */
function wrongText(path: string, [first, ...others]: readonly ConfigRemark[]): string {
  const line = first === undefined ? path : remarkLine(path, first);
  if (others.length === 0) return line;
  return `${line} (and ${others.length} more: velour broker check-config ${path})`;
}
