#!/bin/bash
# One role and one database for each service, the first time PostgreSQL starts: a role owns its database and may not even
# connect to another's. Sourced or run by the image's entry point, as the superuser, over the local socket.
set -euo pipefail

sql() { psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres "$@"; }

sql <<'SQL'
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
SQL
for service in customer loyalty logistics feedback; do
  variable=${service^^}_DB_PASSWORD
  sql -v service="$service" -v password="${!variable:?is needed for the role of $service}" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 100;
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
