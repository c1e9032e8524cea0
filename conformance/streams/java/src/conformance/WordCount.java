package conformance;

import static conformance.World.name;
import static conformance.World.send;
import static conformance.World.topic;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;

/** The word count of Kafka Streams, exactly once: repartition and changelog topics, transactions, a restart. */
final class WordCount {
    private WordCount() {}

    static void run(Checks checks) throws Exception {
        String source = topic(2);
        String target = topic(1);
        String application = name("words");
        Path state = Files.createTempDirectory("words");
        lines(source, "the quick brown fox", "the lazy dog", "the end");
        var streams = start(application, source, target, state);
        try {
            checks.eventually("words are counted", () -> counts(target).equals(Map.of(
                    "the", 3L, "quick", 1L, "brown", 1L, "fox", 1L, "lazy", 1L, "dog", 1L, "end", 1L)), Duration.ofSeconds(60));
        } finally {
            // By default a stopped application stays a member until its session ends, and its successor waits for that.
            streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        }
        lines(source, "the fox");
        // Without its files the second start restores the counts from the changelog.
        Path fresh = Files.createTempDirectory("words");
        try (var again = start(application, source, target, fresh)) {
            checks.eventually("counts go on after a restart",
                    () -> counts(target).get("the") == 4 && counts(target).get("fox") == 2, Duration.ofSeconds(60));
        }
        var topics = World.ADMIN.listTopics().names().get();
        checks.equal("it made a repartition and a changelog topic",
                topics.stream().filter(each -> each.startsWith(application)).count(), 2L);
        remove(state);
        remove(fresh);
    }

    private static void lines(String topic, String... lines) throws Exception {
        send(java.util.Arrays.stream(lines).map(line -> new ProducerRecord<String, String>(topic, line)).toList());
    }

    private static KafkaStreams start(String application, String source, String target, Path state) {
        var builder = new StreamsBuilder();
        KStream<String, String> text = builder.stream(source);
        text.flatMapValues(line -> List.of(line.split(" ")))
                .groupBy((key, word) -> word)
                .count()
                .toStream()
                .to(target, Produced.with(Serdes.String(), Serdes.Long()));
        Properties settings = World.settings("application.id", application, "processing.guarantee", "exactly_once_v2",
                "state.dir", state, "default.key.serde", Serdes.StringSerde.class.getName(),
                "default.value.serde", Serdes.StringSerde.class.getName(), "replication.factor", 1);
        var streams = new KafkaStreams(builder.build(), settings);
        streams.start();
        return streams;
    }

    /** The last count of each word, of decided transactions only. */
    private static Map<String, Long> counts(String topic) {
        var settings = World.settings("isolation.level", "read_committed");
        try (var consumer = new org.apache.kafka.clients.consumer.KafkaConsumer<>(
                settings, new StringDeserializer(), new LongDeserializer())) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            Map<String, Long> counts = new HashMap<>();
            long deadline = System.nanoTime() + World.LIMIT.toNanos();
            while (consumer.position(partition) < end && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> counts.put(record.key(), record.value()));
            }
            return counts;
        }
    }

    private static void remove(Path folder) throws Exception {
        try (var paths = Files.walk(folder)) {
            for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
