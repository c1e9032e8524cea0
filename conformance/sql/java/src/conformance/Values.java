package conformance;

import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** Values of each type there and back, more often than the driver needs to change from text to binary. */
final class Values {
    private Values() {}

    private record Row(String type, Object value) {}

    private static final List<Row> ROWS = List.of(
            new Row("int2", 7), new Row("int4", Integer.MIN_VALUE), new Row("int8", Long.MAX_VALUE), new Row("numeric", new BigDecimal("12345678901234567890.000100")), new Row("numeric", new BigDecimal("-0.0000000001")),
            new Row("float8", 1e-300), new Row("float8", Double.NEGATIVE_INFINITY), new Row("float4", 1.5f), new Row("bool", true), new Row("text", "ä'\"\\ 日本\n\t"), new Row("text", ""), new Row("varchar", "abc"),
            new Row("bytea", new byte[] {0, -1, 92}), new Row("uuid", UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")), new Row("date", LocalDate.of(2024, 2, 29)), new Row("time", LocalTime.of(23, 59, 58)),
            new Row("timestamp", LocalDateTime.of(1999, 12, 31, 23, 59, 59, 1000)), new Row("timestamptz", OffsetDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneOffset.UTC)));

    static void values(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            for (Row row : ROWS) {
                try (PreparedStatement statement = connection.prepareStatement("SELECT ?::" + row.type())) {
                    for (int time = 1; time <= 7; time++) {
                        statement.setObject(1, row.value());
                        try (ResultSet result = statement.executeQuery()) {
                            result.next();
                            Object got = row.value() instanceof byte[] ? result.getBytes(1) : result.getObject(1, row.value().getClass());
                            checks.equal(row.type() + " " + row.value() + ", time " + time, got, row.value());
                        }
                    }
                }
            }
            arrays(checks, connection);
            described(checks, connection);
        }
    }

    private static void arrays(Checks checks, Connection connection) throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("SELECT ?::int4[], ?::text[], ?::text, ?::jsonb")) {
            for (int time = 1; time <= 7; time++) {
                statement.setArray(1, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
                statement.setArray(2, connection.createArrayOf("text", new String[] {"a", "", "b,c", null, "\""}));
                statement.setString(3, null);
                statement.setString(4, "{\"b\": 1, \"a\": [1, null]}");
                try (ResultSet result = statement.executeQuery()) {
                    result.next();
                    checks.equal("integers", Arrays.asList((Object[]) result.getArray(1).getArray()), Arrays.asList(1, null, 3));
                    checks.equal("texts", Arrays.asList((Object[]) result.getArray(2).getArray()), Arrays.asList("a", "", "b,c", null, "\""));
                    checks.equal("null", result.getString(3), null);
                    checks.equal("jsonb", result.getString(4), "{\"a\": [1, null], \"b\": 1}");
                }
            }
        }
        Array nested = (Array) Main.rows(connection, "SELECT '{{1,2},{3,4}}'::int4[]").get(0).get(0);
        checks.equal("nested", Arrays.deepToString((Object[]) nested.getArray()), "[[1, 2], [3, 4]]");
    }

    private static void described(Checks checks, Connection connection) throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("SELECT 1::int2 AS a, 'x'::varchar(5) AS b, 1.5::numeric(6,2) AS c, now() AS d, ARRAY[1] AS e, '{}'::jsonb AS f, 'y'::char(4) AS g")) {
            ResultSetMetaData meta = statement.getMetaData();
            StringBuilder text = new StringBuilder();
            for (int at = 1; at <= meta.getColumnCount(); at++) {
                text.append(meta.getColumnLabel(at)).append(' ').append(meta.getColumnTypeName(at)).append(' ').append(meta.getPrecision(at)).append(' ').append(meta.getScale(at)).append("; ");
            }
            checks.equal("columns", text.toString(), "a int2 5 0; b varchar 5 0; c numeric 6 2; d timestamptz 35 6; e _int4 10 0; f jsonb 2147483647 0; g bpchar 4 0; ");
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT ? + 1, ? || 'x', ?::date WHERE ? > 1.5")) {
            StringBuilder text = new StringBuilder();
            for (int at = 1; at <= 4; at++) {
                text.append(statement.getParameterMetaData().getParameterTypeName(at)).append(' ');
            }
            checks.equal("parameters", text.toString(), "int4 text date numeric ");
        }
    }
}
