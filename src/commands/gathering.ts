// The primary's part in answering for all workers: passes on a question, and the answers back, in bounded time. A
// counter does not fall when a worker ends or hangs: its last known value still counts, since a sum that falls would
// look like a restart of all, and be counted twice.

import { type FamilyReading, readTogether } from '../cluster/http/metrics.ts';
import type { Topic, ToWorker, WorkerAnswer } from '../cluster/http/worker-group.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';

/** The longest wait for a worker's answer, which is that of any control call; a worker that is slower hangs. */
const ANSWER_MS = 1000;
/** The worker number of the primary's own answer, which includes workers that ended. */
const PRIMARY = 0;

export interface AskedWorker {
  readonly worker: number;
  send(message: ToWorker): void;
}

interface GatheringQuestion {
  readonly topic: Topic;
  readonly asked: readonly AskedWorker[];
  readonly answers: Map<AskedWorker, unknown>;
  readonly giveUp: Cancel;
  readonly done: (told: readonly WorkerAnswer[]) => void;
}

type Readings = readonly FamilyReading[];

export class Gathering {
  readonly #timers: Timers;
  readonly #own: () => Readings;
  readonly #questions = new Map<number, GatheringQuestion>();
  readonly #lastReadings = new Map<AskedWorker, Readings>();
  /** The counters of workers that ended. */
  #ended: Readings = [];
  #nextId = 1;

  /** @param own reads the metrics of the primary */
  constructor(timers: Timers, own: () => Readings) {
    this.#timers = timers;
    this.#own = own;
  }

  gather(
    topic: Topic,
    asked: readonly AskedWorker[],
    done: (told: readonly WorkerAnswer[]) => void,
  ): void {
    const id = this.#nextId++;
    const giveUp = this.#timers.after(ANSWER_MS, () => this.#finish(id));
    this.#questions.set(id, { topic, asked, answers: new Map(), giveUp, done });
    for (const worker of asked) worker.send({ kind: 'tell', id, topic });
  }

  told(worker: AskedWorker, id: number, answer: unknown): void {
    const question = this.#questions.get(id);
    // A worker's last message may come after its end, when the question no longer counts on it.
    if (!question?.asked.includes(worker)) return;
    question.answers.set(worker, answer);
    if (question.topic === 'metrics') this.#lastReadings.set(worker, answer as Readings);
    if (question.answers.size === question.asked.length) this.#finish(id);
  }

  ended(worker: AskedWorker): void {
    const counts = (this.#lastReadings.get(worker) ?? []).filter(({ type }) => type !== 'gauge');
    this.#lastReadings.delete(worker);
    this.#ended = readTogether([this.#ended, counts]);
    for (const [id, question] of [...this.#questions]) {
      const asked = question.asked.filter((other) => other !== worker);
      if (asked.length === question.asked.length) continue;
      question.answers.delete(worker);
      this.#questions.set(id, { ...question, asked });
      if (question.answers.size === asked.length) this.#finish(id);
    }
  }

  #finish(id: number): void {
    const question = this.#questions.get(id);
    if (question === undefined) return;
    this.#questions.delete(id);
    const { topic, asked, answers, giveUp, done } = question;
    giveUp();
    if (topic !== 'metrics') {
      return done(asked.map((to) => ({ worker: to.worker, answer: answers.get(to) })));
    }
    const told = asked.map((to) => ({ worker: to.worker, answer: this.#lastReadings.get(to) }));
    return done([...told, { worker: PRIMARY, answer: readTogether([this.#ended, this.#own()]) }]);
  }
}
