// What a node's metrics say of itself, as far as its state is judged by it. Rates and sums are ../cluster/figures.ts's.

export type ReadMetrics = Pick<ReadonlyMap<string, number>, 'get'> & {
  readonly version: string | undefined;
  readonly role: string | undefined;
};

/** Reads the metrics without labels, and the version and role of the software. */
export function readMetrics(exposition: string): ReadMetrics {
  const values = new Map<string, number>();
  for (const [, name = '', value] of exposition.matchAll(/^([a-z_0-9]+) (\S+)$/gm)) {
    values.set(name, Number(value));
  }
  const labels = /^velourfog_build_info\{([^}]*)\}/m.exec(exposition)?.[1] ?? '';
  const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1];
  return { get: (name) => values.get(name), version: label('version'), role: label('role') };
}
