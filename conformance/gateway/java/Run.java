// java.net.http with its defaults (HTTP/2 offered) and with HTTP/1.1 at the gateway; counts and prints as the other scripts do.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Run {
    static final String GATEWAY = System.getenv("GATEWAY");
    static final String SECURE = System.getenv("GATEWAY_TLS");
    static int passed;
    static int failed;

    static void equal(String name, Object got, Object expected) {
        if (expected.equals(got)) {
            passed++;
            System.out.println("ok " + name);
        } else {
            failed++;
            System.out.println("FAIL " + name + ": expected " + expected + ", got " + got);
        }
    }

    static SSLContext trusting(Path authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (var file = Files.newInputStream(authority)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    static HttpResponse<String> send(HttpClient client, HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), BodyHandlers.ofString());
    }

    static HttpRequest.Builder to(String url) {
        return HttpRequest.newBuilder(URI.create(url));
    }

    static void exchange(String name, HttpClient client, String base, HttpClient.Version version) throws Exception {
        byte[] body = new byte[400_000];
        IntStream.range(0, body.length).forEach(at -> body[at] = (byte) at);
        String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        HttpResponse<String> answer = send(client, to(base + "/a"));
        equal(name + " version", answer.version(), version);
        equal(name + " upload", send(client, to(base + "/a").PUT(BodyPublishers.ofByteArray(body))).body().contains(digest), true);
        var streamed = BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(body));
        equal(name + " upload of unknown length", send(client, to(base + "/a").PUT(streamed)).body().contains(digest), true);
        equal(name + " after it", send(client, to(base + "/a")).statusCode(), 200);
        equal(name + " expect", send(client, to(base + "/a").expectContinue(true).PUT(BodyPublishers.ofByteArray(body))).body().contains(digest), true);
        equal(name + " download", client.send(to(base + "/blob").build(), BodyHandlers.ofByteArray()).body().length, 300_000);
        equal(name + " range", send(client, to(base + "/blob").header("range", "bytes=0-9")).statusCode(), 206);
        equal(name + " rewrite", send(client, to(base + "/old/x")).body().contains("/new/x"), true);
        equal(name + " redirect", send(client, to(base + "/moved/a")).statusCode(), 308);
        equal(name + " no key", send(client, to(base + "/keyed")).statusCode(), 401);
        equal(name + " key", send(client, to(base + "/keyed").header("x-api-key", "acme-secret")).statusCode(), 200);
        equal(name + " retried", send(client, to(base + "/flaky/java-" + name.replaceAll("[^a-z0-9]", "-"))).body(), "3");
        var all = IntStream.range(0, 50).mapToObj(n -> client.sendAsync(to(base + "/a?n=" + n).build(), BodyHandlers.ofString())
                .thenApply(each -> each.body().contains("/a?n=" + n + "\""))).toList();
        equal(name + " 50 at once", all.stream().allMatch(CompletableFuture::join), true);
    }

    static void webSocket(String name, HttpClient client, String url) throws Exception {
        var got = new CompletableFuture<String>();
        WebSocket socket = client.newWebSocketBuilder().buildAsync(URI.create(url), new WebSocket.Listener() {
            final StringBuilder text = new StringBuilder();

            @Override
            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                text.append(data);
                if (last) got.complete(text.toString());
                socket.request(1);
                return null;
            }
        }).get(10, TimeUnit.SECONDS);
        String sent = "x".repeat(100_000);
        socket.sendText(sent, true).get(10, TimeUnit.SECONDS);
        equal(name + " WebSocket echo", got.get(10, TimeUnit.SECONDS).equals(sent), true);
        socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(10, TimeUnit.SECONDS);
    }

    public static void main(String[] arguments) throws Exception {
        SSLContext context = trusting(Path.of(System.getenv("CERTIFICATES"), "ca.pem"));
        HttpClient plain = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpClient secure = HttpClient.newBuilder().sslContext(context).build();
        try {
            exchange("http/1.1", plain, GATEWAY, HttpClient.Version.HTTP_1_1);
            // The default offers an upgrade to HTTP/2 without TLS in its first request to a server, which the gateway passes over.
            HttpClient defaults = HttpClient.newHttpClient();
            equal("defaults", send(defaults, to(GATEWAY + "/a")).statusCode(), 200);
            equal("an offer with a body", send(HttpClient.newHttpClient(), to(GATEWAY + "/a").PUT(BodyPublishers.ofString("x"))).statusCode(), 200);
            exchange("tls", secure, SECURE, HttpClient.Version.HTTP_2);
            webSocket("ws", plain, GATEWAY.replace("http", "ws") + "/ws");
            webSocket("wss", secure, SECURE.replace("http", "ws") + "/ws");
        } catch (Exception error) {
            equal("no exception", error.toString(), "");
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}
