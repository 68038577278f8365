// The doctor's checks of a node that runs on this machine (--running): that this very node answers at its port, with
// the right role and cluster, and that its process has the data directory.

import { join, resolve } from 'node:path';
import { answererAt, describeAnswerer } from '../../cluster/io/network/answerer.ts';
import { ask } from '../../cluster/io/network/ask.ts';
import type { Names } from '../../cluster/io/network/names.ts';
import { listenersAt, processOf } from '../../cluster/io/process/socket-holders.ts';
import { type Address, parseAddress } from '../../cluster/model/identity.ts';
import { integer, Malformed, object, text } from '../../cluster/wire/shapes.ts';
import { STATE_FILE } from '../../controller/map/state-file.ts';
import { IDENTITY_FILE as FILE_SERVER_FILE } from '../../fileserver/blob-store/places.ts';
import { decodeIdentity, IDENTITY_FILE } from '../../storage/data-directory/identity-file.ts';
import { lstatIfThere, readIn } from './entries.ts';
import type { Check, ReportFinding } from './finding.ts';
import { silent } from './silence.ts';
import { lookAtHolder } from './use.ts';
import { statusIn } from './verdicts.ts';

export interface RunningNode {
  /** The address at which it is asked; undefined if none was given. */
  readonly own: Address | undefined;
  readonly controller: Address | undefined;
  readonly isController: boolean;
  readonly path: string | undefined;
  readonly timeoutMs: number;
}

const ofStorage = object({ node: text({ max: 300 }), incarnation: text({ max: 30 }) });
const incarnationNumber = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

export function running(of: RunningNode, names: Names): Check {
  const { own, controller, timeoutMs } = of;
  const path = of.path === undefined ? undefined : resolve(of.path);
  return {
    name: 'running',
    async examine(report) {
      if (own !== undefined) await lookAtPort(own, report);
      if (path === undefined) return;
      const port = own === undefined ? undefined : parseAddress(own)?.port;
      const listener = port === undefined ? undefined : processOf(listenersAt(port));
      await lookAtHolder(path, listener, report);
    },
  };

  async function lookAtPort(at: Address, report: ReportFinding): Promise<void> {
    const answerer = await answererAt(at, timeoutMs, names);
    if (answerer.kind === 'silent') {
      // The check of the cluster reports a silent controller.
      if (at === controller) return;
      return report(silent({ who: `the node ${at}`, silence: answerer, isHeard: undefined }));
    }
    const expected = await expectedRoles();
    if (answerer.kind === 'foreign' || !expected.includes(answerer.role)) {
      // The check of the cluster reports this as well.
      if (at === controller) return;
      const wanted = expected.map((role) => describeAnswerer({ kind: 'node', role }));
      return report({
        check: 'reach',
        what: `what answers at ${at} is ${describeAnswerer(answerer)}, and not ${wanted.join(' or ')}`,
        todo: 'see who has the port, and give the address and the --data-dir of one node',
      });
    }
    if (answerer.role === 'storage') await lookAtStorage(at, report);
    if (answerer.role === 'frontend') await lookAtFrontend(at, report);
  }

  async function expectedRoles(): Promise<readonly string[]> {
    if (of.isController) return ['controller'];
    if (path === undefined) return ['storage', 'frontend', 'fileserver'];
    const isThere = async (name: string) => (await lstatIfThere(join(path, name))) !== undefined;
    if (await isThere(STATE_FILE)) return ['controller'];
    return [(await isThere(FILE_SERVER_FILE)) ? 'fileserver' : 'storage'];
  }

  async function lookAtStorage(at: Address, report: ReportFinding): Promise<void> {
    const told = await ask({ address: at, path: '/status', timeoutMs }, names);
    const sight = told.kind === 'told' ? readStorage(told.text) : undefined;
    if (sight === undefined) return;
    const bytes =
      path === undefined
        ? undefined
        : await readIn(join(path, IDENTITY_FILE)).catch(() => undefined);
    const identity = bytes === undefined ? undefined : decodeIdentity(bytes);
    if (
      typeof identity === 'object' &&
      (identity.node !== sight.node || identity.incarnation !== sight.incarnation)
    ) {
      report({
        check: 'in-use',
        what: `${path} is of node ${identity.node} as ${identity.incarnation}, and ${at} is node ${sight.node} as ${sight.incarnation}`,
        todo: 'give the --data-dir that this node was started with: this one is of another node, or a copy',
      });
    }
    const status = await statusOfController();
    const entry = status?.storage[sight.node];
    if (status?.ready === true && entry?.address !== at) {
      report({
        check: 'nodes',
        what: `${at} is storage node ${sight.node}, which the controller ${controller} ${entry === undefined ? 'does not know' : `knows at ${entry.address}`}`,
        todo: 'give the controller and the own address that it was started with',
      });
    }
  }

  async function lookAtFrontend(at: Address, report: ReportFinding): Promise<void> {
    const status = await statusOfController();
    if (status?.ready !== true || status.frontends.includes(at)) return;
    report({
      check: 'nodes',
      what: `the frontend ${at} has not asked the controller ${controller} for a map lately`,
      todo: 'give the controller and the own address that it was started with; its log says what keeps it',
    });
  }

  async function statusOfController() {
    if (controller === undefined) return undefined;
    const told = await ask({ address: controller, path: '/status', timeoutMs }, names);
    const status = told.kind === 'told' ? statusIn(told.text) : undefined;
    return typeof status === 'object' ? status : undefined;
  }
}

function readStorage(json: string) {
  try {
    const { node, incarnation } = ofStorage(JSON.parse(json));
    return { node, incarnation: incarnationNumber(Number(incarnation)) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Malformed) return undefined;
    throw error;
  }
}
