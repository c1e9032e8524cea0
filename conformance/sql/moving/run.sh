#!/usr/bin/env bash
# From a PostgreSQL into Bole, out of it again by export and by pg_dump, and into fresh databases of the PostgreSQL and of Bole: nothing may be different. BOLE_SQL_URL is the
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
reader=${name}_reader
# What pg_dump needs to know of a Bole, and psql, by the name of its database.
here() { echo "${BOLE_SQL_URL%/*}/$1"; }
# The PostgreSQL, seen as somebody who may not read everything.
as_reader=postgres://$reader:reader@${from#*@}
[[ $from == *@* ]] || as_reader=postgres://$reader:reader@${from#postgres://}

admin() { psql -qX -v ON_ERROR_STOP=1 "$from/postgres" -c "$1"; }
clean() {
  for database in "$name" "${name}_back" "${name}_dump"; do admin "drop database if exists $database" 2>/dev/null || true; done
  admin "drop role if exists $reader" 2>/dev/null || true
  for database in "$name" "${name}_dump" "${name}_part"; do psql -qX "$BOLE_SQL_URL" -c "drop database $database" 2>/dev/null || true; done
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
# Lines of a dump in any order: what has no place of its own may be made in another order.
schema() { pg_dump --schema-only --no-owner --no-privileges "$1" | grep -v '^\\' | sed -e 's/,$//' | sort; }
fails() { ! "$@"; }

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

# The same database by PostgreSQL's own tool.
check "pg_dump" pg_dump --no-owner --file "$work/pg_dump.sql" "$(here "$name")"
admin "create database ${name}_dump"
check "psql loads what pg_dump wrote" psql -qX -v ON_ERROR_STOP=1 -o /dev/null -f "$work/pg_dump.sql" "$from/${name}_dump"
rows "$from/${name}_dump" >"$work/rows_dump"
check "rows and sequences of pg_dump" diff "$work/rows" "$work/rows_dump"
schema "$from/${name}_dump" >"$work/schema_dump"
check "schema of pg_dump" diff "$work/schema" "$work/schema_dump"
psql -qX "$BOLE_SQL_URL" -c "create database ${name}_dump"
check "bole sql loads what pg_dump wrote" "$bole" sql "${name}_dump" --addr "$address" -f "$work/pg_dump.sql"
check "export of that" "$bole" export --addr "$address" --database "${name}_dump" --out "$work/dump_again.sql"
check "both databases of Bole are the same" diff "$work/dump.sql" "$work/dump_again.sql"
check "pg_dump in directory format" pg_dump --no-owner --format directory --jobs 1 --file "$work/folder" "$(here "$name")"

# A table that may not be read: the others come, and the same command goes on when it may.
admin "create role $reader login password 'reader'"
psql -qX -v ON_ERROR_STOP=1 "$from/$name" <<SQL
grant usage on schema app, "Odd Name" to $reader;
grant select on all tables in schema app, "Odd Name" to $reader;
grant select on all sequences in schema app to $reader;
revoke select on app.orders from $reader;
SQL
part=(import postgres --from "$as_reader/$name" --addr "$address" --database "${name}_part")
check "an import stops at what may not be read" fails "$bole" "${part[@]}"
cp "$work/said" "$work/part"
check "it says which table" grep -q 'app.orders: permission denied for table orders (42501)' "$work/part"
check "it says that it is not there" grep -qx '  app.orders: not begun' "$work/part"
check "the others are complete" grep -qx '  app.users: complete, 5002 rows' "$work/part"
psql -qX -v ON_ERROR_STOP=1 "$from/$name" -c "grant select on app.orders to $reader"
check "the same command goes on" "$bole" "${part[@]}"
psql -qX "$from/$name" -c "drop owned by $reader"

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
