// The file of a broker's configuration, as commands read it before anything serves by it.

import { readFileSync } from 'node:fs';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { BrokerConfig } from '../../frontend/gateways/broker/config/broker-config.ts';
import {
  type ConfigRemark,
  remarkLine,
} from '../../frontend/gateways/broker/config/config-source.ts';
import { readBrokerConfig } from '../../frontend/gateways/broker/config/read-config.ts';

export interface RightConfig {
  readonly text: string;
  readonly config: BrokerConfig;
  /** What there is to say of words that have no effect. */
  readonly remarks: readonly ConfigRemark[];
}

/** @throws FatalError with exit code 78 for a file that is wrong, with all that is, or that cannot be read */
export function rightConfigAt(path: string): RightConfig {
  const text = textAt(path);
  const read = readBrokerConfig(text);
  if (read.kind === 'wrong') throw wrongConfig(path, read.problems);
  return { text, ...read };
}

export function wrongConfig(path: string, problems: readonly ConfigRemark[]): FatalError {
  const lines = problems.map((problem) => remarkLine(path, problem));
  return new FatalError(EXIT.config, `${path} is wrong:\n${lines.join('\n')}`);
}

/** @throws FatalError with exit code 78 for a file that cannot be read */
export function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new FatalError(EXIT.config, `${path} cannot be read: ${(error as Error).message}`);
  }
}
