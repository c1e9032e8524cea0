package conformance;

import static conformance.World.ADMIN;
import static conformance.World.name;
import static conformance.World.payloads;
import static conformance.World.poll;
import static conformance.World.send;
import static conformance.World.topic;
import static conformance.World.values;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Groups: members that come and go under every protocol and assignor, commits, administration. */
final class Groups {
    private Groups() {}

    /** Members of one group, polled in turn by this thread. */
    private static final class Members implements AutoCloseable {
        private final String group;
        private final String topic;
        private final Map<String, KafkaConsumer<String, String>> members = new LinkedHashMap<>();
        private final Set<String> values = new HashSet<>();

        Members(String group, String topic) {
            this.group = group;
            this.topic = topic;
        }

        void join(String member, Object... settings) {
            List<Object> all = new ArrayList<>(List.of("group.id", group));
            all.addAll(List.of(settings));
            var consumer = World.consumer(all.toArray());
            consumer.subscribe(List.of(topic));
            members.put(member, consumer);
        }

        void leave(String member) {
            members.remove(member).close();
        }

        Map<String, Integer> sizes() {
            Map<String, Integer> sizes = new LinkedHashMap<>();
            members.forEach((member, consumer) -> sizes.put(member, consumer.assignment().size()));
            return sizes;
        }

        /** Polls until the members own all partitions, each one of these numbers of them. */
        boolean settle(int partitions, Integer... shares) {
            return until(() -> sizes().values().stream().mapToInt(each -> each).sum() == partitions
                    && List.of(shares).containsAll(sizes().values()));
        }

        boolean until(java.util.function.BooleanSupplier condition) {
            long deadline = System.nanoTime() + Duration.ofSeconds(40).toNanos();
            while (!condition.getAsBoolean() && System.nanoTime() < deadline) {
                for (var consumer : members.values()) {
                    consumer.poll(Duration.ofMillis(50)).forEach(record -> values.add(record.value()));
                }
            }
            return condition.getAsBoolean();
        }

        @Override
        public void close() {
            members.values().forEach(KafkaConsumer::close);
        }
    }

    static void comeAndGo(Checks checks) throws Exception {
        String package_ = "org.apache.kafka.clients.consumer.";
        comeAndGo(checks, "classic, default assignors");
        comeAndGo(checks, "roundrobin", "partition.assignment.strategy", package_ + "RoundRobinAssignor",
                "heartbeat.interval.ms", 500);
        comeAndGo(checks, "cooperative-sticky", "partition.assignment.strategy", package_ + "CooperativeStickyAssignor",
                "heartbeat.interval.ms", 500);
        comeAndGo(checks, "group.protocol=consumer", "group.protocol", "consumer");
        comeAndGo(checks, "group.protocol=consumer, range", "group.protocol", "consumer", "group.remote.assignor", "range");
    }

