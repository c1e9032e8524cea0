package conformance;

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.async.BlockingInputStreamAsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.BucketVersioningStatus;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.ObjectAttributes;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.services.s3.presigner.model.PresignedPutObjectRequest;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** The AWS SDK for Java with its default settings; address, region and keys are in AWS's own variables. */
public final class Main {
    private static final S3Client CLIENT = S3Client.create();
    private static final S3AsyncClient ASYNC = S3AsyncClient.builder().multipartEnabled(true).build();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private Main() {}

    private static String made() {
        String name = "aws-java-" + UUID.randomUUID().toString().substring(0, 13);
        CLIENT.createBucket(request -> request.bucket(name));
        return name;
    }

    private static PutObjectResponse put(String bucket, String key, String content) {
        return CLIENT.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromString(content));
    }

    private static String body(String bucket, String key) {
        return CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key(key)).asUtf8String();
    }

    private static byte[] noise(int bytes) {
        byte[] made = new byte[bytes];
        new Random(1).nextBytes(made);
        return made;
    }

    private static void objects(Checks checks) throws Exception {
        String bucket = made();
        String key = "a b/ü+c";
        PutObjectResponse put = CLIENT.putObject(request -> request.bucket(bucket).key(key).contentType("text/plain").metadata(Map.of("m", "1")).tagging("a=1"),
                RequestBody.fromString("hello"));
        checks.equal("etag", put.eTag(), "\"5d41402abc4b2a76b9719d911017c592\"");
        checks.equal("a checksum by default", put.checksumCRC32(), "NhCmhg==");
        ResponseBytes<GetObjectResponse> got = CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key(key));
        checks.equal("get", got.asUtf8String(), "hello");
        checks.equal("its head", List.of(got.response().contentType(), got.response().metadata(), got.response().tagCount()), List.of("text/plain", Map.of("m", "1"), 1));
        checks.equal("a range", CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key(key).range("bytes=1-3")).asUtf8String(), "ell");
        CLIENT.putObject(request -> request.bucket(bucket).key("stream"), RequestBody.fromInputStream(new ByteArrayInputStream(noise(300_000)), 300_000));
        checks.truth("a stream", Arrays.equals(CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key("stream")).asByteArray(), noise(300_000)), bucket);
        put(bucket, "empty", "");
        checks.equal("an empty object", body(bucket, "empty"), "");
        for (ChecksumAlgorithm algorithm : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
            String name = "checksum " + algorithm;
            String outcome = Checks.outcome(() -> CLIENT.putObject(request -> request.bucket(bucket).key(name).checksumAlgorithm(algorithm), RequestBody.fromString("hello")));
            checks.equal(name, outcome + " " + body(bucket, name), "done hello");
        }
        CLIENT.copyObject(request -> request.sourceBucket(bucket).sourceKey(key).destinationBucket(bucket).destinationKey("copy"));
        checks.equal("copy", body(bucket, "copy"), "hello");
        var told = CLIENT.getObjectAttributes(request -> request.bucket(bucket).key(key).objectAttributes(ObjectAttributes.E_TAG, ObjectAttributes.OBJECT_SIZE));
        checks.equal("attributes", told.eTag() + " " + told.objectSize(), "5d41402abc4b2a76b9719d911017c592 5");
        checks.fails("no key", "404 NoSuchKey", () -> CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key("none")));
        checks.fails("no key, head", "404 NoSuchKey", () -> CLIENT.headObject(request -> request.bucket(bucket).key("none")));
        checks.fails("no bucket", "404 NoSuchBucket", () -> CLIENT.listObjectsV2(request -> request.bucket("no-such-bucket-0")));
        checks.fails("put where something is", "412 PreconditionFailed",
                () -> CLIENT.putObject(request -> request.bucket(bucket).key(key).ifNoneMatch("*"), RequestBody.fromString("other")));
        var keys = List.of(key, "copy", "none").stream().map(one -> ObjectIdentifier.builder().key(one).build()).toList();
        var deleted = CLIENT.deleteObjects(request -> request.bucket(bucket).delete(delete -> delete.objects(keys)));
        checks.equal("deleted in bulk", List.of(deleted.deleted().size(), deleted.errors().size()), List.of(3, 0));
        checks.fails("delete the bucket", "409 BucketNotEmpty", () -> CLIENT.deleteBucket(request -> request.bucket(bucket)));
    }

    private static void lists(Checks checks) {
        String bucket = made();
        List<String> names = List.of("a", "b/1", "b/2", "c d", "ü+%");
        names.forEach(name -> put(bucket, name, name));
        List<String> found = new ArrayList<>();
        CLIENT.listObjectsV2Paginator(request -> request.bucket(bucket).maxKeys(2)).contents().forEach(one -> found.add(one.key()));
        checks.equal("pages", found, names);
        var page = CLIENT.listObjectsV2(request -> request.bucket(bucket).delimiter("/"));
        checks.equal("by delimiter", page.contents().stream().map(S3Object::key).toList(), List.of("a", "c d", "ü+%"));
        checks.equal("prefixes", page.commonPrefixes().get(0).prefix(), "b/");
        var there = CLIENT.waiter().waitUntilObjectExists(request -> request.bucket(bucket).key("a"));
        checks.truth("waited", there.matched().response().isPresent(), there);
    }

    private static void uploads(Checks checks) throws Exception {
        String bucket = made();
        byte[] content = noise(20 << 20);
        ASYNC.putObject(request -> request.bucket(bucket).key("parts"), AsyncRequestBody.fromBytes(content)).join();
        byte[] back = ASYNC.getObject(request -> request.bucket(bucket).key("parts"), AsyncResponseTransformer.toBytes()).join().asByteArray();
        checks.truth("in parts by the async client", Arrays.equals(back, content), back.length);
        checks.truth("its etag", CLIENT.headObject(request -> request.bucket(bucket).key("parts")).eTag().endsWith("-3\""), bucket);
        BlockingInputStreamAsyncRequestBody unknown = AsyncRequestBody.forBlockingInputStream(null);
        var sent = ASYNC.putObject(request -> request.bucket(bucket).key("stream"), unknown);
        unknown.writeInputStream(new ByteArrayInputStream(content));
        sent.join();
        checks.truth("of unknown length", Arrays.equals(CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key("stream")).asByteArray(), content), bucket);
        Path folder = Files.createTempDirectory("blobs");
        Files.write(folder.resolve("file"), content);
        try (S3TransferManager manager = S3TransferManager.builder().s3Client(ASYNC).build()) {
            var up = manager.uploadDirectory(request -> request.source(folder).bucket(bucket).s3Prefix("up")).completionFuture().join();
            checks.equal("a folder", up.failedTransfers(), List.of());
            manager.copy(request -> request.copyObjectRequest(copy -> copy.sourceBucket(bucket).sourceKey("up/file").destinationBucket(bucket).destinationKey("copy"))).completionFuture().join();
            Path other = folder.resolve("back");
            manager.downloadFile(request -> request.getObjectRequest(get -> get.bucket(bucket).key("copy")).destination(other)).completionFuture().join();
            checks.truth("copied and back", Arrays.equals(Files.readAllBytes(other), content), other);
            Files.delete(other);
        }
        Files.delete(folder.resolve("file"));
        Files.delete(folder);
    }

    private static void urls(Checks checks) throws Exception {
        String bucket = made();
        try (S3Presigner signer = S3Presigner.create()) {
            PresignedPutObjectRequest put = signer.presignPutObject(request -> request.signatureDuration(Duration.ofMinutes(1))
                    .putObjectRequest(object -> object.bucket(bucket).key("a b+ü").contentType("text/plain").metadata(Map.of("m", "1"))));
            HttpRequest.Builder made = HttpRequest.newBuilder(put.url().toURI()).PUT(HttpRequest.BodyPublishers.ofString("hello"));
            put.signedHeaders().forEach((name, values) -> {
                if (!name.equalsIgnoreCase("host")) {
                    values.forEach(value -> made.header(name, value));
                }
            });
            checks.equal("put by a URL", HTTP.send(made.build(), HttpResponse.BodyHandlers.ofString()).statusCode(), 200);
            var head = CLIENT.headObject(request -> request.bucket(bucket).key("a b+ü"));
            checks.equal("what it says is kept", List.of(head.contentType(), head.metadata()), List.of("text/plain", Map.of("m", "1")));
            URI get = signer.presignGetObject(request -> request.signatureDuration(Duration.ofMinutes(1)).getObjectRequest(object -> object.bucket(bucket).key("a b+ü"))).url().toURI();
            checks.equal("get by a URL", HTTP.send(HttpRequest.newBuilder(get).build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8)).body(), "hello");
        }
    }

    private static void versions(Checks checks) {
        String bucket = made();
        CLIENT.putBucketVersioning(request -> request.bucket(bucket).versioningConfiguration(setting -> setting.status(BucketVersioningStatus.ENABLED)));
        String first = put(bucket, "k", "1").versionId();
        String second = put(bucket, "k", "2").versionId();
        checks.truth("a marker", CLIENT.deleteObject(request -> request.bucket(bucket).key("k")).deleteMarker(), first);
        var listed = CLIENT.listObjectVersions(request -> request.bucket(bucket));
        checks.equal("versions", listed.versions().stream().map(one -> one.versionId()).toList(), List.of(second, first));
        checks.equal("markers", listed.deleteMarkers().size(), 1);
        checks.equal("by id", CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key("k").versionId(first)).asUtf8String(), "1");
    }

    public static void main(String[] arguments) {
        Checks checks = new Checks();
        checks.family("objects", Main::objects);
        checks.family("lists", Main::lists);
        checks.family("uploads", Main::uploads);
        checks.family("urls", Main::urls);
        checks.family("versions", Main::versions);
        System.exit(checks.finish() ? 0 : 1);
    }
}
