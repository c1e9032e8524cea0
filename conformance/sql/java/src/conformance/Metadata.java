package conformance;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.List;

/** What the driver reads of the catalog, as tools and object mappers ask it. */
final class Metadata {
    private Metadata() {}

    static void metadata(Checks checks) throws Exception {
        try (Connection connection = Main.connect()) {
            Main.run(connection, "DROP VIEW IF EXISTS jdbc_view", "DROP TABLE IF EXISTS jdbc_child, jdbc_parent",
                    "CREATE TABLE jdbc_parent (id serial PRIMARY KEY, name varchar(20) NOT NULL UNIQUE)",
                    "CREATE TABLE jdbc_child (id int PRIMARY KEY, parent int REFERENCES jdbc_parent ON DELETE CASCADE, price numeric(8,2) DEFAULT 1.5)",
                    "CREATE INDEX jdbc_child_price ON jdbc_child (price)", "CREATE VIEW jdbc_view AS SELECT id FROM jdbc_parent", "COMMENT ON TABLE jdbc_parent IS 'about parents'");
            DatabaseMetaData meta = connection.getMetaData();
            checks.equal("tables", names(meta.getTables(null, "public", "jdbc\\_%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME", "TABLE_TYPE"), wantedTables(connection));
            checks.equal("remarks", names(meta.getTables(null, "public", "jdbc\\_parent", null), "REMARKS"), List.of("about parents"));
            checks.equal("columns", names(meta.getColumns(null, "public", "jdbc\\_child", "%"), "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "NULLABLE", "COLUMN_DEF"), List.of("id int4 10 0 0 null", "parent int4 10 0 1 null", "price numeric 8 2 1 1.5"));
            checks.equal("serial", names(meta.getColumns(null, "public", "jdbc\\_parent", "id"), "TYPE_NAME", "IS_AUTOINCREMENT"), List.of("serial YES"));
            checks.equal("primary key", names(meta.getPrimaryKeys(null, "public", "jdbc_child"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"), List.of("id 1 jdbc_child_pkey"));
            checks.equal("imported keys", names(meta.getImportedKeys(null, "public", "jdbc_child"), "PKTABLE_NAME", "PKCOLUMN_NAME", "FKCOLUMN_NAME", "FK_NAME", "DELETE_RULE"), List.of("jdbc_parent id parent jdbc_child_parent_fkey 0"));
            checks.equal("exported keys", names(meta.getExportedKeys(null, "public", "jdbc_parent"), "FKTABLE_NAME", "FKCOLUMN_NAME"), List.of("jdbc_child parent"));
            checks.equal("indexes", names(meta.getIndexInfo(null, "public", "jdbc_child", false, true), "INDEX_NAME", "COLUMN_NAME", "NON_UNIQUE"), List.of("jdbc_child_pkey id f", "jdbc_child_price price t"));
            checks.truth("schemas", names(meta.getSchemas(), "TABLE_SCHEM").contains("public"), names(meta.getSchemas(), "TABLE_SCHEM"));
            checks.truth("types", names(meta.getTypeInfo(), "TYPE_NAME").containsAll(List.of("int4", "text", "timestamptz", "jsonb")), "fewer");
            checks.truth("functions", names(meta.getFunctions(null, "pg_catalog", "lower"), "FUNCTION_NAME").contains("lower"), "none");
            checks.equal("table types", names(meta.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true);
            Main.run(connection, "DROP VIEW jdbc_view", "DROP TABLE jdbc_child, jdbc_parent");
        }
    }

    /** Other families may have left tables of theirs; the kinds of those of this family are what counts. */
    private static List<String> wantedTables(Connection connection) throws Exception {
        List<String> names = new ArrayList<>();
        for (List<Object> row : Main.rows(connection, "SELECT table_name, CASE table_type WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END FROM information_schema.tables WHERE table_schema = 'public' AND table_name LIKE 'jdbc\\_%' ORDER BY 2, 1")) {
            names.add(row.get(0) + " " + row.get(1));
        }
        return names;
    }

    private static List<String> names(ResultSet result, String... columns) throws Exception {
        List<String> rows = new ArrayList<>();
        try (result) {
            while (result.next()) {
                List<String> row = new ArrayList<>();
                for (String column : columns) {
                    row.add(result.getString(column));
                }
                rows.add(String.join(" ", row));
            }
        }
        return rows;
    }
}
