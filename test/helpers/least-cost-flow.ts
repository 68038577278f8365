// The least cost of a flow, computed in the plainest way, to hold placement against: successive
// cheapest paths (Bellman and Ford) over the whole network.

export interface FlowEdge {
  readonly from: string;
  readonly to: string;
  readonly capacity: number;
  readonly cost: number;
}

interface Arc {
  readonly from: string;
  readonly to: string;
  readonly cost: number;
  capacity: number;
  reverse: Arc | undefined;
}

/** @returns what `units` from `source` to `sink` cost at least, or undefined where they do not fit. */
export function leastCost(
  edges: readonly FlowEdge[],
  source: string,
  sink: string,
  units: number,
): number | undefined {
  const arcs = edges.flatMap(({ from, to, capacity, cost }) => {
    const there: Arc = { from, to, capacity, cost, reverse: undefined };
    const back: Arc = { from: to, to: from, capacity: 0, cost: -cost, reverse: there };
    there.reverse = back;
    return [there, back];
  });
  let total = 0;
  for (let unit = 0; unit < units; unit++) {
    const path = cheapestPath(arcs, source, sink);
    if (path === undefined) return undefined;
    for (const arc of path) {
      arc.capacity--;
      if (arc.reverse !== undefined) arc.reverse.capacity++;
      total += arc.cost;
    }
  }
  return total;
}

function cheapestPath(
  arcs: readonly Arc[],
  source: string,
  sink: string,
): readonly Arc[] | undefined {
  const distance = new Map([[source, 0]]);
  const last = new Map<string, Arc>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const arc of arcs) {
      const reached = distance.get(arc.from);
      if (arc.capacity === 0 || reached === undefined) continue;
      if (reached + arc.cost >= (distance.get(arc.to) ?? Number.POSITIVE_INFINITY)) continue;
      distance.set(arc.to, reached + arc.cost);
      last.set(arc.to, arc);
      changed = true;
    }
  }
  if (!distance.has(sink)) return undefined;
  const path: Arc[] = [];
  for (let at = sink; at !== source; ) {
    const arc = last.get(at);
    if (arc === undefined) return undefined;
    path.push(arc);
    at = arc.from;
  }
  return path;
}
