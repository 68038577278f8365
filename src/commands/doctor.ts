// `velour doctor`: finds what is wrong with a machine, a data directory and a cluster before it hurts. It takes the
// options that a role would take, ends in bounded time, and changes nothing. The checks are in doctor/.

import { EXIT } from '../cluster/http/errors.ts';
import { Names } from '../cluster/io/network/names.ts';
import { EVERYWHERE } from '../cluster/io/server/listeners.ts';
import { type Address, formatAddress, hostOf, parseAddress } from '../cluster/model/identity.ts';
import { type Arguments, type Command, HOST_OPTION, MEMORY_OPTION, usage } from './options.ts';
import { onOneLine, printData } from './printing.ts';

/** The time limit of one question to a node. */
const ASK_MS = 3000;
/**
 * The time limit of one check: enough for some look-ups of names, or dozens of storage nodes that cannot be reached.
 */
const CHECK_MS = 20_000;

export const doctorCommand: Command = {
  usage: 'doctor [controller] [own]',
  describe:
    'Say what is wrong with this machine, a data directory or a cluster before it hurts, and what to do; changes nothing',
  options: {
    ...HOST_OPTION,
    ...MEMORY_OPTION,
    listen: { type: 'string', describe: 'The port that a controller would listen on here' },
    'data-dir': { type: 'string', describe: 'The data directory of a node' },
    'time-scale': {
      type: 'string',
      describe: 'As the processes of this machine are started; by default not looked at',
    },
    running: {
      type: 'boolean',
      default: false,
      describe:
        'The node runs already: it is to have its port and its directory, and to be what it should be',
    },
    json: { type: 'boolean', default: false, describe: 'Print the findings as JSON' },
  },
  positionals: {
    controller: { describe: 'HOST:PORT of the controller, whose cluster is looked at' },
    own: { describe: 'HOST:PORT that a node of this machine has, or would have' },
  },
  examples: [
    ['velour doctor 10.0.0.1:12000', 'this machine and the cluster'],
    [
      'velour doctor 10.0.0.1:12000 10.0.0.2:12500 --data-dir /data',
      'before `velour storage` with the same words',
    ],
    ['velour doctor --listen 12000 --data-dir /data', 'before `velour controller 12000 ...`'],
  ],
  async run(words) {
    const { checks, left } = await checksOf(words);
    const { examineAll } = await import('./doctor/finding.ts');
    const findings = await examineAll(checks, CHECK_MS);
    const answer = { findings, examined: checks.map(({ name }) => name), notExamined: left };
    const lines = findings.map(({ check, what, todo }) => onOneLine(`${check}: ${what}; ${todo}`));
    const beside = left.length === 0 ? '' : `; not looked at: ${left.join(', ')}`;
    if (lines.length === 0) lines.push(`nothing was found${beside}`);
    await printData(`${words.flag('json') ? JSON.stringify(answer) : lines.join('\n')}\n`);
    // A hanging look-up or connection would keep the process alive.
    process.exit(findings.length === 0 ? 0 : EXIT.broken);
  },
};

async function checksOf(words: Arguments) {
  const controller =
    words.optionalText('controller') === undefined ? undefined : words.address('controller');
  const own = words.optionalText('own') === undefined ? undefined : words.address('own');
  const port =
    words.optionalText('listen') === undefined
      ? parseAddress(own ?? '')?.port
      : words.port('listen');
  const host = words.host() ?? (own === undefined ? EVERYWHERE : hostOf(own));
  const path = words.optionalText('data-dir');
  const memoryBytes = words.memoryBytes();
  const timeScale =
    words.optionalText('time-scale') === undefined ? undefined : words.positive('time-scale');
  const isRunning = words.flag('running');
  if (isRunning && port === undefined && path === undefined) {
    throw usage('--running looks at a node: name its address, its --listen or its --data-dir');
  }
  const names = new Names();
  const machine = await import('./doctor/machine.ts');
  const isController =
    words.optionalText('listen') !== undefined || (own !== undefined && own === controller);
  const checks = [machine.descriptors];
  // A controller keeps no records, so its memory is not checked.
  if (!isController) checks.push(machine.memory(memoryBytes));
  const left: string[] = [];
  if (path === undefined) left.push('a data directory (--data-dir)');
  else {
    const { directory } = await import('./doctor/directory.ts');
    const isForStorage = own !== undefined && !isController;
    checks.push(directory({ path, memoryBytes, isForStorage, isRunning }));
  }
  if (port === undefined) left.push('a port (--listen, or the own address)');
  else if (!isRunning) checks.push(machine.ports({ host, port }, names));
  if (isRunning) {
    const { running } = await import('./doctor/running.ts');
    const here = host === EVERYWHERE ? 'localhost' : host;
    const at = own ?? (port === undefined ? undefined : (formatAddress(here, port) as Address));
    checks.push(running({ own: at, controller, isController, path, timeoutMs: ASK_MS }, names));
  }
  if (controller === undefined) left.push('a cluster (the address of its controller)');
  else {
    const { cluster } = await import('./doctor/cluster.ts');
    const { NameLooks } = await import('./doctor/names.ts');
    const looks = new NameLooks(names, ASK_MS);
    checks.push(cluster({ controller, own, timeScale, timeoutMs: ASK_MS }, looks, names));
  }
  return { checks, left };
}
