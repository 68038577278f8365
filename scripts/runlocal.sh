#!/usr/bin/env bash
# Runs a whole cluster on this machine, in the foreground; Ctrl-C stops it. On a fresh clone it installs
# and builds first. Settings: NUM_FRONTEND, WORKERS, NUM_STORAGE, NUM_FILESERVER, REDUNDANCY,
# CONTROLLER_PORT, STORAGE_PORT, FILESERVER_PORT, FRONTEND_PORT, BLOBS_PORT, BROKER_PORT, DATA_DIR, as environment
# variables, or the options of `velour local`.
set -euo pipefail
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do # It may have been called by a symbolic link.
  target=$(readlink "$script")
  case $target in
    /*) script=$target ;;
    *) script=$(dirname "$script")/$target ;;
  esac
done
root=$(cd "$(dirname "$script")/.." && pwd -P)
if [ -e "$root/package-lock.json" ]; then # A package from npm has none, and is built.
  # The compiler is a development dependency, which NODE_ENV=production would leave out.
  if [ "$root/node_modules/.package-lock.json" -ot "$root/package-lock.json" ] || [ ! -e "$root/node_modules/.bin/tsc" ]; then
    npm --prefix "$root" ci --include=dev --no-audit --no-fund >&2
  fi
  if [ -n "$(find "$root/src" "$root/tsconfig.json" -newer "$root/dist/cli.js" -print -quit 2>/dev/null || echo stale)" ]; then
    npm --prefix "$root" run --silent build >&2
  fi
fi
exec node "$root/dist/cli.js" local "$@"
