"""Administration of topics; producing and consuming records."""

import time

from kafka import OffsetSpec, TopicPartition
from kafka.admin import ConfigResource

from kafka_python_world import admin, consumer, error, name, payloads, poll_until, produce, read, topic, values

# Much older records may be deleted by their age while they are read.
HOUR_AGO = int(time.time()) * 1000 - 3_600_123


def topics(checks):
    of = topic(3, retention_ms=3_600_000)
    checks.true("create and list", of in admin().list_topics())
    described = admin().describe_topics([of])[0]
    checks.equal("describe", sorted(each["partition_index"] for each in described["partitions"]), [0, 1, 2])
    checks.true("describe the cluster", len(admin().describe_cluster()["brokers"]) >= 1)
    create = lambda wanted: error(lambda: admin().create_topics(wanted))
    checks.equal("create what exists", create({of: {}}), "TopicAlreadyExistsError")
    checks.equal("a bad name", create({"no spaces": {}}), "InvalidTopicError")
    checks.equal("no partitions", create({name("bad"): {"num_partitions": 0}}), "InvalidPartitionsError")
    checks.equal("a bad value", create({name("bad"): {"configs": {"retention.ms": "soon"}}}), "InvalidConfigurationError")
    admin().create_partitions({of: 5})
    checks.eventually("more partitions", lambda: len(admin().describe_topics([of])[0]["partitions"]) == 5)
    fewer = error(lambda: admin().create_partitions({of: 2}))
    checks.equal("fewer partitions", fewer, "InvalidPartitionsError")
    admin().delete_topics([of])
    checks.eventually("delete", lambda: of not in admin().list_topics())
    checks.equal("delete again", error(lambda: admin().delete_topics([of])), "UnknownTopicOrPartitionError")


def configurations(checks):
    of = topic(retention_ms=3_600_000)

    def value(key):
        found = admin().describe_configs([ConfigResource("topic", of)], config_filter="all")
        (of_kind,) = found.values()
        return of_kind[of][key]["value"]

    checks.equal("describe what was set", value("retention.ms"), "3600000")
    checks.equal("describe a default", value("cleanup.policy"), "delete")
    admin().alter_configs([ConfigResource("topic", of, {"retention.ms": "7200000"})])
    checks.eventually("alter", lambda: value("retention.ms") == "7200000")
    bad = lambda: admin().alter_configs([ConfigResource("topic", of, {"retention.ms": "soon"})])
    checks.true("a bad value", "InvalidConfigurationError" in refusal(bad), refusal(bad))
    admin().reset_configs([ConfigResource("topic", of, ["retention.ms"])])
    checks.eventually("reset", lambda: value("retention.ms") == "604800000")


def refusal(call):
    """The error of an alteration, which the client raises or returns for each resource."""
    got = error(call)
    if isinstance(got, str):
        return got
    (of_kind,) = got.values()
    (outcome,) = of_kind.values()
    return str(outcome)


def deleted_records(checks):
    of = topic()
    produce(of, values(10))
    partition = TopicPartition(of, 0)
    admin().delete_records({partition: 4})
    reader = consumer()
    checks.equal("beginning after a cut", reader.beginning_offsets([partition]), {partition: 4})
    checks.equal("end after a cut", reader.end_offsets([partition]), {partition: 10})
    checks.equal("reading starts there", payloads(read(of, 6))[0], b"v4")
    beyond = error(lambda: admin().delete_records({partition: 99}))
    checks.equal("beyond the end", beyond, "OffsetOutOfRangeError")
    latest = admin().list_partition_offsets({partition: OffsetSpec.LATEST})[partition].offset
    checks.equal("list offsets", latest, 10)
    reader.close()


def partitions_and_acknowledgements(checks):
    of = topic(4)
    explicit = produce(of, [{"value": b"x", "partition": partition} for partition in (3, 0, 3)])
    checks.equal("an explicit partition", explicit, [(3, 0), (0, 0), (3, 1)])
    keyed = produce(of, [{"key": b"k%d" % (number % 8), "value": b"x"} for number in range(80)])
    by_key = [{partition for partition, _ in keyed[key::8]} for key in range(8)]
    checks.true("one partition a key", all(len(each) == 1 for each in by_key), by_key)
    checks.true("keys spread", len(set.union(*by_key)) > 1, by_key)
    for acks in (0, 1, "all"):
        of = topic()
        produce(of, values(20), acks=acks, enable_idempotence=False)
        checks.equal(f"acks={acks}", payloads(read(of, 20)), [b"v%d" % n for n in range(20)])
    of = topic()
    produce(of, values(3000))
    checks.equal("idempotent by default, in order", payloads(read(of, 3000)), [b"v%d" % n for n in range(3000)])


