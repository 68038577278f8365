// Describes what a new map changed, as log lines for people.

import {
  type ClusterMap,
  isSameIncarnation,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import { fileServerEntry } from '../../cluster/model/file-server.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { LogFields } from '../../cluster/ports.ts';
import { some } from '../routes/frozen.ts';

export interface ChangeLine {
  readonly message: string;
  readonly fields: LogFields;
}

export function changesBetween(
  earlier: ClusterMap | undefined,
  map: ClusterMap,
): readonly ChangeLine[] {
  if (earlier === undefined) return [];
  return [
    ...Object.keys({ ...earlier.nodes, ...map.nodes }).flatMap((node) =>
      nodeChanges(earlier, map, node as NodeId),
    ),
    ...Object.keys({ ...earlier.fileServers, ...map.fileServers }).flatMap((id) =>
      fileServerChanges(earlier, map, id as NodeId),
    ),
    ...witnessChanges(earlier, map),
    ...memberChanges(earlier, map),
  ];
}

function nodeChanges(earlier: ClusterMap, map: ClusterMap, node: NodeId): readonly ChangeLine[] {
  const [before, after] = [nodeEntry(earlier, node), nodeEntry(map, node)];
  if (after === undefined) return before === undefined ? [] : [removal(node, before)];
  if (before === after) return [];
  const fields = { node, incarnation: after.incarnation };
  const changes: ChangeLine[] = [];
  const say = (message: string) => changes.push({ message, fields });
  if (before?.incarnation !== after.incarnation) return changes;
  if (before.fenced !== after.fenced) say(after.fenced ? 'node fenced' : 'node unfenced');
  if (before.draining !== after.draining) {
    say(after.draining ? 'node draining' : 'node no longer draining');
  }
  return changes;
}

function removal(node: NodeId, { address, incarnation }: NodeEntry): ChangeLine {
  return { message: 'node removed: it held nothing', fields: { node, address, incarnation } };
}

function fileServerChanges(
  earlier: ClusterMap,
  map: ClusterMap,
  id: NodeId,
): readonly ChangeLine[] {
  const [before, after] = [fileServerEntry(earlier, id), fileServerEntry(map, id)];
  if (after === undefined) {
    if (before === undefined) return [];
    const { address, store } = before;
    return [{ message: 'file server removed', fields: { node: id, address, store } }];
  }
  if (before === after) return [];
  const { address, store, host, weight } = after;
  const changes: ChangeLine[] = [];
  const say = (message: string, fields: LogFields) =>
    changes.push({ message, fields: { node: id, ...fields } });
  if (before === undefined) {
    say('file server joined', { address, store, host, weight });
    return changes;
  }
  if (before.address !== address) say('file server moved', { address, before: before.address });
  if (before.store !== store) {
    say('file server has another directory: others have what it held', {
      address,
      store,
      before: before.store,
    });
  }
  if (before.host !== host || before.weight !== weight) {
    say('file server changed', { host, weight });
  }
  if (before.state !== after.state) {
    say(after.state === 'draining' ? 'file server draining' : 'file server no longer draining', {});
  }
  return changes;
}

function witnessChanges(earlier: ClusterMap, map: ClusterMap): readonly ChangeLine[] {
  const witnesses = map.witnesses.map(({ node }) => node).join(' ');
  if (earlier.nextWitnesses === undefined && map.nextWitnesses !== undefined) {
    const next = map.nextWitnesses.map(({ node }) => node).join(' ');
    return [{ message: 'witnesses change', fields: { witnesses, next } }];
  }
  if (earlier.nextWitnesses !== undefined && map.nextWitnesses === undefined) {
    return [{ message: 'witnesses changed', fields: { witnesses } }];
  }
  return [];
}

/** One line per node and kind of change, however many partitions are affected: hundreds change together. */
function memberChanges(earlier: ClusterMap, map: ClusterMap): readonly ChangeLine[] {
  const lines = new Map<string, { message: string; node: NodeId; partitions: number[] }>();
  for (const [partition, entry] of map.partitions.entries()) {
    const before = earlier.partitions[partition];
    if (entry === before) continue;
    for (const { message, node } of entryChanges(before, entry)) {
      const name = `${message} ${node}`;
      const line = lines.get(name) ?? { message, node, partitions: [] };
      line.partitions.push(partition);
      lines.set(name, line);
    }
  }
  return [...lines.values()].map(({ message, node, partitions }) => ({
    message,
    fields: { node, partitions: partitions.length, which: some(partitions) },
  }));
}

interface MemberChange {
  readonly message: string;
  readonly node: NodeId;
}

function entryChanges(
  earlier: PartitionEntry | undefined,
  entry: PartitionEntry,
): readonly MemberChange[] {
  const before = earlier?.members ?? [];
  const say = (message: string, { node }: Member): MemberChange => ({ message, node });
  const same = (members: readonly Member[], member: Member) =>
    members.find((other) => isSameIncarnation(other, member));
  const removed = before
    .filter((member) => !entry.members.some(({ node }) => node === member.node))
    .map((member) => say(REMOVED[member.role], member));
  const others = entry.members.flatMap((member) => {
    const was = same(before, member);
    if (was?.role === member.role) return [];
    if (was === undefined && before.some(({ node }) => node === member.node)) {
      return [say('member resumed', member)];
    }
    if (was === undefined) return [say('member joins', member)];
    if (member.role === 'leaving') return [say('member leaves', member)];
    return [say(was.role === 'joining' ? 'member promoted' : 'member stays', member)];
  });
  return [...removed, ...others];
}

const REMOVED = {
  serving: 'member removed',
  joining: 'joiner removed',
  leaving: 'member left',
} as const;
