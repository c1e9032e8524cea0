#!/usr/bin/env bash
# From a PostgreSQL into Bole, out of it again, and into a fresh database of the PostgreSQL: nothing may be different. BOLE_SQL_URL is the
# Bole's, BOLE_MOVING_URL names a superuser of a PostgreSQL 15, postgres://USER[:PASSWORD]@HOST:PORT, where databases are made and dropped.
set -euo pipefail
cd "$(dirname "$0")"
export PSQLRC=/dev/null PGTZ=UTC LC_ALL=C.UTF-8
bole=${BOLE_BINARY:-../../../target/debug/bole}
passed=0 failed=0
work=$(mktemp -d)
from=${BOLE_MOVING_URL%/}
address=${BOLE_SQL_URL#*@}
address=${address%%/*}
name=bole_moving_$$

admin() { psql -qX -v ON_ERROR_STOP=1 "$from/postgres" -c "$1"; }
clean() {
  for database in "$name" "${name}_back"; do admin "drop database if exists $database" 2>/dev/null || true; done
  psql -qX "$BOLE_SQL_URL" -c "drop database $name" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT

check() { # NAME COMMAND…
  local what=$1
  shift
  if "$@" >"$work/said" 2>&1; then passed=$((passed + 1)); echo "ok $what"; else failed=$((failed + 1)); echo "FAIL $what: $(tail -5 "$work/said")"; fi
}

# Each table with its rows in order, as text; then where sequences stand.
rows() {
  psql -qXAt -v ON_ERROR_STOP=1 "$1" <<'SQL'
select format('select %L, count(*), md5(string_agg(t::text, E''\n'' order by t::text)) from %s t', c.oid::regclass, c.oid::regclass)
from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'v') and nspname !~ '^(pg_|information)' order by 1 \gexec
select format('select %L, last_value, is_called from %s', c.oid::regclass, c.oid::regclass)
from pg_class c where relkind = 'S' order by 1 \gexec
SQL
}
# Lines of a dump in any order: what has no place of its own may be made in another order. That a column is ordered by "C" is not in Bole's catalog.
schema() { pg_dump --schema-only --no-owner --no-privileges "$1" | grep -v '^\\' | sed -e 's/,$//' -e 's/ COLLATE pg_catalog."C"//' | sort; }

admin "create database $name"
psql -qX -v ON_ERROR_STOP=1 -f schema.sql "$from/$name" >/dev/null
check "import" "$bole" import postgres --from "$from/$name" --addr "$address" --database "$name"
check "export" "$bole" export --addr "$address" --database "$name" --out "$work/dump.sql"
admin "create database ${name}_back"
check "psql loads the export" psql -qX -v ON_ERROR_STOP=1 -f "$work/dump.sql" "$from/${name}_back"
rows "$from/$name" >"$work/rows" && rows "$from/${name}_back" >"$work/rows_back"
check "rows and sequences" diff "$work/rows" "$work/rows_back"
schema "$from/$name" >"$work/schema" && schema "$from/${name}_back" >"$work/schema_back"
check "schema" diff "$work/schema" "$work/schema_back"
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
