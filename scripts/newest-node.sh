#!/usr/bin/env bash
# Plays the fast tests once more on the newest Node, which npm's package `node` brings, with what is built in dist/. The
# package is installed in a folder of its own, which is removed at the end. Where it cannot be had, as without a
# registry, this says so and succeeds: it proves nothing then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skip() {
  echo "newest-node: skipped, $1" >&2
  exit 0
}
echo '{ "private": true }' >"$scratch/package.json"
npm install --prefix "$scratch" --no-audit --no-fund --no-package-lock --fetch-retries=1 --fetch-timeout=60000 \
  node@latest >"$scratch/log" 2>&1 || skip "npm's package \`node\` cannot be had: $(grep -m 1 "npm error" "$scratch/log" || echo "npm failed")"
newest=$("$scratch/node_modules/.bin/node" --version 2>/dev/null) || skip "npm's package \`node\` does not run here"
[ "$newest" != "$(node --version)" ] || skip "the Node that runs everything else is the newest, $newest"
echo "newest-node: the fast tests on Node $newest" >&2
PATH="$scratch/node_modules/.bin:$PATH" node node_modules/vitest/vitest.mjs run --project fast "$@"
