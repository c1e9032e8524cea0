#!/usr/bin/env bash
# kcat with its default settings against BOLE_STREAMS_BOOTSTRAP. Debian's is built on librdkafka 2.0.2, so this also
# stands for clients of that age. It cannot create topics: producing does.
set -u
bootstrap=${BOLE_STREAMS_BOOTSTRAP:?the server to test, as HOST:PORT}
run=$$-$(date +%s)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

note() { # NAME EXPECTED GOT
  if [[ $2 == "$3" ]]; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected %.300q, got %.300q\n' "$1" "$2" "$3"
  fi
}
fits() { if [[ $3 =~ $2 ]]; then note "$1" x x; else note "$1" "$2" "$3"; fi; }
kc() { timeout 60 kcat -b "$bootstrap" "$@"; }
read_all() { kc -C -q -e -o beginning "$@" 2>/dev/null; }

echo "# $(kcat -V | grep -o 'Version.*librdkafka [0-9.]*')"
fits "metadata" "1 brokers|[0-9]+ brokers" "$(kc -L)"

topic=kcat-$run
seq 1 100 | kc -P -t "$topic" 2>"$scratch/errors"
note "produce creates the topic" "" "$(grep -v 'UNKNOWN_TOPIC\|Unknown topic' "$scratch/errors")"
note "consume to the end" "$(seq 1 100)" "$(read_all -t "$topic" -p 0)"
fits "metadata of the topic" "topic \"$topic\" with [0-9]+ partitions" "$(kc -L -t "$topic")"
fits "metadata as JSON" "\"topic\":\"$topic\"" "$(kc -L -J -t "$topic")"
note "from an offset" "$(seq 91 100)" "$(kc -C -q -e -t "$topic" -p 0 -o 90 2>/dev/null)"
note "the last ones" "$(seq 96 100)" "$(kc -C -q -e -t "$topic" -p 0 -o -5 2>/dev/null)"
note "a number of them" "$(seq 1 3)" "$(kc -C -q -t "$topic" -p 0 -o beginning -c 3 2>/dev/null)"
fits "offset for a time" "\[0\] offset 0" "$(kc -Q -t "$topic:0:1" 2>&1)"
fits "offset of the end" "\[0\] offset 100" "$(kc -Q -t "$topic:0:-1" 2>&1)"

for codec in gzip snappy lz4 zstd; do
  seq 1 1000 | kc -P -t "$topic-$codec" -z "$codec" 2>/dev/null
  note "$codec" "$(seq 1 1000)" "$(read_all -t "$topic-$codec" -p 0)"
done

printf 'a:1\nb:2\n' | kc -P -t "$topic-keys" -K: -H one=1 -H one=2 2>/dev/null
note "keys and headers" $'a=1 one=1,one=2\nb=2 one=1,one=2' "$(read_all -t "$topic-keys" -p 0 -f '%k=%s %h\n')"
printf 'k:\n' | kc -P -t "$topic-null" -K: -Z 2>/dev/null
note "a null value" "k -1" "$(read_all -t "$topic-null" -p 0 -f '%k %S\n')"

head -c 900000 /dev/zero | tr '\0' x >"$scratch/large"
kc -P -t "$topic-large" "$scratch/large" 2>/dev/null
note "900 KB" "900000" "$(read_all -t "$topic-large" -p 0 -f '%S\n')"

seq 1 20 | kc -P -t "$topic-idempotent" -X enable.idempotence=true 2>/dev/null
note "idempotent" "$(seq 1 20)" "$(read_all -t "$topic-idempotent" -p 0)"
seq 1 20 | kc -P -t "$topic-transaction" -X transactional.id="$topic" 2>/dev/null
note "in a transaction" "$(seq 1 20)" "$(read_all -t "$topic-transaction" -p 0 -X isolation.level=read_committed)"

note "a group" "$(seq 1 100)" "$(kc -q -e -X auto.offset.reset=earliest -G "group-$run" "$topic" 2>/dev/null)"
echo 101 | kc -P -t "$topic" 2>/dev/null
note "the group goes on there" "101" "$(kc -q -e -X auto.offset.reset=earliest -G "group-$run" "$topic" 2>/dev/null)"
note "cooperative" "$(seq 1 101)" "$(kc -q -e -X auto.offset.reset=earliest \
  -X partition.assignment.strategy=cooperative-sticky -G "cooperative-$run" "$topic" 2>/dev/null)"

fits "an unknown topic" "Unknown topic or partition" "$(kc -C -e -t "missing-$run" -X allow.auto.create.topics=false 2>&1)"
fits "an unknown partition" "partition 99 does not exist|Unknown partition" "$(kc -C -e -t "$topic" -p 99 2>&1)"

echo "$passed passed, $failed failed"
((failed == 0))
