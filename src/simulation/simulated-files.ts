// The port Files on a simulated disk. A call takes a while, and several run at once; it fails, hangs or finds the disk
// full when it is told to. What a crash or an error in the midst of a call leaves is drawn: all of it, nothing, or a part.
// It promises what the port promises and no more. The names are file-tree.ts's, the bytes stored-file.ts's.

import type {
  FileEntry,
  FileList,
  FileMove,
  Files,
  FilesCallback,
  FilesFault,
  FilesResult,
  FilesState,
  NewFile,
  OpenFile,
} from '../cluster/files.ts';
import { FileTree, type NameChange } from './file-tree.ts';
import { DONE, done, type FilesCall, type FilesStep, failed, harmless } from './files-step.ts';
import { parentOf } from './folder-map.ts';
import type { SimulatedProcess } from './process.ts';
import { StoredFile } from './stored-file.ts';

/** Bytes of the disk, as long as nobody limits it. */
const ROOMY_BYTES = 1024 ** 3;
/** How long a call takes, in ms, and now and then so much longer. */
const CALL_MS = [0.05, 0.8] as const;
const SLOWER = { chance: 0.005, byMs: 150 } as const;

/** Told of what happens to names, before it does. */
export interface NamesWatch {
  moving(from: string, to: string): void;
  unlinking(path: string): void;
}

export class SimulatedFiles {
  readonly #process: SimulatedProcess;
  readonly #tree: FileTree;
  /** Calls that have not ended, with the incarnation that made each. */
  readonly #underWay = new Map<FilesStep<unknown>, number>();
  readonly #failing = new Map<FilesCall, { times: number; readonly fault: FilesFault }>();
  /** When each file was changed or named last, by the wall clock. */
  readonly #changedMs = new WeakMap<StoredFile, number>();
  #hangsUntilMs = 0;
  #freeBytes = ROOMY_BYTES;
  #hasFailed = false;
  /** How often bytes were read. */
  reads = 0;
  watch: NamesWatch = { moving: () => undefined, unlinking: () => undefined };

  constructor(process: SimulatedProcess) {
    this.#process = process;
    this.#tree = new FileTree(() => process.world.nowMs);
  }

