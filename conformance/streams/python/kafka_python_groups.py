"""Groups and their administration; transactions."""

import threading
import time

from kafka import OffsetAndMetadata, OffsetSpec, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from kafka_python_world import (
    admin, consumer, error, name, payloads, poll_until, produce, producer, read_to, topic, values,
)


# The client (3.0.12) loses an assignment for good that comes just when a poll's time is over: polls are longer than a join takes.
POLL_MS = 1000


class Members:
    """Members of one group, each polled by a thread of its own, as the client's blocking rebalance asks for."""

    def __init__(self, group, of):
        self.group, self.of, self.members, self.values, self.failures = group, of, {}, [], []

    def join(self, member, **config):
        stop = threading.Event()
        assigned = set()

        def run():
            try:
                reader = consumer(self.of, group_id=self.group, heartbeat_interval_ms=500, **config)
                while not stop.is_set():
                    for batch in reader.poll(POLL_MS).values():
                        self.values.extend(record.value for record in batch)
                    current = {each.partition for each in reader.assignment()}
                    assigned.intersection_update(current)
                    assigned.update(current)
                reader.close()
            except Exception as raised:
                self.failures.append(raised)

        thread = threading.Thread(target=run)
        thread.start()
        self.members[member] = (stop, thread, assigned)

    def leave(self, member):
        stop, thread, _ = self.members.pop(member)
        stop.set()
        thread.join()

    def assigned(self):
        return {member: sorted(assigned) for member, (_, _, assigned) in self.members.items()}

    def settle(self, total, share):
        def settled():
            owned = [each for partitions in self.assigned().values() for each in partitions]
            return sorted(owned) == list(range(total)) and all(len(each) in share for each in self.assigned().values())

        return self.until(settled)

    def until(self, condition, seconds=40):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline and not self.failures:
            time.sleep(0.01)
        return condition() and not self.failures

    def close(self):
        for member in list(self.members):
            self.leave(member)


def members_come_and_go(checks):
    rows = [("the default", {}), ("roundrobin", {"partition_assignment_strategy": [RoundRobinPartitionAssignor]}),
            ("cooperative", {"partition_assignment_strategy": [CooperativeStickyAssignor]})]
    for label, config in rows:
        of = topic(4)
        produce(of, [{"value": b"%d" % n, "partition": n % 4} for n in range(20)])
        members = Members(name("group"), of)
        members.join("a", **config)
        checks.true(f"{label}: one member has all", members.settle(4, [4]), members.assigned())
        members.join("b", **config)
        checks.true(f"{label}: two members share", members.settle(4, [2]), members.assigned())
        members.leave("a")
        checks.true(f"{label}: the last one has all", members.settle(4, [4]), members.assigned())
        everything = lambda: set(members.values) == {b"%d" % n for n in range(20)}
        checks.true(f"{label}: everything was read", members.until(everything), len(members.values))
        members.close()
        checks.equal(f"{label}: no member failed", members.failures, [])


def static_members(checks):
    of, group = topic(2), name("group")
    members = Members(group, of)
    members.join("a", group_instance_id="one")
    checks.true("a static member has all", members.settle(2, [2]), members.assigned())
    members.join("b", group_instance_id="two")
    checks.true("static members share", members.settle(2, [1]), members.assigned())
    described = admin().describe_groups([group])[group]["members"]
    checks.equal("described by instance", sorted(each["group_instance_id"] for each in described), ["one", "two"])
    before = members.assigned()
    members.leave("a")
    members.join("a", group_instance_id="one")
    checks.true("it gets the same back", members.until(lambda: members.assigned() == before), members.assigned())
    members.close()


def commits(checks):
    of, group = topic(), name("group")
    produce(of, values(10))
    partition = TopicPartition(of, 0)
    reader = consumer(of, group_id=group, enable_auto_commit=False)
    poll_until(reader, lambda got: len(got) >= 10)
    checks.equal("nothing is committed yet", reader.committed(partition), None)
    reader.commit({partition: OffsetAndMetadata(4, "a note", -1)})
    committed = reader.committed(partition, metadata=True)
    checks.equal("a committed offset", (committed.offset, committed.metadata), (4, "a note"))
    reader.commit()
    checks.equal("commit of what was read", reader.committed(partition), 10)
    reader.close()
    produce(of, values(1, "next"))
    reader = consumer(of, group_id=group)
    checks.equal("the group goes on there", payloads(poll_until(reader, len)), [b"next0"])
    reader.close()
    found = admin().list_group_offsets(group)[group]
    checks.equal("closing commits", found[partition].offset, 11)