    private static void comeAndGo(Checks checks, String label, Object... settings) throws Exception {
        String topic = topic(4);
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int number = 0; number < 20; number++) {
            records.add(new ProducerRecord<>(topic, number % 4, null, "v" + number));
        }
        send(records);
        try (var members = new Members(name("group"), topic)) {
            members.join("a", settings);
            checks.truth(label + ": one member has all", members.settle(4, 4), members.sizes());
            members.join("b", settings);
            checks.truth(label + ": two members share", members.settle(4, 2), members.sizes());
            members.leave("a");
            checks.truth(label + ": the last one has all", members.settle(4, 4), members.sizes());
            checks.truth(label + ": everything was read", members.until(() -> members.values.size() == 20),
                    members.values.size());
        }
    }

    static void staticMembers(Checks checks) throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            String topic = topic(2);
            try (var members = new Members(name("group"), topic)) {
                members.join("a", "group.instance.id", "one", "group.protocol", protocol);
                members.settle(2, 2);
                members.join("b", "group.instance.id", "two", "group.protocol", protocol);
                checks.truth(protocol + ": static members share", members.settle(2, 1), members.sizes());
                var before = members.members.get("a").assignment();
                members.leave("a");
                members.join("a", "group.instance.id", "one", "group.protocol", protocol);
                checks.truth(protocol + ": it gets the same back",
                        members.until(() -> members.members.get("a").assignment().equals(before)), members.sizes());
            }
        }
    }

    static void patterns(Checks checks) throws Exception {
        String topic = topic(2);
        try (var consumer = World.consumer("group.id", name("group"), "group.protocol", "consumer")) {
            // Evaluated by the broker, in the syntax of RE2.
            consumer.subscribe(new org.apache.kafka.clients.consumer.SubscriptionPattern(topic + ".*"));
            poll(consumer, got -> consumer.assignment().size() == 2);
            checks.equal("a pattern that the broker evaluates", consumer.assignment().size(), 2);
        }
        try (var consumer = World.consumer("group.id", name("group"))) {
            consumer.subscribe(java.util.regex.Pattern.compile(topic + ".*"));
            poll(consumer, got -> consumer.assignment().size() == 2);
            checks.equal("a pattern that the client evaluates", consumer.assignment().size(), 2);
        }
    }

    static void commits(Checks checks) throws Exception {
        String topic = topic(1);
        String group = name("group");
        var partition = new TopicPartition(topic, 0);
        send(values(topic, 10, "v"));
        try (var consumer = World.consumer("group.id", group, "enable.auto.commit", false)) {
            consumer.subscribe(List.of(topic));
            poll(consumer, got -> got.size() >= 10);
            checks.equal("nothing is committed yet", consumer.committed(Set.of(partition)).get(partition), null);
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(4, "a note")));
            var committed = consumer.committed(Set.of(partition)).get(partition);
            checks.equal("a committed offset", committed.offset() + " " + committed.metadata(), "4 a note");
            consumer.commitSync();
            checks.equal("commit of what was read", consumer.committed(Set.of(partition)).get(partition).offset(), 10L);
        }
        send(values(topic, 1, "next"));
        try (var consumer = World.consumer("group.id", group)) {
            consumer.subscribe(List.of(topic));
            checks.equal("the group goes on there", payloads(poll(consumer, got -> !got.isEmpty())), List.of("next0"));
        }
        checks.equal("closing commits", offsets(group).get(partition).offset(), 11L);
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsets(String group) throws Exception {
        return ADMIN.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    }

    static void administration(Checks checks) throws Exception {
        String topic = topic(1);
        var partition = new TopicPartition(topic, 0);
        for (var type : List.of(GroupType.CLASSIC, GroupType.CONSUMER)) {
            String group = name("group");
            send(values(topic, 5, "v"));
            try (var consumer = World.consumer("group.id", group, "client.id", "the-client", "group.protocol", type.toString())) {
                consumer.subscribe(List.of(topic));
                poll(consumer, got -> got.size() >= 5);
                var described = ADMIN.describeConsumerGroups(List.of(group)).all().get().get(group);
                checks.equal(type + ": described", described.groupState() + " " + described.type(),
                        GroupState.STABLE + " " + type);
                var member = described.members().iterator().next();
                checks.equal(type + ": its member", member.clientId() + " " + member.assignment().topicPartitions(),
                        "the-client [" + partition + "]");
                var listed = ADMIN.listGroups().all().get().stream().filter(each -> each.groupId().equals(group)).toList();
                checks.equal(type + ": listed", listed.size() == 1 ? listed.get(0).type() : listed,
                        java.util.Optional.of(type));
                checks.fails(type + ": a group with members stays", "GroupNotEmptyException",
                        () -> ADMIN.deleteConsumerGroups(List.of(group)).all().get());
                checks.fails(type + ": its offsets stay", "GroupSubscribedToTopicException",
                        () -> ADMIN.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get());
            }
            ADMIN.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(2, "reset"))).all().get();
            checks.equal(type + ": altered offsets", offsets(group).get(partition), new OffsetAndMetadata(2, "reset"));
            ADMIN.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
            checks.truth(type + ": deleted offsets", !offsets(group).containsKey(partition), offsets(group));
            ADMIN.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(1))).all().get();
            ADMIN.deleteConsumerGroups(List.of(group)).all().get();
            checks.fails(type + ": delete again", "GroupIdNotFoundException",
                    () -> ADMIN.deleteConsumerGroups(List.of(group)).all().get());
            checks.fails(type + ": describe what is gone", "GroupIdNotFoundException",
                    () -> ADMIN.describeConsumerGroups(List.of(group)).all().get());
        }
        long end = ADMIN.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset();
        checks.equal("the records stay", end, 10L);
        removedMembers(checks, topic);
    }

    private static void removedMembers(Checks checks, String topic) throws Exception {
        String group = name("group");
        try (var consumer = World.consumer("group.id", group, "group.instance.id", "one")) {
            consumer.subscribe(List.of(topic));
            poll(consumer, got -> !consumer.assignment().isEmpty());
        }
        // A static member stays in its group when it closes.
        checks.equal("a static member stays",
                ADMIN.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 1);
        ADMIN.removeMembersFromConsumerGroup(group, new org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions(
                List.of(new org.apache.kafka.clients.admin.MemberToRemove("one")))).all().get();
        checks.eventually("until it is removed",
                () -> ADMIN.describeConsumerGroups(List.of(group)).all().get().get(group).members().isEmpty());
    }
}
