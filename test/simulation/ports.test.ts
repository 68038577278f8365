// The contract of the ports on the simulated ones, so that what holds in a simulation is no property of
// the simulation.

import { SimulatedDisk } from '../../src/simulation/disk.ts';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { World } from '../../src/simulation/world.ts';
import { diskContract, timeContract } from '../contracts/runtime.ts';

function startedProcess(): SimulatedProcess {
  const process = new SimulatedProcess(new World(1), 'process');
  process.start();
  return process;
}

timeContract('a simulated process', () => {
  const process = startedProcess();
  return {
    clock: process,
    timers: process,
    async passUntil(condition) {
      while (!condition()) process.world.runUntil(process.world.nowMs + 1);
    },
  };
});

diskContract('a simulated disk', async () => {
  const process = startedProcess();
  const disk = new SimulatedDisk(process);
  const { world } = process;
  // Virtual time passes whenever the test waits for something.
  const turn = setInterval(() => world.runUntil(world.nowMs + 10), 1);
  turn.unref();
  return {
    disk: disk.port(),
    reopen: async () => {
      process.crash();
      disk.tear();
      process.start();
      return disk.port();
    },
  };
});