def administration(checks):
    of, group = topic(2), name("group")
    produce(of, [{"value": b"%d" % n, "partition": n % 2} for n in range(10)])
    partition = TopicPartition(of, 0)
    reader = consumer(of, group_id=group, client_id="the-client")
    poll_until(reader, lambda got: len(got) >= 10)
    described = admin().describe_groups([group])[group]
    checks.equal("described", (described["group_state"], described["protocol_type"]), ("Stable", "consumer"))
    checks.equal("its member's client", [each["client_id"] for each in described["members"]], ["the-client"])
    checks.true("listed", group in str(admin().list_groups()))
    stays = admin().delete_groups([group])
    checks.true("a group with members stays", "NonEmptyGroup" in str(stays), stays)
    reader.close()
    altered = admin().alter_group_offsets(group, {partition: OffsetAndMetadata(2, "", -1)})
    checks.true("alter offsets", "NoError" in str(altered), altered)
    offset = lambda: admin().list_group_offsets(group)[group][partition].offset
    checks.equal("altered offsets", offset(), 2)
    admin().reset_group_offsets(group, {partition: OffsetSpec.EARLIEST})
    checks.equal("reset offsets", offset(), 0)
    admin().delete_group_offsets(group, [partition])
    left = admin().list_group_offsets(group)[group]
    checks.true("deleted offsets", partition not in left, left)
    deleted = admin().delete_groups([group])
    checks.true("delete", "NoError" in str(deleted) or "OK" in str(deleted), deleted)
    again = admin().delete_groups([group])
    checks.true("delete again", "GroupIdNotFound" in str(again), again)


def transactions(checks):
    of, identity = topic(), name("transaction")
    sender = producer(transactional_id=identity)
    sender.init_transactions()
    sender.begin_transaction()
    produce(of, values(2, "committed"), sender)
    sender.commit_transaction()
    sender.begin_transaction()
    produce(of, values(2, "aborted"), sender)
    sender.abort_transaction()
    committed = [b"committed0", b"committed1"]
    checks.equal("read_committed", read_to(of, 6, isolation_level="read_committed"), committed)
    checks.equal("read_uncommitted", read_to(of, 6), committed + [b"aborted0", b"aborted1"])
    described = admin().describe_transactions([identity])[identity]
    checks.true("described", "CompleteAbort" in str(described) or "COMPLETE_ABORT" in str(described), described)
    listed = admin().list_transactions()
    checks.true("listed", identity in str(listed))
    states = admin().describe_producers([TopicPartition(of, 0)])
    checks.true("its producer", "producer_id" in str(states), states)
    sender.begin_transaction()
    produce(of, values(1, "zombie"), sender)
    successor = producer(transactional_id=identity)
    successor.init_transactions()
    fenced = error(sender.commit_transaction)
    checks.among("a zombie is fenced", fenced, ["ProducerFencedError", "InvalidProducerEpochError"])
    successor.begin_transaction()
    produce(of, values(1, "successor"), successor)
    successor.commit_transaction()
    # Two markers for the zombie and its successor, and their two records.
    checks.equal("its successor goes on", read_to(of, 10, isolation_level="read_committed"), committed + [b"successor0"])
    successor.close()


def consume_transform_produce(checks):
    source, target, group = topic(), topic(), name("group")
    produce(source, values(5))
    partition = TopicPartition(source, 0)
    sender = producer(transactional_id=name("transaction"))
    sender.init_transactions()
    reader = consumer(source, group_id=group, enable_auto_commit=False)
    got = poll_until(reader, lambda got: len(got) >= 5)
    for finish in (sender.abort_transaction, sender.commit_transaction):
        sender.begin_transaction()
        produce(target, [{"value": record.value.upper()} for record in got], sender)
        sender.send_offsets_to_transaction({partition: OffsetAndMetadata(5, "", -1)}, reader.group_metadata())
        finish()
        expected = 5 if finish == sender.commit_transaction else None
        checks.becomes(f"offsets after {finish.__name__}", lambda: reader.committed(partition), expected)
    seen = read_to(target, 12, isolation_level="read_committed")
    checks.equal("each result once", seen, [b"V%d" % n for n in range(5)])
    reader.close()
    sender.close()


FAMILIES = (members_come_and_go, static_members, commits, administration, transactions, consume_transform_produce)
