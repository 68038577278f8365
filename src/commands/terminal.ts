// Whether a stream is a terminal that can be drawn on, and in colours.

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
