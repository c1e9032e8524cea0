package conformance;

import static conformance.World.ADMIN;
import static conformance.World.name;
import static conformance.World.partitionCount;
import static conformance.World.send;
import static conformance.World.topic;
import static conformance.World.values;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** The administration of topics, configurations, records, access rules and users. */
final class Topics {
    private Topics() {}

    static void cluster(Checks checks) throws Exception {
        var cluster = ADMIN.describeCluster();
        checks.truth("the cluster has an id", !cluster.clusterId().get().isEmpty(), cluster.clusterId().get());
        checks.truth("the cluster has nodes", !cluster.nodes().get().isEmpty(), cluster.nodes().get());
        checks.truth("the cluster has a controller", cluster.controller().get() != null, null);
        checks.truth("features", ADMIN.describeFeatures().featureMetadata().get() != null, null);
    }

    static void topics(Checks checks) throws Exception {
        String topic = topic(3, "retention.ms", "3600000");
        checks.truth("list", ADMIN.listTopics().names().get().contains(topic), null);
        var described = ADMIN.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        checks.equal("describe", described.partitions().stream().map(each -> each.partition()).toList(), List.of(0, 1, 2));
        var byId = ADMIN.describeTopics(org.apache.kafka.common.TopicCollection.ofTopicIds(List.of(described.topicId())));
        checks.equal("describe by id", byId.allTopicIds().get().get(described.topicId()).name(), topic);
        checks.fails("create what exists", "TopicExistsException", () -> create(new NewTopic(topic, 1, (short) 1)));
        checks.fails("a bad name", "InvalidTopicException", () -> create(new NewTopic("no spaces", 1, (short) 1)));
        checks.fails("no partitions", "InvalidPartitionsException", () -> create(new NewTopic(name("bad"), 0, (short) 1)));
        checks.fails("more replicas than brokers", "InvalidReplicationFactorException",
                () -> create(new NewTopic(name("bad"), 1, (short) 30)));
        checks.fails("a bad value", "InvalidConfigurationException",
                () -> create(new NewTopic(name("bad"), 1, (short) 1).configs(Map.of("retention.ms", "soon"))));
        String dry = name("dry");
        var only = ADMIN.createTopics(List.of(new NewTopic(dry, 2, (short) 1)), new CreateTopicsOptions().validateOnly(true));
        checks.equal("validate only answers what would be", only.numPartitions(dry).get(), 2);
        checks.truth("validate only creates nothing", !ADMIN.listTopics().names().get().contains(dry), null);
        ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        checks.eventually("more partitions", () -> partitionCount(topic) == 5);
        checks.fails("fewer partitions", "InvalidPartitionsException",
                () -> ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get());
        ADMIN.deleteTopics(List.of(topic)).all().get();
        checks.eventually("delete", () -> !ADMIN.listTopics().names().get().contains(topic));
        checks.fails("describe what is gone", "UnknownTopicOrPartitionException",
                () -> ADMIN.describeTopics(List.of(topic)).allTopicNames().get());
        checks.fails("delete what is gone", "UnknownTopicOrPartitionException",
                () -> ADMIN.deleteTopics(List.of(topic)).all().get());
    }

    private static Object create(NewTopic topic) throws Exception {
        return ADMIN.createTopics(List.of(topic)).all().get();
    }

