"""confluent-kafka with its default settings against change feeds of databases: topics that nobody writes to.

BOLE_BINARY names the program. Starts a node of its own in a temporary folder, on free ports of 127.0.0.1, kills it and starts it again.

    python confluent_feeds.py [FAMILY...]
"""

import base64
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time

from bole_node import Node
from checks import Checks

SHARDS = 4
TOPIC, PARTITIONS = "changes.keyspace.0", range(SHARDS)


class Redis:
    """As much of a client as writes need."""

    def __init__(self, node):
        self.file = socket.create_connection(("127.0.0.1", node.ports["keyspace"]), 20).makefile("rwb")

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise OSError("the connection ended")
        if line.startswith(b"-"):
            raise RuntimeError(line.decode())
        if line.startswith(b"$") and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)[:-2]
        if line.startswith(b"*"):
            return [self.reply() for _ in range(int(line[1:]))]
        return line.strip()


FOLDER = tempfile.TemporaryDirectory(prefix="bole-feeds-")
NODE = Node(FOLDER.name, "streams.feeds=0,2", f"keyspace.shards={SHARDS}")
os.environ["BOLE_STREAMS_BOOTSTRAP"] = f"127.0.0.1:{NODE.ports['streams']}"

from confluent_kafka import (  # noqa: E402 the world reads the variable
    OFFSET_BEGINNING, Consumer, KafkaError, ShareConsumer, TopicCollection, TopicPartition,
)
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType  # noqa: E402

from confluent_world import (  # noqa: E402
    BOOTSTRAP, TIMEOUT, admin, consumer, name, outcome, poll_until, produce, read_to_end,
)


def slot(key):
    """The number of Redis's slot: CRC16/XMODEM."""
    crc = 0
    for byte in key:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % 16384


def told(message):
    """What a record says, with its key and its headers checked against its value."""
    value = json.loads(message.value())
    headers = dict(message.headers())
    assert headers["operation"] == value["operation"].encode(), headers
    return value


def shown(partition, **config):
    messages, position = read_to_end(TOPIC, partition, **config)
    return [told(message) for message in messages], position


def of_key(key, operations, database="0"):
    """What the feed tells of one key, once it tells of `operations` changes."""
    reader = consumer()
    of = f"changes.keyspace.{database}"
    reader.assign([TopicPartition(of, slot(key) * SHARDS // 16384, OFFSET_BEGINNING)])
    is_of_key = lambda message: message.error() is None and message.key() == key
    got = poll_until(reader, lambda all: sum(map(is_of_key, all)) >= operations)
    reader.close()
    return [message for message in got if is_of_key(message)]


def operations(checks):
    redis = Redis(NODE)
    key = name("key").encode()
    rows = [
        (("SET", key, "v"), {"operation": "set", "value": "v"}),
        (("APPEND", key, b"\xff\x00"), {"operation": "append", "value": {"base64": base64.b64encode(b"\xff\x00").decode()}}),
        (("SET", key, "ä\"\\\n", "PXAT", 7000000000000), {"operation": "set", "value": "ä\"\\\n", "expires_at": 7000000000000}),
        (("PERSIST", key), {"operation": "persist"}),
        (("DEL", key), {"operation": "del"}),
        (("HSET", key, "f", "1", "g", "2"), {"operation": "hset", "fields": [["f", "1"], ["g", "2"]]}),
        (("HDEL", key, "f"), {"operation": "hdel", "fields": ["f"]}),
        (("DEL", key), {"operation": "del"}),
        (("RPUSH", key, "a", "b", "c"), {"operation": "rpush", "values": ["a", "b", "c"]}),
        (("LPOP", key), {"operation": "lpop", "count": 1}),
        (("DEL", key), {"operation": "del"}),
        (("ZADD", key, "1.5", "m", "-inf", "n"), {"operation": "zadd", "members": [["m", 1.5], ["n", "-inf"]]}),
        (("ZREM", key, "n"), {"operation": "zrem", "members": ["n"]}),
        (("DEL", key), {"operation": "del"}),
        (("SADD", key, "m"), {"operation": "sadd", "members": ["m"]}),
    ]
    before = int(time.time() * 1000)
    for words, _ in rows:
        redis(*words)
    messages = of_key(key, len(rows))
    for (words, expected), message in zip(rows, messages):
        checks.equal(f"{words[0]} {expected['operation']}", told(message), expected | {"key": key.decode()})
    checks.equal("nothing else", len(messages), len(rows))
    offsets = [message.offset() for message in messages]
    checks.true("offsets rise", offsets == sorted(set(offsets)), offsets)
    times = [message.timestamp()[1] for message in messages]
    checks.true("times are those of the changes", before <= times[0] <= times[-1] <= int(time.time() * 1000), times)
    checks.equal("the database", dict(messages[0].headers()), {"operation": b"set", "database": b"0"})
    redis("SELECT", 2)
    redis("SET", key, "elsewhere")
    checks.equal("another database", [told(message)["value"] for message in of_key(key, 1, "2")], ["elsewhere"])
    large = b"x" * 700_000
    redis("SELECT", 0)
    redis("MSET", key + b"{t}", large, key + b"{t}2", large)
    reader = consumer()
    partition = slot(b"t") * SHARDS // 16384
    reader.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING)])
    is_large = lambda message: message.error() is None and dict(message.headers())["operation"] == b"transaction"
    got = [told(message) for message in poll_until(reader, lambda all: any(map(is_large, all))) if is_large(message)]
    reader.close()
    checks.equal("a large transaction is one record", [[len(change["value"]) for change in one["changes"]] for one in got],
                 [[700_000, 700_000]])


