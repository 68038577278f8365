// `velour simulate`: runs the product's own roles in the simulator, seed by seed, and prints broken promises.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { PROGRAMME_NAMES } from '../simulation/programmes.ts';
import type { RunResult, SimulationOptions } from '../simulation/simulate.ts';
import { counted } from './cluster/node-texts.ts';
import type { Command } from './options.ts';
import { printData } from './printing.ts';

const SEED_MAX = 2 ** 31;

export const simulateCommand: Command = {
  usage: 'simulate',
  describe: 'Run the cluster in virtual time under random faults, and check its promises',
  options: {
    seed: { type: 'number', default: 1, describe: 'The first seed; it alone decides a run' },
    seeds: { type: 'number', default: 1, describe: 'So many seeds, one after the other' },
    programme: {
      type: 'string',
      choices: PROGRAMME_NAMES,
      describe: 'Faults aimed at one rule; by default all kinds, as the seed draws them',
    },
    long: {
      type: 'boolean',
      default: false,
      describe: 'All partitions, up to nine storage nodes, faults that last, two minutes each',
    },
    lossless: {
      type: 'boolean',
      default: false,
      describe: 'Nothing is lost that only an operator can give up',
    },
    files: {
      type: 'number',
      describe: 'So many file servers in each run; by default as the seed has it',
    },
    events: { type: 'boolean', default: false, describe: 'Print how often what happened' },
    night: {
      type: 'boolean',
      default: false,
      describe: 'Fail also when something never happened that must in the runs of a night',
    },
    trace: { type: 'boolean', default: false, describe: 'Print what happened in each run' },
    json: { type: 'boolean', default: false, describe: 'Print one JSON object a run' },
  },
  positionals: {},
  examples: [
    ['velour simulate --seeds 1000', 'a thousand runs'],
    ['velour simulate --seed 42 --trace', 'what happened in one'],
  ],
  async run(words) {
    const { simulate } = await import('../simulation/simulate.ts');
    const first = words.integer('seed', { min: 0, max: SEED_MAX });
    const count = words.integer('seeds', { min: 1, max: SEED_MAX });
    const programme = PROGRAMME_NAMES.find((name) => name === words.optionalText('programme'));
    const long = words.flag('long');
    const acceptsLosses = !words.flag('lossless');
    const isNight = words.flag('night');
    const hasFiles = words.optionalText('files') !== undefined;
    const fileServers = hasFiles ? words.integer('files', { min: 0, max: 10 }) : undefined;
    const options = { programme, long, acceptsLosses, fileServers };
    const occurred = new Map<string, number>();
    const totals = { runs: 0, failed: 0, events: 0, operations: 0, succeeded: 0 };
    for (let seed = first; seed < first + count; seed++) {
      const result = simulate(seed, options);
      for (const [what, times] of result.occurred) {
        occurred.set(what, (occurred.get(what) ?? 0) + times);
      }
      totals.runs++;
      totals.events += result.events;
      totals.operations += result.operations;
      totals.succeeded += result.succeeded;
      if (result.violations.length > 0) totals.failed++;
      const text = words.flag('json')
        ? jsonOf(result)
        : textOf(result, words.flag('trace'), options);
      // The runs of a night go on without a reader: their exit code counts as well.
      if (text !== '' && !(await printData(text)) && !isNight) break;
    }
    if (words.flag('events')) await printData(eventTable(occurred));
    if (!words.flag('json')) await printData(`${summary(totals)}\n`);
    if (isNight) {
      const { neverOccurred } = await import('../simulation/sometimes.ts');
      const never = neverOccurred(occurred, 'night');
      if (never.length > 0) {
        throw new FatalError(
          EXIT.broken,
          `in ${counted(totals.runs, 'run')} never: ${never.join(', ')}`,
        );
      }
    }
    if (totals.failed > 0) {
      throw new FatalError(
        EXIT.broken,
        `${totals.failed} of ${counted(totals.runs, 'run')} broke a promise`,
      );
    }
  },
};

/** @returns the trace and violations of a failed run; of a good one the trace, if asked for */
function textOf(
  { seed, violations, trace: happened }: RunResult,
  trace: boolean,
  { programme, long, acceptsLosses, fileServers }: SimulationOptions,
): string {
  if (violations.length === 0) return trace ? linesOf(happened) : '';
  const aimed = programme === undefined ? '' : ` --programme ${programme}`;
  const length = `${long ? ' --long' : ''}${acceptsLosses === false ? ' --lossless' : ''}`;
  const files = fileServers === undefined ? '' : ` --files ${fileServers}`;
  return linesOf([
    ...happened.slice(trace ? 0 : -60),
    `seed ${seed} failed:`,
    ...violations.slice(0, 10).map((violation) => `  ${violation}`),
    `  replay: velour simulate --seed ${seed}${aimed}${length}${files} --trace`,
  ]);
}

function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function jsonOf({ trace, occurred, ...result }: RunResult): string {
  const counts = Object.fromEntries(occurred);
  return `${JSON.stringify({ ...result, occurred: counts, traceLines: trace.length })}\n`;
}

function eventTable(occurred: ReadonlyMap<string, number>): string {
  const lines = [...occurred]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, times]) => `${String(times).padStart(9)} ${what}\n`);
  return lines.join('');
}

function summary(totals: {
  runs: number;
  failed: number;
  events: number;
  operations: number;
  succeeded: number;
}): string {
  const share = ((100 * totals.succeeded) / Math.max(1, totals.operations)).toFixed(1);
  return `${counted(totals.runs, 'run')}, ${totals.failed} failed, ${totals.events} events, ${totals.operations} operations, ${share} % succeeded`;
}
