package conformance;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.postgresql.util.PSQLException;

/** Counts checks and prints one line for each: {@code ok NAME}, or {@code FAIL NAME: expected …, got …}. */
final class Checks {
    private int passed;
    private int failed;

    /** A family of checks. */
    interface Family {
        void run(Checks checks) throws Exception;
    }

    void equal(String name, Object got, Object expected) {
        boolean same = got instanceof byte[] bytes ? Arrays.equals(bytes, (byte[]) expected) : Objects.equals(got, expected);
        note(name, same, expected, got);
    }

    void truth(String name, boolean holds, Object got) {
        note(name, holds, "something that holds", got);
    }

    /** {@code call} must fail with this SQLSTATE; returns the failure. */
    PSQLException fails(String name, String state, Callable<?> call) {
        Object got;
        try {
            got = call.call();
        } catch (PSQLException error) {
            note(name, state.equals(error.getSQLState()), state, error);
            return error;
        } catch (Exception error) {
            got = error;
        }
        note(name, false, state, got);
        return null;
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
