#!/usr/bin/env bash
# Kafka's own command line tools with their default settings against BOLE_STREAMS_BOOTSTRAP.
# BOLE_KAFKA_ROOM is the folder with Kafka's jars, as `cargo xtask tools` fetches them.
set -u
bootstrap=${BOLE_STREAMS_BOOTSTRAP:?the server to test, as HOST:PORT}
room=${BOLE_KAFKA_ROOM:?the folder with the jars of Kafka}
here=$(cd "$(dirname "$0")" && pwd)
run=$$-$(date +%s)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

note() { # NAME GOOD EXPECTED GOT
  if [[ $2 == yes ]]; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected %.300q, got %.500q\n' "$1" "$3" "$4"
  fi
}

# NAME PATTERN TEXT: the text matches an extended regular expression.
fits() {
  if [[ $3 =~ $2 ]]; then note "$1" yes "$2" "$3"; else note "$1" no "$2" "$3"; fi
}
equal() { if [[ $2 == "$3" ]]; then note "$1" yes "$2" "$3"; else note "$1" no "$2" "$3"; fi; }

# CLASS ARGUMENT…: one tool; the flags, and the archive of classes that the first one leaves, only make it start sooner.
tool() {
  local class=$1 archive=-XX:SharedArchiveFile=$scratch/classes
  shift
  [[ -e $scratch/classes ]] || archive=-XX:ArchiveClassesAtExit=$scratch/classes
  java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:cds=off -Xlog:cds+dynamic=off -Xshare:auto "$archive" -Dlog4j2.configurationFile="$here/../java/log4j2.properties" \
    -cp "$room/lib/*" "org.apache.kafka.tools.$class" "$@" 2>&1
}
topics() { tool TopicCommand --bootstrap-server "$bootstrap" "$@"; }
configs() { tool ConfigCommand --bootstrap-server "$bootstrap" "$@"; }
groups() { tool consumer.group.ConsumerGroupCommand --bootstrap-server "$bootstrap" "$@"; }
acls() { tool AclCommand --bootstrap-server "$bootstrap" "$@"; }
consume() { tool consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --timeout-ms 20000 "$@"; }
produce() { tool ConsoleProducer --bootstrap-server "$bootstrap" "$@"; }

echo "# Kafka's own tools"
topic=tools-$run
group=tools-group-$run

topics --list >/dev/null

# kafka-topics
fits "topics: create" "Created topic $topic" "$(topics --create --topic "$topic" --partitions 2 --config retention.ms=3600000)"
fits "topics: create again" "already exists" "$(topics --create --topic "$topic")"
equal "topics: list" "$topic" "$(topics --list | grep -Fx "$topic")"
described=$(topics --describe --topic "$topic")
fits "topics: describe" "PartitionCount: 2" "$described"
fits "topics: describe configs" "retention.ms=3600000" "$described"
topics --alter --topic "$topic" --partitions 3 >/dev/null
fits "topics: alter" "PartitionCount: 3" "$(topics --describe --topic "$topic")"
fits "topics: unknown" "does not exist" "$(topics --describe --topic "missing-$run")"

# kafka-configs
fits "configs: alter" "Completed updating config" "$(configs --alter --topic "$topic" --add-config max.message.bytes=500000)"
fits "configs: describe" "max.message.bytes=500000" "$(configs --describe --topic "$topic")"
fits "configs: delete" "Completed updating config" "$(configs --alter --topic "$topic" --delete-config max.message.bytes)"
fits "configs: a bad value" "InvalidConfigurationException" "$(configs --alter --topic "$topic" --add-config retention.ms=soon)"
user=tools-user-$run
fits "configs: a user's password" "Completed updating config" \
  "$(configs --alter --user "$user" --add-config 'SCRAM-SHA-256=[password=secret]')"
fits "configs: describe a user" "SCRAM-SHA-256=iterations=[0-9]+" "$(configs --describe --user "$user")"

# kafka-acls
fits "acls: add" "User:$user, host=\*, operation=READ" \
  "$(acls --add --allow-principal "User:$user" --operation Read --topic "$topic")"
fits "acls: list" "User:$user" "$(acls --list --topic "$topic")"
acls --remove --force --allow-principal "User:$user" --operation Read --topic "$topic" >/dev/null
equal "acls: remove" "" "$(acls --list --topic "$topic" | grep "User:$user")"

# kafka-console-producer and kafka-console-consumer
for number in {1..9}; do echo "key$((number % 3)):value$number"; done |
  produce --topic "$topic" --reader-property parse.key=true --reader-property key.separator=:
got=$(consume --topic "$topic" --from-beginning --max-messages 9 --formatter-property print.key=true | grep ^key | sort)
expected=$(for number in {1..9}; do printf 'key%s\tvalue%s\n' "$((number % 3))" "$number"; done | sort)
equal "console: keys and values" "$expected" "$got"
echo plain | produce --topic "$topic" --command-property acks=all --compression-codec zstd
fits "console: in a group" "Processed a total of 10 messages" \
  "$(consume --topic "$topic" --group "$group" --from-beginning --max-messages 10)"

