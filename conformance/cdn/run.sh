#!/bin/sh
# npm http-cache-tests through a proxy: `run.sh PACKAGE_FOLDER PROXY_URL ORIGIN_PORT [RESULTS.json]`. The proxy forwards to 127.0.0.1:ORIGIN_PORT, where
# this script starts the suite's origin for the time of the run. Ends with 0 when exactly the tests of expected.json failed; with EXPECTED= it only counts.
set -eu
package=$(cd "$1" && pwd) proxy=$2 port=$3
here=$(cd "$(dirname "$0")" && pwd)
results=${4:-$(mktemp)}
cd "$package"
npm_config_protocol=http npm_config_port=$port npm_config_pidfile="$results.pid" node server/server.mjs >/dev/null &
origin=$!
trap 'kill $origin 2>/dev/null || true; rm -f "$results.pid"' EXIT
tries=0
until node -e "require('net').connect($port,'127.0.0.1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))"; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || { echo "the origin does not listen on $port" >&2; exit 2; }
  sleep 0.1
done
npm_config_base=$proxy npm_package_config_id= node --no-warnings cli.mjs > "$results"
node --no-warnings "$here/score.mjs" "$package" "$results" ${EXPECTED-"$here/expected.json"}
