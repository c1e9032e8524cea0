"""Topics, configurations, records to delete, access rules, users: what an operator does."""

from confluent_kafka import IsolationLevel, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from confluent_world import TIMEOUT, admin, code, name, outcome, produce, topic, values


def cluster(checks):
    described = admin().describe_cluster().result(TIMEOUT)
    checks.true("describe cluster has an id", described.cluster_id, described.cluster_id)
    checks.true("describe cluster has a node", len(described.nodes) >= 1, described.nodes)
    checks.true("describe cluster has a controller", described.controller is not None, described.controller)
    listed = admin().list_topics(timeout=TIMEOUT)
    checks.equal("metadata has the same cluster id", listed.cluster_id, described.cluster_id)
    checks.equal("metadata has the same brokers", sorted(listed.brokers), sorted(node.id for node in described.nodes))


def partition_count(of):
    """How many partitions the metadata of the cluster shows; new topics take a moment to get there."""
    listed = admin().list_topics(timeout=TIMEOUT).topics
    return len(listed[of].partitions) if of in listed else 0


def topics(checks):
    created = topic(3, retention_ms=3_600_000)
    checks.eventually("create with partitions", lambda: partition_count(created) == 3)
    metadata = admin().list_topics(timeout=TIMEOUT).topics[created]
    checks.true("each partition has a leader", all(each.leader >= 0 for each in metadata.partitions.values()))
    checks.true("list has it", created in admin().list_topics(timeout=TIMEOUT).topics)
    described = admin().describe_topics(TopicCollection([created]))[created].result(TIMEOUT)
    checks.equal("describe has its partitions", [each.id for each in described.partitions], [0, 1, 2])
    checks.true("describe has an id", str(described.topic_id), described.topic_id)
    again = admin().create_topics([NewTopic(created, num_partitions=1)])
    checks.equal("create what exists", outcome(again), "TOPIC_ALREADY_EXISTS")
    checks.equal("delete", outcome(admin().delete_topics([created])), None)
    checks.eventually("list no longer has it", lambda: created not in admin().list_topics(timeout=TIMEOUT).topics)
    gone = admin().describe_topics(TopicCollection([created]))
    checks.equal("describe what is gone", outcome(gone), "UNKNOWN_TOPIC_OR_PART")
    checks.equal("delete what is gone", outcome(admin().delete_topics([created])), "UNKNOWN_TOPIC_OR_PART")
    default = name("topic")
    checks.equal("create with defaults", outcome(admin().create_topics([NewTopic(default)])), None)
    checks.eventually("defaults give one partition", lambda: partition_count(default) == 1)


def refused_topics(checks):
    rows = [
        ("a name with a space", NewTopic("no spaces", 1), "TOPIC_EXCEPTION"),
        ("a name of two dots", NewTopic("..", 1), "TOPIC_EXCEPTION"),
        ("a name that is too long", NewTopic("x" * 250, 1), "TOPIC_EXCEPTION"),
        ("no partitions", NewTopic(name("bad"), 0), "INVALID_PARTITIONS"),
        ("more replicas than brokers", NewTopic(name("bad"), 1, 30), "INVALID_REPLICATION_FACTOR"),
        ("an unknown configuration", NewTopic(name("bad"), 1, config={"no.such.key": "1"}), "INVALID_CONFIG"),
        ("a bad value", NewTopic(name("bad"), 1, config={"retention.ms": "soon"}), "INVALID_CONFIG"),
        ("a value out of range", NewTopic(name("bad"), 1, config={"max.message.bytes": "-1"}), "INVALID_CONFIG"),
        ("a bad policy", NewTopic(name("bad"), 1, config={"cleanup.policy": "shred"}), "INVALID_CONFIG"),
    ]
    for what, wanted, expected in rows:
        checks.equal(f"create with {what}", outcome(admin().create_topics([wanted])), expected)
    dry = name("dry")
    checks.equal("validate only", outcome(admin().create_topics([NewTopic(dry, 1)], validate_only=True)), None)
    checks.true("validate only creates nothing", dry not in admin().list_topics(timeout=TIMEOUT).topics)
    bad = admin().create_topics([NewTopic(dry, 1, config={"retention.ms": "soon"})], validate_only=True)
    checks.equal("validate only judges", outcome(bad), "INVALID_CONFIG")
    both = admin().create_topics([NewTopic(dry, 1), NewTopic("no spaces", 1)])
    checks.equal("a good one beside a bad one", code(lambda: both[dry].result(TIMEOUT)), None)
    checks.equal("a bad one beside a good one", code(lambda: both["no spaces"].result(TIMEOUT)), "TOPIC_EXCEPTION")


def described(kind, of):
    return outcome(admin().describe_configs([ConfigResource(kind, of)]))


