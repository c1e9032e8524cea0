package conformance;

import static conformance.World.payloads;
import static conformance.World.poll;
import static conformance.World.producer;
import static conformance.World.read;
import static conformance.World.send;
import static conformance.World.topic;
import static conformance.World.values;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;

/** Producing and consuming without a group. */
final class Records {
    /** Much older records may be deleted by their age while they are read. */
    private static final long HOUR_AGO = System.currentTimeMillis() - 3_600_000;

    private Records() {}

    static void partitions(Checks checks) throws Exception {
        String topic = topic(4);
        checks.equal("an explicit partition", send(List.of(
                new ProducerRecord<>(topic, 3, null, "x"), new ProducerRecord<>(topic, 0, null, "x"),
                new ProducerRecord<>(topic, 3, null, "x"))), List.of("3:0", "0:0", "3:1"));
        Set<String> all = new HashSet<>();
        boolean one = true;
        try (var producer = producer()) {
            for (int key = 0; key < 8; key++) {
                Set<String> partitions = new HashSet<>();
                for (int turn = 0; turn < 3; turn++) {
                    var sent = send(producer, List.of(new ProducerRecord<>(topic, "k" + key, "x")));
                    partitions.add(sent.get(0).split(":")[0]);
                }
                one &= partitions.size() == 1;
                all.addAll(partitions);
            }
        }
        checks.truth("one partition a key", one, null);
        checks.truth("keys spread", all.size() > 1, all);
        checks.fails("an unknown partition", "TimeoutException", () -> {
            try (var producer = producer("max.block.ms", 1000)) {
                return producer.send(new ProducerRecord<>(topic, 9, null, "x")).get();
            }
        });
    }

    static void acknowledgements(Checks checks) throws Exception {
        for (String acks : List.of("0", "1", "all")) {
            String topic = topic(1);
            send(values(topic, 20, "v"), "acks", acks, "enable.idempotence", false);
            checks.equal("acks=" + acks, payloads(read(topic, 20, 0)), numbered("v", 20));
        }
        String topic = topic(1);
        send(values(topic, 5000, "v"));
        checks.equal("idempotent by default, in order", payloads(read(topic, 5000, 0)), numbered("v", 5000));
    }

    static List<String> numbered(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(number -> prefix + number).toList();
    }

