// Every entry of every table of client routes in the sources, found by how a table ends, so that a new table is not
// forgotten by the tests that compare something with all of them.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { ClientRoute } from '../../src/cluster/http/client-route.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface TabledRoute {
  /** The file of the table, from the root of the project. */
  readonly path: string;
  /**
   * The folder of src/ that the file is in, which is a role; `blobs` and `broker` for those of the blob service and the
   * broker, which have ports of their own; `all` for the routes that every role has.
   */
  readonly role: string;
  readonly route: ClientRoute;
}

export async function routeTables(): Promise<readonly TabledRoute[]> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) =>
      readFileSync(join(ROOT, path), 'utf8').includes(
        'as const satisfies Readonly<Record<string, ClientRoute>>;',
      ),
    );
  const found: TabledRoute[] = [];
  for (const path of files.sort()) {
    const [, room = ''] = path.split('/');
    const further = ['blobs', 'broker'].find((name) =>
      path.startsWith(`src/frontend/gateways/${name}/`),
    );
    const role = room === 'cluster' ? 'all' : (further ?? room);
    const tables = Object.entries(await import(join(ROOT, path)))
      .filter(([name]) => name.endsWith('_ROUTES'))
      .flatMap(([, table]) => Object.values(table as Readonly<Record<string, ClientRoute>>));
    found.push(...tables.map((route) => ({ path, role, route })));
  }
  return found;
}
