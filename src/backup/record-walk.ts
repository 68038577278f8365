// Goes through the records of a backup that name blobs, file by file, and does something with each, a few at a time. Memory holds
// what is under way, and a piece of one file.

import type { PartitionId } from '../cluster/model/partition.ts';
import type { StoredRecord } from '../cluster/model/record.ts';
import type { Folder } from '../cluster/ports.ts';
import { type Content, fileOf, type Manifest } from './manifest.ts';
import { type OpenRecords, openRecords, problemOf } from './verify.ts';

export interface RecordWork<T> {
  /** @returns what is to be worked on; undefined for a record that is passed over */
  pick(record: StoredRecord): T | undefined;
  /** @param next called once, when the work is over */
  work(picked: T, next: () => void): void;
  /** Called once, when all work is over: with what is wrong with a file, or undefined. Not after `stop`. */
  done(problem: string | undefined): void;
}

export class RecordWalk<T> {
  readonly #folder: Folder;
  readonly #digits: number;
  readonly #files: (readonly [PartitionId, Content])[];
  readonly #atOnce: number;
  readonly #work: RecordWork<T>;
  #open: (OpenRecords & { readonly name: string }) | undefined;
  #isReading = false;
  #underWay = 0;
  #problem: string | undefined;
  #isPumping = false;
  #isOver = false;

  /** @param has whether a file may have records to work on */
  constructor(
    folder: Folder,
    { digits, partitions }: Pick<Manifest, 'digits' | 'partitions'>,
    { has, atOnce }: { readonly has: (content: Content) => boolean; readonly atOnce: number },
    work: RecordWork<T>,
  ) {
    this.#folder = folder;
    this.#digits = digits;
    this.#files = [...partitions].filter(([, content]) => has(content));
    this.#atOnce = atOnce;
    this.#work = work;
  }

  start(): void {
    this.#pump();
  }

  /** Begins nothing more, and tells nothing more. */
  stop(): void {
    this.#isOver = true;
    this.#open?.close();
    this.#open = undefined;
  }

  #pump(): void {
    // Work that is over before it returns does not pile up calls.
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isOver && !this.#isReading && this.#underWay < this.#atOnce && this.#step());
    this.#isPumping = false;
    const isIdle = this.#underWay === 0 && !this.#isReading;
    const isAtEnd =
      this.#problem !== undefined || (this.#open === undefined && this.#files.length === 0);
    if (!isIdle || !isAtEnd || this.#isOver) return;
    this.stop();
    this.#work.done(this.#problem);
  }

  /** @returns whether there may be more to do at once */
  #step(): boolean {
    if (this.#problem !== undefined) return false;
    const open = this.#open;
    if (open === undefined) return this.#openNext();
    const record = open.records.take();
    if (record !== undefined) {
      const picked = this.#work.pick(record);
      if (picked !== undefined) this.#begin(picked);
      return true;
    }
    if (open.records.state.kind === 'open') {
      this.#isReading = true;
      open.records.read(() => this.#went());
      return false;
    }
    if (open.records.state.kind === 'damaged') this.#problem = problemOf(open.name, open.records);
    open.close();
    this.#open = undefined;
    return true;
  }

  #openNext(): boolean {
    const file = this.#files.shift();
    if (file === undefined) return false;
    const [partition, content] = file;
    const name = fileOf(partition, this.#digits);
    this.#isReading = true;
    openRecords(this.#folder, name, content, (opened) => {
      if ('problem' in opened) this.#problem = opened.problem;
      else if (this.#isOver) opened.close();
      else this.#open = { ...opened, name };
      this.#went();
    });
    return false;
  }

  #went(): void {
    this.#isReading = false;
    this.#pump();
  }

  #begin(picked: T): void {
    this.#underWay++;
    this.#work.work(picked, () => {
      this.#underWay--;
      this.#pump();
    });
  }
}
