#!/usr/bin/env bash
# Writes .env beside compose.yaml: secrets, made by chance, and the images that deploy/docker pins. Secrets that are
# there stay; images follow the pins. Usage: init.sh [FILE]
set -euo pipefail
cd "$(dirname "$0")"
file=${1:-.env}
bases=../docker/.local-bases.env
[ -f "$bases" ] || bases=../docker/bases.env

umask 077
touch "$file"
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
for name in GUANXI_AUTH_KEY {POSTGRES,REDIS,GRAFANA,CUSTOMER_DB,LOYALTY_DB,LOGISTICS_DB,FEEDBACK_DB}_PASSWORD; do
  grep -q "^$name=" "$file" || printf '%s=%s\n' "$name" "$(secret)" >>"$file"
done
{ grep -v '^[A-Z_]*_IMAGE=' "$file"; grep -E '^[A-Z_]+_IMAGE=' "$bases"; } >"$file.new"
mv "$file.new" "$file"
printf 'init: %s has the secrets, and the images of %s\n' "$file" "$bases"
