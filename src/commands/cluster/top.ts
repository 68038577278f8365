// `velour top`: who does how much, again and again. On a terminal it is one page until Ctrl-C; elsewhere tables, one
// below the other, without codes.

import { FatalError } from '../../cluster/http/errors.ts';
import { Names } from '../../cluster/io/network/names.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { type Arguments, CONTROLLER_OPTION, type Command } from '../options.ts';
import { onOneLine, printData } from '../printing.ts';
import { isTerminal, painted } from '../terminal.ts';
import type { ClusterLook } from './look.ts';
import type { TonedLine } from './status-text.ts';

const SECONDS = { min: 0.1, max: 3600 };
/** The codes of an immediate end by these signals; Ctrl-C is how top ends. */
const ENDS = { SIGINT: 0, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

export const topCommand: Command = {
  usage: 'top',
  describe:
    'Show what each node does: requests, memory, CPU, lag; live on a terminal, else one table',
  options: {
    ...CONTROLLER_OPTION,
    interval: { type: 'number', default: 2, describe: 'Seconds between two tables' },
    count: {
      type: 'number',
      describe: 'So many tables; by default one, and on a terminal until Ctrl-C',
    },
    json: { type: 'boolean', default: false, describe: 'An object a line for each table' },
  },
  positionals: {},
  examples: [
    ['velour top', 'Ctrl-C ends it'],
    ['velour top --json --interval 10 --count 6', 'a minute'],
  ],
  async run(words) {
    const controller = words.address('controller');
    const intervalMs = 1000 * words.number('interval', SECONDS);
    const isLive = isTerminal(process.stdout) && !words.flag('json');
    const count = countOf(words, isLive);
    const names = new Names();
    const { lookAtCluster } = await import('./look.ts');
    let before = await lookAtCluster(controller, names);
    const show = await (isLive ? liveTables() : plainTables(words.flag('json')));
    for (let shown = 0; shown < count; shown++) {
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
      const now = await lookAgain(controller, names, isLive);
      if (!(await show(before, now))) break;
      if (typeof now !== 'string') before = now;
    }
    process.exit(0);
  },
};

function countOf(words: Arguments, isLive: boolean): number {
  if (words.optionalText('count') !== undefined)
    return words.integer('count', { min: 1, max: 1e9 });
  return isLive ? Number.POSITIVE_INFINITY : 1;
}

/** @returns why there is nothing to show; a page that is live waits for the controller to come back */
async function lookAgain(
  controller: Address,
  names: Names,
  isLive: boolean,
): Promise<ClusterLook | string> {
  const { lookAtCluster } = await import('./look.ts');
  try {
    return await lookAtCluster(controller, names);
  } catch (error) {
    if (isLive && error instanceof FatalError) return error.message;
    throw error;
  }
}

/** @returns whether anybody looks on */
type ShowTable = (before: ClusterLook, now: ClusterLook | string) => Promise<boolean>;

async function liveTables(): Promise<ShowTable> {
  const { Screen } = await import('../screen.ts');
  const { topLines } = await import('./top-text.ts');
  for (const [signal, code] of Object.entries(ENDS)) process.on(signal, () => process.exit(code));
  const screen = new Screen();
  const draw = (lines: readonly TonedLine[]) =>
    screen.draw(
      lines.map(({ text, tone }) => ({
        text: onOneLine(text),
        paint: (cut) => painted(cut, tone, process.stdout),
      })),
    );
  draw([{ text: 'measuring; Ctrl-C ends', tone: 'plain' }]);
  return async (before, now) => {
    const isAway = typeof now === 'string';
    draw(isAway ? [{ text: now, tone: 'bad' }] : topLines(before, now, screen.columns));
    return true;
  };
}

async function plainTables(isJson: boolean): Promise<ShowTable> {
  const { topJson, topLines } = await import('./top-text.ts');
  let isFirst = true;
  return async (before, now) => {
    if (typeof now === 'string') return false;
    const gap = isFirst ? '' : '\n';
    isFirst = false;
    if (isJson) return printData(`${JSON.stringify(topJson(before, now))}\n`);
    const lines = topLines(before, now).map(({ text }) => `${onOneLine(text)}\n`);
    return printData(`${gap}${lines.join('')}`);
  };
}
