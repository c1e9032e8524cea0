"""Transactions: what readers see, consume-transform-produce, fencing; and share groups."""

from confluent_kafka import AcknowledgeType, IsolationLevel, KafkaException, ShareConsumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec, ResourceType

from confluent_world import (
    BOOTSTRAP, TIMEOUT, admin, code, consumer, name, outcome, payloads, poll_until, produce, producer, read_to_end,
    topic, values,
)


def transactional(identity=None, **config):
    started = producer(transactional_id=identity or name("transaction"), **config)
    started.init_transactions(TIMEOUT)
    return started


def seen(of, level):
    messages, _ = read_to_end(of, isolation_level=level)
    return payloads(messages)


def commit_and_abort(checks):
    of = topic()
    sender = transactional()
    sender.begin_transaction()
    produce(of, values(3, "committed"), sender)
    checks.equal("open: hidden from read_committed", seen(of, "read_committed"), [])
    checks.equal("open: visible to read_uncommitted", len(seen(of, "read_uncommitted")), 3)
    sender.commit_transaction(TIMEOUT)
    committed = [b"committed0", b"committed1", b"committed2"]
    # The end of a transaction is answered when it is decided; its markers follow.
    checks.becomes("committed: visible", lambda: seen(of, "read_committed"), committed)
    sender.begin_transaction()
    produce(of, values(2, "aborted"), sender)
    sender.abort_transaction(TIMEOUT)
    checks.equal("aborted: hidden from read_committed", seen(of, "read_committed"), committed)
    checks.equal("aborted: visible to read_uncommitted", seen(of, "read_uncommitted"),
                 committed + [b"aborted0", b"aborted1"])
    checks.becomes("markers take offsets", lambda: read_to_end(of, isolation_level="read_committed")[1], 7)
    sender.begin_transaction()
    produce(of, values(1, "later"), sender)
    offset = lambda level: outcome(admin().list_offsets({TopicPartition(of, 0): OffsetSpec.latest()},
                                                        isolation_level=level)).offset
    checks.equal("last stable offset", offset(IsolationLevel.READ_COMMITTED), 7)
    checks.equal("high watermark", offset(IsolationLevel.READ_UNCOMMITTED), 8)
    sender.abort_transaction(TIMEOUT)
    sender.begin_transaction()
    checks.equal("an empty transaction commits", code(lambda: sender.commit_transaction(TIMEOUT)), None)


def several(checks):
    first, second = topic(2), topic(1)
    sender, other = transactional(), transactional()
    sender.begin_transaction()
    other.begin_transaction()
    produce(first, [{"value": b"a", "partition": 0}, {"value": b"b", "partition": 1}], sender)
    produce(second, values(1, "c"), sender)
    produce(second, values(1, "d"), other)
    produce(second, values(1, "e"))
    checks.equal("a record behind an open transaction waits", seen(second, "read_committed"), [])
    sender.commit_transaction(TIMEOUT)
    checks.becomes("over two topics", lambda: seen(first, "read_committed"), [b"a"])
    checks.becomes("up to the other open one", lambda: seen(second, "read_committed"), [b"c0"])
    other.abort_transaction(TIMEOUT)
    checks.becomes("both decided", lambda: seen(second, "read_committed"), [b"c0", b"e0"])


def consume_transform_produce(checks):
    source, target, group = topic(2), topic(), name("group")
    produce(source, [{"value": b"%d" % n, "partition": n % 2} for n in range(20)])
    sender = transactional()
    reader = consumer(group, enable_auto_commit=False)
    reader.subscribe([source])

    def one_round(count, decide):
        messages = poll_until(reader, lambda messages: len(messages) >= count)
        sender.begin_transaction()
        produce(target, [{"value": b"doubled %d" % (int(each.value()) * 2)} for each in messages], sender)
        at = reader.position(reader.assignment())
        sender.send_offsets_to_transaction([each for each in at if each.offset >= 0], reader.consumer_group_metadata(),
                                           TIMEOUT)
        decide(TIMEOUT)
        return messages

    committed = lambda: sum(max(each.offset, 0) for each in
                            reader.committed([TopicPartition(source, 0), TopicPartition(source, 1)], TIMEOUT))
    one_round(20, sender.abort_transaction)
    checks.equal("aborted offsets are not committed", committed(), 0)
    checks.equal("aborted results are not seen", seen(target, "read_committed"), [])
    for partition in (0, 1):
        reader.seek(TopicPartition(source, partition, 0))
    one_round(20, sender.commit_transaction)
    checks.becomes("offsets are committed with the results", committed, 20)
    expected = sorted(b"doubled %d" % (n * 2) for n in range(20))
    checks.becomes("each result once", lambda: sorted(seen(target, "read_committed")), expected)
    reader.close()


