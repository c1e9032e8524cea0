package conformance;

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Statements, transactions, batches, COPY, notifications and cancelling. */
final class Sessions {
    private Sessions() {}

    static void connections(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            checks.equal("a query", Main.rows(connection, "SELECT 1"), List.of(List.of(1)));
            checks.truth("is valid", connection.isValid(5), null);
            checks.equal("product", connection.getMetaData().getDatabaseProductName(), "PostgreSQL");
            checks.truth("version", connection.getMetaData().getDatabaseMajorVersion() >= 15, connection.getMetaData().getDatabaseProductVersion());
            checks.equal("schema", connection.getSchema(), "public");
        }
        checks.fails("wrong password", "28P01", () -> Main.connect("password", "wrong"));
        try (Connection connection = Main.connect("ApplicationName", "jdbc", "options", "-c statement_timeout=1234")) {
            checks.equal("application name", Main.rows(connection, "SHOW application_name"), List.of(List.of("jdbc")));
            checks.equal("options", Main.rows(connection, "SHOW statement_timeout"), List.of(List.of("1234ms")));
        }
        try (Connection connection = Main.connect("preferQueryMode", "simple")) {
            checks.equal("simple protocol", Main.rows(connection, "SELECT 1, 'x'"), List.of(List.of(1, "x")));
        }
    }

    static void statements(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP TABLE IF EXISTS jdbc_items", "CREATE TABLE jdbc_items (id serial PRIMARY KEY, name text NOT NULL, price numeric(8,2))");
            try (Statement statement = connection.createStatement()) {
                checks.equal("insert", statement.executeUpdate("INSERT INTO jdbc_items (name) SELECT 'n' || g FROM generate_series(1, 100) g"), 100);
                checks.equal("several statements", statement.execute("SELECT 1; UPDATE jdbc_items SET price = 1 WHERE id < 3; SELECT 2"), true);
                checks.equal("the second", List.of(statement.getMoreResults(), statement.getUpdateCount(), statement.getMoreResults()), List.of(false, 2, true));
                statement.setMaxRows(7);
                checks.equal("row limit", Main.rows(statement.executeQuery("SELECT id FROM jdbc_items")).size(), 7);
            }
            try (PreparedStatement statement = connection.prepareStatement("SELECT name FROM jdbc_items WHERE id = ? AND name <> ?")) {
                for (int id = 1; id <= 10; id++) {
                    statement.setInt(1, id);
                    statement.setString(2, "zz");
                    checks.equal("prepared " + id, Main.rows(statement.executeQuery()), List.of(List.of("n" + id)));
                }
            }
            try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE); ResultSet result = statement.executeQuery("SELECT id, name FROM jdbc_items WHERE id <= 3 ORDER BY id")) {
                result.last();
                result.updateString("name", "changed");
                result.updateRow();
                result.first();
                checks.equal("scrolled", result.getString(2), "n1");
            }
            checks.equal("updated through the result", Main.rows(connection, "SELECT name FROM jdbc_items WHERE id = 3"), List.of(List.of("changed")));
            checks.equal("a large result", Main.rows(connection, "SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g").size(), 50000);
            checks.equal("escapes", Main.rows(connection, "SELECT {fn concat('a', 'b')}, {d '2024-02-29'}::text"), List.of(List.of("ab", "2024-02-29")));
        }
    }

    static void generatedKeys(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP TABLE IF EXISTS jdbc_keys", "CREATE TABLE jdbc_keys (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)");
            try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc_keys (name) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                statement.setString(1, "a");
                statement.executeUpdate();
                checks.equal("all columns", Main.rows(statement.getGeneratedKeys()), List.of(List.of(1L, "a")));
            }
            try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc_keys (name) VALUES (?)", new String[] {"id"})) {
                for (String name : List.of("b", "c", "d")) {
                    statement.setString(1, name);
                    statement.addBatch();
                }
                checks.equal("a batch", Arrays.toString(statement.executeBatch()), "[1, 1, 1]");
                checks.equal("its keys", Main.rows(statement.getGeneratedKeys()), List.of(List.of(2L), List.of(3L), List.of(4L)));
            }
        }
    }

    static void batches(Checks checks) throws Exception {
        for (String rewrite : List.of("false", "true")) {
            try (Connection connection = Main.connect("reWriteBatchedInserts", rewrite)) {
                Main.run(connection, "DROP TABLE IF EXISTS jdbc_batch", "CREATE TABLE jdbc_batch (id int PRIMARY KEY, name text)");
                try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc_batch (id, name) VALUES (?, ?)")) {
                    for (int id = 0; id < 1000; id++) {
                        statement.setInt(1, id);
                        statement.setString(2, "n" + id);
                        statement.addBatch();
                    }
                    checks.equal("batch, rewrite " + rewrite, statement.executeBatch().length, 1000);
                    checks.equal("its rows", Main.rows(connection, "SELECT count(*) FROM jdbc_batch"), List.of(List.of(1000L)));
                    statement.setInt(1, 5);
                    statement.setString(2, "again");
                    statement.addBatch();
                    checks.fails("a batch with an error", "23505", () -> {
                        try {
                            return statement.executeBatch();
                        } catch (java.sql.BatchUpdateException error) {
                            throw (PSQLException) error.getCause();
                        }
                    });
                }
            }
        }
    }

    static void transactions(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP TABLE IF EXISTS jdbc_tx", "CREATE TABLE jdbc_tx (id int PRIMARY KEY)");
            connection.setAutoCommit(false);
            Main.run(connection, "INSERT INTO jdbc_tx VALUES (1)");
            Savepoint savepoint = connection.setSavepoint("s");
            checks.fails("a violation", "23505", () -> connection.createStatement().execute("INSERT INTO jdbc_tx VALUES (1)"));
            checks.fails("aborted", "25P02", () -> connection.createStatement().execute("SELECT 1"));
            connection.rollback(savepoint);
            Main.run(connection, "INSERT INTO jdbc_tx VALUES (2)");
            connection.commit();
            Main.run(connection, "DELETE FROM jdbc_tx");
            connection.rollback();
            checks.equal("rows", Main.rows(connection, "SELECT id FROM jdbc_tx ORDER BY id"), List.of(List.of(1), List.of(2)));
            connection.commit();
            for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
                connection.setTransactionIsolation(level);
                checks.equal("isolation " + level, connection.getTransactionIsolation(), level);
                connection.commit();
            }
            connection.setReadOnly(true);
            checks.fails("read only", "25006", () -> connection.createStatement().execute("DELETE FROM jdbc_tx"));
            connection.rollback();
        }
    }

    static void errors(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP TABLE IF EXISTS jdbc_errors", "CREATE TABLE jdbc_errors (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0))", "INSERT INTO jdbc_errors VALUES (1, 1)");
            String[][] rows = {{"SELEC 1", "42601"}, {"SELECT * FROM nowhere", "42P01"}, {"SELECT nothing", "42703"}, {"SELECT 1/0", "22012"}, {"SELECT 'x'::int", "22P02"}, {"INSERT INTO jdbc_errors VALUES (2, NULL)", "23502"}, {"INSERT INTO jdbc_errors VALUES (2, 0)", "23514"}, {"CREATE TABLE jdbc_errors (id int)", "42P07"}};
            for (String[] row : rows) {
                checks.fails(row[0], row[1], () -> connection.createStatement().execute(row[0]));
            }
            ServerErrorMessage message = checks.fails("a duplicate", "23505", () -> connection.createStatement().execute("INSERT INTO jdbc_errors VALUES (1, 1)")).getServerErrorMessage();
            checks.equal("its fields", List.of(message.getSeverity(), message.getSchema(), message.getTable(), message.getConstraint(), message.getDetail()), List.of("ERROR", "public", "jdbc_errors", "jdbc_errors_pkey", "Key (id)=(1) already exists."));
            checks.equal("position", checks.fails("a column", "42703", () -> connection.createStatement().execute("SELECT 1, nothing")).getServerErrorMessage().getPosition(), 11);
        }
    }

    static void fetchSize(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(100);
                long sum = 0;
                try (ResultSet result = statement.executeQuery("SELECT g FROM generate_series(1, 1234) g")) {
                    while (result.next()) {
                        sum += result.getInt(1);
                    }
                }
                checks.equal("portals of 100 rows", sum, 761995L);
            }
            connection.commit();
        }
    }

    static void copies(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP TABLE IF EXISTS jdbc_copy", "CREATE TABLE jdbc_copy (id int, t text)");
            var copy = connection.unwrap(PGConnection.class).getCopyAPI();
            checks.equal("copy in", copy.copyIn("COPY jdbc_copy FROM STDIN WITH CSV", new StringReader("1,a\n2,\"b,c\"\n3,\n")), 3L);
            StringWriter out = new StringWriter();
            checks.equal("copy out", copy.copyOut("COPY (SELECT * FROM jdbc_copy ORDER BY id) TO STDOUT", out), 3L);
            checks.equal("text", out.toString(), "1\ta\n2\tb,c\n3\t\\N\n");
            checks.fails("a bad line", "22P02", () -> copy.copyIn("COPY jdbc_copy FROM STDIN", new StringReader("x\ty\n")));
        }
    }

    static void notifications(Checks checks) throws Exception {
        try (Connection connection = Main.connect(); Connection other = Main.connect()) {
            Main.run(connection, "LISTEN jdbc_channel");
            Main.run(other, "NOTIFY jdbc_channel, 'hello'");
            List<String> got = new ArrayList<>();
            PGNotification[] notifications = connection.unwrap(PGConnection.class).getNotifications(5000);
            for (PGNotification notification : notifications == null ? new PGNotification[0] : notifications) {
                got.add(notification.getName() + " " + notification.getParameter());
            }
            checks.equal("notifications", got, List.of("jdbc_channel hello"));
        }
    }

    static void cancels(Checks checks) throws Exception {
        try (Connection connection = Main.connect(); Statement statement = connection.createStatement()) {
            Timer timer = new Timer(true);
            timer.schedule(new TimerTask() {
                @Override
                public void run() {
                    try {
                        statement.cancel();
                    } catch (java.sql.SQLException error) {
                        error.printStackTrace();
                    }
                }
            }, 300);
            checks.fails("cancel", "57014", () -> statement.execute("SELECT pg_sleep(20)"));
            statement.setQueryTimeout(1);
            checks.fails("timeout", "57014", () -> statement.execute("SELECT pg_sleep(20)"));
            checks.equal("goes on", Main.rows(connection, "SELECT 1"), List.of(List.of(1)));
        }
    }
}
