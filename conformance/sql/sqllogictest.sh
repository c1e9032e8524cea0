#!/usr/bin/env bash
# The sqllogictest binary (SQLLOGICTEST) over the records that run_slices.py finds equal: what they count, another program confirms.
set -euo pipefail
cd "$(dirname "$0")"
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 run_slices.py --show 0 --write-equal "$room" || true
rest=${BOLE_SQL_URL#*://}
user=${rest%%:*} rest=${rest#*:}
password=${rest%%@*} rest=${rest#*@}
host=${rest%%:*} rest=${rest#*:}
port=${rest%%/*} database=${rest#*/}
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0
# It makes a database for each file and names it after the path as given, without quotes: capitals of a folder would be folded away.
cd "$room"
"$SQLLOGICTEST" "*.test" --engine postgres -h "$host" -p "$port" -u "$user" -w "$password" --db "$database" --label postgresql -j 1
