// `velour load`: puts a known load on the frontends of a cluster, measures it, and verifies what is read back. What is
// sent and how it is measured is src/load's.

import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openExchanges } from '../cluster/io/network/exchanges.ts';
import { descriptorsMax, systemClock, systemTimers } from '../cluster/io/process/system.ts';
import { ARRIVAL_KINDS } from '../load/arrivals.ts';
import { CHOOSERS } from '../load/choosers.ts';
import type { LoadOutcome, LoadSettings } from '../load/load.ts';
import { RECORDS_MAX } from '../load/records.ts';
import { type Context, type LoadResult, total } from '../load/result.ts';
import { parseValueSizes, type ValueSizes } from '../load/value-sizes.ts';
import { WORKLOAD_NAMES, WORKLOADS } from '../load/workload.ts';
import { showProgress } from './client-process.ts';
import { type Arguments, type Command, usage } from './options.ts';
import { OutputFile } from './output-file.ts';
import { printData, say } from './printing.ts';
import { onStopSignals } from './signals.ts';

const CONNECTIONS_MAX = 10_000;
/** Descriptors for Node itself, and for the page. */
const OTHER_DESCRIPTORS = 32;
const FRONTENDS_MAX = 256;
const SECONDS_MAX = 24 * 60 * 60;
/** More requests a second than Node's timers and one core can send. */
const RATE_MAX = 200_000;
const TIMEOUT_SECONDS_MAX = 600;
const KEY_PREFIX = /^[A-Za-z0-9._:/-]{0,200}$/;

export const loadCommand: Command = {
  usage: 'load <frontends..>',
  describe: 'Put a load on frontends, measure it, and verify what is read back',
  options: {
    workload: {
      type: 'string',
      choices: WORKLOAD_NAMES,
      default: 'b',
      describe:
        "YCSB's: a 50 % updates, b 5 % updates, c reads only, d 5 % inserts, f 50 % read-modify-writes; the rest are reads",
    },
    chooser: {
      type: 'string',
      choices: CHOOSERS,
      describe: 'Which records are popular; by default latest for d, zipfian for the others',
    },
    records: { type: 'number', default: 10_000, describe: 'So many records to begin with' },
    'value-size': {
      type: 'string',
      default: '100',
      describe:
        'Bytes of values: 100, uniform:10-1000, zipfian:1-4096, or a mix such as 100:95%,10000:5%',
    },
    'key-prefix': {
      type: 'string',
      default: 'load-',
      describe: 'Keys are this and a number; they stay when the run is over',
    },
    connections: { type: 'number', default: 16, describe: 'In all, spread over the frontends' },
    rate: {
      type: 'number',
      describe:
        'Requests a second, sent when they are due whatever the cluster does; by default each connection sends when its last answer has come',
    },
    arrivals: {
      type: 'string',
      choices: ARRIVAL_KINDS,
      default: 'constant',
      describe: 'With --rate: evenly, or at random as those of many independent clients',
    },
    'warm-up': { type: 'number', default: 5, describe: 'Seconds that are not measured' },
    duration: { type: 'number', default: 30, describe: 'Seconds that are measured' },
    timeout: { type: 'number', default: 10, describe: 'Seconds that a request may take' },
    'skip-fill': {
      type: 'boolean',
      default: false,
      describe: 'Set no records before the run: an earlier one left them',
    },
    'skip-verify': { type: 'boolean', default: false, describe: 'Do not look at what comes back' },
    'allow-misses': {
      type: 'boolean',
      default: false,
      describe: 'A 404 is no broken promise: the cluster is a cache, or others delete',
    },
    seed: {
      type: 'number',
      default: 1,
      describe: 'Decides which operations come, and in which order',
    },
    report: { type: 'string', describe: 'Write a page with tables and plots to this file' },
    json: { type: 'boolean', default: false, describe: 'Print the summary as JSON' },
    quiet: { type: 'boolean', default: false, describe: 'No progress on stderr' },
  },
  mayBeEmpty: ['key-prefix'],
  positionals: {
    frontends: { describe: 'HOST:PORT of each frontend that takes its share' },
  },
  examples: [
    ['velour load 127.0.0.1:12080 127.0.0.1:12081', 'as fast as 16 connections go'],
    ['velour load 127.0.0.1:12080 --rate 5000 --report out.html', 'what latency users would see'],
    ['velour load 127.0.0.1:12080 --workload a --value-size uniform:10-1000', 'half of it updates'],
  ],
  async run(words) {
    const settings = settingsOf(words);
    const report = words.optionalText('report');
    const discard = report === undefined ? () => undefined : claim(report);
    const startedAtMs = systemClock.wallMs();
    const cpu = process.cpuUsage();
    const startedMs = systemClock.monotonicMs();
    const { outcome, signal } = await run(settings, words.flag('quiet'));
    if (outcome.kind === 'unreachable') {
      discard();
      throw new FatalError(EXIT.unavailable, `no frontend could be reached: ${outcome.detail}`);
    }
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1000;
    const context = {
      startedAt: new Date(startedAtMs).toISOString(),
      generatorCpuPercent: Math.round((100 * cpuMs) / (systemClock.monotonicMs() - startedMs)),
    };
    const { result } = outcome;
    const { summaryOf } = await import('../load/summary.ts');
    const text = words.flag('json')
      ? JSON.stringify({ ...context, ...result })
      : summaryOf(result, context);
    // Print before writing the page, and write the page even if printing failed: a full disk must not take both.
    try {
      await printData(`${text}\n`);
    } finally {
      if (report !== undefined) await writePage(report, result, context);
    }
    process.exit(signal ?? exitOf(result));
  },
};

