// Structured logs on stderr: JSON lines, or one readable line each on a terminal. A line that cannot be written is
// dropped and counted: no service ends, or waits, because of its diagnostics.

import type { Writable } from 'node:stream';
import type { LogFields, Logger, LogLevel } from '../../ports.ts';
import { LossyOutput, standardStream } from './output.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LoggerOptions {
  readonly role: string;
  /** Undefined until it is known. */
  readonly node: string | undefined;
  /** The number of a worker process, which shares its address with others. */
  readonly worker?: number | undefined;
  readonly level: LogLevel;
  readonly pretty: boolean;
}

export interface ProcessLogger extends Logger {
  /** The number of lines dropped since the start. */
  linesDropped(): number;
  /** @param level the least severe one that is logged from now on; undefined for that with which it was opened */
  setLevel(level: LogLevel | undefined): void;
}

export function openLogger(
  options: LoggerOptions,
  stream: Writable = standardStream('stderr'),
): ProcessLogger {
  let lowest = LEVELS.indexOf(options.level);
  const format = options.pretty ? prettyLine : jsonLine;
  const output = new LossyOutput(stream);
  let reported = 0;
  const line = (level: LogLevel, message: string, fields: LogFields) =>
    `${format(new Date().toISOString(), level, message, fields, options)}\n`;
  return {
    write(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < lowest) return;
      const { dropped } = output;
      const own = line(level, message, fields);
      if (dropped === reported) return output.write(own);
      // The first line after a gap reports it. If that line is dropped too, the next one reports a larger number.
      reported = dropped;
      output.write(`${line('warn', 'lines of this log were dropped', { dropped })}${own}`);
    },
    linesDropped: () => output.dropped,
    setLevel(level) {
      lowest = LEVELS.indexOf(level ?? options.level);
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
  return `${ts.slice(11, 23)} ${level.padEnd(5)} ${role}${node === undefined ? '' : ` ${node}`}${worker === undefined ? '' : ` worker ${worker}`}: ${message}${details}`;
};
