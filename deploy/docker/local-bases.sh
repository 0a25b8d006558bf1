#!/usr/bin/env bash
# Makes stand-ins for the images of bases.env, for machines that can pull none, under names of their own:
#   guanxi-local/debian     Debian by debootstrap
#   guanxi-local/rust       the same with this machine's Rust and a C compiler
#   guanxi-local/postgres   the same with Debian's PostgreSQL; the variables and folders of the public image
#   guanxi-local/redis      the same with Debian's Redis
#   guanxi-local/prometheus the same with Debian's Prometheus; only where it is named
# and writes .local-bases.env beside this file, which points everything at those that are there. Needs root and debootstrap
# (installed where it is missing). What is there stays; `--again` makes it anew. Usage: local-bases.sh [--again] [NAME …]
set -euo pipefail
cd "$(dirname "$0")"
suite=${DEBIAN_SUITE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

say() { printf 'local-bases: %s\n' "$*"; }
fail() { printf 'local-bases: %s\n' "$*" >&2; exit 1; }

again=
if [ "${1:-}" = --again ]; then again=yes; shift; fi
[ $# -gt 0 ] || set -- debian rust postgres redis
docker info >/dev/null 2>&1 || fail "no Docker engine answers"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing() { [ -n "$again" ] || [ -z "$(docker images --quiet "guanxi-local/$1")" ]; }

debian() {
  [ "$(id -u)" = 0 ] || fail "debootstrap needs root"
  command -v debootstrap >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  debootstrap --variant=minbase "$suite" "$work/debian" "$mirror" >"$work/log" || {
    tail -n 20 "$work/log" >&2
    fail "debootstrap failed"
  }
  # As in the public slim image: no lists, no caches, no manuals, now and later.
  printf '%s\n' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' 'Acquire::Languages "none";' \
    >"$work/debian/etc/apt/apt.conf.d/docker-clean"
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$work/debian/etc/dpkg/dpkg.cfg.d/docker"
  rm -rf "$work"/debian/var/{lib/apt/lists,cache/apt}/* "$work"/debian/var/log/*.log \
    "$work"/debian/usr/share/{doc,man,info,locale}/*
  tar -C "$work/debian" -c . | docker import --change 'CMD ["bash"]' - guanxi-local/debian >/dev/null
}

# Rust as this machine has it; with its certificates too, which may be those of a proxy: builders only, no image of ours.
rust() {
  local toolchain; toolchain=$(rustc --print sysroot)
  mkdir -p "$work/rust/toolchain" && cp local/rust/Dockerfile "$work/rust/"
  tar -C "$toolchain" --exclude=lib/rustlib/src -c bin lib libexec | tar -C "$work/rust/toolchain" -x
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/rust/"
  docker build --quiet --build-arg DEBIAN_IMAGE=guanxi-local/debian --tag guanxi-local/rust "$work/rust" >/dev/null
}

server() {
  docker build --quiet --build-arg DEBIAN_IMAGE=guanxi-local/debian --tag "guanxi-local/$1" "local/$1" >/dev/null
}

for name in "$@"; do
  if ! missing "$name"; then
    say "guanxi-local/$name is there"
    continue
  fi
  since=$SECONDS
  case $name in
    debian) debian ;;
    rust) rust ;;
    postgres | redis | prometheus) server "$name" ;;
    *) fail "there is no $name here: debian, rust, postgres, redis, prometheus" ;;
  esac
  say "guanxi-local/$name made in $((SECONDS - since)) s"
done

# The pins, with the stand-ins that are there in place of theirs.
cp bases.env .local-bases.env
for name in debian rust postgres redis prometheus; do
  if [ -n "$(docker images --quiet "guanxi-local/$name")" ]; then
    sed -i "s|^${name^^}_IMAGE=.*|${name^^}_IMAGE=guanxi-local/$name:latest|" .local-bases.env
  fi
done
sed -i '1i # Written by local-bases.sh from bases.env.' .local-bases.env