def configurations(checks):
    of = topic(retention_ms=3_600_000)
    before = described(ResourceType.TOPIC, of)
    checks.equal("a value that was set", before["retention.ms"].value, "3600000")
    checks.equal("its source is the topic", before["retention.ms"].is_default, False)
    for key, expected in (("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
                          ("compression.type", "producer"), ("message.timestamp.type", "CreateTime")):
        checks.equal(f"default of {key}", before[key].value, expected)
        checks.true(f"{key} is a default", before[key].is_default, before[key].source)
    change = lambda *entries: admin().incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, of, incremental_configs=list(entries))]
    )
    entry = lambda key, value, operation: ConfigEntry(key, value, incremental_operation=operation)
    checks.equal("incremental set", outcome(change(entry("retention.ms", "7200000", AlterConfigOpType.SET))), None)
    checks.equal("set is described", described(ResourceType.TOPIC, of)["retention.ms"].value, "7200000")
    checks.equal("append", outcome(change(entry("cleanup.policy", "compact", AlterConfigOpType.APPEND))), None)
    both = described(ResourceType.TOPIC, of)["cleanup.policy"].value
    checks.equal("append is described", sorted(both.split(",")), ["compact", "delete"])
    checks.equal("subtract", outcome(change(entry("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT))), None)
    checks.equal("subtract is described", described(ResourceType.TOPIC, of)["cleanup.policy"].value, "compact")
    checks.equal("delete a value", outcome(change(entry("retention.ms", None, AlterConfigOpType.DELETE))), None)
    checks.equal("deleted is the default", described(ResourceType.TOPIC, of)["retention.ms"].value, "604800000")
    bad = change(entry("retention.ms", "soon", AlterConfigOpType.SET))
    checks.equal("a bad value is refused", outcome(bad), "INVALID_CONFIG")
    unknown = change(entry("no.such.key", "1", AlterConfigOpType.SET))
    checks.equal("an unknown key is refused", outcome(unknown), "INVALID_CONFIG")
    append = change(entry("retention.ms", "1", AlterConfigOpType.APPEND))
    checks.equal("append to what is no list", outcome(append), "INVALID_CONFIG")
    missing = admin().describe_configs([ConfigResource(ResourceType.TOPIC, name("missing"))])
    checks.equal("configurations of an unknown topic", outcome(missing), "UNKNOWN_TOPIC_OR_PART")
    node = next(iter(admin().list_topics(timeout=TIMEOUT).brokers))
    broker = described(ResourceType.BROKER, str(node))
    checks.true("a broker has configurations", "log.retention.ms" in broker or "log.retention.hours" in broker)


def partitions(checks):
    of = topic(1)
    checks.eventually("one partition to start with", lambda: partition_count(of) == 1)
    grow = lambda count, **options: outcome(admin().create_partitions([NewPartitions(of, count)], **options))
    checks.equal("validate more partitions", grow(4, validate_only=True), None)
    checks.equal("validate changes nothing", partition_count(of), 1)
    checks.equal("more partitions", grow(3), None)
    checks.eventually("they are there", lambda: partition_count(of) == 3)
    checks.equal("fewer partitions", grow(2), "INVALID_PARTITIONS")
    checks.equal("as many partitions", grow(3), "INVALID_PARTITIONS")
    checks.equal("a new partition takes records", produce(of, [{"value": b"x", "partition": 2}]), [(2, 0)])
    missing = admin().create_partitions([NewPartitions(name("missing"), 2)])
    checks.equal("partitions of an unknown topic", outcome(missing), "UNKNOWN_TOPIC_OR_PART")


def deleted_records(checks):
    of = topic()
    produce(of, values(10))
    cut = lambda offset, partition=0: outcome(admin().delete_records([TopicPartition(of, partition, offset)]))
    checks.equal("delete records", cut(4).low_watermark, 4)
    offsets = lambda spec, **options: outcome(admin().list_offsets({TopicPartition(of, 0): spec}, **options)).offset
    checks.equal("earliest is where it was cut", offsets(OffsetSpec.earliest()), 4)
    checks.equal("latest stays", offsets(OffsetSpec.latest()), 10)
    committed = offsets(OffsetSpec.latest(), isolation_level=IsolationLevel.READ_COMMITTED)
    checks.equal("latest for read_committed", committed, 10)
    checks.equal("records beyond the end", cut(11), "OFFSET_OUT_OF_RANGE")
    checks.equal("a second cut below the first", cut(2).low_watermark, 4)
    checks.equal("all records", cut(-1).low_watermark, 10)
    gone = outcome(admin().delete_records([TopicPartition(of, 9, 1)]))
    checks.among("records of an unknown partition", gone, ["UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "_NOENT"])


def access_rules(checks):
    of = name("topic")
    rule = AclBinding(ResourceType.TOPIC, of, ResourcePatternType.LITERAL, "User:alice", "*", AclOperation.READ,
                      AclPermissionType.ALLOW)
    wanted = AclBindingFilter(ResourceType.TOPIC, of, ResourcePatternType.ANY, None, None, AclOperation.ANY,
                              AclPermissionType.ANY)
    checks.equal("create a rule", outcome(admin().create_acls([rule])), None)
    found = lambda: admin().describe_acls(wanted).result(TIMEOUT)
    checks.eventually("describe it", lambda: found() == [rule])
    checks.equal("delete says what was deleted", outcome(admin().delete_acls([wanted])), [rule])
    checks.eventually("it is gone", lambda: found() == [])


def users(checks):
    user = name("user")
    secret = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret")
    checks.equal("give a user a password", outcome(admin().alter_user_scram_credentials([secret])), None)
    described = lambda: admin().describe_user_scram_credentials([user])
    checks.eventually("describe the user", lambda: not isinstance(outcome(described()), str))
    info = outcome(described()).scram_credential_infos[0]
    checks.equal("its mechanism", (info.mechanism, info.iterations), (ScramMechanism.SCRAM_SHA_256, 4096))
    gone = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256)
    checks.equal("take it away", outcome(admin().alter_user_scram_credentials([gone])), None)
    checks.eventually("the user is unknown", lambda: outcome(described()) == "RESOURCE_NOT_FOUND")


FAMILIES = (cluster, topics, refused_topics, configurations, partitions, deleted_records, access_rules, users)
