#!/bin/bash
# What the public image's entry point does, as far as this repository uses it: a cluster for POSTGRES_USER and
# POSTGRES_DB the first time, with the scripts of /docker-entrypoint-initdb.d run on a server that listens on no network.
set -euo pipefail
[ "${1:-}" = postgres ] || exec "$@"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
  : "${POSTGRES_PASSWORD:?is needed for the superuser}"
  export POSTGRES_USER=$user POSTGRES_DB=$db
  initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --encoding=UTF8 \
    --auth-local=trust --auth-host=scram-sha-256
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait start --options="-c listen_addresses=''"
  [ "$db" = postgres ] || createdb --username="$user" "$db"
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) bash "$file" ;;
      *.sql) psql -v ON_ERROR_STOP=1 --username="$user" --dbname="$db" --file="$file" ;;
    esac
  done
  pg_ctl --wait --mode=fast stop
fi
shift
exec postgres -c listen_addresses='*' "$@"
