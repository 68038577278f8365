// Structured logs on stderr: JSON lines, or one readable line each on a terminal.

import type { Log, LogFields, LogLevel } from '../runtime.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LoggerOptions {
  readonly role: string;
  readonly node: string;
  /** Of a process that shares its address with others. */
  readonly worker?: number | undefined;
  readonly level: LogLevel;
  readonly pretty: boolean;
}

export function openLog(options: LoggerOptions): Log {
  const lowest = LEVELS.indexOf(options.level);
  const format = options.pretty ? prettyLine : jsonLine;
  return {
    write(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < lowest) return;
      const line = format(new Date().toISOString(), level, message, fields, options);
      process.stderr.write(`${line}\n`);
    },
  };
}

type Format = (
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
  source: LoggerOptions,
) => string;

const jsonLine: Format = (ts, level, msg, fields, { role, node, worker }) =>
  JSON.stringify({ ts, level, msg, role, node, worker, ...fields });

const prettyLine: Format = (ts, level, message, fields, { role, node, worker }) => {
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('');
  return `${ts.slice(11, 23)} ${level.padEnd(5)} ${role} ${node}${worker === undefined ? '' : ` worker ${worker}`}: ${message}${details}`;
};
