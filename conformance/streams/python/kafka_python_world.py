"""What every check with kafka-python needs: clients with default settings, names of this run, and short loops."""

import itertools
import os
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

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
        _admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    return _admin


def producer(**config):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **config)


def consumer(*topics, **config):
    config.setdefault("auto_offset_reset", "earliest")
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **config)


def topic(partitions=1, **config):
    created = name("topic")
    settings = {key.replace("_", "."): str(value) for key, value in config.items()}
    wanted = {created: {"num_partitions": partitions, "configs": settings}}
    admin().create_topics(wanted, wait_for_metadata=True)
    return created


def error(call):
    """The name of the error that `call` raises, or what it returned instead."""
    try:
        return call()
    except KafkaError as raised:
        return type(raised).__name__


def produce(to, records, sender=None, **config):
    """Sends records, each a dictionary of arguments of `send`; returns (partition, offset) or the error's name."""
    with_own = sender or producer(**config)
    futures = []
    for record in records:
        futures.append(error(lambda record=record: with_own.send(to, **record)))
    with_own.flush(TIMEOUT)
    reports = []
    for future in futures:
        got = future if isinstance(future, str) else error(lambda future=future: future.get(TIMEOUT))
        reports.append(got if isinstance(got, str) else (got.partition, got.offset))
    if sender is None:
        with_own.close()
    return reports


def values(count, prefix="v"):
    return [{"value": f"{prefix}{number}".encode()} for number in range(count)]


def poll_until(reader, enough, seconds=TIMEOUT):
    """Polls until `enough(records)` holds or time is up; returns the records."""
    records, deadline = [], time.monotonic() + seconds
    while not enough(records) and time.monotonic() < deadline:
        for batch in reader.poll(100).values():
            records.extend(batch)
    return records


def read(of, count, partitions=(0,), offset=0, **config):
    """Reads `count` records from an offset of some partitions without a group."""
    reader = consumer(**config)
    assigned = [TopicPartition(of, partition) for partition in partitions]
    reader.assign(assigned)
    for partition in assigned:
        reader.seek(partition, offset)
    records = poll_until(reader, lambda records: len(records) >= count)
    reader.close()
    return records


def read_to(of, end, **config):
    """Reads a partition until its position is `end`; returns the values."""
    reader = consumer(**config)
    partition = TopicPartition(of, 0)
    reader.assign([partition])
    reader.seek(partition, 0)
    records = poll_until(reader, lambda _: reader.position(partition) >= end)
    reader.close()
    return payloads(records)


def payloads(records):
    return [record.value for record in records]
