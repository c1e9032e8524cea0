package conformance;

import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

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

    void among(String name, Object got, Collection<?> allowed) {
        note(name, allowed.contains(got), "one of " + allowed, got);
    }

    /** {@code call} must fail with an exception of this simple name, wherever it is in the chain of causes. */
    void fails(String name, String exception, Callable<?> call) {
        Object got = failure(call);
        note(name, exception.equals(got), exception, got);
    }

    /** {@code condition} must hold within some seconds. */
    void eventually(String name, Callable<Boolean> condition) throws Exception {
        eventually(name, condition, Duration.ofSeconds(20));
    }

    void eventually(String name, Callable<Boolean> condition, Duration limit) throws Exception {
        long deadline = System.nanoTime() + limit.toNanos();
        boolean holds = condition.call();
        while (!holds && System.nanoTime() < deadline) {
            Thread.sleep(5);
            holds = condition.call();
        }
        note(name, holds, "a condition that holds within " + limit.toSeconds() + " s", holds);
    }

    /** What {@code call} returns must be {@code expected} within some seconds. */
    void becomes(String name, Callable<?> call, Object expected) throws Exception {
        long deadline = System.nanoTime() + World.LIMIT.toNanos();
        Object got = call.call();
        while (!Objects.equals(got, expected) && System.nanoTime() < deadline) {
            Thread.sleep(5);
            got = call.call();
        }
        equal(name, got, expected);
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
        return failed == 0;
    }

    /** The simple name of the exception that {@code call} ends with, or what it returns. */
    static Object failure(Callable<?> call) {
        try {
            return call.call();
        } catch (Exception raised) {
            Throwable cause = raised;
            while ((cause instanceof ExecutionException || cause instanceof CompletionException
                    || cause.getClass() == org.apache.kafka.common.KafkaException.class) && cause.getCause() != null) {
                cause = cause.getCause();
            }
            return cause.getClass().getSimpleName();
        }
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