  /** What the files hold now. */
  get paths(): readonly string[] {
    return [...this.#tree.files.keys()];
  }

  contentOf(path: string): Buffer | undefined {
    return this.#tree.files.get(path)?.bytes;
  }

  /** @returns the bytes under this name that survive all but rot */
  survivorAt(path: string): Buffer | undefined {
    return this.#tree.survivor(path)?.bytes;
  }

  /** Whether a call failed in the present incarnation of the process that could not have failed on a good disk. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  isRotten(path: string): boolean {
    return this.#tree.files.get(path)?.isRotten === true;
  }

  /** The process died: calls that have not ended are left done, undone or in part. */
  tear(): void {
    this.#tear(() => true);
  }

  losePower(): void {
    this.tear();
    this.#tree.losePower(this.#random);
  }

  /** Another disk, an empty one, takes the place of this one. */
  wipe(): void {
    this.#tree.clear();
    this.mend();
  }

  /** So many bytes may still be written. */
  limit(freeBytes: number): void {
    this.#freeBytes = freeBytes;
  }

  /** Makes the next calls of this kind fail; a broken one is half done, any other is not begun. */
  fail(call: FilesCall, fault: FilesFault, times = 1): void {
    this.#failing.set(call, { times, fault });
  }

  /** All calls end only after so long. */
  hang(durationMs: number): void {
    const { nowMs } = this.#process.world;
    this.#hangsUntilMs = Math.max(this.#hangsUntilMs, nowMs + durationMs);
  }

  /** Ends the lasting faults. */
  mend(): void {
    this.#failing.clear();
    this.#freeBytes = ROOMY_BYTES;
    this.#hangsUntilMs = 0;
  }

  /** Flips bits of a file. */
  rot(path: string, bits = 1): void {
    const file = this.#tree.files.get(path);
    if (file !== undefined && file.length > 0) file.rot(file.length, bits, this.#random);
  }

  /** The port for the present incarnation of the process. */
  port(): Files {
    this.#tear((incarnation) => incarnation !== this.#process.incarnation);
    this.#hasFailed = false;
    return {
      makeDirectory: (path, callback) => this.#start(this.#making(path), callback),
      create: (path, callback) => this.#start(this.#creating(path), callback),
      open: (path, callback) => this.#look('open', path, (file) => this.#opened(file), callback),
      changedMs: (path, callback) =>
        this.#look('stat', path, (file) => this.#changedMs.get(file) ?? 0, callback),
      bytesOf: (path, callback) => this.#look('stat', path, ({ length }) => length, callback),
      rename: (moves, callback) => this.#start(this.#renaming(moves), callback),
      link: (move, callback) => this.#start(this.#linking(move), callback),
      unlink: (path, callback) => this.#start(this.#unlinking(path), callback),
      list: (path, callback) => this.#start(this.#listing(path), callback),
      look: (callback) => this.#start(this.#looking(), callback),
    };
  }

  #making(path: string): FilesStep<undefined> {
    const tree = this.#tree;
    return {
      call: 'makeDirectory',
      whole: () => {
        for (let each = path; each !== ''; each = parentOf(each)) {
          if (tree.files.has(each)) return failed('absent');
        }
        tree.makeDirectory(path);
        tree.settleDirectory(path);
        tree.settleNamesIn(path);
        return DONE;
      },
      part: () => tree.makeDirectory(path),
    };
  }

  #creating(path: string): FilesStep<NewFile> {
    const tree = this.#tree;
    return {
      call: 'create',
      whole: () => {
        if (!tree.hasDirectory(parentOf(path))) return failed('absent');
        if (tree.files.has(path) || tree.hasDirectory(path)) return failed('exists');
        if (this.#freeBytes <= 0) return failed('full');
        const file = new StoredFile('state');
        tree.put(path, file);
        return done(this.#writer(file));
      },
      part: () => {
        const isFree = tree.hasDirectory(parentOf(path)) && !tree.files.has(path);
        if (isFree) tree.put(path, new StoredFile('state'));
      },
    };
  }

  #writer(file: StoredFile): NewFile {
    this.#touch(file);
    return {
      append: (pieces, callback) => this.#start(this.#appending(file, pieces), callback),
      sync: (callback) => this.#start(this.#syncing(file), callback),
      close: () => undefined,
    };
  }

  #appending(file: StoredFile, pieces: readonly Buffer[]): FilesStep<undefined> {
    const write = (bytesMax: number) => {
      this.#touch(file);
      let left = Math.min(bytesMax, this.#freeBytes);
      for (const piece of pieces) {
        const part = piece.subarray(0, left);
        file.appendPart(part);
        left -= part.length;
        this.#freeBytes -= part.length;
      }
    };
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return {
      call: 'append',
      whole: () => {
        const isFull = bytes > this.#freeBytes;
        write(bytes);
        return isFull ? failed('full') : DONE;
      },
      part: () => write(this.#random.below(bytes + 1)),
    };
  }

  #syncing(file: StoredFile): FilesStep<undefined> {
    const { length } = file;
    return {
      call: 'sync',
      whole: () => {
        file.sync(length);
        return DONE;
      },
      part: () => {
        if (this.#random.chance(0.5)) file.sync(length);
      },
      broken: () => file.loseUnsynced(this.#random),
    };
  }

  #opened(file: StoredFile): OpenFile {
    return {
      read: (position, into, callback) =>
        this.#start(
          harmless('read', () => {
            this.reads++;
            return done(file.bytes.subarray(position).copy(into));
          }),
          callback,
        ),
      close: () => undefined,
    };
  }

  /** Asks something of a file that must be there. */
  #look<T>(
    call: FilesCall,
    path: string,
    ask: (file: StoredFile) => T,
    callback: FilesCallback<T>,
  ): void {
    const look = () => {
      const file = this.#tree.files.get(path);
      return file === undefined ? failed('absent') : done(ask(file));
    };
    this.#start(harmless(call, look), callback);
  }

