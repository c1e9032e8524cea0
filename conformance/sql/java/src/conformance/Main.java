package conformance;

import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The JDBC driver with its default settings against BOLE_SQL_URL; arguments choose families. */
public final class Main {
    private Main() {}

    private static Map<String, Checks.Family> families() {
        Map<String, Checks.Family> families = new LinkedHashMap<>();
        families.put("connections", Sessions::connections);
        families.put("values", Values::values);
        families.put("statements", Sessions::statements);
        families.put("generated-keys", Sessions::generatedKeys);
        families.put("batches", Sessions::batches);
        families.put("transactions", Sessions::transactions);
        families.put("errors", Sessions::errors);
        families.put("fetch-size", Sessions::fetchSize);
        families.put("copies", Sessions::copies);
        families.put("notifications", Sessions::notifications);
        families.put("cancels", Sessions::cancels);
        families.put("metadata", Metadata::metadata);
        return families;
    }

    /** A session; pairs of names and values are properties beside the defaults. */
    static Connection connect(String... more) throws SQLException {
        URI uri = URI.create(System.getenv("BOLE_SQL_URL"));
        String[] user = uri.getUserInfo().split(":", 2);
        Properties properties = new Properties();
        properties.setProperty("user", user[0]);
        properties.setProperty("password", user[1]);
        for (int at = 0; at < more.length; at += 2) {
            properties.setProperty(more[at], more[at + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + uri.getHost() + ":" + uri.getPort() + uri.getPath(), properties);
    }

    /** All rows of a query, values as the driver gives them. */
    static List<List<Object>> rows(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery(query)) {
            return rows(result);
        }
    }

    static List<List<Object>> rows(ResultSet result) throws SQLException {
        List<List<Object>> rows = new ArrayList<>();
        while (result.next()) {
            List<Object> row = new ArrayList<>();
            for (int at = 1; at <= result.getMetaData().getColumnCount(); at++) {
                row.add(result.getObject(at));
            }
            rows.add(row);
        }
        return rows;
    }

    static void run(Connection connection, String... statements) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String text : statements) {
                statement.execute(text);
            }
        }
    }

    public static void main(String[] arguments) {
        Checks checks = new Checks();
        families().forEach((name, family) -> {
            if (arguments.length == 0 || List.of(arguments).contains(name)) {
                checks.family(name, family);
            }
        });
        System.exit(checks.finish() ? 0 : 1);
    }
}
