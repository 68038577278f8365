// Wrong programs, one broken rule each, and what must notice it. A mutant is the product with exact texts
// replaced by others, so the product itself has no switch for it. Run them with `npm run test:mutants`;
// that every text still occurs exactly once is checked by every test run. They are in the rooms of `src/`.

import { BACKUP_MUTANTS } from './backup.ts';
import { BROKER_MUTANTS } from './broker.ts';
import { BROKER_CONFIG_MUTANTS } from './broker-config.ts';
import { CLIENT_MUTANTS } from './client.ts';
import { CLUSTER_HTTP_MUTANTS } from './cluster/http.ts';
import { CLUSTER_IO_MUTANTS } from './cluster/io.ts';
import { CLUSTER_MODEL_MUTANTS } from './cluster/model.ts';
import { CLUSTER_WIRE_MUTANTS } from './cluster/wire.ts';
import { COMMANDS_MUTANTS } from './commands.ts';
import { CONTROLLER_CLOCKS_MUTANTS } from './controller/clocks.ts';
import { CONTROLLER_DECISIONS_MUTANTS } from './controller/decisions.ts';
import { CONTROLLER_FILE_SERVERS_MUTANTS } from './controller/file-servers.ts';
import { CONTROLLER_MAP_MUTANTS } from './controller/map.ts';
import { CONTROLLER_OBSERVATIONS_MUTANTS } from './controller/observations.ts';
import { CONTROLLER_RECOVERED_MUTANTS } from './controller/recovered.ts';
import { CONTROLLER_ROUTES_MUTANTS } from './controller/routes.ts';
import { COORDINATOR_CONDITIONAL_MUTANTS } from './coordinator/conditional.ts';
import { COORDINATOR_GET_AND_RESTORE_MUTANTS } from './coordinator/get-and-restore.ts';
import { COORDINATOR_MANY_MUTANTS } from './coordinator/many.ts';
import { COORDINATOR_MAP_MUTANTS } from './coordinator/map.ts';
import { COORDINATOR_SCAN_MUTANTS } from './coordinator/scan.ts';
import { COORDINATOR_SET_MUTANTS } from './coordinator/set.ts';
import { COORDINATOR_WATCH_MUTANTS } from './coordinator/watch.ts';
import { DAV_MUTANTS } from './dav.ts';
import { DIRECTORIES_MUTANTS } from './directories.ts';
import { FILE_RUNS_MUTANTS } from './file-runs.ts';
import { FILE_SCHEDULES_MUTANTS } from './file-schedules.ts';
import { FILES_MUTANTS } from './files.ts';
import { FILES_CARE_MUTANTS } from './files-care.ts';
import { FILES_FORMS_MUTANTS } from './files-forms.ts';
import { FILESERVER_MUTANTS } from './fileserver.ts';
import { FRONTEND_MUTANTS } from './frontend.ts';
import { FRONTEND_BLOBS_MUTANTS } from './frontend-blobs.ts';
import { FRONTEND_FILES_MUTANTS } from './frontend-files.ts';
import { LOAD_MUTANTS } from './load.ts';
import { MIDDLEWARE_MUTANTS } from './middleware.ts';
import type { Mutant } from './mutant.ts';
import { REPLICATOR_MUTANTS } from './replicator.ts';
import { STORAGE_ANTI_ENTROPY_MUTANTS } from './storage/anti-entropy.ts';
import { STORAGE_CHANGES_MUTANTS } from './storage/changes.ts';
import { STORAGE_COPIES_MUTANTS } from './storage/copies.ts';
import { STORAGE_DATA_DIRECTORY_MUTANTS } from './storage/data-directory.ts';
import { STORAGE_LOG_MUTANTS } from './storage/log.ts';
import { STORAGE_LOG_FILES_MUTANTS } from './storage/log-files.ts';
import { STORAGE_LOGGED_STORE_MUTANTS } from './storage/logged-store.ts';
import { STORAGE_MEMORY_MUTANTS } from './storage/memory.ts';
import { STORAGE_NODE_MUTANTS } from './storage/node.ts';
import { STORAGE_REPLICA_MUTANTS } from './storage/replica.ts';
import { TICKET_MUTANTS } from './tickets.ts';

export const MUTANTS: readonly Mutant[] = [
  ...BACKUP_MUTANTS,
  ...CLIENT_MUTANTS,
  ...COMMANDS_MUTANTS,
  ...LOAD_MUTANTS,
  ...FRONTEND_MUTANTS,
  ...BROKER_CONFIG_MUTANTS,
  ...MIDDLEWARE_MUTANTS,
  ...FILES_MUTANTS,
  ...DIRECTORIES_MUTANTS,
  ...DAV_MUTANTS,
  ...TICKET_MUTANTS,
  ...BROKER_MUTANTS,
  ...FILE_RUNS_MUTANTS,
  ...FILE_SCHEDULES_MUTANTS,
  ...FILESERVER_MUTANTS,
  ...REPLICATOR_MUTANTS,
  ...FRONTEND_FILES_MUTANTS,
  ...FRONTEND_BLOBS_MUTANTS,
  ...FILES_FORMS_MUTANTS,
  ...FILES_CARE_MUTANTS,
  ...COORDINATOR_SET_MUTANTS,
  ...COORDINATOR_CONDITIONAL_MUTANTS,
  ...COORDINATOR_GET_AND_RESTORE_MUTANTS,
  ...COORDINATOR_MANY_MUTANTS,
  ...COORDINATOR_MAP_MUTANTS,
  ...COORDINATOR_SCAN_MUTANTS,
  ...COORDINATOR_WATCH_MUTANTS,
  ...CONTROLLER_RECOVERED_MUTANTS,
  ...CONTROLLER_DECISIONS_MUTANTS,
  ...CONTROLLER_MAP_MUTANTS,
  ...CONTROLLER_CLOCKS_MUTANTS,
  ...CONTROLLER_OBSERVATIONS_MUTANTS,
  ...CONTROLLER_ROUTES_MUTANTS,
  ...CONTROLLER_FILE_SERVERS_MUTANTS,
  ...STORAGE_LOGGED_STORE_MUTANTS,
  ...STORAGE_DATA_DIRECTORY_MUTANTS,
  ...STORAGE_LOG_FILES_MUTANTS,
  ...STORAGE_LOG_MUTANTS,
  ...STORAGE_MEMORY_MUTANTS,
  ...STORAGE_ANTI_ENTROPY_MUTANTS,
  ...STORAGE_REPLICA_MUTANTS,
  ...STORAGE_COPIES_MUTANTS,
  ...STORAGE_CHANGES_MUTANTS,
  ...STORAGE_NODE_MUTANTS,
  ...CLUSTER_HTTP_MUTANTS,
  ...CLUSTER_IO_MUTANTS,
  ...CLUSTER_MODEL_MUTANTS,
  ...CLUSTER_WIRE_MUTANTS,
];
