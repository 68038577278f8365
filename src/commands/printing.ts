// The output of commands: data on stdout, of which no byte may be lost, and messages on stderr, which may be lost. A
// reader that goes away, such as `head`, is no failure, and does not change the exit code.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { LossyOutput, standardStream, writeWhole } from '../cluster/io/process/output.ts';

/** Errors of a stream whose reader is gone; just after a failure a stream reports the last of these. */
const NOBODY_READS: readonly string[] = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

/**
 * Writes data to stdout.
 * @returns whether anybody reads it; if not, a command that only prints may end
 * @throws FatalError when data is lost
 */
export async function printData(data: string | Uint8Array): Promise<boolean> {
  const failure = await writeWhole('stdout', data);
  if (failure === undefined) return true;
  if (NOBODY_READS.includes(failure)) return false;
  throw new FatalError(EXIT.failure, `the answer could not be written to stdout: ${failure}`);
}

/** Writes a message to stderr; it may be lost. */
export function say(text: string): void {
  new LossyOutput(standardStream('stderr')).write(text);
}

/** Escapes control characters, and those that reorder text, in foreign text for a terminal. Lines stay lines. */
export function printable(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

/** The same, with line breaks escaped as well. */
export function onOneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n');
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

/** Lets writes to a closed stdout or stderr fail silently: yargs prints help with `console`, and a crash its stack. */
export function surviveReaders(): void {
  standardStream('stdout');
  standardStream('stderr');
}
