// Which configuration a broker goes by while its file changes, is wrong, and while the cluster does not answer.

import { describe, expect, test } from 'vitest';
import type { DiskResult, LogLevel } from '../../../../../src/cluster/ports.ts';
import type { KeepClassOutcome } from '../../../../../src/files/class-records.ts';
import {
  ActiveConfig,
  AGAIN_MS,
} from '../../../../../src/frontend/gateways/broker/config/active-config.ts';
import { LOOK_MS } from '../../../../../src/frontend/gateways/broker/config/config-file.ts';
import { readBrokerConfig } from '../../../../../src/frontend/gateways/broker/config/read-config.ts';
import { VirtualTime } from '../../../../helpers/virtual-time.ts';

const ofCopies = (copies: number) =>
  `domain { domain_name a.com type jpg { replicate ${copies} } type pdf { replicate ${copies} } }`;
const WRONG = 'domain { domain_name a.com type jpg { replicate 99 } }';

interface Wanted {
  readonly name: string;
  readonly copies: number;
  readonly answer: (outcome: KeepClassOutcome) => void;
}

/** @param text what the file has at the start; undefined for a broker without one */
function staged(text: string | undefined) {
  const time = new VirtualTime();
  const log: { readonly level: LogLevel; readonly message: string }[] = [];
  const reads: ((result: DiskResult<string>) => void)[] = [];
  const wanted: Wanted[] = [];
  const levels: (LogLevel | undefined)[] = [];
  let hangUp = () => {};
  const read = text === undefined ? undefined : readBrokerConfig(text);
  const active = new ActiveConfig(
    {
      runtime: {
        timers: time,
        logger: { write: (level, message) => log.push({ level, message }) },
      },
      classes: { keep: (name, copies, answer) => wanted.push({ name, copies, answer }) },
    },
    read?.kind !== 'config' || text === undefined
      ? undefined
      : {
          path: 'b.conf',
          text,
          config: read.config,
          remarks: read.remarks,
          logAt: (level) => levels.push(level),
          files: { read: (_path, callback) => reads.push(callback) },
          onHangup: (listener) => {
            hangUp = listener;
          },
        },
  );
  active.start();
  const answer = (outcome: KeepClassOutcome) => wanted.at(-1)?.answer(outcome);
  const answerTo = () => wanted.at(-1)?.answer ?? (() => undefined);
  return {
    active,
    time,
    reads,
    answer,
    /** Answers what is wanted last now, later. */
    answerTo,
    hangUp: () => hangUp(),
    levels,
    /** The number of copies by the rules in force. */
    copies: () => active.current.domains[0]?.types.get('jpg')?.copies,
    classes: () => wanted.map(({ name, copies }) => `${name} ${copies}`),
    said: (level: LogLevel) =>
      log.filter((line) => line.level === level).map((line) => line.message),
    pass: (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds),
    fileHas: (has: string) => reads.at(-1)?.({ kind: 'done', value: has }),
    keptAll: () => {
      answer({ kind: 'kept', changed: true });
      answer({ kind: 'kept', changed: false });
    },
  };
}

describe('at the start', () => {
  test('without a file all is as the cluster has it, and nobody waits', () => {
    const { active, classes, time } = staged(undefined);
    expect(active.problem).toBeUndefined();
    expect(active.current.domains.map(({ hosts }) => hosts)).toEqual([['*']]);
    expect([classes(), time.timers]).toEqual([[], 0]);
  });

  test('the rules count at once, and uploads wait until the cluster has their numbers', () => {
    const { active, copies, classes, answer } = staged(ofCopies(3));
    expect(copies()).toBe(3);
    expect(active.problem).toContain('not in the cluster yet');
    answer({ kind: 'kept', changed: true });
    expect(active.problem).toBeDefined();
    answer({ kind: 'kept', changed: false });
    expect(active.problem).toBeUndefined();
    expect(classes()).toEqual(['broker:a.com:jpg 3', 'broker:a.com:pdf 3']);
  });

  test('what cannot be set is tried again, is said once, and is the problem meanwhile', () => {
    const { active, classes, answer, pass, said, keptAll } = staged(ofCopies(3));
    answer({ kind: 'failed', detail: 'nobody answers' });
    expect(active.problem).toMatch(/yet: nobody answers$/);
    expect(classes()).toHaveLength(1);
    pass(AGAIN_MS);
    answer({ kind: 'failed', detail: 'nobody answers' });
    pass(AGAIN_MS);
    expect(classes()).toEqual(Array(3).fill('broker:a.com:jpg 3'));
    expect(said('info').filter((line) => line.includes('waits'))).toHaveLength(1);
    keptAll();
    expect(active.problem).toBeUndefined();
  });
});

