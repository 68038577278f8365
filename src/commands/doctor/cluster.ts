// The doctor's check of a cluster: asks its controller, and each node that the controller knows, from this machine. The
// answers are judged in verdicts.ts.

import { readMetrics } from '../../cluster/http/read-metrics.ts';
import { answererAt, describeAnswerer } from '../../cluster/io/network/answerer.ts';
import { ask } from '../../cluster/io/network/ask.ts';
import type { Names } from '../../cluster/io/network/names.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { hostOf } from '../../cluster/model/identity.ts';
import { type Check, eachOf, type ReportFinding } from './finding.ts';
import type { NameLooks } from './names.ts';
import { silent } from './silence.ts';
import {
  isHeard,
  judgeClock,
  judgeCluster,
  judgeNodes,
  type NodeSight,
  statusIn,
} from './verdicts.ts';

const AT_ONCE = 64;

export interface ClusterToLookAt {
  readonly controller: Address;
  /** The address of this machine's node; undefined if it has none. */
  readonly own: Address | undefined;
  /** The --time-scale of this machine's processes; undefined if it was not given. */
  readonly timeScale: number | undefined;
  readonly timeoutMs: number;
}

export function cluster(of: ClusterToLookAt, looks: NameLooks, names: Names): Check {
  const { controller, own, timeoutMs } = of;
  return {
    name: 'cluster',
    async examine(report) {
      const beside = own === undefined ? [] : [lookAtOwn(controller, own, looks, report)];
      await Promise.all([...beside, lookAtCluster()]);

      async function lookAtCluster(): Promise<void> {
        if ((await looks.addressesOf(hostOf(controller), report)) === undefined) return;
        const beforeMs = Date.now();
        const told = await ask({ address: controller, path: '/status', timeoutMs }, names);
        const afterMs = Date.now();
        if (told.kind === 'silent') {
          const who = `the controller ${controller}`;
          return report(silent({ who, silence: told, isHeard: undefined }));
        }
        const status = statusIn(told.text);
        if (typeof status === 'string') return reportOther(status, report);
        judgeCluster(status, of.timeScale, report);
        judgeClock(status, { beforeMs, afterMs }, report);
        const nodes = [
          { address: controller, role: 'controller' as const, isHeard: undefined },
          ...Object.values(status.storage).map((node) => ({
            address: node.address,
            role: 'storage' as const,
            isHeard: isHeard(node, status),
          })),
          ...Object.values(status.fileServers ?? {}).map(({ address }) => ({
            address,
            role: 'fileserver' as const,
            isHeard: undefined,
          })),
          // The controller heard it some seconds ago at most: a frontend may have stopped since, so it proves nothing.
          ...status.frontends.map((address) => ({
            address,
            role: 'frontend' as const,
            isHeard: undefined,
          })),
        ];
        const sights: NodeSight[] = [];
        await eachOf(nodes, AT_ONCE, async (node) => {
          // A failed look-up is reported once; it is why the node cannot be asked.
          if ((await looks.addressesOf(hostOf(node.address), report)) === undefined) return;
          const look = lookAt(node.address);
          await Promise.all([look, looks.reachable(node.address, report)]);
          sights.push({ ...node, ...(await look) });
        });
        judgeNodes(sights, status, report);
      }

      async function reportOther(why: string, say: ReportFinding): Promise<void> {
        const answerer = await answererAt(controller, timeoutMs, names);
        const isOther = answerer.kind === 'node' && answerer.role !== 'controller';
        say({
          check: 'reach',
          what: `what answers at ${controller} is no controller: ${isOther ? `it is ${describeAnswerer(answerer)}` : why}`,
          todo: isOther
            ? 'give the address of the controller, with which that node was started'
            : 'give the address of the controller, or see who has its port',
        });
      }

      async function lookAt(address: Address) {
        const [health, metrics] = await Promise.all([
          ask({ address, path: '/readyz?verbose', timeoutMs }, names),
          ask({ address, path: '/metrics', timeoutMs }, names),
        ]);
        const silence = [health, metrics].find((told) => told.kind === 'silent');
        return {
          silence,
          health: health.kind === 'told' ? health.text : '',
          metrics: metrics.kind === 'told' ? readMetrics(metrics.text) : undefined,
        };
      }
    },
  };
}

/** Reports an own address that is the loopback here, while the controller is elsewhere: no other machine reaches it. */
async function lookAtOwn(
  controller: Address,
  own: Address,
  looks: NameLooks,
  report: ReportFinding,
): Promise<void> {
  const [here, there] = await Promise.all(
    [own, controller].map(
      async (address) => (await looks.addressesOf(hostOf(address), report)) ?? [],
    ),
  );
  const isLocal = (address: string) => /^(?:127\.|0\.0\.0\.0$|::1?$)/.test(address);
  if (here?.every(isLocal) !== true || here.length === 0 || there?.every(isLocal) !== false) return;
  report({
    check: 'names',
    what: `the own address ${own} is ${here.join(', ')} here, where no other machine reaches it`,
    todo: 'give the address by which the other machines reach this one, and what to listen on with --host',
  });
}
