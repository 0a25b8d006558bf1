#!/usr/bin/env bash
# Installs what `make pgbackrest` needs besides the usual, where it is missing: pgbackrest of Debian.
set -euo pipefail

command -v pgbackrest >/dev/null && exit
[ "$(id -u)" = 0 ] || { echo "make pgbackrest: install pgbackrest, or run it as root" >&2; exit 1; }
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbackrest
