// The port Files in memory, for tests of who uses it: what the port does not promise to survive a loss of power may be
// lost, or half there; calls fail when the test says so, and none of them ends before the time is turned on.

import type {
  FileEntry,
  FileMove,
  Files,
  FilesCallback,
  FilesFault,
  FilesResult,
  FilesState,
} from '../../src/cluster/files.ts';
import type { Timers } from '../../src/cluster/ports.ts';
import type { SeededRandom } from './random.ts';

/** How long each call takes; of a rename each move, and then what makes it durable. */
const CALL_MS = 0.1;
const MOVE_MS = 0.5;
const RENAME_MS = 1;

class Content {
  bytes: Buffer = Buffer.alloc(0);
  syncedBytes = 0;
  changedMs = 0;
}

/** A change of names that a loss of power may undo. */
type Change = (names: Map<string, Content>) => void;

export type FilesCall =
  | 'makeDirectory'
  | 'create'
  | 'open'
  | 'bytesOf'
  | 'changedMs'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'list'
  | 'look'
  | 'append'
  | 'sync'
  | 'read';

export class MemoryFiles implements Files {
  readonly #timers: Timers;
  #names = new Map<string, Content>();
  /** The names that survive, whatever happens. */
  #durable = new Map<string, Content>();
  #directories = new Set<string>(['']);
  #journal = new Set<Change>();
  readonly #failing: { call: FilesCall; path: string; fault: FilesFault; times: number }[] = [];
  /** Rises with each loss of power: what was under way before never ends. */
  #life = 0;
  /** All calls so far. */
  readonly calls: { readonly call: FilesCall; readonly path: string }[] = [];
  /** After so many calls the machine stands still: the last of them has its effect, and is never done. */
  callsMax = Number.POSITIVE_INFINITY;
  /** Where that last call is a rename of several files, so many of them are moved. */
  movesMax = Number.POSITIVE_INFINITY;
  state: FilesState = { problem: undefined, freeBytes: 1e9, totalBytes: 1e9 };
  openFiles = 0;
  /** The time of the system, in ms since 1970. */
  wallMs: () => number = () => 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** The next calls of this kind for paths that contain the text fail. */
  fail(call: FilesCall, path: string, fault: FilesFault, times = 1): void {
    this.#failing.push({ call, path, fault, times });
  }

  /** Whether `callsMax` calls were made. */
  get stoodStill(): boolean {
    return this.calls.length >= this.callsMax;
  }

  get paths(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  contentOf(path: string): Buffer | undefined {
    return this.#names.get(path)?.bytes;
  }

  /** What other hands put there. */
  put(path: string, bytes: Buffer): void {
    const content = new Content();
    content.bytes = bytes;
    content.syncedBytes = bytes.length;
    this.#names.set(path, content);
    this.#durable.set(path, content);
    for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
      this.#directories.add(above);
    }
  }

  take(path: string): void {
    this.#names.delete(path);
    this.#durable.delete(path);
  }

  /** The process ends, as by SIGKILL: all that it wrote is there. */
  kill(): void {
    this.#life++;
    this.openFiles = 0;
    this.callsMax = Number.POSITIVE_INFINITY;
    this.movesMax = Number.POSITIVE_INFINITY;
  }