    static void codecs(Checks checks) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = topic(1);
            List<ProducerRecord<String, String>> records = new ArrayList<>();
            for (int number = 0; number < 200; number++) {
                records.add(new ProducerRecord<>(topic, "" + number, "a rather repetitive value ".repeat(20) + number));
            }
            var reports = send(records, "compression.type", codec, "linger.ms", 20);
            checks.equal(codec + " reports offsets", reports.get(199), "0:199");
            checks.equal(codec + " is read", payloads(read(topic, 200, 0)),
                    records.stream().map(ProducerRecord::value).toList());
            checks.equal(codec + " from the middle", read(topic, 1, 150).get(0).key(), "150");
        }
        String topic = topic(1, "compression.type", "zstd");
        send(values(topic, 50, "v"), "compression.type", "gzip");
        checks.equal("a topic with a codec of its own", payloads(read(topic, 50, 0)), numbered("v", 50));
    }

    static void parts(Checks checks) throws Exception {
        String topic = topic(1);
        var first = new ProducerRecord<>(topic, 0, HOUR_AGO, "k", "v");
        first.headers().add("a", bytes("1")).add("b", bytes("")).add("a", bytes("2")).add("none", null);
        send(List.of(first, new ProducerRecord<>(topic, null, "no key"), new ProducerRecord<>(topic, "no value", null),
                new ProducerRecord<>(topic, "", ""), new ProducerRecord<>(topic, null, null)));
        var got = read(topic, 5, 0);
        List<String> headers = new ArrayList<>();
        got.get(0).headers().forEach(header -> headers.add(
                header.key() + "=" + (header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8))));
        checks.equal("headers", headers, List.of("a=1", "b=", "a=2", "none=null"));
        checks.equal("a given timestamp", got.get(0).timestamp(), HOUR_AGO);
        checks.equal("keys and values", got.stream().map(each -> each.key() + "=" + each.value()).toList(),
                List.of("k=v", "null=no key", "no value=null", "=", "null=null"));
        checks.truth("a leader epoch", got.get(0).leaderEpoch().isPresent(), got.get(0).leaderEpoch());
        String appended = topic(1, "message.timestamp.type", "LogAppendTime");
        send(List.of(new ProducerRecord<>(appended, 0, HOUR_AGO, null, "x")));
        ConsumerRecord<String, String> record = read(appended, 1, 0).get(0);
        checks.equal("append time", record.timestampType(), TimestampType.LOG_APPEND_TIME);
        checks.truth("append time is now", Math.abs(record.timestamp() - System.currentTimeMillis()) < 60_000, null);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void sizes(Checks checks) throws Exception {
        String topic = topic(1);
        String large = "x".repeat(900_000);
        checks.equal("900 KB", send(List.of(new ProducerRecord<>(topic, large), new ProducerRecord<>(topic, large))),
                List.of("0:0", "0:1"));
        checks.equal("900 KB is read", read(topic, 2, 0).get(1).value().length(), 900_000);
        var huge = new ProducerRecord<String, String>(topic, "x".repeat(1_500_000));
        checks.equal("too large for the client", send(List.of(huge)), List.of("RecordTooLargeException"));
        checks.equal("too large for the broker", send(List.of(huge), "max.request.size", 3_000_000),
                List.of("RecordTooLargeException"));
        String wide = topic(1, "max.message.bytes", "3000000");
        checks.equal("a larger limit of the topic", send(List.of(new ProducerRecord<>(wide, huge.value())),
                "max.request.size", 3_000_000), List.of("0:0"));
        checks.equal("larger than a fetch is read", read(wide, 1, 0, "max.partition.fetch.bytes", 1000).get(0).value().length(),
                1_500_000);
        String compacted = topic(1, "cleanup.policy", "compact");
        checks.equal("no key on a compacted topic", send(values(compacted, 1, "v")), List.of("InvalidRecordException"));
    }

    static void positions(Checks checks) throws Exception {
        String topic = topic(1);
        long base = HOUR_AGO;
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int number = 0; number < 5; number++) {
            records.add(new ProducerRecord<>(topic, 0, base + number * 1000, null, "v" + number));
        }
        send(records);
        var partition = new TopicPartition(topic, 0);
        checks.equal("of the newest time", World.ADMIN.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp()))
                .partitionResult(partition).get().offset(), 4L);
        try (var consumer = World.consumer()) {
            consumer.assign(List.of(partition));
            checks.equal("beginning", consumer.beginningOffsets(List.of(partition)).get(partition), 0L);
            checks.equal("end", consumer.endOffsets(List.of(partition)).get(partition), 5L);
            checks.equal("for a time", consumer.offsetsForTimes(Map.of(partition, base + 2500)).get(partition).offset(), 3L);
            checks.equal("for a time after all", consumer.offsetsForTimes(Map.of(partition, base + 99_000)).get(partition), null);
            consumer.seek(partition, 3);
            checks.equal("from an offset", payloads(poll(consumer, got -> got.size() >= 2)), List.of("v3", "v4"));
            checks.equal("position", consumer.position(partition), 5L);
            consumer.seekToEnd(List.of(partition));
            checks.equal("at the end", consumer.position(partition), 5L);
            consumer.seekToBeginning(List.of(partition));
            checks.equal("from the beginning", poll(consumer, got -> got.size() >= 5).size(), 5);
            consumer.pause(List.of(partition));
            send(values(topic, 1, "late"));
            checks.equal("paused", consumer.poll(Duration.ofMillis(500)).count(), 0);
            consumer.resume(List.of(partition));
            checks.equal("resumed", payloads(poll(consumer, got -> !got.isEmpty())), List.of("late0"));
            checks.equal("lag", consumer.currentLag(partition).orElse(-1), 0L);
        }
        checks.fails("an offset out of range", "OffsetOutOfRangeException",
                () -> read(topic, 1, 99, "auto.offset.reset", "none"));
        checks.fails("an unknown topic", "TimeoutException", () -> {
            try (var consumer = World.consumer("allow.auto.create.topics", false)) {
                return consumer.beginningOffsets(List.of(new TopicPartition(World.name("missing"), 0)), Duration.ofSeconds(2));
            }
        });
    }
}