def each_once(checks):
    """Numbers are pushed to lists while the node is stopped and killed; a reader that never closes gets each once, in order."""
    lists = [name("list").encode() for _ in range(8)]
    done, written, lost = threading.Event(), [0] * len(lists), []

    def write():
        redis, number = None, 0
        while not done.is_set() or number % len(lists):
            try:
                redis = redis or Redis(NODE)
                at = number % len(lists)
                # A push that was not answered may have happened: the length says.
                there = int(redis("LLEN", lists[at])[1:])
                if there == written[at]:
                    redis("RPUSH", lists[at], written[at])
                elif there != written[at] + 1:
                    lost.append((lists[at], there, written[at]))
                written[at] += 1
                number += 1
                time.sleep(0.001)
            except (OSError, RuntimeError, ValueError):
                redis = None
                time.sleep(0.05)

    quiet = {"log_level": 0, "error_cb": lambda error: None}
    reader = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": name("group"), "isolation.level": "read_committed"} | quiet)
    reader.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in PARTITIONS])
    got = {each: [] for each in lists}
    places = set()

    def take(message):
        if message.error() is None and message.key() in got:
            got[message.key()].extend(int(value) for value in told(message)["values"])
            places.add((message.partition(), message.offset()))

    writer = threading.Thread(target=write)
    writer.start()
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, None):
        until = time.monotonic() + 2
        while time.monotonic() < until:
            message = reader.poll(0.1)
            if message is not None:
                take(message)
        if how is not None:
            NODE.end(how)
            NODE.start()
    done.set()
    writer.join()
    deadline = time.monotonic() + TIMEOUT
    while sum(map(len, got.values())) < sum(written) and time.monotonic() < deadline:
        message = reader.poll(0.1)
        if message is not None:
            take(message)
    reader.close()
    checks.equal("nothing that was acknowledged is lost", lost[:1], [])
    checks.true("much was written", min(written) > 20, written)
    checks.equal("each change once, in order", [got[each] for each in lists], [list(range(count)) for count in written])
    checks.equal("an offset for each", len(places), sum(written))


def ends(checks):
    """Every partition has at least the entries by which starts announced themselves; readers get over them."""
    for isolation in ("read_uncommitted", "read_committed"):
        for partition in PARTITIONS:
            reader = consumer()
            low, high = reader.get_watermark_offsets(TopicPartition(TOPIC, partition), TIMEOUT)
            reader.close()
            got, position = shown(partition, isolation_level=isolation)
            checks.true(f"{isolation}: partition {partition} is read to its end", position >= high > low, (low, high, position))
    reader = consumer(auto_offset_reset="error")
    _, high = reader.get_watermark_offsets(TopicPartition(TOPIC, 0), TIMEOUT)
    reader.assign([TopicPartition(TOPIC, 0, high + 1000)])
    errors = lambda all: [message for message in all if message.error() is not None]
    got = errors(poll_until(reader, errors))
    checks.true("beyond the end", got and got[0].error().code() == KafkaError._AUTO_OFFSET_RESET, got)
    reader.close()


def times(checks):
    redis = Redis(NODE)
    key = name("time").encode()
    partition = slot(key) * SHARDS // 16384
    redis("SET", key, "before")
    time.sleep(0.02)
    between = int(time.time() * 1000)
    time.sleep(0.02)
    redis("SET", key, "after")
    first, second = of_key(key, 2)
    reader = consumer()
    find = lambda at: reader.offsets_for_times([TopicPartition(TOPIC, partition, at)], TIMEOUT)[0].offset
    checks.equal("the first at or after a time", find(between), second.offset())
    checks.equal("at the time itself", find(second.timestamp()[1]), second.offset())
    checks.true("before all", find(0) <= first.offset(), find(0))
    checks.equal("after all", find(between + 10_000_000), -1)
    reader.close()