def codecs(checks):
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        of = topic()
        records = [{"key": b"%d" % n, "value": b"a rather repetitive value " * 20 + b"%d" % n} for n in range(100)]
        reports = produce(of, records, compression_type=codec, linger_ms=20)
        checks.equal(f"{codec} reports offsets", reports, [(0, number) for number in range(100)])
        got = [(each.key, each.value) for each in read(of, 100)]
        checks.equal(f"{codec} is read", got, [(each["key"], each["value"]) for each in records])


def record_parts(checks):
    of = topic()
    headers = [("a", b"1"), ("b", b""), ("a", b"2"), ("bytes", b"\x00\xff")]
    stamp = HOUR_AGO
    produce(of, [
        {"key": b"k", "value": b"v", "headers": headers, "timestamp_ms": stamp},
        {"value": b"no key"}, {"key": b"no value"}, {"key": b"", "value": b""},
    ])
    got = read(of, 4)
    checks.equal("headers", list(got[0].headers), headers)
    checks.equal("a given timestamp", (got[0].timestamp, got[0].timestamp_type), (stamp, 0))
    checks.equal("keys and values", [(each.key, each.value) for each in got],
                 [(b"k", b"v"), (None, b"no key"), (b"no value", None), (b"", b"")])
    of = topic(message_timestamp_type="LogAppendTime")
    produce(of, [{"value": b"x", "timestamp_ms": stamp}])
    appended = read(of, 1)[0]
    checks.equal("append time", appended.timestamp_type, 1)
    checks.true("append time is now", abs(appended.timestamp / 1000 - time.time()) < 60, appended.timestamp)


def sizes(checks):
    of = topic()
    large = bytes(900_000)
    checks.equal("900 KB", produce(of, [{"value": large}] * 3), [(0, 0), (0, 1), (0, 2)])
    checks.equal("900 KB is read", [len(each.value) for each in read(of, 3)], [900_000] * 3)
    refused = produce(of, [{"value": bytes(1_500_000)}], max_request_size=2_000_000)
    checks.equal("too large", refused, ["MessageSizeTooLargeError"])
    compacted = topic(cleanup_policy="compact")
    checks.equal("no key on a compacted topic", produce(compacted, values(1)), ["InvalidRecordError"])


def positions(checks):
    of = topic()
    base = HOUR_AGO
    produce(of, [{"value": b"v%d" % n, "timestamp_ms": base + n * 1000} for n in range(5)])
    partition = TopicPartition(of, 0)
    reader = consumer()
    reader.assign([partition])
    found = reader.offsets_for_times({partition: base + 2500})[partition]
    checks.equal("offset for a time", (found.offset, found.timestamp), (3, base + 3000))
    checks.equal("no offset after all", reader.offsets_for_times({partition: base + 99_000})[partition], None)
    reader.seek(partition, 3)
    checks.equal("from an offset", payloads(poll_until(reader, lambda got: len(got) >= 2)), [b"v3", b"v4"])
    checks.equal("position", reader.position(partition), 5)
    reader.seek_to_end(partition)
    checks.equal("at the end", reader.position(partition), 5)
    reader.seek_to_beginning(partition)
    checks.equal("from the beginning", len(poll_until(reader, lambda got: len(got) >= 5)), 5)
    reader.pause(partition)
    produce(of, values(1, "late"))
    checks.equal("paused", reader.poll(500), {})
    reader.resume(partition)
    checks.equal("resumed", payloads(poll_until(reader, len)), [b"late0"])
    reader.close()
    strict = consumer(auto_offset_reset="none")
    strict.assign([partition])
    strict.seek(partition, 99)
    checks.equal("an offset out of range", error(lambda: poll_until(strict, len)), "OffsetOutOfRangeError")
    strict.close()
    checks.equal("an unknown topic has no partitions", error(lambda: unknown_partitions()), None)


def unknown_partitions():
    reader = consumer(allow_auto_create_topics=False)
    try:
        return reader.partitions_for_topic(name("missing")) or None
    finally:
        reader.close()


FAMILIES = (topics, configurations, deleted_records, partitions_and_acknowledgements, codecs, record_parts, sizes,
            positions)
