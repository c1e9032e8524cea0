package conformance;

import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Counts checks and prints one line for each: {@code ok NAME}, or {@code FAIL NAME: expected …, got …}. */
final class Checks {
    private int passed;
    private int failed;

    /** A family of checks. */
    interface Family {
        void run(Checks checks) throws Exception;
    }

    void equal(String name, Object got, Object expected) {
        note(name, Objects.equals(got, expected), expected, got);
    }

    void truth(String name, boolean holds, Object got) {
        note(name, holds, "something that holds", got);
    }

    /** {@code call} must fail with S3's code, after the HTTP status. */
    void fails(String name, String expected, Callable<?> call) throws Exception {
        note(name, expected.equals(outcome(call)), expected, outcome(call));
    }

    static String outcome(Callable<?> call) throws Exception {
        try {
            call.call();
            return "done";
        } catch (CompletionException wrapped) {
            return code((S3Exception) wrapped.getCause());
        } catch (S3Exception error) {
            return code(error);
        }
    }

    private static String code(S3Exception error) {
        String code = error.awsErrorDetails() == null ? "" : error.awsErrorDetails().errorCode();
        return error.statusCode() + " " + code;
    }

    /** Runs one family of checks; an unexpected exception is one failed check, and the next family goes on. */
    void family(String name, Family family) {
        try {
            family.run(this);
        } catch (Exception | AssertionError unexpected) {
            unexpected.printStackTrace();
            note(name, false, "no exception", unexpected);
        }
    }

    boolean finish() {
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0;
    }

    private void note(String name, boolean good, Object expected, Object got) {
        if (good) {
            passed++;
            System.out.println("ok " + name);
        } else {
            failed++;
            System.out.printf("FAIL %s: expected %.300s, got %.300s%n", name, expected, got);
        }
    }
}