# kafka-get-offsets
offsets=$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" | awk -F: '{sum += $3} END {print sum}')
equal "get-offsets: latest" 10 "$offsets"
offsets=$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" --time earliest | awk -F: '{sum += $3} END {print sum}')
equal "get-offsets: earliest" 0 "$offsets"

# kafka-consumer-groups
fits "groups: list" "$group" "$(groups --list)"
described=$(groups --describe --group "$group")
equal "groups: describe, committed" 10 "$(awk -v topic="$topic" '$2 == topic {sum += $4} END {print sum}' <<<"$described")"
equal "groups: describe, lag" 0 "$(awk -v topic="$topic" '$2 == topic {sum += $6} END {print sum + 0}' <<<"$described")"
fits "groups: state" "Empty" "$(groups --describe --group "$group" --state)"
groups --reset-offsets --group "$group" --topic "$topic" --to-earliest --execute >/dev/null
equal "groups: reset to earliest" 10 "$(groups --describe --group "$group" | awk -v topic="$topic" '$2 == topic {sum += $6} END {print sum}')"
fits "groups: delete offsets" "Successful" "$(groups --delete-offsets --group "$group" --topic "$topic")"
fits "groups: delete" "Deletion of requested consumer groups .* was successful" "$(groups --delete --group "$group")"
fits "groups: describe what is gone" "does not exist|not found" "$(groups --describe --group "$group")"

# kafka-delete-records
printf '{"partitions": [{"topic": "%s", "partition": 0, "offset": -1}, {"topic": "%s", "partition": 1, "offset": -1}, {"topic": "%s", "partition": 2, "offset": -1}], "version": 1}' \
  "$topic" "$topic" "$topic" >"$scratch/cut.json"
fits "delete-records" "low_watermark" \
  "$(tool DeleteRecordsCommand --bootstrap-server "$bootstrap" --offset-json-file "$scratch/cut.json")"
offsets=$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" --time earliest | awk -F: '{sum += $3} END {print sum}')
equal "delete-records: earliest" 10 "$offsets"

# kafka-verifiable-producer and kafka-verifiable-consumer
verified=verifiable-$run
topics --create --topic "$verified" --partitions 2 >/dev/null
sent=$(tool VerifiableProducer --bootstrap-server "$bootstrap" --topic "$verified" --max-messages 1000 --acks -1)
fits "verifiable producer: all acknowledged" '"sent":1000,"acked":1000' "$sent"
for protocol in classic consumer; do
  got=$(timeout 60 java -Dlog4j2.configurationFile="$here/../java/log4j2.properties" -cp "$room/lib/*" \
    org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$bootstrap" --topic "$verified" \
    --group-id "verifiable-$protocol-$run" --group-protocol "$protocol" --max-messages 1000 --reset-policy earliest 2>&1)
  # The first count of a line is its sum; those of its partitions follow.
  counted=$(sed -n '/"name":"records_consumed"/s/"partitions":.*//p' <<<"$got" | grep -o '"count":[0-9]*' |
    awk -F: '{sum += $2} END {print sum}')
  equal "verifiable consumer ($protocol): every record" 1000 "$counted"
  fits "verifiable consumer ($protocol): commits" '"name":"offsets_committed".*"success":true|"success":true.*"name":"offsets_committed"' "$got"
done

# kafka-transactions
fits "transactions: list" "TransactionalId" "$(tool TransactionsCommand --bootstrap-server "$bootstrap" list)"
fits "transactions: producers" "ProducerId" \
  "$(tool TransactionsCommand --bootstrap-server "$bootstrap" describe-producers --topic "$verified" --partition 0)"

# kafka-console-share-consumer and kafka-share-groups
share=share-$run
configs --alter --entity-type groups --entity-name "$share" --add-config share.auto.offset.reset=earliest >/dev/null
fits "share consumer" "Processed a total of 1000 messages" \
  "$(tool consumer.ConsoleShareConsumer --bootstrap-server "$bootstrap" --topic "$verified" --group "$share" --max-messages 1000 --timeout-ms 20000)"
fits "share groups: list" "$share" "$(tool consumer.group.ShareGroupCommand --bootstrap-server "$bootstrap" --list)"

# kafka-groups
fits "kafka-groups" "verifiable-consumer-$run +Consumer +consumer" "$(tool GroupsCommand --bootstrap-server "$bootstrap" --list)"

fits "topics: delete" "^$" "$(topics --delete --topic "$topic")"
equal "topics: gone" "" "$(topics --list | grep -Fx "$topic")"

echo "$passed passed, $failed failed"
((failed == 0))
