// What `velour-fog/middleware` exports: handlers for node:http, Connect and Express that serve files from the store, redirect
// to it, and store into it. The requests go to brokers of the cluster; nothing of them is kept in this process.

export { type FileHandler, type VelourFiles, velourFiles } from './velour-files.ts';
export { VelourFilesError, type VelourFilesOptions } from './velour-files-options.ts';
