"""Groups: members that come and go, assignors, static members, the newer protocol, committed offsets, administration."""

import time

from confluent_kafka import OFFSET_INVALID, ConsumerGroupState, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from confluent_world import TIMEOUT, admin, code, consumer, name, outcome, payloads, poll_until, produce, topic, values

REBALANCE_SECONDS = 40


class Members:
    """Members of one group, polled in turn; what they read and how often partitions were revoked is kept."""

    def __init__(self, group, of):
        self.group, self.of = group, of
        self.members, self.messages, self.revoked = {}, [], {}

    def join(self, member, **config):
        reader = consumer(self.group, **config)
        self.members[member] = reader
        self.revoked[member] = []
        note = lambda _, partitions: self.revoked[member].extend(each.partition for each in partitions)
        reader.subscribe([self.of] if isinstance(self.of, str) else self.of, on_revoke=note)

    def leave(self, member):
        self.members.pop(member).close()

    def poll(self):
        for reader in self.members.values():
            message = reader.poll(0.05)
            if message is not None and message.error() is None:
                self.messages.append(message)

    def assigned(self):
        return {member: sorted((each.topic, each.partition) for each in reader.assignment())
                for member, reader in self.members.items()}

    def until(self, condition, seconds=REBALANCE_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.poll()
            if condition():
                return True
        return False

    def settle(self, total, share):
        """Until `total` partitions are owned by exactly one member each and every member owns one of `share`."""

        def settled():
            owned = [each for partitions in self.assigned().values() for each in partitions]
            sizes = [len(each) for each in self.assigned().values()]
            return len(owned) == total == len(set(owned)) and all(size in share for size in sizes)

        return self.until(settled)

    def close(self):
        for member in list(self.members):
            self.leave(member)


def come_and_go(checks, label, **config):
    of, group = topic(4), name("group")
    produce(of, [{"value": b"%d" % n, "partition": n % 4} for n in range(40)])
    members = Members(group, of)
    members.join("a", **config)
    checks.true(f"{label}: one member has all", members.settle(4, [4]), members.assigned())
    members.join("b", **config)
    checks.true(f"{label}: two members share", members.settle(4, [2]), members.assigned())
    members.join("c", **config)
    checks.true(f"{label}: three members share", members.settle(4, [1, 2]), members.assigned())
    members.leave("a")
    checks.true(f"{label}: a member leaves", members.settle(4, [2]), members.assigned())
    members.leave("b")
    checks.true(f"{label}: the last one has all", members.settle(4, [4]), members.assigned())
    everything = lambda: {each.value() for each in members.messages} == {b"%d" % n for n in range(40)}
    checks.true(f"{label}: everything was read", members.until(everything), len(members.messages))
    members.close()


def range_and_roundrobin(checks):
    come_and_go(checks, "range", partition_assignment_strategy="range")
    first, second = topic(3), topic(3)
    members = Members(name("group"), [first, second])
    for member in "ab":
        members.join(member, partition_assignment_strategy="roundrobin")
    checks.true("roundrobin over two topics", members.settle(6, [3]), members.assigned())
    members.close()
    members = Members(name("group"), [first, second])
    for member in "ab":
        members.join(member, partition_assignment_strategy="range")
    checks.true("range over two topics", members.settle(6, [2, 4]), members.assigned())
    members.close()


def cooperative(checks):
    # A member hears of a rebalance with its heartbeat, and this assignor needs two rebalances for each change.
    config = {"partition_assignment_strategy": "cooperative-sticky", "heartbeat_interval_ms": 500}
    come_and_go(checks, "cooperative-sticky", **config)
    members = Members(name("group"), topic(4))
    members.join("a", **config)
    members.settle(4, [4])
    members.join("b", **config)
    members.settle(4, [2])
    checks.equal("cooperative: only what moves is revoked", len(members.revoked["a"]), 2)
    members.close()


def newer_protocol(checks):
    come_and_go(checks, "group.protocol=consumer", group_protocol="consumer")
    of, group = topic(2), name("group")
    produce(of, values(3))
    members = Members(group, of)
    members.join("a", group_protocol="consumer", group_remote_assignor="uniform")
    checks.true("uniform assignor", members.settle(2, [2]), members.assigned())
    described = outcome(admin().describe_consumer_groups([group]))
    checks.equal("described as a consumer group", described.type.name, "CONSUMER")
    checks.equal("its assignor", described.partition_assignor, "uniform")
    checks.equal("its member", len(described.members), 1)
    members.until(lambda: len(members.messages) == 3)
    members.close()
    again = Members(group, of)
    again.join("b", group_protocol="consumer")
    again.settle(2, [2])
    produce(of, [{"value": b"new"}])
    checks.true("goes on where it stopped", again.until(lambda: payloads(again.messages) == [b"new"]),
                payloads(again.messages))
    again.close()


def static_members(checks):
    of, group = topic(4), name("group")
    members = Members(group, of)
    members.join("a", group_instance_id="one")
    members.join("b", group_instance_id="two")
    checks.true("static members share", members.settle(4, [2]), members.assigned())
    before = members.assigned()
    # Whichever joined first may have had every partition for a moment.
    revoked_while_joining = list(members.revoked["b"])
    ids = lambda: {each.group_instance_id: each.member_id
                   for each in outcome(admin().describe_consumer_groups([group])).members}
    first = ids()
    checks.equal("described by instance", sorted(first), ["one", "two"])
    # A static member that closes does not leave, so its partitions wait for it.
    members.leave("a")
    members.until(lambda: False, 1)
    checks.equal("nobody takes over at once", members.assigned()["b"], before["b"])
    members.join("a", group_instance_id="one")
    checks.true("it gets the same back", members.until(lambda: members.assigned() == before), members.assigned())
    checks.equal("no rebalance for the other", members.revoked["b"], revoked_while_joining)
    checks.true("under a new member id", ids()["one"] != first["one"])
    members.close()


def commits(checks):
    of, group = topic(2), name("group")
    produce(of, [{"value": b"%d" % n, "partition": 0} for n in range(10)])
    reader = consumer(group, enable_auto_commit=False)
    reader.subscribe([of])
    poll_until(reader, lambda messages: len(messages) == 10)
    committed = lambda: [each.offset for each in reader.committed([TopicPartition(of, 0), TopicPartition(of, 1)], TIMEOUT)]
    checks.equal("nothing is committed yet", committed(), [OFFSET_INVALID, OFFSET_INVALID])
    reader.commit(offsets=[TopicPartition(of, 0, 4, "a note")], asynchronous=False)
    checks.equal("a committed offset", committed(), [4, OFFSET_INVALID])
    checks.equal("its metadata", reader.committed([TopicPartition(of, 0)], TIMEOUT)[0].metadata, "a note")
    reader.commit(asynchronous=False)
    checks.equal("commit of what was read", committed()[0], 10)
    reader.close()
    reader = consumer(group)
    reader.subscribe([of])
    produce(of, [{"value": b"next", "partition": 0}])
    checks.equal("the group goes on there", payloads(poll_until(reader, len)), [b"next"])
    reader.close()  # Automatic commits are on, and closing commits.
    offsets = outcome(admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
    found = {(each.topic, each.partition): each.offset for each in offsets.topic_partitions}
    checks.equal("closing commits", found.get((of, 0)), 11)


def subscriptions(checks):
    prefix = name("pattern")
    first = topic(2, prefix)
    members = Members(name("group"), f"^{prefix}-.*")
    members.join("a", topic_metadata_refresh_interval_ms=500)
    checks.true("a pattern finds a topic", members.settle(2, [2]), members.assigned())
    topic(1, prefix)
    checks.true("and one that is created later", members.settle(3, [3]), members.assigned())
    reader = members.members["a"]
    reader.unsubscribe()
    checks.true("unsubscribed", members.until(lambda: reader.assignment() == []), reader.assignment())
    checks.true("the first topic was among them", first.startswith(prefix))
    members.close()


def administration(checks):
    of, group = topic(2), name("group")
    produce(of, [{"value": b"%d" % n, "partition": n % 2} for n in range(10)])
    members = Members(group, of)
    members.join("a", client_id="the-client")
    members.settle(2, [2])
    members.until(lambda: len(members.messages) == 10)
    described = outcome(admin().describe_consumer_groups([group]))
    checks.equal("described as stable", described.state, ConsumerGroupState.STABLE)
    checks.equal("its assignor", described.partition_assignor, "range")
    checks.equal("its member's client", [each.client_id for each in described.members], ["the-client"])
    owned = sorted((each.topic, each.partition) for each in described.members[0].assignment.topic_partitions)
    checks.equal("its member's partitions", owned, [(of, 0), (of, 1)])
    listed = admin().list_consumer_groups().result(TIMEOUT)
    checks.true("listed", group in [each.group_id for each in listed.valid])
    stable = admin().list_consumer_groups(states={ConsumerGroupState.STABLE}).result(TIMEOUT).valid
    checks.true("listed by state", group in [each.group_id for each in stable])
    checks.equal("a group with members stays", outcome(admin().delete_consumer_groups([group])), "NON_EMPTY_GROUP")
    change = lambda offset: admin().alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, [TopicPartition(of, 0, offset)])])
    refused = outcome(change(1))
    refused = refused if isinstance(refused, str) else refused.topic_partitions[0].error.name()
    checks.equal("its offsets cannot be altered", refused, "UNKNOWN_MEMBER_ID")
    members.close()
    state = lambda: outcome(admin().describe_consumer_groups([group])).state
    checks.eventually("described as empty", lambda: state() == ConsumerGroupState.EMPTY)
    outcome(change(1))
    offsets = outcome(admin().list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, [TopicPartition(of, 0), TopicPartition(of, 1)])]))
    checks.equal("altered offsets", [each.offset for each in offsets.topic_partitions], [1, 5])
    reader = consumer(group)
    reader.subscribe([of])
    got = poll_until(reader, lambda messages: len(messages) == 4)
    checks.equal("the group starts there", payloads(got), [b"2", b"4", b"6", b"8"])
    reader.close()
    checks.equal("delete", outcome(admin().delete_consumer_groups([group])), None)
    checks.equal("delete again", outcome(admin().delete_consumer_groups([group])), "GROUP_ID_NOT_FOUND")
    gone = outcome(admin().describe_consumer_groups([group]))
    gone = gone if isinstance(gone, str) else gone.state.name
    checks.among("described as gone", gone, ["DEAD", "GROUP_ID_NOT_FOUND"])
    newest = outcome(admin().list_offsets({TopicPartition(of, 0): OffsetSpec.latest()})).offset
    checks.equal("the records stay", newest, 5)
    empty = outcome(admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(name("unknown"))]))
    checks.equal("an unknown group has no offsets", code(lambda: len(empty.topic_partitions)), 0)


FAMILIES = (range_and_roundrobin, cooperative, newer_protocol, static_members, commits, subscriptions, administration)
