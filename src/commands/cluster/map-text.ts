// `velour cluster` in words: the map, its nodes, and which of them hold which partition. Pure.

import {
  type ClusterMap,
  type Member,
  type NodeEntry,
  printMapVersion,
  whenFullOf,
} from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import { type Column, tableOf } from '../table.ts';
import { copiesText, counted } from './node-texts.ts';
import type { TonedLine } from './status-text.ts';

const NODE_COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'ADDRESS' },
  { title: 'INCARNATION', isFigure: true },
  { title: 'STATE' },
  { title: 'SERVING', isFigure: true },
  { title: 'JOINING', isFigure: true },
  { title: 'LEAVING', isFigure: true },
];

const FILE_SERVER_COLUMNS: readonly Column[] = [
  { title: 'FILE SERVER' },
  { title: 'ADDRESS' },
  { title: 'HOST' },
  { title: 'WEIGHT', isFigure: true },
  { title: 'STATE' },
];

const PARTITION_COLUMNS: readonly Column[] = [
  { title: 'PARTITION', isFigure: true },
  { title: 'SHA-1' },
  { title: 'EPOCH', isFigure: true },
  { title: 'MEMBERS' },
];

/** @param partitions those to show; undefined for all */
export function mapLines(
  map: ClusterMap,
  partitions: readonly PartitionId[] | undefined,
): readonly TonedLine[] {
  const { cluster, version, redundancy, witnesses, nodes } = map;
  const kind = whenFullOf(map) === 'evict' ? 'a cache' : 'a store';
  const shown = partitions ?? map.partitions.map((_, at) => at as PartitionId);
  const rows = Object.entries(nodes).map(([id, entry]) => nodeRow(id, entry, map));
  return [
    line(`cluster ${cluster}, map ${printMapVersion(version)}`),
    line(`${counted(map.partitions.length, 'partition')}, ${copiesText(redundancy)}, ${kind}`),
    line(`witnesses: ${witnesses.map(({ node }) => node).join(', ')}`),
    line(''),
    ...headed(tableOf(NODE_COLUMNS, rows)),
    ...fileServerLines(map),
    line(''),
    ...headed(
      tableOf(
        PARTITION_COLUMNS,
        shown.map((id) => partitionRow(id, map)),
      ),
    ),
  ];
}

function fileServerLines({ fileServers = {} }: ClusterMap): readonly TonedLine[] {
  const rows = Object.entries(fileServers).map(([id, { address, host, weight, state }]) => [
    id,
    address,
    host,
    weight.toString(),
    state,
  ]);
  return rows.length === 0 ? [] : [line(''), ...headed(tableOf(FILE_SERVER_COLUMNS, rows))];
}

function nodeRow(id: string, entry: NodeEntry, { partitions }: ClusterMap): readonly string[] {
  const members = partitions.flatMap((partition) => partition.members);
  const count = (role: Member['role']) =>
    members.filter((member) => member.node === id && member.role === role).length.toString();
  const state = entry.fenced ? 'fenced' : entry.draining ? 'draining' : 'present';
  const roles = (['serving', 'joining', 'leaving'] as const).map(count);
  return [id, entry.address, entry.incarnation.toString(), state, ...roles];
}

function partitionRow(id: PartitionId, { partitions, digits }: ClusterMap): readonly string[] {
  const { epoch, members, frozen } = partitions[id] ?? { epoch: 0, members: [], frozen: false };
  const who = members.map(({ node, role }) => (role === 'serving' ? node : `${node} (${role})`));
  const holders = who.length === 0 ? 'nobody: offline' : who.join(', ');
  const text = frozen === true ? `${holders} (frozen)` : holders;
  return [id.toString(), id.toString(16).padStart(digits, '0'), epoch.toString(), text];
}

function headed(table: readonly string[]): readonly TonedLine[] {
  return table.map((text, at) => ({ text, tone: at === 0 ? 'head' : 'plain' }));
}

function line(text: string): TonedLine {
  return { text, tone: 'plain' };
}
