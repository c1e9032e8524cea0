package conformance;

import static conformance.World.ADMIN;
import static conformance.World.name;
import static conformance.World.poll;
import static conformance.World.seen;
import static conformance.World.send;
import static conformance.World.topic;
import static conformance.World.values;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Transactions: what readers see, consume-transform-produce, fencing, administration. */
final class Transactions {
    private Transactions() {}

    private static KafkaProducer<String, String> transactional(String id, Object... settings) {
        var all = new java.util.ArrayList<Object>(List.of("transactional.id", id));
        all.addAll(List.of(settings));
        var producer = World.producer(all.toArray());
        producer.initTransactions();
        return producer;
    }

    static void commitAndAbort(Checks checks) throws Exception {
        String topic = topic(1);
        String id = name("transaction");
        try (var producer = transactional(id)) {
            producer.beginTransaction();
            send(producer, values(topic, 2, "committed"));
            checks.equal("open: hidden", seen(topic, "read_committed"), List.of());
            checks.equal("open: visible to read_uncommitted", seen(topic, "read_uncommitted").size(), 2);
            var described = ADMIN.describeTransactions(List.of(id)).description(id).get();
            checks.equal("described as ongoing", described.state(), TransactionState.ONGOING);
            checks.equal("its partitions", described.topicPartitions(), Set.of(new TopicPartition(topic, 0)));
            checks.truth("listed", ADMIN.listTransactions().all().get().stream()
                    .anyMatch(each -> each.transactionalId().equals(id)), null);
            var partition = new TopicPartition(topic, 0);
            var producers = ADMIN.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
            checks.equal("its producer has an open transaction",
                    producers.stream().map(each -> each.currentTransactionStartOffset().isPresent()).toList(), List.of(true));
            producer.commitTransaction();
            // The end of a transaction is answered when it is decided; its markers follow.
            checks.becomes("committed: visible", () -> seen(topic, "read_committed"), List.of("committed0", "committed1"));
            producer.beginTransaction();
            send(producer, values(topic, 2, "aborted"));
            producer.abortTransaction();
            checks.equal("aborted: hidden", seen(topic, "read_committed"), List.of("committed0", "committed1"));
            checks.equal("aborted: visible to read_uncommitted", seen(topic, "read_uncommitted").size(), 4);
        }
    }

    static void consumeTransformProduce(Checks checks) throws Exception {
        String source = topic(1);
        String target = topic(1);
        String group = name("group");
        var partition = new TopicPartition(source, 0);
        send(values(source, 5, "v"));
        try (var producer = transactional(name("transaction"));
                var consumer = World.consumer("group.id", group, "enable.auto.commit", false)) {
            consumer.subscribe(List.of(source));
            var got = poll(consumer, records -> records.size() >= 5);
            for (boolean commit : List.of(false, true)) {
                producer.beginTransaction();
                send(producer, got.stream()
                        .map(each -> new ProducerRecord<String, String>(target, each.value().toUpperCase())).toList());
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(5)), consumer.groupMetadata());
                if (commit) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
                checks.becomes("offsets after " + (commit ? "commit" : "abort"), () -> {
                    var committed = consumer.committed(Set.of(partition)).get(partition);
                    return committed == null ? null : committed.offset();
                }, commit ? 5L : null);
            }
        }
        checks.becomes("each result once", () -> seen(target, "read_committed"), Records.numbered("V", 5));
    }

    static void fencing(Checks checks) throws Exception {
        String topic = topic(1);
        String id = name("transaction");
        try (var zombie = transactional(id)) {
            zombie.beginTransaction();
            send(zombie, values(topic, 1, "zombie"));
            try (var successor = transactional(id)) {
                checks.becomes("its transaction is aborted", () -> seen(topic, "read_committed"), List.of());
                checks.among("a zombie is fenced", Checks.failure(() -> {
                    zombie.commitTransaction();
                    return "committed";
                }), List.of("ProducerFencedException", "InvalidProducerEpochException"));
                successor.beginTransaction();
                send(successor, values(topic, 1, "successor"));
                successor.commitTransaction();
                checks.becomes("its successor goes on", () -> seen(topic, "read_committed"), List.of("successor0"));
            }
        }
        String other = name("transaction");
        var fenced = transactional(other);
        fenced.beginTransaction();
        send(fenced, values(topic, 1, "fenced"));
        ADMIN.fenceProducers(List.of(other)).all().get();
        checks.among("fenced by an operator", Checks.failure(() -> {
            fenced.commitTransaction();
            return "committed";
        }), List.of("ProducerFencedException", "InvalidProducerEpochException"));
        fenced.close(Duration.ZERO);
        checks.eventually("its record is not seen", () -> seen(topic, "read_committed").equals(List.of("successor0")));
    }
}
