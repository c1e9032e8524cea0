"""What every check with confluent-kafka needs: clients with default settings, names of this run, and short loops."""

import itertools
import os
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ["BOLE_STREAMS_BOOTSTRAP"]
RUN = f"{os.getpid():x}-{int(time.time()):x}"
TIMEOUT = 20

_numbers = itertools.count()
_admin = None


def name(prefix):
    """A name that no other run uses."""
    return f"{prefix}-{RUN}-{next(_numbers)}"


def admin():
    global _admin
    if _admin is None:
        _admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    return _admin


def producer(**config):
    return Producer({"bootstrap.servers": BOOTSTRAP} | dotted(config))


def consumer(group=None, **config):
    base = {"bootstrap.servers": BOOTSTRAP, "group.id": group or name("group"), "auto.offset.reset": "earliest"}
    return Consumer(base | dotted(config))


def dotted(config):
    return {key.replace("_", "."): value for key, value in config.items()}


def topic(partitions=1, prefix="topic", **config):
    """Creates a topic and returns its name."""
    created = name(prefix)
    settings = {key: str(value) for key, value in dotted(config).items()}
    admin().create_topics([NewTopic(created, num_partitions=partitions, config=settings)])[created].result(TIMEOUT)
    return created


def code(call):
    """The name of the error that `call` raises or returns, or what it returned instead."""
    try:
        got = call()
    except KafkaException as raised:
        return raised.args[0].name()
    return got.name() if isinstance(got, KafkaError) else got


def outcome(futures):
    """The only future of a dictionary: its result, or the name of its error."""
    (future,) = futures.values()
    return code(lambda: future.result(TIMEOUT))


def produce(to, records, with_producer=None, **config):
    """Sends records, each a dictionary of arguments of `produce`; returns (partition, offset) or the error's name."""
    sender = with_producer or producer(**config)
    reports = [None] * len(records)
    for index, record in enumerate(records):

        def delivered(error, message, index=index):
            reports[index] = error.name() if error else (message.partition(), message.offset())

        sender.produce(to, on_delivery=delivered, **record)
        sender.poll(0)
    sender.flush(TIMEOUT)
    return reports


def values(count, prefix="v"):
    return [{"value": f"{prefix}{number}".encode()} for number in range(count)]


def poll_until(reader, enough, seconds=TIMEOUT):
    """Polls until `enough(messages)` holds or time is up; returns the messages."""
    messages, deadline = [], time.monotonic() + seconds
    while not enough(messages) and time.monotonic() < deadline:
        message = reader.poll(0.1)
        if message is not None:
            messages.append(message)
    return messages


def read(of, count, partitions=(0,), offset=OFFSET_BEGINNING, **config):
    """Reads `count` messages from an offset of some partitions without joining a group."""
    reader = consumer(**config)
    reader.assign([TopicPartition(of, partition, offset) for partition in partitions])
    messages = poll_until(reader, lambda messages: len(messages) >= count)
    reader.close()
    return messages


def read_to_end(of, partition=0, seconds=TIMEOUT, **config):
    """Reads a partition until the client says that its end is reached; returns (messages, position)."""
    reader = consumer(enable_partition_eof=True, **config)
    reader.assign([TopicPartition(of, partition, OFFSET_BEGINNING)])
    messages, deadline, position = [], time.monotonic() + seconds, None
    while position is None and time.monotonic() < deadline:
        message = reader.poll(0.1)
        if message is None:
            continue
        if message.error() is None:
            messages.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            position = message.offset()
    reader.close()
    return messages, position


def payloads(messages):
    return [message.value() for message in messages]
