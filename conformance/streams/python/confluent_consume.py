"""Consuming without a group's help: where to start, where to go, what the client says at the edges."""

import time

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, TopicPartition

from confluent_world import TIMEOUT, code, consumer, name, payloads, poll_until, produce, read, read_to_end, topic, values


def starts(checks):
    of = topic()
    produce(of, values(10))
    checks.equal("from the beginning", payloads(read(of, 10)), [b"v%d" % n for n in range(10)])
    checks.equal("from an offset", payloads(read(of, 3, offset=7)), [b"v7", b"v8", b"v9"])
    messages, position = read_to_end(of)
    checks.equal("the end is told", (len(messages), position), (10, 10))
    reader = consumer()
    reader.assign([TopicPartition(of, 0, OFFSET_END)])
    reader.poll(0.5)
    checks.eventually("at the end", lambda: reader.poll(0.1) is None)
    produce(of, [{"value": b"new"}])
    checks.equal("from the end", payloads(poll_until(reader, len)), [b"new"])
    reader.seek(TopicPartition(of, 0, 4))
    checks.equal("seek back", poll_until(reader, len)[0].value(), b"v4")
    checks.equal("position", reader.position([TopicPartition(of, 0)])[0].offset, 5)
    checks.equal("watermarks", reader.get_watermark_offsets(TopicPartition(of, 0), TIMEOUT), (0, 11))
    reader.close()


def times(checks):
    of = topic()
    # An hour ago; much older records may be deleted by their age while they are read.
    base = int(time.time()) * 1000 - 3_600_000
    for number in range(5):
        produce(of, [{"value": b"v%d" % number, "timestamp": base + number * 1000}])
    reader = consumer()
    at = lambda stamp: reader.offsets_for_times([TopicPartition(of, 0, stamp)], TIMEOUT)[0].offset
    rows = [("exactly", base + 2000, 2), ("between", base + 2001, 3), ("before all", base - 1, 0), ("zero", 0, 0)]
    for what, stamp, expected in rows:
        checks.equal(f"offset for a time {what}", at(stamp), expected)
    checks.equal("offset for a time after all", at(base + 9_000_000), OFFSET_END)
    reader.close()


def batches(checks):
    of = topic()
    records = [{"value": b"x" * 1000} for _ in range(2000)]
    produce(of, records)
    reader = consumer()
    reader.assign([TopicPartition(of, 0, OFFSET_BEGINNING)])
    got = []
    deadline = time.monotonic() + TIMEOUT
    while len(got) < 2000 and time.monotonic() < deadline:
        got += reader.consume(500, 0.5)
    checks.equal("every offset once and in order", [each.offset() for each in got], list(range(2000)))
    reader.pause([TopicPartition(of, 0)])
    produce(of, [{"value": b"late"}])
    checks.equal("nothing while paused", reader.poll(0.5), None)
    reader.resume([TopicPartition(of, 0)])
    checks.equal("goes on when resumed", payloads(poll_until(reader, len)), [b"late"])
    reader.close()
    small = read(of, 2001, fetch_message_max_bytes=2000)
    checks.equal("with a small fetch size", len(small), 2001)


def edges(checks):
    of = topic()
    produce(of, values(5))
    reader = consumer(auto_offset_reset="error")
    reader.assign([TopicPartition(of, 0, 100)])
    errors = poll_until(reader, len)
    checks.equal("an offset out of range", errors[0].error().code(), KafkaError._AUTO_OFFSET_RESET)
    reader.close()
    checks.equal("out of range starts over", payloads(read(of, 1, offset=100, auto_offset_reset="earliest")), [b"v0"])
    reader = consumer(allow_auto_create_topics=False)
    reader.subscribe([name("missing")])
    errors = poll_until(reader, len)
    checks.equal("an unknown topic", errors and errors[0].error().name(), "UNKNOWN_TOPIC_OR_PART")
    watermarks = code(lambda: reader.get_watermark_offsets(TopicPartition(of, 9), TIMEOUT))
    checks.among("watermarks of an unknown partition", watermarks, ["_UNKNOWN_PARTITION", "UNKNOWN_TOPIC_OR_PART"])
    reader.close()


def several_partitions(checks):
    of = topic(6)
    produce(of, [{"value": b"%d" % n, "partition": n % 6} for n in range(600)])
    got = read(of, 600, partitions=range(6))
    checks.equal("all of six partitions", sorted(int(each.value()) for each in got), list(range(600)))
    for partition in range(6):
        offsets = [each.offset() for each in got if each.partition() == partition]
        checks.equal(f"partition {partition} in order", offsets, list(range(100)))


def waiting(checks):
    of = topic()
    reader = consumer()
    reader.assign([TopicPartition(of, 0, OFFSET_BEGINNING)])
    reader.poll(0.5)
    slowest = 0
    for number in range(5):
        start = time.monotonic()
        produce(of, [{"value": b"%d" % number}])
        checks.equal(f"record {number} wakes the reader", payloads(poll_until(reader, len)), [b"%d" % number])
        slowest = max(slowest, time.monotonic() - start)
    checks.true("a waiting fetch is answered at once", slowest < 2, slowest)
    reader.close()


FAMILIES = (starts, times, batches, edges, several_partitions, waiting)
