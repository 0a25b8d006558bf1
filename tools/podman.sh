#!/usr/bin/env bash
# Installs podman for `make chart-run`, where it is missing: Debian's packages, as root. runc, since crun refuses the
# control groups of some machines.
set -euo pipefail
if command -v podman runc >/dev/null && [ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ]; then
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "podman: run this as root, or install podman, netavark, aardvark-dns, catatonit and runc" >&2; exit 1; }
echo "podman: installing podman, netavark, aardvark-dns, catatonit, runc (Debian)"
apt-get update -qq || echo "podman: apt-get update failed; going on with the lists that are there"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman netavark aardvark-dns catatonit runc >/dev/null