def fencing(checks):
    of, identity = topic(), name("transaction")
    zombie = transactional(identity)
    zombie.begin_transaction()
    produce(of, values(1, "zombie"), zombie)
    successor = transactional(identity)
    checks.becomes("the zombie's transaction is aborted", lambda: seen(of, "read_committed"), [])
    try:
        zombie.commit_transaction(TIMEOUT)
        fenced = "committed"
    except KafkaException as raised:
        fenced = (raised.args[0].name(), raised.args[0].fatal())
    checks.among("the zombie is fenced", fenced,
                 [("_FENCED", True), ("FENCED", True), ("PRODUCER_FENCED", True), ("INVALID_PRODUCER_EPOCH", True)])
    successor.begin_transaction()
    produce(of, values(1, "successor"), successor)
    successor.commit_transaction(TIMEOUT)
    checks.becomes("its successor goes on", lambda: seen(of, "read_committed"), [b"successor0"])


def time_limits(checks):
    of = topic()
    late = transactional(transaction_timeout_ms=1000)
    late.begin_transaction()
    produce(of, values(1, "late"), late)
    produce(of, values(1, "after"))
    # Kafka looks for transactions that are out of time every ten seconds.
    checks.eventually("an abandoned transaction is aborted", lambda: seen(of, "read_committed") == [b"after0"], 40)
    # More than the broker's transaction.max.timeout.ms, a quarter of an hour by default.
    too_long = producer(transactional_id=name("transaction"), transaction_timeout_ms=2_000_000)
    refused = code(lambda: too_long.init_transactions(TIMEOUT))
    checks.equal("a time limit above the broker's", refused, "INVALID_TRANSACTION_TIMEOUT")


def share_group(of, group=None, **config):
    """A share consumer in a new group that starts at the beginning of the topic."""
    group = group or name("share")
    earliest = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
    outcome(admin().incremental_alter_configs(
        [ConfigResource(ResourceType.GROUP, group, incremental_configs=[earliest])]))
    settings = {"bootstrap.servers": BOOTSTRAP, "group.id": group}
    member = lambda: ShareConsumer(settings | {key.replace("_", "."): value for key, value in config.items()})
    first = member()
    first.subscribe([of])
    return first, member


def share_until(readers, enough, handle=lambda reader, message: None):
    import time

    got, deadline = [], time.monotonic() + TIMEOUT
    while not enough(got) and time.monotonic() < deadline:
        for reader in readers:
            for message in reader.poll(0.2):
                if message.error() is None:
                    handle(reader, message)
                    got.append(message)
    return got


def share_groups(checks):
    of = topic(2)
    produce(of, [{"value": b"%d" % n, "partition": n % 2} for n in range(50)])
    first, member = share_group(of)
    second = member()
    second.subscribe([of])
    got = share_until([first, second], lambda got: len(got) >= 50)
    checks.equal("two members share every record", sorted(int(each.value()) for each in got), list(range(50)))
    first.commit_sync(TIMEOUT)
    second.commit_sync(TIMEOUT)
    produce(of, values(1, "more"))
    checks.equal("more than members is no limit", payloads(share_until([first, second], len)), [b"more0"])
    first.close()
    second.close()


def share_acknowledgements(checks):
    of = topic()
    produce(of, values(3))
    reader, _ = share_group(of, share_acknowledgement_mode="explicit")
    kinds = {b"v0": AcknowledgeType.ACCEPT, b"v1": AcknowledgeType.RELEASE, b"v2": AcknowledgeType.REJECT}
    decide = lambda reader, message: reader.acknowledge(message, kinds[message.value()])
    got = share_until([reader], lambda got: len(got) >= 3, decide)
    checks.equal("three records", payloads(got), [b"v0", b"v1", b"v2"])
    reader.commit_sync(TIMEOUT)
    again = share_until([reader], len, lambda reader, message: reader.acknowledge(message))
    checks.equal("only the released one comes again", payloads(again), [b"v1"])
    reader.commit_sync(TIMEOUT)
    reader.close()


FAMILIES = (commit_and_abort, several, consume_transform_produce, fencing, time_limits, share_groups,
            share_acknowledgements)
