// The events that must occur in a batch of runs: a state that is never reached is not tested.

import { FAULTS } from './fault-log.ts';

/** Must occur in the few hundred runs of a commit. */
const OFTEN: readonly string[] = [
  'lease renewed by witnesses',
  'node fenced',
  'node unfenced',
  'member removed',
  'member joins',
  'joiner removed',
  'partition copied',
  'member promoted',
  'member leaves',
  'member left',
  'member stays',
  'member resumed',
  'new life of a node',
  'witnesses change',
  'witnesses changed',
  'a storage node says goodbye',
  'a storage node is dead, says its parent',
  'node draining',
  'node no longer draining',
  'deletes forgotten',
  'recovering the map from the nodes',
  'map recovered',
  'set answered equal',
  'set answered superseded',
  'set answered floor',
  'set answered stale',
  'set answered behind',
  'record evicted',
  'set coalesced',
  'incr answered 200',
  'swap answered 204',
  'swap answered 412',
  'getset answered 200',
  'read answered 200',
  'register linearizable',
  'scan is whole',
  'batch of get',
  'batch of set',
  'batch of delete',
  'direct client asked',
  'read on from a version that is there',
  'read on from a version in doubt',
  'read answered older-version',
  'file server joined',
  'file stored as a blob',
  'file read: whole',
  'entry copy: stored',
  'entry delete: deleted',
  'entry amend: stored',
  'directory listed',
  'dav LOCK: 200',
  'dav LOCK: 423',
  'dav UNLOCK: 204',
  'dav PUT: 204',
  'dav PUT: 412',
  'dav PUT: 423',
  'locked collection listed',
  'conditional files linearizable',
  'content named again',
  'blob goes to the trash',
  'ticket used: 201',
  'ticket used: 403',
  'ticket used: 409',
  'ticket read: 200',
  'ticket state: stored',
];

/** Must also occur in the runs of a night, short and long ones. */
const NOW_AND_THEN: readonly string[] = [
  ...Object.keys(FAULTS).map((kind) => `fault: ${kind}`),
  'loss accepted',
  'loss accepted, and nothing lost',
  'node removed: it held nothing',
  'partitions are frozen',
  'backup finished',
  'restored',
  'restored as new',
  'full store emptied',
  'file upload whole: unmet',
  'file upload whole: unknown',
  'file read: broken off',
  'entry copy: unmet',
  'entry delete: unmet',
  'entry amend: unmet',
  'a blob with wrong bytes is in corrupt/ now',
  'blob trimmed',
  'blob unlinked',
  'ticket used: 410',
  'ticket state: used',
];

/**
 * @param occurred counts by event, summed over all runs (`RunResult.occurred`)
 * @returns the wanted events that never occurred
 */
export function neverOccurred(
  occurred: ReadonlyMap<string, number>,
  runs: 'commit' | 'night',
): readonly string[] {
  const wanted = runs === 'commit' ? OFTEN : [...OFTEN, ...NOW_AND_THEN];
  return wanted.filter((what) => (occurred.get(what) ?? 0) === 0);
}
