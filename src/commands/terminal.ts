// Whether a stream is a terminal that can be drawn on, and in colours; and the colours.

import type { WriteStream } from 'node:tty';

type MaybeTerminal = Pick<Partial<WriteStream>, 'isTTY'>;

/** Whether it takes the codes that move the cursor. */
export function isTerminal({ isTTY }: MaybeTerminal): boolean {
  return isTTY === true && process.env.TERM !== 'dumb';
}

/** no-color.org: whoever sets NO_COLOR, to anything but nothing, wants none. */
export function hasColours(stream: MaybeTerminal): boolean {
  return isTerminal(stream) && (process.env.NO_COLOR ?? '') === '';
}

export type Tone = 'plain' | 'good' | 'bad' | 'head';

const CODES: Readonly<Record<Tone, string>> = { plain: '', good: '32', bad: '31', head: '1' };

/** @param text without codes */
export function painted(text: string, tone: Tone, stream: MaybeTerminal): string {
  if (tone === 'plain' || text === '' || !hasColours(stream)) return text;
  return `\x1b[${CODES[tone]}m${text}\x1b[0m`;
}
