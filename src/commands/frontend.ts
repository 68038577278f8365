// velour frontend: composes a frontend with the machine.

import { hostOf, parseAddress } from '../cluster/identity.ts';
import { protocolTimes } from '../cluster/limits.ts';
import { type Command, HOST_OPTION, SERVER_OPTIONS, VALUE_OPTIONS } from './options.ts';
import { serve } from './serve.ts';

export const frontendCommand: Command = {
  usage: 'frontend <controller> <own>',
  describe: 'Take the requests of clients; any number, all alike',
  options: { ...SERVER_OPTIONS, ...VALUE_OPTIONS, ...HOST_OPTION },
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
    const { Frontend } = await import('../frontend/frontend.ts');
    await serve(
      {
        name: 'frontend',
        node: address,
        host: words.optionalText('host') ?? hostOf(address),
        port: parseAddress(address)?.port ?? 0,
        dataDirectory: undefined,
        bodyBytesMax: valueBytesMax,
        valueBytesMax,
        make: (runtime) => new Frontend(runtime, { controller, address, times }),
      },
      words,
    );
  },
};
