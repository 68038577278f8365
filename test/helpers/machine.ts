// One simulated process with its disk, and virtual time that passes while the test waits for something.

import type { StoreId } from '../../src/cluster/model/identity.ts';
import { SimulatedDisk } from '../../src/simulation/disk.ts';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { World } from '../../src/simulation/world.ts';
import type { FsyncMode } from '../../src/storage/log/durability.ts';
import { RecordLog } from '../../src/storage/log/log.ts';
import type { LogEntry } from '../../src/storage/log/log-entry.ts';
import type { OpenLog } from '../../src/storage/log/log-files.ts';
import {
  createLog,
  LogReplay,
  type Replayed,
  type ReplayOptions,
} from '../../src/storage/log/log-replay.ts';

export const STORE = 'of-a-test' as StoreId;
/** Long after everything that takes time has ended. */
const PATIENCE_MS = 3_600_000;

export class Machine {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly disk: SimulatedDisk;

  constructor(seed: number) {
    this.world = new World(seed);
    this.process = new SimulatedProcess(this.world, 'process');
    this.disk = new SimulatedDisk(this.process);
    this.process.start();
  }

  /** @returns what `done` is called with. @throws what ends the process meanwhile */
  wait<T>(begin: (done: (value: T) => void) => void): T {
    const ended: { value: T }[] = [];
    const fatal: Error[] = [];
    this.process.onFatal = (error) => fatal.push(error);
    this.process.run(this.process.incarnation, () => begin((value) => ended.push({ value })));
    const untilMs = this.world.nowMs + PATIENCE_MS;
    for (;;) {
      const [result] = ended;
      if (result !== undefined) return result.value;
      if (fatal[0] !== undefined) throw fatal[0];
      if (this.world.nowMs > untilMs) throw new Error('it never ends');
      this.world.runUntil(this.world.nowMs + 1);
    }
  }

  /** The process dies, and maybe the machine; the next one starts. */
  crash(power = false): void {
    if (this.process.alive) this.process.crash();
    if (power) this.disk.losePower();
    else this.disk.tear();
    this.process.start();
  }

  create(): OpenLog {
    return this.wait((done) => createLog(this.disk.port(), STORE, done));
  }

  /** As after a process that was killed, unless something else is asked for. */
  replay(apply: (entry: LogEntry) => void, asked: Partial<ReplayOptions> = {}): Replayed {
    const syncFailed = (end: () => void) => end();
    const killed = { mayHaveHoles: false, machineRanOn: true, closedAt: undefined };
    const options = { store: STORE, ...killed, apply, syncFailed, ...asked };
    return this.wait((done) => new LogReplay(this.disk.port(), options, done).start());
  }

  log(open: OpenLog, fileBytes: number, fsync: FsyncMode = 'interval'): RecordLog {
    const options = { store: STORE, fsync, fileBytes, syncFailed: () => undefined };
    const runtime = { clock: this.process, timers: this.process };
    return new RecordLog(runtime, this.disk.port(), open, options);
  }

  /** Changes what is on the disk, behind everybody's back. */
  alter(change: (logs: Map<string, Buffer>) => void): void {
    const image = this.disk.image();
    const logs = new Map(image.logs);
    change(logs);
    this.disk.restore({ ...image, logs });
  }
}
