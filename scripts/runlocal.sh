#!/usr/bin/env bash
# Runs a whole cluster on this machine, in the foreground; Ctrl-C stops it. On a fresh clone it installs
# and builds first. Settings: NUM_FRONTEND, NUM_STORAGE, REDUNDANCY, CONTROLLER_PORT, STORAGE_PORT,
# FRONTEND_PORT, DATA_DIR, as environment variables, or the options of `velour local`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "$root/node_modules/.package-lock.json" -ot "$root/package-lock.json" ]; then
  npm --prefix "$root" ci --no-audit --no-fund >&2
fi
if [ -n "$(find "$root/src" "$root/tsconfig.json" -newer "$root/dist/cli.js" -print -quit 2>/dev/null || echo stale)" ]; then
  npm --prefix "$root" run --silent build >&2
fi
exec node "$root/dist/cli.js" local "$@"
