// The configuration by which a broker goes now. One that comes while it runs counts when the cluster has the numbers of copies
// of its rules; until then, and where its file is wrong, the former rules stay. Looking at the file is config-file.ts's.

import type { Runtime } from '../../../../cluster/ports.ts';
import type { ClassRecords } from '../../../../files/class-records.ts';
import type { ReplicationClass } from '../../../../files/file-key.ts';
import { type BrokerConfig, classesOf, DEFAULT_CONFIG } from './broker-config.ts';
import { type BrokerConfigFile, ConfigFileWatch, wrongFileText } from './config-file.ts';

export interface ActiveConfigParts {
  readonly runtime: Pick<Runtime, 'timers' | 'logger'>;
  readonly classes: Pick<ClassRecords, 'keep'>;
}

/** What a broker asks of its configuration for each request. */
export interface BrokerRules {
  readonly current: BrokerConfig;
  /**
   * Why uploads must wait: the cluster does not have the numbers of copies of the rules yet, so that files would get those of
   * the default class. Undefined once it has them, and then for ever.
   */
  readonly problem: string | undefined;
  /** Why the file of the configuration does not count as it is now, so that the former rules stay; undefined where it does. */
  readonly fileProblem: string | undefined;
}

/** Between two attempts to set a class that could not be set. */
export const AGAIN_MS = 1000;

export class ActiveConfig implements BrokerRules {
  readonly #parts: ActiveConfigParts;
  readonly #file: BrokerConfigFile | undefined;
  readonly #watch: ConfigFileWatch | undefined;
  #current: BrokerConfig;
  /** The newest one, while its classes are being set. */
  #coming: BrokerConfig | undefined;
  /** Whether the cluster has the numbers of any configuration yet. */
  #isInForce: boolean;
  #problem = '';

  /** @param file undefined for a broker without a configuration */
  constructor(parts: ActiveConfigParts, file: BrokerConfigFile | undefined) {
    this.#parts = parts;
    this.#file = file;
    this.#current = file?.config ?? DEFAULT_CONFIG;
    this.#isInForce = file === undefined;
    this.#watch = file && new ConfigFileWatch(parts.runtime, file, (config) => this.#come(config));
  }

  get current(): BrokerConfig {
    return this.#current;
  }

  get problem(): string | undefined {
    if (this.#isInForce) return undefined;
    return `the rules of the broker are not in the cluster yet${this.#problem}`;
  }

  get fileProblem(): string | undefined {
    const problem = this.#watch?.problem;
    return problem === undefined ? undefined : wrongFileText(problem);
  }

  start(): void {
    if (this.#watch === undefined) return;
    this.#watch.start();
    this.#come(this.#current);
  }

  #come(config: BrokerConfig): void {
    this.#coming = config;
    this.#file?.logAt(config.logLevel);
    if (!this.#isInForce) this.#current = config;
    this.#keepClasses(config, [...classesOf(config)]);
  }

  /** Sets one class after the other: they are few, and only the first ones are waited for. */
  #keepClasses(
    config: BrokerConfig,
    classes: readonly (readonly [ReplicationClass, number])[],
  ): void {
    if (config !== this.#coming) return;
    const [next, ...rest] = classes;
    if (next === undefined) return this.#adopt(config);
    const [name, copies] = next;
    const { runtime, classes: records } = this.#parts;
    records.keep(name, copies, (outcome) => {
      switch (outcome.kind) {
        case 'kept':
          if (outcome.changed) {
            runtime.logger.write('info', 'the broker has set a class', { class: name, copies });
          }
          return this.#keepClasses(config, rest);
        case 'failed':
          this.#tell(outcome.detail);
          runtime.timers.after(AGAIN_MS, () => this.#keepClasses(config, classes));
      }
    });
  }

  /** Says once why a configuration does not count yet, however often it is tried. */
  #tell(detail: string): void {
    const problem = `: ${detail}`;
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#parts.runtime.logger.write(
      'info',
      `the configuration of the broker waits for the cluster${problem}`,
    );
  }

  #adopt(config: BrokerConfig): void {
    this.#current = config;
    this.#coming = undefined;
    this.#isInForce = true;
    this.#problem = '';
    const domains = config.domains.length;
    this.#parts.runtime.logger.write('info', 'the broker goes by its configuration', { domains });
  }
}