function exitOf({ all, fill, violations }: LoadResult): number {
  const isFilled = fill === null || fill.problem === null;
  const isGood = isFilled && total(all.errors) === 0 && total(violations) === 0;
  return isGood ? 0 : EXIT.broken;
}

function settingsOf(words: Arguments): LoadSettings {
  const frontends = words.addresses('frontends', FRONTENDS_MAX);
  const connections = words.integer('connections', { min: 1, max: CONNECTIONS_MAX });
  if (connections < frontends.length) {
    throw usage(
      `${frontends.length} frontends need at least as many connections, not ${connections}`,
    );
  }
  const descriptors = descriptorsMax() ?? Number.POSITIVE_INFINITY;
  if (connections + OTHER_DESCRIPTORS > descriptors) {
    throw usage(
      `connections is ${connections}, and this process may have ${descriptors} files and sockets open: raise that with ulimit -n, or take fewer`,
    );
  }
  const workload = WORKLOAD_NAMES.find((name) => name === words.text('workload')) ?? 'b';
  const chooser = CHOOSERS.find((name) => name === words.optionalText('chooser'));
  const arrivals = ARRIVAL_KINDS.find((kind) => kind === words.text('arrivals')) ?? 'constant';
  const isOpen = words.optionalText('rate') !== undefined;
  if (!isOpen && arrivals !== 'constant') throw usage('--arrivals is of a --rate: name one');
  return {
    frontends,
    sizes: sizesOf(words),
    fill: !words.flag('skip-fill'),
    parameters: {
      frontends,
      workload,
      chooser: chooser ?? WORKLOADS[workload].chooser,
      records: words.integer('records', { min: 1, max: RECORDS_MAX }),
      keyPrefix: keyPrefixOf(words),
      valueSize: words.text('value-size'),
      connections,
      ratePerSecond: isOpen ? words.number('rate', { min: 0.001, max: RATE_MAX }) : null,
      arrivals: isOpen ? arrivals : null,
      warmUpSeconds: words.number('warm-up', { min: 0, max: SECONDS_MAX }),
      durationSeconds: words.number('duration', { min: 0.1, max: SECONDS_MAX }),
      timeoutSeconds: words.number('timeout', { min: 0.1, max: TIMEOUT_SECONDS_MAX }),
      verify: !words.flag('skip-verify'),
      allowMisses: words.flag('allow-misses'),
      seed: words.integer('seed', { min: 0, max: 2 ** 31 }),
    },
  };
}

function sizesOf(words: Arguments): ValueSizes {
  const sizes = parseValueSizes(words.text('value-size'));
  if (typeof sizes === 'function') return sizes;
  throw usage(`value-size ${sizes.wrong}`);
}

/** The prefix may be empty, which `optionalText` reports as missing. */
function keyPrefixOf(words: Arguments): string {
  const prefix = words.optionalText('key-prefix') ?? '';
  if (KEY_PREFIX.test(prefix)) return prefix;
  throw usage(`key-prefix must be up to 200 of A-Z a-z 0-9 . _ : / -, and is ${prefix}`);
}

/**
 * Opens the file before the run: nobody should wait for a run whose page cannot be written in the end.
 * @returns the function that removes the file, if it was not there before
 */
function claim(path: string): () => void {
  const isNew = !existsSync(path);
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FatalError(EXIT.config, `the report cannot be written to ${path}: ${code}`);
  }
  return () => {
    if (isNew) rmSync(path, { force: true });
  };
}

async function writePage(path: string, result: LoadResult, context: Context): Promise<void> {
  const { pageOf } = await import('../load/report/page.ts');
  const page = pageOf(result, context);
  // Where its folder takes no other file, it is written over.
  const file = await OutputFile.open(path).catch(() => undefined);
  try {
    if (file === undefined) writeFileSync(path, page);
    else await file.write(page);
    await file?.finish();
  } catch (error) {
    await file?.abandon();
    const { code, message } = error as NodeJS.ErrnoException;
    const why = error instanceof FatalError ? message : `${path} cannot be written: ${code}`;
    throw new FatalError(EXIT.failure, `the report is lost: ${why}`);
  }
}

/** Runs the load. The first signal ends the measurement, a second one the process. */
async function run(
  settings: LoadSettings,
  quiet: boolean,
): Promise<{ readonly outcome: LoadOutcome; readonly signal: number | undefined }> {
  const { Load } = await import('../load/load.ts');
  const { progressLine } = await import('../load/summary.ts');
  let signal: number | undefined;
  const outcome = await new Promise<LoadOutcome>((resolve) => {
    const load = new Load(
      {
        clock: systemClock,
        timers: systemTimers,
        open: openExchanges,
        warn: (text) => say(`velour: ${text}\n`),
      },
      settings,
      (ended) => {
        endProgress();
        resolve(ended);
      },
    );
    const { durationSeconds } = settings.parameters;
    const endProgress = quiet
      ? () => undefined
      : showProgress(() => progressLine(load.progress(), durationSeconds));
    onStopSignals((_, code) => {
      if (signal !== undefined) process.exit(code);
      signal = code;
      load.stop();
    });
    load.start();
  });
  return { outcome, signal };
}
