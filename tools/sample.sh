#!/usr/bin/env bash
# `make run`: the four services in one process on SQLite, with a sample retailer in them the first time.
# Ctrl-C ends it clean; the data stays in .guanxi (`make clean-data` removes it).
set -euo pipefail
cd "$(dirname "$0")/.."
guanxi=${1:-target/release/guanxi}
data=.guanxi
mkdir -p "$data"

# A session of its own: the terminal's Ctrl-C reaches only this script, which passes it on once.
setsid "$guanxi" serve --data-dir "$data" &
server=$!
stop() {
  trap '' INT TERM HUP
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" || exit $?
}
trap stop EXIT
trap 'exit 0' INT TERM HUP

until "$guanxi" healthcheck >/dev/null 2>&1; do
  kill -0 "$server" 2>/dev/null || exit 1 # It said why.
  sleep 0.1
done

# Marked once it is whole; loaded again, it goes on where it was broken off.
if [ ! -f "$data/sample" ]; then
  "$guanxi" generate --customers 2000 --seed 1
  touch "$data/sample"
else
  "$guanxi" report summary
fi
wait "$server"
