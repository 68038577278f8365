// How the primary of several workers gathers what each knows, however they are: slow, hanging, ended. Timers
// and workers are scripted.

import { beforeEach, expect, test } from 'vitest';
import { Metrics, metricsText } from '../../src/cluster/http/metrics.ts';
import type { Topic, ToWorker, WorkerAnswer } from '../../src/cluster/http/worker-group.ts';
import { Gathering } from '../../src/commands/gathering.ts';

class Scripted {
  readonly worker: number;
  readonly asked: ToWorker[] = [];
  readonly metrics = new Metrics();
  readonly requests = this.metrics.counter('requests_total', 'Requests.');
  bytes = 0;

  constructor(worker: number) {
    this.worker = worker;
    this.metrics.gauge('bytes', 'Bytes.', () => this.bytes, {}, 'sum');
  }

  send(message: ToWorker): void {
    this.asked.push(message);
  }

  tell(answer?: unknown): void {
    const question = this.asked.shift();
    if (question?.kind !== 'tell') throw new Error('it was not asked');
    const told = question.topic === 'metrics' ? this.metrics.read() : answer;
    gathering.told(this, question.id, told);
  }
}

let gathering: Gathering;
let due: Set<() => void>;
let one: Scripted;
let two: Scripted;
beforeEach(() => {
  due = new Set();
  const timers = {
    after: (_: number, callback: () => void) => {
      due.add(callback);
      return () => due.delete(callback);
    },
  };
  const own = new Metrics();
  own.counter('restarts_total', 'Restarts.').add(4);
  gathering = new Gathering(timers, () => own.read());
  one = new Scripted(1);
  two = new Scripted(2);
});

const timeIsOver = () => {
  for (const callback of [...due]) callback();
};

function gather(topic: Topic, asked = [one, two]): (readonly WorkerAnswer[])[] {
  const results: (readonly WorkerAnswer[])[] = [];
  gathering.gather(topic, asked, (told) => results.push(told));
  return results;
}

/** The sum of all that was told in the one result, series by series. */
function lines(results: readonly (readonly WorkerAnswer[])[]): readonly string[] {
  expect(results).toHaveLength(1);
  const readings = (results[0] ?? []).map(({ answer }) => answer as ReturnType<Metrics['read']>);
  return readings.flatMap((reading) =>
    metricsText(reading)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

test('all answers come back, with whose they are, once all are there', () => {
  const results = gather('checks');
  two.tell(['of two']);
  expect(results).toEqual([]);
  one.tell(['of one']);
  const told = [
    { worker: 1, answer: ['of one'] },
    { worker: 2, answer: ['of two'] },
  ];
  expect(results).toEqual([told]);
  expect(due.size).toBe(0);
});

test('who says nothing in time is missing, and too late is ignored', () => {
  const results = gather('checks');
  one.tell([]);
  timeIsOver();
  two.tell([]);
  expect(results).toEqual([
    [
      { worker: 1, answer: [] },
      { worker: 2, answer: undefined },
    ],
  ]);
});

test('who ends meanwhile is not waited for', () => {
  const results = gather('checks');
  one.tell([]);
  gathering.ended(two);
  expect(results).toEqual([[{ worker: 1, answer: [] }]]);
  const none = gather('checks', [one]);
  gathering.ended(one);
  expect(none).toEqual([[]]);
});

test('who ended does not stand for who has not answered yet', () => {
  const results = gather('checks');
  gathering.ended(two);
  two.tell(['of two']);
  expect(results).toEqual([]);
  one.tell(['of one']);
  expect(results).toEqual([[{ worker: 1, answer: ['of one'] }]]);
});

test('two questions at once do not get each other’s answers', () => {
  const [first, second] = [gather('checks', [one]), gather('hot-keys', [one])];
  one.tell('checks');
  one.tell('keys');
  expect([first, second]).toEqual([
    [[{ worker: 1, answer: 'checks' }]],
    [[{ worker: 1, answer: 'keys' }]],
  ]);
});

test('counts of who hangs or has ended stay as they were told last; gauges go with the worker', () => {
  one.requests.add(10);
  two.requests.add(5);
  one.bytes = 100;
  two.bytes = 200;
  let results = gather('metrics');
  one.tell();
  two.tell();
  const told = ['requests_total 10', 'bytes 100', 'requests_total 5', 'bytes 200'];
  expect(lines(results)).toEqual([...told, 'restarts_total 4']);

  one.requests.add(1);
  two.requests.add(1);
  results = gather('metrics');
  one.tell();
  timeIsOver();
  expect(lines(results)).toContain('requests_total 11');
  expect(lines(results)).toContain('requests_total 5');
  two.asked.length = 0;

  gathering.ended(two);
  const three = new Scripted(2);
  three.requests.add(2);
  results = gather('metrics', [one, three]);
  one.tell();
  three.tell();
  expect(lines(results)).toEqual([
    'requests_total 11',
    'bytes 100',
    'requests_total 2',
    'bytes 0',
    'requests_total 5',
    'restarts_total 4',
  ]);

  gathering.ended(three);
  gathering.ended(one);
  results = gather('metrics', []);
  timeIsOver();
  expect(lines(results)).toEqual(['requests_total 18', 'restarts_total 4']);
});
