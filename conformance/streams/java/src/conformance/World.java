package conformance;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What every check needs: clients with default settings, names of this run, and short loops. */
final class World {
    static final String BOOTSTRAP = System.getenv("BOLE_STREAMS_BOOTSTRAP");
    static final Duration LIMIT = Duration.ofSeconds(20);
    static final Admin ADMIN = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP));

    private static final String RUN =
            Long.toHexString(ProcessHandle.current().pid()) + "-" + Long.toHexString(System.currentTimeMillis());
    private static int numbers;

    private World() {}

    /** A name that no other run uses. */
    static synchronized String name(String prefix) {
        return prefix + "-" + RUN + "-" + numbers++;
    }

    /** The bootstrap address and these settings, given as name, value, name, value. */
    static Properties settings(Object... pairs) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", BOOTSTRAP);
        for (int index = 0; index < pairs.length; index += 2) {
            settings.put(pairs[index].toString(), pairs[index + 1].toString());
        }
        return settings;
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(settings(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... pairs) {
        Properties settings = settings("auto.offset.reset", "earliest");
        settings.putAll(settings(pairs));
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    /** Creates a topic, waits until its metadata shows leaders, and returns its name. */
    static String topic(int partitions, String... pairs) throws Exception {
        String topic = name("topic");
        Map<String, String> configs = new HashMap<>();
        for (int index = 0; index < pairs.length; index += 2) {
            configs.put(pairs[index], pairs[index + 1]);
        }
        ADMIN.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (partitionCount(topic) != partitions && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
        return topic;
    }

    /** How many partitions with a leader a topic has; 0 when it is not known. */
    static int partitionCount(String topic) {
        try {
            var partitions = ADMIN.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
            return (int) partitions.stream().filter(each -> each.leader() != null).count();
        } catch (Exception unknown) {
            return 0;
        }
    }

    /** Sends records and waits for all of them; returns PARTITION:OFFSET of each, or the name of its exception. */
    static List<String> send(KafkaProducer<String, String> producer, List<ProducerRecord<String, String>> records) {
        List<Future<org.apache.kafka.clients.producer.RecordMetadata>> sent = new ArrayList<>();
        records.forEach(record -> sent.add(producer.send(record)));
        producer.flush();
        List<String> reports = new ArrayList<>();
        for (var future : sent) {
            reports.add(Checks.failure(() -> {
                var metadata = future.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
                return metadata.partition() + ":" + metadata.offset();
            }).toString());
        }
        return reports;
    }

    /** Sends with a producer of its own. */
    static List<String> send(List<ProducerRecord<String, String>> records, Object... settings) {
        try (var producer = producer(settings)) {
            return send(producer, records);
        }
    }

    /** {@code count} records without a key: prefix and number. */
    static List<ProducerRecord<String, String>> values(String topic, int count, String prefix) {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            records.add(new ProducerRecord<>(topic, prefix + number));
        }
        return records;
    }

    /** Polls until {@code enough} records are there or time is up. */
    static List<ConsumerRecord<String, String>> poll(
            KafkaConsumer<String, String> consumer, Predicate<List<ConsumerRecord<String, String>>> enough) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!enough.test(records) && System.nanoTime() < deadline) {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        return records;
    }

    /** Reads {@code count} records of partition 0 from an offset without a group. */
    static List<ConsumerRecord<String, String>> read(String topic, int count, long offset, Object... settings) {
        try (var consumer = consumer(settings)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, offset);
            return poll(consumer, records -> records.size() >= count);
        }
    }

    /** The values of partition 0 up to the end that this isolation level shows. */
    static List<String> seen(String topic, String isolation) {
        try (var consumer = consumer("isolation.level", isolation)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            return payloads(poll(consumer, records -> consumer.position(partition) >= end));
        }
    }

    static List<String> payloads(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }
}
