"""Producing: partitions, acknowledgements, codecs, headers, timestamps, sizes, and what the broker refuses."""

import time

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

from confluent_world import name, payloads, produce, producer, read, topic, values


def partitioning(checks):
    of = topic(4)
    explicit = produce(of, [{"value": b"x", "partition": partition} for partition in (3, 0, 3)])
    checks.equal("an explicit partition", explicit, [(3, 0), (0, 0), (3, 1)])
    keyed = produce(of, [{"key": b"k%d" % (number % 8), "value": b"x"} for number in range(80)])
    by_key = [{partition for partition, _ in keyed[key::8]} for key in range(8)]
    checks.true("one partition a key", all(len(each) == 1 for each in by_key), by_key)
    checks.true("keys spread over partitions", len(set.union(*by_key)) > 1, by_key)
    # librdkafka keeps to one partition for `sticky.partitioning.linger.ms` (10 ms), in which a fast broker takes many
    # batches, and then draws one at random, which may be the same.
    spread = set()
    sender = producer()
    end = time.monotonic() + 10
    while len(spread) < 2 and time.monotonic() < end:
        spread |= {partition for partition, _ in produce(of, values(5), with_producer=sender)}
    checks.true("records without a key spread", len(spread) > 1, spread)
    offsets = produce(of, [{"value": b"x", "partition": 1} for _ in range(100)])
    checks.equal("offsets rise by one", [offset - offsets[0][1] for _, offset in offsets], list(range(100)))


def acknowledgements(checks):
    for acks in ("0", "1", "all"):
        of = topic()
        reports = produce(of, values(20), acks=acks)
        checks.true(f"acks={acks} delivers", all(isinstance(each, tuple) for each in reports), reports)
        if acks != "0":
            checks.equal(f"acks={acks} reports offsets", reports[-1], (0, 19))
        checks.equal(f"acks={acks} can be read", payloads(read(of, 20)), [b"v%d" % n for n in range(20)])


def idempotence(checks):
    of = topic(2)
    count = 5000
    reports = produce(of, values(count), enable_idempotence=True, queue_buffering_max_messages=10_000)
    checks.true("an idempotent producer delivers", all(isinstance(each, tuple) for each in reports))
    got = read(of, count, partitions=(0, 1))
    checks.equal("every record once", sorted(payloads(got)), sorted(b"v%d" % number for number in range(count)))
    for partition in (0, 1):
        numbers = [int(message.value()[1:]) for message in got if message.partition() == partition]
        checks.equal(f"partition {partition} in order", numbers, sorted(numbers))


def codecs(checks):
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        of = topic()
        records = [{"key": b"%d" % n, "value": b"a rather repetitive value " * 20 + b"%d" % n} for n in range(200)]
        reports = produce(of, records, compression_type=codec, linger_ms=20)
        checks.equal(f"{codec} reports the last offset", reports[-1], (0, 199))
        got = read(of, 200)
        checks.equal(f"{codec} is read", [(each.key(), each.value()) for each in got],
                     [(each["key"], each["value"]) for each in records])
        checks.equal(f"{codec} read from the middle", payloads(read(of, 1, offset=150))[0], records[150]["value"])


def record_parts(checks):
    of = topic()
    headers = [("a", b"1"), ("b", b""), ("a", b"2"), ("none", None), ("bytes", b"\x00\xff"), ("\u00fc", "\u00e9".encode())]
    produce(of, [
        {"key": b"k", "value": b"v", "headers": headers},
        {"key": None, "value": b"no key"},
        {"key": b"no value", "value": None},
        {"key": b"", "value": b""},
        {"key": None, "value": None},
        {"key": b"\x00\xff\n", "value": b"\xff\x00"},
    ])
    got = read(of, 6)
    checks.equal("headers keep order, duplicates, empty and null", got[0].headers(), headers)
    checks.equal("no headers", got[1].headers(), None)
    checks.equal("null and empty keys and values", [(each.key(), each.value()) for each in got[1:]],
                 [(None, b"no key"), (b"no value", None), (b"", b""), (None, None), (b"\x00\xff\n", b"\xff\x00")])


def timestamps(checks):
    of = topic()
    # An hour ago; much older records may be deleted by their age while they are read.
    stamp = int(time.time()) * 1000 - 3_600_123
    produce(of, [{"value": b"x", "timestamp": stamp}, {"value": b"y"}])
    given, now = read(of, 2)
    checks.equal("a given timestamp", given.timestamp(), (TIMESTAMP_CREATE_TIME, stamp))
    checks.true("the time of the producer", abs(now.timestamp()[1] / 1000 - time.time()) < 60, now.timestamp())
    of = topic(message_timestamp_type="LogAppendTime")
    produce(of, [{"value": b"x", "timestamp": stamp}])
    kind, appended = read(of, 1)[0].timestamp()
    checks.equal("the time of the append", kind, TIMESTAMP_LOG_APPEND_TIME)
    checks.true("is now", abs(appended / 1000 - time.time()) < 60, appended)


def sizes(checks):
    of = topic()
    large = bytes(range(256)) * 3600  # 900 KiB, below the million bytes that a client allows by default
    checks.equal("900 KB", produce(of, [{"value": large}]), [(0, 0)])
    checks.equal("900 KB is read", payloads(read(of, 1)), [large])
    checks.equal("twelve of them", produce(of, [{"value": large}] * 12)[-1], (0, 12))
    checks.equal("twelve of them are read", len(read(of, 13)), 13)
    huge = {"value": bytes(1_200_000)}
    refused = produce(of, [huge], message_max_bytes=2_000_000)
    checks.equal("a message above max.message.bytes", refused, ["MSG_SIZE_TOO_LARGE"])
    small = topic(max_message_bytes=1000)
    checks.equal("a smaller limit of the topic", produce(small, [{"value": bytes(5000)}]), ["MSG_SIZE_TOO_LARGE"])
    checks.equal("below the smaller limit", produce(small, [{"value": bytes(500)}]), [(0, 0)])
    wide = topic(max_message_bytes=3_000_000)
    checks.equal("a larger limit of the topic", produce(wide, [huge], message_max_bytes=2_000_000), [(0, 0)])
    checks.equal("above the client's default is read", len(read(wide, 1)[0].value()), 1_200_000)


def refused_records(checks):
    of = topic(2)
    checks.equal("an unknown partition", produce(of, [{"value": b"x", "partition": 7}]), ["_UNKNOWN_PARTITION"])
    compacted = topic(cleanup_policy="compact")
    checks.equal("no key on a compacted topic", produce(compacted, [{"value": b"x"}]), ["INVALID_RECORD"])
    checks.equal("a key on a compacted topic", produce(compacted, [{"key": b"k", "value": b"x"}]), [(0, 0)])


def automatic_creation(checks):
    of = name("automatic")
    checks.equal("produce creates a topic", produce(of, [{"value": b"x"}]), [(0, 0)])
    checks.equal("which can be read", payloads(read(of, 1)), [b"x"])


FAMILIES = (partitioning, acknowledgements, idempotence, codecs, record_parts, timestamps, sizes, refused_records,
            automatic_creation)
