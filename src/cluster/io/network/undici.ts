// Loads only the parts of undici that calls and links need. Its index also loads fetch, WebSockets, caches and mocks:
// 85 modules, which take 5 to 9 MB of every process and 50 ms of every start, and sets wait for a restart.

import { createRequire } from 'node:module';
import type * as undici from 'undici';

const require = createRequire(import.meta.url);

// As undici's index does: adds `request`, `upgrade` and the like to every dispatcher.
Object.assign(
  require('undici/lib/dispatcher/dispatcher.js').prototype,
  require('undici/lib/api/index.js'),
);

export const Agent: typeof undici.Agent = require('undici/lib/dispatcher/agent.js');
export const Client: typeof undici.Client = require('undici/lib/dispatcher/client.js');
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js');
