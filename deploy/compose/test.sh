#!/usr/bin/env bash
# `make compose-test`: the image, everything that compose.yaml describes, every call from outside, and an import of
# real data while services, Redis and PostgreSQL are taken away and given back; test/main.py has the order.
#   GUANXI_BINARY       the binary for the image, instead of one that is built here
#   GUANXI_TEST_DATA    the folder of real data; without it, and without ../shared/data, the generated sample is loaded
#   KEEP=yes            leaves the containers, to look at
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'compose-test: %s\n' "$*"; }
fail() { printf 'compose-test: %s\n' "$*" >&2; exit 1; }

docker info >/dev/null 2>&1 || fail "no Docker engine answers"
python=.tools/venv/bin/python
[ -x "$python" ] || fail "there is no $python: run make tools"

# Public images where they are or can be had, else stand-ins.
if [ ! -f deploy/docker/.local-bases.env ]; then
  # shellcheck source=/dev/null
  . deploy/docker/bases.env
  for image in "$DEBIAN_IMAGE" "$POSTGRES_IMAGE" "$REDIS_IMAGE" "$PROMETHEUS_IMAGE"; do
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || {
      say "$image cannot be pulled: making stand-ins"
      deploy/docker/local-bases.sh debian postgres redis prometheus
      break
    }
  done
elif ! docker image inspect guanxi-local/{debian,postgres,redis,prometheus} >/dev/null 2>&1; then
  deploy/docker/local-bases.sh debian postgres redis prometheus
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GUANXI_IMAGE=guanxi-test
deploy/docker/image.sh prebuilt "${GUANXI_BINARY:-target/release/guanxi}" >"$work/image.log" 2>&1 || {
  tail -n 20 "$work/image.log" >&2
  fail "the image could not be built"
}
tail -n 1 "$work/image.log"

# Stubs for a client that no one here wrote, as docs/start.md makes them.
mkdir "$work/stubs"
(cd proto && find guanxi -name '*.proto' -print0 | xargs -0 "$OLDPWD/$python" -m grpc_tools.protoc -I . -I third_party \
  --python_out="$work/stubs" --grpc_python_out="$work/stubs" buf/validate/validate.proto)

deploy/compose/init.sh "$work/env" >/dev/null
set -a
# shellcheck source=/dev/null
. "$work/env"
set +a

mkdir -m 755 "$work/export"
data=${GUANXI_TEST_DATA:-../shared/data}/olist
if [ -d "$data" ]; then
  # The user in the container must be able to read it.
  cp "$data"/*.csv "$work/export/"
  chmod 644 "$work/export"/*
else
  say "NO REAL DATA in $data: the generated sample is loaded instead"
fi
chmod 755 "$work"
PYTHONPATH=$work/stubs PYTHONDONTWRITEBYTECODE=1 "$python" deploy/compose/test/main.py "$work" &
test=$!
# Whoever is told to end tells the test, which takes its containers down first.
trap 'kill -TERM "$test" 2>/dev/null || true' INT TERM HUP
ended=0
while kill -0 "$test" 2>/dev/null; do
  wait "$test" && ended=0 || ended=$?
done
exit "$ended"
