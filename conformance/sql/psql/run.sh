#!/usr/bin/env bash
# psql against BOLE_SQL_URL: session.sql must print what PostgreSQL 15 prints. Names of owners are made alike; `--write` takes
# what the server says as expected.
set -euo pipefail
cd "$(dirname "$0")"
export PSQLRC=/dev/null PGTZ=UTC LC_ALL=C.UTF-8
passed=0 failed=0
got=$(mktemp) blocks=$(mktemp)
trap 'rm -f "$got" "$blocks"' EXIT

note() { # NAME GOOD
  if [[ $2 == yes ]]; then passed=$((passed + 1)); echo "ok $1"; else failed=$((failed + 1)); echo "FAIL $1"; fi
}

# A block of output for each statement or command, so that each is one check. Statements that fail are no failure of psql; its end, or a lost connection, is.
psql --no-psqlrc -a -f session.sql "$BOLE_SQL_URL" 2>&1 | sed -e 's/psql:session.sql:[0-9]*: //' \
  -e 's/| bole *$/| OWNER/' -e 's/| bole  *|/| OWNER |/' -e 's/\(bole\|postgres\)=[a-zA-Z]*\/[a-z]*/ACL/g' >"$got"
if [[ ${1-} == --write ]]; then
  cp "$got" expected.txt
fi
python3 blocks.py session.sql expected.txt "$got" >"$blocks"
cat "$blocks"
passed=$(grep -c '^ok ' "$blocks") failed=$(grep -c '^FAIL ' "$blocks" || true)

# One-off uses.
[[ $(psql -Atc 'SELECT 1' "$BOLE_SQL_URL") == 1 ]] && note "-Atc" yes || note "-Atc" no
[[ $(psql -At -c 'SELECT 1' -c 'SELECT 2' "$BOLE_SQL_URL" | tr '\n' ' ') == "1 2 " ]] && note "two -c" yes || note "two -c" no
[[ $(echo 'SELECT 1; SELECT 1/0; SELECT 2' | psql -At -v ON_ERROR_STOP=1 "$BOLE_SQL_URL" 2>/dev/null || echo "exit $?") == $'1\nexit 3' ]] && note "ON_ERROR_STOP" yes || note "ON_ERROR_STOP" no
[[ $(psql -At -1 -c 'CREATE TABLE psql_once (id int)' -c 'DROP TABLE psql_once' "$BOLE_SQL_URL" | tail -1) == "DROP TABLE" ]] && note "-1" yes || note "-1" no
said=$(psql -Atc 'SELECT 1' "${BOLE_SQL_URL/bolebole/wrong}" 2>&1 || true)
[[ $said == *'password authentication failed'* ]] && note "wrong password" yes || note "wrong password" no
said=$(psql -l "$BOLE_SQL_URL" 2>&1 || true)
[[ $said == *' bole '* ]] && note "-l" yes || note "-l" no
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
