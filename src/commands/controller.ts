// `velour controller`: composes the controller with the machine.

import { EVERYWHERE } from '../cluster/io/server/listeners.ts';
import { formatAddress } from '../cluster/model/identity.ts';
import {
  CONTROL_BYTES_MAX,
  DIGITS_MAX,
  protocolTimes,
  REDUNDANCY_MAX,
  STORAGE_NODES_MAX,
} from '../cluster/model/limits.ts';
import { smallestDigits } from '../cluster/model/partition.ts';
import { type Command, SERVER_OPTIONS, usage, WHEN_FULL_OPTION } from './options.ts';
import { serve } from './serve.ts';

/** A day: nobody wants to be without a copy for longer. */
const REPLACE_AFTER_SECONDS_MAX = 86_400;

export const controllerCommand: Command = {
  usage: 'controller <port> <num-storage> <redundancy>',
  describe: 'Track the nodes and publish the cluster map; exactly one a cluster',
  options: {
    ...SERVER_OPTIONS,
    host: {
      type: 'string',
      default: EVERYWHERE,
      describe:
        'The address to listen on, or a name: all that it has; by default everywhere, by IPv4 and IPv6',
    },
    'data-dir': { type: 'string', describe: 'Where the map is kept, so that a restart finds it' },
    recover: {
      type: 'boolean',
      default: false,
      describe: 'Find the map again from the storage nodes, whatever the own state says',
    },
    'replace-after': {
      type: 'number',
      describe:
        'Seconds that a silent node keeps its place while at least two copies serve; by default 10 times --time-scale',
    },
    digits: {
      type: 'number',
      describe: 'Hex digits of the partition number; by default from num-storage',
    },
    ...WHEN_FULL_OPTION,
  },
  serves: true,
  positionals: {
    port: { describe: 'The port to listen on' },
    'num-storage': { describe: 'So many storage nodes found the cluster' },
    redundancy: { describe: 'So many of them hold each key' },
  },
  examples: [['velour controller 12000 4 3', 'four storage nodes, each key on three']],
  async run(words) {
    const port = words.port('port');
    const storageNodes = words.integer('num-storage', { min: 1, max: STORAGE_NODES_MAX });
    const redundancy = words.integer('redundancy', { min: 1, max: REDUNDANCY_MAX });
    if (redundancy > storageNodes) {
      throw usage(
        `redundancy ${redundancy} needs at least ${redundancy} storage nodes, and num-storage is ${storageNodes}`,
      );
    }
    const digits =
      words.optionalText('digits') === undefined
        ? smallestDigits(storageNodes)
        : words.integer('digits', { min: 1, max: DIGITS_MAX });
    const scaled = protocolTimes(words.positive('time-scale'));
    const replaceAfterMs =
      words.optionalText('replace-after') === undefined
        ? scaled.replaceAfterMs
        : 1000 * words.number('replace-after', { min: 0, max: REPLACE_AFTER_SECONDS_MAX });
    const times = { ...scaled, replaceAfterMs };
    const host = words.host() ?? EVERYWHERE;
    const recover = words.flag('recover');
    const whenFull = words.whenFull();
    const { Controller } = await import('../controller/controller.ts');
    await serve(
      {
        name: 'controller',
        // `localhost` stands for two addresses; people type the IPv4 one.
        node: formatAddress(host === 'localhost' ? '127.0.0.1' : host, port),
        host,
        port,
        dataDirectory: words.optionalText('data-dir'),
        bodyBytesMax: CONTROL_BYTES_MAX,
        valueBytesMax: 0,
        make: (runtime) =>
          new Controller(runtime, { storageNodes, redundancy, digits, whenFull, recover, times }),
      },
      words,
    );
  },
};
