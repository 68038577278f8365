// `velour storage`: composes a storage node with the machine.

import { letHeapGrow } from '../cluster/io/process/heap.ts';
import { hostOf, type NodeId, parseAddress } from '../cluster/model/identity.ts';
import { CHUNK_RECORD_BYTES, CONTROL_BYTES_MAX, protocolTimes } from '../cluster/model/limits.ts';
import type { FsyncMode } from '../storage/log/durability.ts';
import {
  type Command,
  HOST_OPTION,
  MEMORY_OPTION,
  SERVER_OPTIONS,
  VALUE_OPTIONS,
} from './options.ts';
import { serve } from './serve.ts';

export const storageCommand: Command = {
  usage: 'storage <controller> <own>',
  aliases: ['storagenode'],
  describe: 'Hold records in memory',
  options: {
    ...SERVER_OPTIONS,
    ...VALUE_OPTIONS,
    ...HOST_OPTION,
    ...MEMORY_OPTION,
    'data-dir': {
      type: 'string',
      describe: 'Where records are logged, so that a restart finds them',
    },
    fsync: {
      type: 'string',
      choices: ['always', 'interval', 'never'],
      default: 'interval',
      describe:
        'always: synced before a set is acknowledged; interval: every second; never: left to the system',
    },
    name: {
      type: 'string',
      describe: 'The id of this node for all time; by default its own host:port',
    },
  },
  serves: true,
  positionals: {
    controller: { describe: 'HOST:PORT of the controller' },
    own: { describe: 'HOST:PORT of this node, as the other nodes reach it' },
  },
  examples: [['velour storage 10.0.0.1:12000 10.0.0.2:12500', 'one storage node']],
  async run(words) {
    const controller = words.address('controller');
    const address = words.address('own');
    const valueBytesMax = words.valueBytesMax();
    const memoryBytes = words.memoryBytes();
    const name = words.optionalText('name');
    const node = (name ?? address) as NodeId;
    const fsync = words.text('fsync') as FsyncMode;
    const times = protocolTimes(words.positive('time-scale'));
    const { StorageNode } = await import('../storage/storage-node.ts');
    letHeapGrow();
    await serve(
      {
        name: 'storage',
        node: address,
        host: words.host() ?? hostOf(address),
        port: parseAddress(address)?.port ?? 0,
        controller,
        dataDirectory: words.optionalText('data-dir'),
        bodyBytesMax: CONTROL_BYTES_MAX,
        valueBytesMax,
        make: (runtime) =>
          new StorageNode(runtime, {
            controller,
            address,
            node,
            nodeIsGiven: name !== undefined,
            fsync,
            valueBytesMax,
            memoryBytes,
            copyChunkBytes: CHUNK_RECORD_BYTES,
            times,
            // A parent process such as `velour local` vouches for the death of exactly this incarnation (H42).
            incarnationBegan: (incarnationId) =>
              process.send?.(incarnationId, undefined, undefined, () => undefined),
          }),
      },
      words,
    );
  },
};
