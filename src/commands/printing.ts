// What commands print: data on stdout, which nobody may miss a part of, and words on stderr, which may be lost.
// Whoever reads may leave, as `head` does: that is no failure, and no reason for another exit code.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { LossyOutput, standardStream, writeWhole } from '../cluster/io/process/output.ts';

/** A stream that has just failed says the last of these until the next turn of the event loop. */
const NOBODY_READS: readonly string[] = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

/**
 * @returns whether anybody reads; if not, a command that only prints may end
 * @throws FatalError when the data is lost
 */
export async function printData(text: string): Promise<boolean> {
  const failure = await writeWhole('stdout', text);
  if (failure === undefined) return true;
  if (NOBODY_READS.includes(failure)) return false;
  throw new FatalError(EXIT.failure, `the answer could not be written to stdout: ${failure}`);
}

/** For a person who may be looking. */
export function say(text: string): void {
  new LossyOutput(standardStream('stderr')).write(text);
}

/**
 * What others said, for a terminal: it neither obeys what is in it, nor shows it in another order. Lines stay lines.
 */
export function printable(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

/** The same, as one line. */
export function onOneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n');
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

/** yargs prints help and versions with `console`, and a crash its stack: neither may fail because of its reader. */
export function surviveReaders(): void {
  standardStream('stdout');
  standardStream('stderr');
}