def groups(checks):
    redis = Redis(NODE)
    keys = [name("grouped").encode() for _ in range(20)]
    group = name("group")
    for protocol in ("classic", "consumer"):
        config = {"group_protocol": protocol}
        for key in keys:
            redis("SET", key, protocol)
        first, second = consumer(group + protocol, **config), consumer(group + protocol, **config)
        got = []
        for reader in (first, second):
            reader.subscribe([TOPIC])
        mine = lambda message: message.error() is None and message.key() in keys and told(message)["value"] == protocol
        owned = lambda: sorted(len(reader.assignment()) for reader in (first, second))
        deadline = time.monotonic() + TIMEOUT
        while (len(got) < len(keys) or owned() != [2, 2]) and time.monotonic() < deadline:
            for reader in (first, second):
                got.extend(message.key() for message in reader.consume(500, 0.05) if mine(message))
        checks.equal(f"{protocol}: two members get all of it", sorted(got), sorted(keys))
        checks.equal(f"{protocol}: each partition has one", owned(), [2, 2])
        first.close()
        second.close()
        redis("SET", keys[0], "more")
        again = consumer(group + protocol, **config)
        again.subscribe([TOPIC])
        more = poll_until(again, len)
        checks.equal(f"{protocol}: goes on where the group was", [told(each)["value"] for each in more], ["more"])
        again.close()


def share_groups(checks):
    redis = Redis(NODE)
    group, keys = name("share"), [name("shared").encode() for _ in range(30)]
    earliest = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
    outcome(admin().incremental_alter_configs([ConfigResource(ResourceType.GROUP, group, incremental_configs=[earliest])]))
    members = [ShareConsumer({"bootstrap.servers": BOOTSTRAP, "group.id": group}) for _ in range(2)]
    for member in members:
        member.subscribe([TOPIC])
    for key in keys:
        redis("SET", key, "v")
    got, deadline = [], time.monotonic() + TIMEOUT
    while len(got) < len(keys) and time.monotonic() < deadline:
        for member in members:
            got.extend(message.key() for message in member.poll(0.2) if message.error() is None and message.key() in keys)
    checks.equal("members share all of it", sorted(got), sorted(keys))
    for member in members:
        member.close()


def read_only(checks):
    checks.equal("produce", produce(TOPIC, [{"value": b"v"}]), ["TOPIC_EXCEPTION"])
    checks.equal("create", outcome(admin().create_topics([NewTopic("changes.mine", 1)])), "TOPIC_EXCEPTION")
    checks.equal("create its name", outcome(admin().create_topics([NewTopic(TOPIC, 1)])), "TOPIC_EXCEPTION")
    checks.equal("delete", outcome(admin().delete_topics([TOPIC])), "TOPIC_EXCEPTION")
    checks.equal("more partitions", outcome(admin().create_partitions([NewPartitions(TOPIC, 9)])), "TOPIC_EXCEPTION")
    shorter = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[shorter])
    checks.equal("settings", outcome(admin().incremental_alter_configs([resource])), "TOPIC_EXCEPTION")
    gone = admin().delete_records([TopicPartition(TOPIC, 0, 1)])
    checks.equal("delete records", outcome(gone), "TOPIC_EXCEPTION")
    settings = outcome(admin().describe_configs([ConfigResource(ResourceType.TOPIC, TOPIC)]))
    checks.equal("what holds for it", settings["cleanup.policy"].value, "delete")
    checks.true("and cannot be changed", all(entry.is_read_only for entry in settings.values()))
    (description,) = admin().describe_topics(TopicCollection([TOPIC])).values()
    description = description.result(TIMEOUT)
    checks.true("is internal", description.is_internal)
    checks.equal("its partitions", len(description.partitions), SHARDS)
    listed = admin().list_topics(timeout=TIMEOUT).topics
    checks.equal("those that are enabled are listed", sorted(listed), ["changes.keyspace.0", "changes.keyspace.2"])
    missing = admin().list_topics("changes.keyspace.1", TIMEOUT).topics["changes.keyspace.1"]
    checks.equal("one that is not", missing.error.name(), "UNKNOWN_TOPIC_OR_PART")
    pattern = consumer()
    pattern.subscribe(["^changes\\..*"])
    poll_until(pattern, lambda _: len(pattern.assignment()) == 2 * SHARDS)
    checks.equal("a pattern finds them", len(pattern.assignment()), 2 * SHARDS)
    pattern.close()


checks = Checks()
try:
    for family in (operations, times, groups, share_groups, each_once, ends, read_only):
        if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
            checks.family(family)
finally:
    NODE.end(signal.SIGTERM)
    FOLDER.cleanup()
checks.finish()