describe('a file that changes', () => {
  test('is noticed without a hang-up, and counts when the cluster has its numbers', () => {
    const { copies, classes, pass, fileHas, keptAll, active } = staged(ofCopies(3));
    keptAll();
    pass(LOOK_MS);
    fileHas(ofCopies(2));
    expect([copies(), active.problem]).toEqual([3, undefined]);
    keptAll();
    expect(copies()).toBe(2);
    expect(classes().slice(2)).toEqual(['broker:a.com:jpg 2', 'broker:a.com:pdf 2']);
  });

  test('has no effect on the port of a running broker, and that is said once for each change', () => {
    const { pass, fileHas, said, keptAll, copies } = staged(`listen 6565\n${ofCopies(3)}`);
    keptAll();
    const becomes = (text: string) => {
      pass(LOOK_MS);
      fileHas(text);
      keptAll();
      return said('warn').length;
    };
    expect(becomes(`listen 6565\n${ofCopies(2)}`)).toBe(0);
    expect(becomes(`listen 6566\n${ofCopies(2)}`)).toBe(1);
    expect(becomes(`listen 6566\n${ofCopies(3)}`)).toBe(1);
    expect(becomes(`listen 6565\n${ofCopies(3)}`)).toBe(1);
    expect(becomes(ofCopies(1))).toBe(2);
    expect(said('warn')[0]).toMatch(/^listen in b\.conf .* when the frontend is started again/);
    expect(copies()).toBe(1);
  });

  test('is read at once at a hang-up', () => {
    const { hangUp, reads, fileHas, keptAll, copies } = staged(ofCopies(3));
    keptAll();
    expect(reads).toHaveLength(0);
    hangUp();
    expect(reads).toHaveLength(1);
    fileHas(ofCopies(4));
    keptAll();
    expect(copies()).toBe(4);
  });

  test('and does not change sets nothing again', () => {
    const { pass, fileHas, classes, keptAll, said } = staged(ofCopies(3));
    keptAll();
    for (let look = 0; look < 3; look++) {
      pass(LOOK_MS);
      fileHas(ofCopies(3));
    }
    expect(classes()).toHaveLength(2);
    expect(said('error')).toEqual([]);
  });

  test('before the first numbers are set, takes the place of the first rules', () => {
    const { active, pass, fileHas, copies, keptAll } = staged(ofCopies(3));
    pass(LOOK_MS);
    fileHas(ofCopies(5));
    expect(copies()).toBe(5);
    expect(active.problem).toBeDefined();
    keptAll();
    expect(active.problem).toBeUndefined();
  });

  test('while the numbers of another one are being set, ends that', () => {
    const { pass, fileHas, answerTo, keptAll, copies } = staged(ofCopies(3));
    keptAll();
    pass(LOOK_MS);
    fileHas(ofCopies(4));
    const slow = answerTo();
    pass(LOOK_MS);
    fileHas(ofCopies(5));
    keptAll();
    slow({ kind: 'kept', changed: true });
    keptAll();
    expect(copies()).toBe(5);
  });

  test('is not the old text of a look that was slower than a hang-up', () => {
    const { pass, reads, hangUp, copies, keptAll } = staged(ofCopies(3));
    keptAll();
    pass(LOOK_MS);
    hangUp();
    const [slow, fast] = reads;
    fast?.({ kind: 'done', value: ofCopies(2) });
    slow?.({ kind: 'done', value: ofCopies(7) });
    keptAll();
    expect(copies()).toBe(2);
  });
});

describe('the level of the log', () => {
  const ofLevel = (level: string) => `loglevel ${level}\n${ofCopies(3)}`;

  test('is that of the file, of each one that is right, and else that of the command line', () => {
    const { pass, fileHas, levels } = staged(ofLevel('CRITICAL'));
    for (const text of [ofLevel('warning'), `${ofLevel('debug')} }`, ofCopies(3)]) {
      pass(LOOK_MS);
      fileHas(text);
    }
    expect(levels).toEqual(['error', 'warn', undefined]);
  });
});

test('words that do nothing are remarked on at the start, and when the file has changed', () => {
  const { pass, fileHas, said } = staged(`daemonize yes\n${ofCopies(3)}`);
  expect(said('info')).toEqual([expect.stringContaining('b.conf:1:1: daemonize has no effect')]);
  pass(LOOK_MS);
  fileHas(`logfile x\n${ofCopies(3)}`);
  expect(said('info')[1]).toContain('b.conf:1:1: logfile has no effect');
});

describe('a file that is wrong', () => {
  test('changes nothing, and is said once with its place', () => {
    const { pass, fileHas, copies, said, keptAll, classes } = staged(ofCopies(3));
    keptAll();
    for (let look = 0; look < 3; look++) {
      pass(LOOK_MS);
      fileHas(WRONG);
    }
    expect(copies()).toBe(3);
    expect(classes()).toHaveLength(2);
    expect(said('error')).toEqual([
      'the configuration of the broker is wrong, and its rules stay as they were: b.conf:1:49: this is 99, and must be a number of copies from 1 to 16',
    ]);
  });

  test('is why the rules are old for as long as it is wrong', () => {
    const { active, pass, fileHas, keptAll, said } = staged(ofCopies(3));
    keptAll();
    expect(active.fileProblem).toBeUndefined();
    pass(LOOK_MS);
    fileHas(WRONG);
    expect(active.fileProblem).toMatch(/stay as they were: b\.conf:1:49: this is 99/);
    expect(active.problem).toBeUndefined();
    pass(LOOK_MS);
    fileHas(ofCopies(3));
    expect(active.fileProblem).toBeUndefined();
    expect(said('info')).toContain('the configuration of the broker is right again');
  });

  test('in several places says how to see them all', () => {
    const { pass, fileHas, said } = staged(ofCopies(3));
    pass(LOOK_MS);
    fileHas('loglevel loud\ndomain { }');
    expect(said('error')[0]).toMatch(/\(and 1 more: velour broker check-config b\.conf\)$/);
  });

  test('or away counts again when it is right again, and is said again when it is wrong again', () => {
    const { pass, fileHas, reads, said, copies, keptAll } = staged(ofCopies(3));
    keptAll();
    const gone = () => reads.at(-1)?.({ kind: 'failed', detail: 'ENOENT' });
    pass(LOOK_MS);
    gone();
    pass(LOOK_MS);
    gone();
    pass(LOOK_MS);
    fileHas(ofCopies(3));
    pass(LOOK_MS);
    gone();
    expect(said('error')).toHaveLength(2);
    expect(said('error')[0]).toMatch(/: b\.conf cannot be read: ENOENT$/);
    pass(LOOK_MS);
    fileHas(ofCopies(6));
    keptAll();
    expect(copies()).toBe(6);
  });
});