    static void configurations(Checks checks) throws Exception {
        String topic = topic(1, "retention.ms", "3600000");
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        checks.equal("a value that was set", value(resource, "retention.ms"), "3600000");
        checks.equal("a default", value(resource, "cleanup.policy"), "delete");
        alter(resource, "retention.ms", "7200000", OpType.SET);
        checks.equal("set", value(resource, "retention.ms"), "7200000");
        alter(resource, "cleanup.policy", "compact", OpType.APPEND);
        checks.equal("append", List.of(value(resource, "cleanup.policy").split(",")).size(), 2);
        alter(resource, "cleanup.policy", "delete", OpType.SUBTRACT);
        checks.equal("subtract", value(resource, "cleanup.policy"), "compact");
        alter(resource, "retention.ms", "", OpType.DELETE);
        checks.equal("delete", value(resource, "retention.ms"), "604800000");
        checks.fails("a bad value", "InvalidConfigurationException",
                () -> alter(resource, "retention.ms", "soon", OpType.SET));
        checks.fails("an unknown topic", "UnknownTopicOrPartitionException", () -> value(
                new ConfigResource(ConfigResource.Type.TOPIC, name("missing")), "retention.ms"));
        int node = ADMIN.describeCluster().nodes().get().iterator().next().id();
        var broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(node));
        checks.truth("a broker has configurations", !ADMIN.describeConfigs(List.of(broker)).all().get().isEmpty(), null);
        var group = new ConfigResource(ConfigResource.Type.GROUP, name("group"));
        alter(group, "share.auto.offset.reset", "earliest", OpType.SET);
        checks.equal("a value of a group", value(group, "share.auto.offset.reset"), "earliest");
        checks.truth("which is listed", ADMIN.listConfigResources(
                java.util.Set.of(ConfigResource.Type.GROUP), new org.apache.kafka.clients.admin.ListConfigResourcesOptions())
                .all().get().contains(group), null);
    }

    static Object alter(ConfigResource resource, String key, String value, OpType operation) throws Exception {
        var change = new AlterConfigOp(new ConfigEntry(key, value), operation);
        return ADMIN.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
    }

    private static String value(ConfigResource resource, String key) throws Exception {
        return ADMIN.describeConfigs(List.of(resource)).all().get().get(resource).get(key).value();
    }

    static void records(Checks checks) throws Exception {
        String topic = topic(1);
        var partition = new TopicPartition(topic, 0);
        long before = System.currentTimeMillis();
        send(values(topic, 10, "v"));
        var cut = ADMIN.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks();
        checks.equal("delete records", cut.get(partition).get().lowWatermark(), 4L);
        checks.equal("earliest", offset(partition, OffsetSpec.earliest()), 4L);
        checks.equal("latest", offset(partition, OffsetSpec.latest()), 10L);
        checks.equal("for a time", offset(partition, OffsetSpec.forTimestamp(before)), 4L);
        checks.equal("for a time to come", offset(partition, OffsetSpec.forTimestamp(before + 3_600_000)), -1L);
        checks.fails("records beyond the end", "OffsetOutOfRangeException",
                () -> ADMIN.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(99))).all().get());
        checks.fails("offsets of an unknown topic", "UnknownTopicOrPartitionException",
                () -> ADMIN.listOffsets(Map.of(new TopicPartition(name("missing"), 0), OffsetSpec.latest()),
                        new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(3000)).all().get());
    }

    private static long offset(TopicPartition partition, OffsetSpec spec) throws Exception {
        return ADMIN.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    static void accessRules(Checks checks) throws Exception {
        var rule = new AclBinding(new ResourcePattern(ResourceType.TOPIC, name("pre"), PatternType.PREFIXED),
                new AccessControlEntry("User:alice", "*", AclOperation.WRITE, AclPermissionType.ALLOW));
        ADMIN.createAcls(List.of(rule)).all().get();
        checks.eventually("create and describe a rule",
                () -> List.of(rule).equals(List.copyOf(ADMIN.describeAcls(rule.toFilter()).values().get())));
        checks.equal("delete says what was deleted",
                List.copyOf(ADMIN.deleteAcls(List.of(rule.toFilter())).all().get()), List.of(rule));
        checks.eventually("it is gone", () -> ADMIN.describeAcls(rule.toFilter()).values().get().isEmpty());
    }

    static void users(Checks checks) throws Exception {
        String user = name("user");
        var mechanism = ScramMechanism.SCRAM_SHA_512;
        ADMIN.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(
                user, new ScramCredentialInfo(mechanism, 4096), "secret"))).all().get();
        checks.eventually("a user has a password", () -> !(Checks.failure(() -> described(user)) instanceof String));
        checks.equal("its mechanism", described(user), List.of(new ScramCredentialInfo(mechanism, 4096)));
        ADMIN.alterUserScramCredentials(List.of(new UserScramCredentialDeletion(user, mechanism))).all().get();
        checks.eventually("the user is gone",
                () -> "ResourceNotFoundException".equals(Checks.failure(() -> described(user))));
    }

    private static List<ScramCredentialInfo> described(String user) throws Exception {
        return ADMIN.describeUserScramCredentials(List.of(user)).description(user).get().credentialInfos();
    }
}
