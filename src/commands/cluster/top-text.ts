// The table of `velour top`, and the same for programs. Pure.

import { type Column, tableOf } from '../table.ts';
import { type NodeRates, ratesBetween } from './figures.ts';
import type { ClusterLook, NodeLook } from './look.ts';
import {
  bytesText,
  counted,
  countText,
  memoryShareText,
  NONE,
  nodeJson,
  stateOf,
} from './node-texts.ts';
import type { TonedLine } from './status-text.ts';

/** What says that something is wrong, or about to be, is seen on the narrowest terminal. */
const COLUMNS: readonly Column[] = [
  { title: 'NODE', shrinks: true },
  { title: 'STATE' },
  { title: 'ROLE', leaves: 4 },
  { title: 'REQUESTS/S', isFigure: true, leaves: 6 },
  { title: 'GETS/S', isFigure: true, leaves: 1 },
  { title: 'SETS/S', isFigure: true, leaves: 2 },
  { title: 'ITEMS', isFigure: true, leaves: 3 },
  { title: 'MEMORY', isFigure: true },
  { title: 'PROCESS', isFigure: true, leaves: 5 },
  { title: 'CPU', isFigure: true },
  { title: 'LAG', isFigure: true },
];

const NO_RATES: NodeRates = {
  requests: undefined,
  gets: undefined,
  sets: undefined,
  cpuPercent: undefined,
};

/**
 * @param before an earlier look at the same cluster
 * @param widthMax of the table, which has fewer columns where it would be wider
 */
export function topLines(
  before: ClusterLook,
  now: ClusterLook,
  widthMax?: number,
): readonly TonedLine[] {
  const { status, nodes } = now;
  const table = tableOf(
    COLUMNS,
    nodes.map((node) => rowOf(node, ratesOf(node, before), now)),
    widthMax,
  );
  return [
    { text: headOf(now), tone: 'plain' },
    ...table.map((text, at): TonedLine => {
      const node = nodes[at - 1];
      if (node === undefined) return { text, tone: 'head' };
      return { text, tone: stateOf(node, status).isBad ? 'bad' : 'plain' };
    }),
  ];
}

export function topJson(before: ClusterLook, now: ClusterLook): unknown {
  const nodes = now.nodes.map((node) => {
    const { requests, gets, sets, cpuPercent } = ratesOf(node, before);
    return {
      ...nodeJson(node, now.status),
      requestsPerSecond: requests,
      getsPerSecond: gets,
      setsPerSecond: sets,
      cpuPercent,
    };
  });
  return { nodes };
}

function headOf({ status }: ClusterLook): string {
  const { partitions = 0, offlinePartitions = 0, storage, frontends, fileServers = {} } = status;
  const fileServerCount = Object.keys(fileServers).length;
  return [
    counted(Object.keys(storage).length, 'storage node'),
    ...(fileServerCount === 0 ? [] : [counted(fileServerCount, 'file server')]),
    counted(frontends.length, 'frontend'),
    `${partitions - offlinePartitions} of ${counted(partitions, 'partition')} served`,
  ].join(', ');
}

function ratesOf(node: NodeLook, before: ClusterLook): NodeRates {
  const earlier = before.nodes.find(({ address }) => address === node.address)?.figures;
  if (earlier === undefined || node.figures === undefined) return NO_RATES;
  return ratesBetween(earlier, node.figures);
}

function rowOf(node: NodeLook, rates: NodeRates, { status }: ClusterLook): readonly string[] {
  const { figures } = node;
  return [
    node.address,
    stateOf(node, status).text,
    node.role,
    countText(rates.requests),
    countText(rates.gets),
    countText(rates.sets),
    countText(figures?.items),
    // Of how much, `velour status` has: here that would take the room of a column.
    memoryShareText(figures ?? {}),
    bytesText(figures?.rssBytes),
    rates.cpuPercent === undefined ? NONE : `${Math.round(rates.cpuPercent)} %`,
    figures?.lagMs === undefined ? NONE : `${figures.lagMs.toFixed(1)} ms`,
  ];
}
