#!/usr/bin/env bash
# Installs Prometheus and promtool for `make telemetry`, where they are missing: Debian's package, as root. The package
# would start a server of its own; it is told not to.
set -euo pipefail
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "prometheus: run this as root, or install prometheus" >&2; exit 1; }
echo "prometheus: installing prometheus (Debian)"
apt-get update -qq || echo "prometheus: apt-get update failed; going on with the lists that are there"
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  made=yes
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null || failed=yes
[ -z "$made" ] || rm -f "$policy"
[ -z "${failed:-}" ] || { echo "prometheus: it could not be installed" >&2; exit 1; }
