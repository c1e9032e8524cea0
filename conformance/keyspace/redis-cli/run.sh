#!/usr/bin/env bash
# redis-cli with its default settings against BOLE_KEYSPACE_URL, which it flushes. What is compared is the text that
# a person would read: the plain form of a pipe, the form of a terminal (--no-raw), and RESP3's types (-3).
set -u
url=${BOLE_KEYSPACE_URL:?the server to test, as redis://HOST:PORT; it is flushed}
passed=0
failed=0

note() { # NAME EXPECTED GOT
  if [[ $2 == "$3" ]]; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected %q, got %q\n' "$1" "$2" "$3"
  fi
}

raw() { redis-cli -u "$url" "$@" 2>&1; }
shown() { redis-cli -u "$url" --no-raw "$@" 2>&1; }
typed() { redis-cli -u "$url" -3 --no-raw "$@" 2>&1; }

# NAME EXPECTED COMMAND…: what a pipe reads, a terminal shows, a terminal with RESP3 shows.
reads() { note "$1" "$2" "$(raw "${@:3}")"; }
shows() { note "$1" "$2" "$(shown "${@:3}")"; }
types() { note "$1" "$2" "$(typed "${@:3}")"; }
# NAME PATTERN COMMAND…: what a pipe reads matches a pattern of the shell.
fits() {
  local got
  got=$(raw "${@:3}")
  # shellcheck disable=SC2053
  if [[ $got == $2 ]]; then note "$1" x x; else note "$1" "$2" "$got"; fi
}

# NAME COMMAND: the command, read by the shell, must succeed within some seconds.
eventually() {
  local deadline=$((SECONDS + 10))
  until eval "$2"; do
    if ((SECONDS > deadline)); then
      note "$1" "holds within 10 s" "does not"
      return
    fi
  done
  note "$1" x x
}

reads "flushall" OK FLUSHALL
reads "ping" PONG PING
reads "set" OK SET s:a 1
reads "get" 1 GET s:a
shows "get in a terminal" '"1"' GET s:a
shows "get of a missing key" "(nil)" GET s:none
shows "incr" "(integer) 2" INCR s:a
reads "set with every option" 2 SET s:a 3 XX GET KEEPTTL
shows "set ex" OK SET s:e v EX 100
printf '\x00\xff\r\n' | redis-cli -u "$url" -x SET s:bytes >/dev/null
shows "bytes are quoted" '"\x00\xff\r\n"' GET s:bytes
reads "lpush" 3 RPUSH l:a a b c
shows "lrange in a terminal" $'1) "a"\n2) "b"\n3) "c"' LRANGE l:a 0 -1
shows "an empty list" "(empty array)" LRANGE l:none 0 -1
reads "lpos" 1 LPOS l:a b
reads "hset" 2 HSET h:a f 1 g 2
reads "hgetall" $'f\n1\ng\n2' HGETALL h:a
reads "sadd" 2 SADD t:a 1 2
reads "zadd" 3 ZADD z:a 1 a 2.5 b inf c
reads "zrange withscores" $'a\n1\nb\n2.5\nc\ninf' ZRANGE z:a 0 -1 WITHSCORES
reads "zrange byscore rev" $'b\na' ZRANGE z:a '(inf' -inf BYSCORE REV
reads "zrangebylex" "" ZRANGEBYLEX z:none - +
reads "sort" $'1\n2' SORT t:a
reads "copy" 1 COPY s:a s:copy
reads "rename" OK RENAME s:copy s:renamed
reads "object encoding" int OBJECT ENCODING s:renamed
reads "type" zset TYPE z:a
types "a map" $'1# "f" => "1"\n2# "g" => "2"' HGETALL h:a
types "a set" $'1~ "1"\n2~ "2"' SMEMBERS t:a
types "a double" "(double) 2.5" ZSCORE z:a b
types "a null" "(nil)" GET s:none
types "an integer" "(integer) 3" LLEN l:a
types "pairs" $'1) 1) "a"\n   2) (double) 1' ZRANGE z:a 0 0 WITHSCORES
reads "an error with a code" "WRONGTYPE Operation against a key holding the wrong kind of value" GET l:a
shows "an error in a terminal" "(error) WRONGTYPE Operation against a key holding the wrong kind of value" INCR l:a
reads "an unknown command" "ERR unknown command 'nosuch', with args beginning with: 'a' " nosuch a
reads "wrong arity" "ERR wrong number of arguments for 'get' command" GET
reads "an unknown subcommand" "ERR unknown subcommand 'nosuch'. Try CLIENT HELP." CLIENT nosuch
reads "auth" "WRONGPASS invalid username-password pair or user is disabled." AUTH nosuch wrong
reads "hello 9" "NOPROTO unsupported protocol version" HELLO 9
fits "info" '*redis_version:*connected_clients:*used_memory:*role:master*db0:keys=*' INFO
fits "client list" 'id=*addr=*:*name=*db=0*cmd=client|list*' CLIENT LIST
reads "config get" $'maxmemory-policy\nnoeviction' CONFIG GET maxmemory-policy
fits "command count" '[1-9]??' COMMAND COUNT
fits "command docs" $'get\nsummary\n*' COMMAND DOCS get

note "a transaction on stdin" $'OK\nQUEUED\nQUEUED\nOK\n1' "$(printf 'MULTI\nSET x:a 0\nINCR x:a\nEXEC\n' | raw)"
note "an aborted transaction" $'OK\nERR wrong number of arguments for \'get\' command\n\nEXECABORT Transaction discarded because of previous errors.' \
  "$(printf 'MULTI\nGET\nEXEC\n' | raw)"
note "select on stdin" $'OK\nOK\n1' "$(printf 'SELECT 7\nSET a 1\nDBSIZE\n' | raw)"
note "-n" 1 "$(redis-cli -u "$url/7" GET a)"
note "quoted arguments on stdin" $'OK\n5' "$(printf 'SET q "a\\x00 \\"b"\nSTRLEN q\n' | raw)"

pipe=$(for i in {1..5000}; do printf '*3\r\n$3\r\nSET\r\n$%d\r\nbulk:%d\r\n$1\r\nx\r\n' $((5 + ${#i})) "$i"; done | redis-cli -u "$url" --pipe 2>&1)
note "--pipe" "errors: 0, replies: 5000" "$(tail -n 1 <<<"$pipe")"
note "--scan" 5000 "$(redis-cli -u "$url" --scan --pattern 'bulk:*' | sort -u | wc -l)"
fits "--bigkeys" '*Sampled * keys in the keyspace*' --bigkeys
head -c 5000000 /dev/zero | redis-cli -u "$url" -x SET s:large >/dev/null
reads "5 MB by -x" 5000000 STRLEN s:large
note "5 MB read back" 5000001 "$(raw GET s:large | wc -c)"

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
raw BLPOP b:a 10 >"$answer" &
eventually "blpop blocks" '[[ $(raw INFO clients) == *blocked_clients:1* ]]'
reads "rpush to a blocked client" 1 RPUSH b:a x
wait $!
note "blpop" $'b:a\nx' "$(<"$answer")"

redis-cli -u "$url" PSUBSCRIBE 'ch:*' >"$answer" &
subscriber=$!
eventually "psubscribe" '[[ $(raw PUBSUB NUMPAT) == 1 ]]'
reads "publish" 1 PUBLISH ch:a hello
eventually "a message arrives" '[[ $(<"$answer") == *hello ]]'
kill "$subscriber" && wait "$subscriber" 2>/dev/null
note "pmessage" $'psubscribe\nch:*\n1\npmessage\nch:*\nch:a\nhello' "$(<"$answer")"

note "inline commands" $'+PONG\r\n$1\r\n3\r\n+OK\r' "$(
  exec 3<>"/dev/tcp/$(sed -E 's|redis://([^:]+):([0-9]+).*|\1/\2|' <<<"$url")"
  printf 'PING\r\nGET s:a\r\nQUIT\r\n' >&3
  cat <&3
)"
reads "flushall at the end" OK FLUSHALL

echo "$passed passed, $failed failed"
((failed == 0))
