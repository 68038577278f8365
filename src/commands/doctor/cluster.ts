// What the doctor looks at in a cluster: what its controller says, and what each node says that the controller knows,
// asked from this machine. Judging is apart from asking, in verdicts.ts.

import type { Address } from '../../cluster/identity.ts';
import { hostOf } from '../../cluster/identity.ts';
import { ask } from '../../cluster/io/ask.ts';
import type { Names } from '../../cluster/io/names.ts';
import { Malformed } from '../../cluster/shape.ts';
import { type Check, eachOf, type Report } from './finding.ts';
import type { NameLooks } from './names.ts';
import {
  type ClusterStatus,
  clusterStatus,
  judgeClock,
  judgeCluster,
  judgeNodes,
  type NodeSight,
  readMetrics,
} from './verdicts.ts';

const AT_ONCE = 64;

export interface ClusterToLookAt {
  readonly controller: Address;
  /** Where this machine's node is to be, if it is to be one. */
  readonly own: Address | undefined;
  /** As its processes would be started; undefined: nobody said. */
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
        const status = told.kind === 'told' ? statusIn(told.text) : told.why;
        if (typeof status === 'string') {
          return report({
            check: 'reach',
            what: `the controller ${controller} cannot be asked: ${status}`,
            todo: 'start it, or see whether a firewall or a wrong address is between',
          });
        }
        judgeCluster(status, of.timeScale, report);
        judgeClock(status, { beforeMs, afterMs }, report);
        const nodes = [
          { address: controller, role: 'controller' as const, isHeard: true },
          ...Object.values(status.storage).map(({ address, heardMsAgo }) => ({
            address,
            role: 'storage' as const,
            isHeard: (heardMsAgo ?? Number.POSITIVE_INFINITY) < timeoutMs,
          })),
          ...status.frontends.map((address) => ({
            address,
            role: 'frontend' as const,
            isHeard: true,
          })),
        ];
        const sights: NodeSight[] = [];
        await eachOf(nodes, AT_ONCE, async (node) => {
          // What is wrong with the name is said once, and it is why nobody could be asked.
          if ((await looks.addressesOf(hostOf(node.address), report)) === undefined) return;
          const look = lookAt(node.address);
          await Promise.all([look, looks.reachable(node.address, report)]);
          sights.push({ ...node, ...(await look) });
        });
        judgeNodes(sights, status, report);
      }

      async function lookAt(address: Address) {
        const [health, metrics] = await Promise.all([
          ask({ address, path: '/readyz?verbose', timeoutMs }, names),
          ask({ address, path: '/metrics', timeoutMs }, names),
        ]);
        const silent = [health, metrics].find((told) => told.kind === 'silent');
        return {
          silent: silent?.kind === 'silent' ? silent.why : undefined,
          health: health.kind === 'told' ? health.text : '',
          metrics: metrics.kind === 'told' ? readMetrics(metrics.text) : undefined,
        };
      }
    },
  };
}

/** Nobody elsewhere reaches a node whose own address is the loopback, or none. */
async function lookAtOwn(
  controller: Address,
  own: Address,
  looks: NameLooks,
  report: Report,
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

function statusIn(text: string): ClusterStatus | string {
  try {
    return clusterStatus(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return 'what answers there is no controller of velour-fog';
    if (error instanceof Malformed) return `what answers there is no controller: ${error.message}`;
    throw error;
  }
}