  #renaming(moves: readonly FileMove[]): FilesStep<undefined> {
    const tree = this.#tree;
    const move = ({ from, to }: FileMove): NameChange | undefined => {
      const file = tree.files.get(from);
      if (file === undefined || !tree.hasDirectory(parentOf(to))) return undefined;
      this.watch.moving(from, to);
      this.#touch(file);
      return tree.move(from, to, file);
    };
    return {
      call: 'rename',
      whole: () => {
        const changes: NameChange[] = [];
        for (const each of moves) {
          const change = move(each);
          if (change === undefined) return failed('absent');
          changes.push(change);
        }
        tree.settle(changes);
        return DONE;
      },
      part: () => {
        for (const each of moves.slice(0, this.#random.below(moves.length + 1))) {
          if (move(each) === undefined) return;
        }
      },
    };
  }

  #linking({ from, to }: FileMove): FilesStep<undefined> {
    const tree = this.#tree;
    const link = () => {
      const file = tree.files.get(from);
      if (file === undefined || !tree.hasDirectory(parentOf(to))) return failed('absent');
      if (tree.files.has(to)) return failed('exists');
      this.#touch(file);
      tree.put(to, file);
      return DONE;
    };
    return { call: 'link', whole: link, part: () => void (this.#random.chance(0.5) && link()) };
  }

  #unlinking(path: string): FilesStep<undefined> {
    const unlink = () => {
      const file = this.#tree.files.get(path);
      if (file === undefined) return DONE;
      this.watch.unlinking(path);
      this.#tree.unlink(path);
      if (![...this.#tree.files.values()].includes(file)) this.#freeBytes += file.length;
      return DONE;
    };
    return {
      call: 'unlink',
      whole: unlink,
      part: () => void (this.#random.chance(0.5) && unlink()),
    };
  }

  #listing(path: string): FilesStep<FileList> {
    return harmless('list', () => {
      if (!this.#tree.hasDirectory(path)) return failed('absent');
      const left: FileEntry[] = [...this.#tree.entriesIn(path)];
      return done({
        next: (count, callback) =>
          this.#start(
            harmless('list', () => done(left.splice(0, count))),
            callback,
          ),
        close: () => undefined,
      });
    });
  }

  #looking(): FilesStep<FilesState> {
    return harmless('look', () =>
      done({
        problem: undefined,
        freeBytes: Math.max(0, this.#freeBytes),
        totalBytes: ROOMY_BYTES,
      }),
    );
  }

  #start<T>(step: FilesStep<T>, callback: FilesCallback<T>): void {
    const { world, incarnation } = this.#process;
    this.#underWay.set(step, incarnation);
    const { random } = world;
    const longerMs = random.chance(SLOWER.chance) ? random.between(0, SLOWER.byMs) : 0;
    const hangsMs = Math.max(0, this.#hangsUntilMs - world.nowMs);
    this.#process.later(hangsMs + random.between(...CALL_MS) + longerMs, () => {
      // The disk began to hang meanwhile.
      if (this.#hangsUntilMs > world.nowMs) return this.#again(step, callback);
      this.#underWay.delete(step);
      const fault = this.#takeFault(step.call);
      if (fault === undefined) return callback(this.#noted(step.whole()));
      this.#hasFailed = true;
      if (fault === 'broken') (step.broken ?? step.part)();
      return callback(failed(fault));
    });
  }

  #noted<T>(result: FilesResult<T>): FilesResult<T> {
    if (result.kind === 'failed' && result.fault === 'full') this.#hasFailed = true;
    return result;
  }

  #again<T>(step: FilesStep<T>, callback: FilesCallback<T>): void {
    this.#underWay.delete(step);
    this.#start(step, callback);
  }

  #takeFault(call: FilesCall): FilesFault | undefined {
    const failing = this.#failing.get(call);
    if (failing === undefined || failing.times === 0) return undefined;
    failing.times--;
    return failing.fault;
  }

  #tear(isOver: (incarnation: number) => boolean): void {
    for (const [step, incarnation] of this.#underWay) {
      if (!isOver(incarnation)) continue;
      this.#underWay.delete(step);
      step.part();
    }
  }

  #touch(file: StoredFile): void {
    this.#changedMs.set(file, Math.floor(this.#process.wallMs()));
  }

  get #random() {
    return this.#process.world.random;
  }
}
