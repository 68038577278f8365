// velour frontend: composes a frontend with the machine.

import { hostOf, parseAddress } from '../cluster/identity.ts';
import { letHeapGrow } from '../cluster/io/heap.ts';
import { protocolTimes } from '../cluster/limits.ts';
import { type Command, HOST_OPTION, SERVER_OPTIONS, VALUE_OPTIONS } from './options.ts';
import { type Role, serve } from './serve.ts';

/** Longer than a client takes from an answer to its next request, if it has one. */
const QUIET_MS = 500;

export const frontendCommand: Command = {
  usage: 'frontend <controller> <own>',
  describe: 'Take the requests of clients; any number, all alike',
  options: {
    ...SERVER_OPTIONS,
    ...VALUE_OPTIONS,
    ...HOST_OPTION,
    workers: {
      type: 'string',
      default: '1',
      describe: 'Processes that share the port, or auto: one a processor',
    },
  },
  positionals: (yargs) =>
    yargs
      .positional('controller', { describe: 'HOST:PORT of the controller' })
      .positional('own', { describe: 'HOST:PORT of this frontend, as clients reach it' }),
  examples: [['velour frontend 10.0.0.1:12000 10.0.0.3:12080', 'one frontend']],
  async run(words) {
    const controller = words.address('controller');
    const address = words.address('own');
    const valueBytesMax = words.valueBytesMax();
    const times = protocolTimes(words.positive('time-scale'));
    const workers = words.workers();
    const identity = { name: 'frontend', node: address } as const;
    // One process alone has no primary, and loads none of this.
    const primary =
      workers === 1 ? undefined : (await import('../cluster/io/workers.ts')).openPrimary();
    if (workers > 1 && primary === undefined) {
      const { serveWithWorkers } = await import('./workers.ts');
      return serveWithWorkers(identity, words, workers);
    }
    const { Frontend } = await import('../frontend/frontend.ts');
    const role: Role = {
      ...identity,
      host: words.optionalText('host') ?? hostOf(address),
      port: parseAddress(address)?.port ?? 0,
      dataDirectory: undefined,
      bodyBytesMax: valueBytesMax,
      valueBytesMax,
      quietMs: QUIET_MS,
      make: (runtime) => new Frontend(runtime, { controller, address, times, siblings: primary }),
    };
    letHeapGrow();
    if (primary === undefined) return serve(role, words);
    return (await import('./worker.ts')).serveAsWorker(role, words, primary);
  },
};
