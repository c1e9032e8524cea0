package conformance;

import static conformance.World.ADMIN;
import static conformance.World.name;
import static conformance.World.send;
import static conformance.World.topic;
import static conformance.World.values;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Share groups: records instead of partitions are shared, and each is acknowledged on its own. */
final class Shares {
    private Shares() {}

    private static String group() throws Exception {
        String group = name("share");
        Topics.alter(new ConfigResource(ConfigResource.Type.GROUP, group), "share.auto.offset.reset", "earliest", OpType.SET);
        return group;
    }

    private static KafkaShareConsumer<String, String> join(String group, String topic, Object... settings) {
        List<Object> all = new ArrayList<>(List.of("group.id", group));
        all.addAll(List.of(settings));
        var consumer = new KafkaShareConsumer<>(
                World.settings(all.toArray()), new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static List<ConsumerRecord<String, String>> poll(
            List<KafkaShareConsumer<String, String>> consumers,
            Predicate<List<ConsumerRecord<String, String>>> enough,
            BiConsumer<KafkaShareConsumer<String, String>, ConsumerRecord<String, String>> handle) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.nanoTime() + World.LIMIT.toNanos();
        while (!enough.test(records) && System.nanoTime() < deadline) {
            for (var consumer : consumers) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    handle.accept(consumer, record);
                    records.add(record);
                });
            }
        }
        return records;
    }

    static void sharing(Checks checks) throws Exception {
        String topic = topic(1);
        String group = group();
        send(values(topic, 50, "v"));
        try (var first = join(group, topic); var second = join(group, topic)) {
            var got = poll(List.of(first, second), records -> records.size() >= 50, (consumer, record) -> { });
            checks.equal("two members share one partition", got.stream().map(ConsumerRecord::value).sorted().toList(),
                    Records.numbered("v", 50).stream().sorted().toList());
            first.commitSync();
            second.commitSync();
            var described = ADMIN.describeShareGroups(List.of(group)).all().get().get(group);
            checks.equal("described", described.groupState() + " " + described.members().size(), GroupState.STABLE + " 2");
            send(values(topic, 1, "more"));
            var more = poll(List.of(first, second), records -> !records.isEmpty(), (consumer, record) -> { });
            checks.equal("and what comes later", World.payloads(more), List.of("more0"));
            first.commitSync();
            second.commitSync();
        }
        var spec = Map.of(group, new ListShareGroupOffsetsSpec());
        checks.eventually("its start offset", () -> {
            // What was acknowledged last may still be missing from it.
            var at = ADMIN.listShareGroupOffsets(spec).partitionsToOffsetInfo(group).get().get(new TopicPartition(topic, 0));
            return at != null && at.startOffset() >= 50;
        });
        ADMIN.deleteShareGroups(List.of(group)).all().get();
        checks.fails("deleted", "GroupIdNotFoundException",
                () -> ADMIN.describeShareGroups(List.of(group)).all().get());
    }

    static void acknowledgements(Checks checks) throws Exception {
        String topic = topic(1);
        send(values(topic, 3, "v"));
        var kinds = Map.of("v0", AcknowledgeType.ACCEPT, "v1", AcknowledgeType.RELEASE, "v2", AcknowledgeType.REJECT);
        try (var consumer = join(group(), topic, "share.acknowledgement.mode", "explicit")) {
            var got = poll(List.of(consumer), records -> records.size() >= 3,
                    (each, record) -> each.acknowledge(record, kinds.get(record.value())));
            checks.equal("first delivery", got.stream().map(each -> each.value() + each.deliveryCount()).toList(),
                    List.of("v0Optional[1]", "v1Optional[1]", "v2Optional[1]"));
            consumer.commitSync();
            var again = poll(List.of(consumer), records -> !records.isEmpty(), KafkaShareConsumer::acknowledge);
            checks.equal("only the released one comes again",
                    again.stream().map(each -> each.value() + each.deliveryCount()).toList(), List.of("v1Optional[2]"));
            checks.truth("commit", consumer.commitSync().values().stream().allMatch(java.util.Optional::isEmpty), null);
        }
    }
}
