#!/usr/bin/env bash
# Lints the contracts, and compares them with the last commit that the remote has: what clients use may not break.
set -euo pipefail
cd "$(dirname "$0")/../proto"
buf lint
buf format --diff --exit-code --path guanxi >/dev/null || { echo "proto: run 'buf format --write --path guanxi' in proto/" >&2; exit 1; }

for base in origin/main main; do
  git rev-parse --quiet --verify "$base:proto/buf.yaml" >/dev/null 2>&1 || continue
  buf breaking --against "$(git rev-parse --path-format=absolute --git-common-dir)#ref=$(git rev-parse "$base"),subdir=proto"
  echo "proto: nothing breaks clients of $base"
  exit 0
done
echo "proto: not compared, there is no earlier version of the contracts here"