  /** The machine loses power. Of what was not synced some is there, as the seed has it. */
  losePower(random: SeededRandom): void {
    this.kill();
    for (const change of this.#journal) if (random.below(2) === 0) change(this.#durable);
    this.#journal = new Set();
    this.#names = new Map();
    const seen = new Map<Content, Content>();
    for (const [path, content] of this.#durable) {
      const left = seen.get(content) ?? torn(content, random);
      seen.set(content, left);
      this.#names.set(path, left);
    }
    this.#durable = new Map(this.#names);
  }

  makeDirectory(path: string, callback: FilesCallback<undefined>): void {
    this.#do('makeDirectory', path, callback, () => {
      for (let each = path; each !== ''; each = parentOf(each)) this.#directories.add(each);
      for (const [name, content] of this.#names) {
        if (parentOf(name) === path) this.#durable.set(name, content);
      }
      return done(undefined);
    });
  }

  create(path: string, callback: Parameters<Files['create']>[1]): void {
    this.#do('create', path, callback, () => {
      if (!this.#directories.has(parentOf(path))) return failed('absent');
      if (this.#names.has(path)) return failed('exists');
      const content = new Content();
      this.#change((names) => names.set(path, content));
      this.openFiles++;
      return done({
        append: (pieces, appended) => {
          const bytes = Buffer.concat(pieces);
          this.#do('append', path, appended, () => {
            content.bytes = Buffer.concat([content.bytes, bytes]);
            return done(undefined);
          });
        },
        sync: (synced) => {
          const { length } = content.bytes;
          this.#do('sync', path, synced, () => {
            content.syncedBytes = Math.max(content.syncedBytes, length);
            return done(undefined);
          });
        },
        close: () => {
          this.openFiles--;
        },
      });
    });
  }

  open(path: string, callback: Parameters<Files['open']>[1]): void {
    this.#do('open', path, callback, () => {
      const content = this.#names.get(path);
      if (content === undefined) return failed('absent');
      this.openFiles++;
      return done({
        read: (position, into, read) =>
          this.#do('read', path, read, () =>
            done(position >= content.bytes.length ? 0 : content.bytes.copy(into, 0, position)),
          ),
        close: () => {
          this.openFiles--;
        },
      });
    });
  }

  changedMs(path: string, callback: FilesCallback<number>): void {
    this.#do('changedMs', path, callback, () => {
      const content = this.#names.get(path);
      return content === undefined ? failed('absent') : done(content.changedMs);
    });
  }

  bytesOf(path: string, callback: FilesCallback<number>): void {
    this.#do('bytesOf', path, callback, () => {
      const content = this.#names.get(path);
      return content === undefined ? failed('absent') : done(content.bytes.length);
    });
  }

  /** One move after the other; then a while passes until all of them are durable. */
  rename(moves: readonly FileMove[], callback: FilesCallback<undefined>): void {
    const life = this.#life;
    if (this.stoodStill) return;
    this.calls.push({ call: 'rename', path: moves.map(({ to }) => to).join(' ') });
    const isLast = this.stoodStill;
    const changes: Change[] = [];
    const end = (result: FilesResult<undefined>) =>
      this.#timers.after(RENAME_MS, () => {
        if (life !== this.#life || this.stoodStill) return;
        if (result.kind === 'done') {
          for (const change of changes) {
            this.#journal.delete(change);
            change(this.#durable);
          }
        }
        callback(result);
      });
    const step = (index: number) => {
      if (life !== this.#life || (isLast && index >= this.movesMax)) return;
      const move = moves[index];
      if (move === undefined) return void end({ kind: 'done', value: undefined });
      const { from, to } = move;
      const content = this.#names.get(from);
      const failure =
        this.#faultOf('rename', to) ?? (content === undefined ? failed('absent') : undefined);
      if (failure !== undefined || content === undefined) {
        return void end(failure ?? failed('absent'));
      }
      changes.push(
        this.#change((names) => {
          names.delete(from);
          names.set(to, content);
          content.changedMs = this.wallMs();
        }),
      );
      this.#timers.after(MOVE_MS, () => step(index + 1));
    };
    this.#timers.after(MOVE_MS, () => step(0));
  }

  link({ from, to }: FileMove, callback: FilesCallback<undefined>): void {
    this.#do('link', to, callback, () => {
      const content = this.#names.get(from);
      if (content === undefined) return failed('absent');
      if (this.#names.has(to)) return failed('exists');
      this.#change((names) => names.set(to, content));
      return done(undefined);
    });
  }

  unlink(path: string, callback: FilesCallback<undefined>): void {
    this.#do('unlink', path, callback, () => {
      this.#change((names) => names.delete(path));
      return done(undefined);
    });
  }

  list(path: string, callback: Parameters<Files['list']>[1]): void {
    this.#do('list', path, callback, () => {
      if (!this.#directories.has(path)) return failed('absent');
      const left = this.#entriesIn(path);
      return done({
        next: (count, next) => this.#do('list', path, next, () => done(left.splice(0, count))),
        close: () => undefined,
      });
    });
  }

  look(callback: FilesCallback<FilesState>): void {
    this.#do('look', '', callback, () => done(this.state));
  }

  #entriesIn(path: string): FileEntry[] {
    const isIn = (each: string) => each !== '' && parentOf(each) === path;
    const nameOf = (each: string) => each.slice(path === '' ? 0 : path.length + 1);
    return [
      ...[...this.#directories].filter(isIn).map((each) => ({
        name: nameOf(each),
        isDirectory: true,
      })),
      ...[...this.#names.keys()].filter(isIn).map((each) => ({
        name: nameOf(each),
        isDirectory: false,
      })),
    ];
  }

  #change(change: Change): Change {
    change(this.#names);
    this.#journal.add(change);
    return change;
  }

  /** Half of the time of a call passes before it has its effect, the other half before it is done. */
  #do<T>(
    call: FilesCall,
    path: string,
    callback: FilesCallback<T>,
    effect: () => FilesResult<T>,
  ): void {
    const life = this.#life;
    if (this.stoodStill) return;
    this.calls.push({ call, path });
    this.#timers.after(CALL_MS / 2, () => {
      if (life !== this.#life) return;
      const result = this.#faultOf(call, path) ?? effect();
      this.#timers.after(CALL_MS / 2, () => {
        if (life === this.#life && !this.stoodStill) callback(result);
      });
    });
  }

  #faultOf(call: FilesCall, path: string) {
    const failing = this.#failing.find(
      (each) => each.call === call && path.includes(each.path) && each.times > 0,
    );
    if (failing === undefined) return undefined;
    failing.times--;
    return failed(failing.fault);
  }
}

function torn(content: Content, random: SeededRandom): Content {
  const left = new Content();
  const { bytes, syncedBytes } = content;
  const length = syncedBytes + random.below(bytes.length - syncedBytes + 1);
  left.bytes = Buffer.from(bytes.subarray(0, length));
  // A block that was allocated and never written.
  if (random.below(2) === 0) left.bytes.fill(0, syncedBytes);
  left.syncedBytes = length;
  return left;
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function done<T>(value: T) {
  return { kind: 'done', value } as const;
}

function failed(fault: FilesFault) {
  return { kind: 'failed', fault, detail: `E${fault.toUpperCase()}` } as const;
}
