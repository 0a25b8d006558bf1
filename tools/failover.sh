#!/usr/bin/env bash
# Installs what `make failover` needs besides the usual, where it is missing: pg_auto_failover and HAProxy of Debian.
set -euo pipefail

missing=()
[ -x /usr/bin/pg_autoctl ] || missing+=(pg-auto-failover-cli)
[ -e /usr/share/postgresql/15/extension/pgautofailover.control ] || missing+=(postgresql-15-auto-failover)
[ -x /usr/sbin/haproxy ] || missing+=(haproxy)
[ ${#missing[@]} -eq 0 ] && exit

[ "$(id -u)" = 0 ] || { echo "make failover: install ${missing[*]}, or run it as root" >&2; exit 1; }
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
