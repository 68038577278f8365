// `velour fileserver`: composes a file server with the machine.

import { hostname } from 'node:os';
import { fileServerHost } from '../cluster/model/file-server.ts';
import { type Address, hostOf, type NodeId, parseAddress } from '../cluster/model/identity.ts';
import {
  CONTROL_BYTES_MAX,
  FILE_SERVER_WEIGHT_MAX,
  protocolTimes,
} from '../cluster/model/limits.ts';
import { Malformed } from '../cluster/wire/shapes.ts';
import { type Arguments, type Command, HOST_OPTION, SERVER_OPTIONS, usage } from './options.ts';
import { serve } from './serve.ts';

const WEIGHT_MIN = 0.001;
const RESERVE_PERCENT_MAX = 90;

export const fileserverCommand: Command = {
  usage: 'fileserver <controller> <own>',
  describe: 'Keep the bytes of files on disk',
  options: {
    ...SERVER_OPTIONS,
    ...HOST_OPTION,
    'data-dir': { type: 'string', describe: 'Where the blobs are; needed' },
    name: {
      type: 'string',
      describe: 'The id of this file server for all time; by default its own host:port',
    },
    weight: {
      type: 'number',
      default: 1,
      describe: 'Its share of the blobs, in proportion to those of the others',
    },
    'placement-host': {
      type: 'string',
      describe:
        'The machine, rack or site that fails as one: copies of a file go to distinct ones; by default the name of the machine',
    },
    'public-address': {
      type: 'string',
      describe:
        'HOST:PORT where clients reach this file server, for redirects to it; by default its own',
    },
    adopt: {
      type: 'boolean',
      default: false,
      describe:
        'Take the blobs of another cluster, whose records are lost, over into this one: `velour files rebuild` sets the records, and nothing is collected before',
    },
    reserve: {
      type: 'number',
      default: 5,
      describe: 'Percent of the file system that uploads leave free',
    },
  },
  serves: true,
  positionals: {
    controller: { describe: 'HOST:PORT of the controller' },
    own: { describe: 'HOST:PORT of this file server, as the other nodes reach it' },
  },
  examples: [
    ['velour fileserver 10.0.0.1:12000 10.0.0.4:12800 --data-dir /srv/files', 'one file server'],
  ],
  async run(words) {
    const controller = words.address('controller');
    const address = words.address('own');
    const name = words.optionalText('name');
    const dataDirectory = words.optionalText('data-dir');
    if (dataDirectory === undefined) {
      throw usage('data-dir is missing: a file server keeps blobs on disk, so say where');
    }
    const options = {
      controller,
      address,
      node: (name ?? address) as NodeId,
      nodeIsGiven: name !== undefined,
      publicAddress: publicAddress(words),
      host: placementHost(words),
      weight: words.number('weight', { min: WEIGHT_MIN, max: FILE_SERVER_WEIGHT_MAX }),
      reserveShare: words.number('reserve', { min: 0, max: RESERVE_PERCENT_MAX }) / 100,
      adopt: words.flag('adopt'),
      times: protocolTimes(words.positive('time-scale')),
    };
    const { FileServer } = await import('../fileserver/file-server.ts');
    await serve(
      {
        name: 'fileserver',
        node: address,
        host: words.host() ?? hostOf(address),
        port: parseAddress(address)?.port ?? 0,
        controller,
        dataDirectory: undefined,
        filesDirectory: dataDirectory,
        bodyBytesMax: CONTROL_BYTES_MAX,
        // It takes no streams of operations.
        valueBytesMax: 0,
        make: (runtime) => new FileServer(runtime, options),
      },
      words,
    );
  },
};

function publicAddress(words: Arguments): Address | undefined {
  const given = words.optionalText('public-address');
  if (given === undefined || parseAddress(given) !== undefined) return given as Address | undefined;
  throw usage(`public-address is no HOST:PORT: ${given}`);
}

function placementHost(words: Arguments): string {
  const given = words.optionalText('placement-host');
  try {
    return fileServerHost(given ?? hostname());
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const what = given === undefined ? `the name of this machine, ${hostname()},` : given;
    throw usage(`placement-host: ${what} ${error.message.replace(/^the message /, '')}`);
  }
}
