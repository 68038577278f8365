// Which storage node of a cluster holds what, by its map, and what an operator asks of the controller.

/** @returns undefined for a node that the map does not have */
export async function entryOf(cluster, index) {
  const { nodes } = await cluster.map();
  const address = cluster.storageAddresses[index];
  const entry = Object.entries(nodes).find(([, each]) => each.address === address);
  return entry && { node: entry[0], ...entry[1] };
}

export async function incarnationOf(cluster, index) {
  return (await entryOf(cluster, index))?.incarnation;
}

export async function isMember(cluster, index) {
  const { node } = (await entryOf(cluster, index)) ?? {};
  const { partitions } = await cluster.map();
  return partitions.some(({ members }) => members.some((member) => member.node === node));
}

/** @returns the names of the members of each partition */
export async function placement(cluster) {
  const { partitions } = await cluster.map();
  return partitions.map(({ members }) => members.map(({ node }) => node));
}

/** How many replicas each node holds that holds any. */
export function heldOf(placed) {
  const counts = new Map();
  for (const node of placed.flat()) counts.set(node, (counts.get(node) ?? 0) + 1);
  return [...counts.values()];
}

export function heldBy(placed, node) {
  return placed.flat().filter((each) => each === node).length;
}

/** Replicas that a node has now, and had not. */
export function movedBetween(before, after) {
  return after.flatMap((members, partition) =>
    members.filter((node) => !before[partition].includes(node)),
  ).length;
}

export async function admin(cluster, what, index) {
  const body = JSON.stringify({ node: cluster.storageAddresses[index] });
  const url = `http://${cluster.controllerAddress}/c/admin/${what}`;
  return await fetch(url, { method: 'POST', body });
}
