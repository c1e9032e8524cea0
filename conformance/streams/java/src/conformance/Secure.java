package conformance;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java client over SASL and TLS; `confluent_secure.py` tells the variables that name listener and credentials. */
public final class Secure {
    private static final String MECHANISM = System.getenv("BOLE_STREAMS_SASL_MECHANISM");
    private static final String CA_FILE = System.getenv("BOLE_STREAMS_CA_FILE");
    private static final String NAME = "secure-" + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();

    private Secure() {}

    private static Map<String, Object> settings(String user, String password) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", System.getenv("BOLE_STREAMS_SASL_BOOTSTRAP"));
        settings.put("security.protocol", CA_FILE == null ? "SASL_PLAINTEXT" : "SASL_SSL");
        settings.put("sasl.mechanism", MECHANISM);
        String module = MECHANISM.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        settings.put("sasl.jaas.config", "org.apache.kafka.common.security." + module
                + " required username=\"" + user + "\" password=\"" + password + "\";");
        if (CA_FILE != null) {
            settings.put("ssl.truststore.type", "PEM");
            settings.put("ssl.truststore.location", CA_FILE);
        }
        return settings;
    }

    private static Map<String, Object> right() {
        return settings(System.getenv("BOLE_STREAMS_SASL_USER"), System.getenv("BOLE_STREAMS_SASL_PASSWORD"));
    }

    private static void theRightUser(Checks checks) throws Exception {
        try (Admin admin = Admin.create(right());
                var producer = new KafkaProducer<>(right(), new StringSerializer(), new StringSerializer())) {
            admin.createTopics(List.of(new NewTopic(NAME, 1, (short) 1))).all().get();
            for (int number = 0; number < 10; number++) {
                producer.send(new ProducerRecord<>(NAME, "v" + number)).get();
            }
            Map<String, Object> reader = right();
            reader.putAll(Map.of("group.id", NAME, "auto.offset.reset", "earliest"));
            try (var consumer = new KafkaConsumer<>(reader, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of(NAME));
                checks.equal("produce and consume in a group",
                        World.payloads(World.poll(consumer, got -> got.size() >= 10)), Records.numbered("v", 10));
            }
            checks.equal("delete the topic", admin.deleteTopics(List.of(NAME)).all().get(), null);
        }
    }

    private static void theWrongOnes(Checks checks) {
        checks.fails("a wrong password", "SaslAuthenticationException",
                () -> listed(settings(System.getenv("BOLE_STREAMS_SASL_USER"), "not it")));
        checks.fails("an unknown user", "SaslAuthenticationException", () -> listed(settings("nobody-here", "x")));
        if (CA_FILE != null) {
            Map<String, Object> stranger = right();
            stranger.remove("ssl.truststore.location");
            stranger.remove("ssl.truststore.type");
            checks.fails("a certificate that nobody vouches for", "SslAuthenticationException", () -> listed(stranger));
        }
    }

    private static Object listed(Map<String, Object> settings) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            return admin.listTopics().names().get();
        }
    }

    public static void main(String[] arguments) {
        System.out.println("# the Java client with " + MECHANISM + (CA_FILE == null ? "" : " over TLS"));
        Checks checks = new Checks();
        checks.family("the right user", Secure::theRightUser);
        checks.family("the wrong ones", Secure::theWrongOnes);
        System.exit(checks.finish() ? 0 : 1);
    }
}
