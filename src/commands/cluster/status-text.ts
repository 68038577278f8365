// `velour status` in words: what is wrong first, with what to do; then the cluster, and each of its nodes. Pure.

import { copiesThere } from '../doctor/copies.ts';
import type { Finding } from '../doctor/finding.ts';
import type { ClusterStatus } from '../doctor/verdicts.ts';
import { grouped } from '../progress-text.ts';
import { type Column, tableOf } from '../table.ts';
import type { Tone } from '../terminal.ts';
import type { ClusterLook, NodeLook } from './look.ts';
import {
  bytesText,
  copiesText,
  counted,
  countText,
  memoryText,
  NONE,
  nameText,
  stateOf,
} from './node-texts.ts';

export interface TonedLine {
  readonly text: string;
  readonly tone: Tone;
}

const COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'ROLE' },
  { title: 'STATE' },
  { title: 'SERVES', isFigure: true },
  { title: 'JOINS', isFigure: true },
  { title: 'LEAVES', isFigure: true },
  { title: 'ITEMS', isFigure: true },
  { title: 'MEMORY', isFigure: true },
  { title: 'PROCESS', isFigure: true },
  { title: 'HEARD', isFigure: true },
];

const FILE_SERVER_COLUMNS: readonly Column[] = [
  { title: 'FILE SERVER' },
  { title: 'HOST' },
  { title: 'WEIGHT', isFigure: true },
  { title: 'STATE' },
  { title: 'FREE', isFigure: true },
  { title: 'BUSY', isFigure: true },
  { title: 'PROCESS', isFigure: true },
];

export function statusLines(look: ClusterLook, findings: readonly Finding[]): readonly TonedLine[] {
  const { status } = look;
  const nodes = look.nodes.filter(({ role }) => role !== 'fileserver');
  const fileServers = look.nodes.filter(({ role }) => role === 'fileserver');
  return [
    ...findings.flatMap(findingLines),
    ...(findings.length === 0 ? [] : [plain('')]),
    verdictLine(findings),
    plain(clusterLine(status)),
    plain(partitionsLine(status)),
    plain(''),
    ...tableLines(COLUMNS, nodes, status, rowOf),
    ...(fileServers.length === 0 ? [] : [plain('')]),
    ...(fileServers.length === 0
      ? []
      : tableLines(FILE_SERVER_COLUMNS, fileServers, status, fileServerRow)),
  ];
}

function tableLines(
  columns: readonly Column[],
  nodes: readonly NodeLook[],
  status: ClusterStatus,
  row: (node: NodeLook, status: ClusterStatus) => readonly string[],
): readonly TonedLine[] {
  const table = tableOf(
    columns,
    nodes.map((node) => row(node, status)),
  );
  return table.map((text, at): TonedLine => {
    const node = nodes[at - 1];
    if (node === undefined) return { text, tone: 'head' };
    return { text, tone: stateOf(node, status).isBad ? 'bad' : 'plain' };
  });
}

/** What is left to say while the controller is away. */
export function linesWithoutController(
  why: string,
  frontends: readonly NodeLook[],
): readonly TonedLine[] {
  return [
    { text: why, tone: 'bad' },
    plain(
      frontends.some(({ isReady }) => isReady === true)
        ? 'gets and sets go on without it; no storage node is taken in or replaced meanwhile'
        : 'no frontend that --endpoint names is ready either',
    ),
    plain(''),
    ...frontends.map((node): TonedLine => {
      const { text, isBad } = stateOf(node, undefined);
      return { text: `frontend ${node.address} is ${text}`, tone: isBad ? 'bad' : 'plain' };
    }),
  ];
}

function findingLines({ check, what, todo }: Finding): readonly TonedLine[] {
  return [{ text: `${check}: ${what}`, tone: 'bad' }, plain(`  ${todo}`)];
}

function verdictLine(findings: readonly Finding[]): TonedLine {
  if (findings.length === 0) return { text: 'all is well', tone: 'good' };
  const verb = findings.length === 1 ? 'is' : 'are';
  return { text: `${counted(findings.length, 'thing')} ${verb} wrong, see above`, tone: 'bad' };
}

function clusterLine({ version, cluster, map }: ClusterStatus): string {
  const software = version === undefined ? 'velour-fog' : `velour-fog ${version}`;
  if (cluster === undefined || map === undefined) return `${software}, no cluster yet`;
  return `${software}, cluster ${cluster}, map ${map}`;
}

function partitionsLine(status: ClusterStatus): string {
  const { partitions, offlinePartitions = 0, redundancy, whenFull } = status;
  if (partitions === undefined) return status.waitingFor ?? 'no partitions yet';
  const kind = whenFull === 'evict' ? 'a cache' : 'a store';
  const served = partitions - offlinePartitions;
  const copies = `${copiesText(redundancy)}${missingText(status)}`;
  return `${served} of ${counted(partitions, 'partition')} are served, ${copies}, ${kind}`;
}

/** What is wanted is no lie only where it is there: a node that joins, or may not yet, has no copy. */
function missingText(status: ClusterStatus): string {
  const wanted = (status.partitions ?? 0) * status.redundancy;
  const serving = copiesThere(status);
  return serving < wanted ? ` (${grouped(serving)} of ${grouped(wanted)} are there)` : '';
}

function rowOf(node: NodeLook, status: ClusterStatus): readonly string[] {
  const entry = node.id === undefined ? undefined : status.storage[node.id];
  const { serving, joining, leaving } = entry?.partitions ?? {};
  const { figures } = node;
  const heardMsAgo = entry?.heardMsAgo;
  const heard = heardMsAgo === undefined ? NONE : `${(heardMsAgo / 1000).toFixed(1)} s ago`;
  return [
    nameText(node),
    node.role,
    stateOf(node, status).text,
    ...[serving, joining, leaving].map(countText),
    countText(figures?.items),
    memoryText(figures ?? {}),
    bytesText(figures?.rssBytes),
    heard,
  ];
}

function fileServerRow(node: NodeLook, status: ClusterStatus): readonly string[] {
  const { host = NONE, weight } = status.fileServers?.[node.id ?? ''] ?? {};
  return [
    nameText(node),
    host,
    weight?.toString() ?? NONE,
    stateOf(node, status).text,
    bytesText(node.room?.freeBytes),
    countText(node.room?.busy),
    bytesText(node.figures?.rssBytes),
  ];
}

function plain(text: string): TonedLine {
  return { text, tone: 'plain' };
}
