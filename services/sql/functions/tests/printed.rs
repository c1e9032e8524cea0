//! What the binder prints by rules of its own, and how long registration takes.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "rows/session.rs"]
mod session;

use bole_sql_functions::{Context, register};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Queries of SQLite and their rows, values joined with `|`, rows with ` / `; errors begin with `!`. The results are PostgreSQL's of what is
/// written behind.
const ROWS: &[(&str, &str)] = &[
    // ARRAY[1, NULL, 3]
    ("SELECT pg_array(pg_element(23, 1), pg_element(23, NULL), pg_element(23, 3))", "{1,NULL,3}"),
    ("SELECT pg_array()", "{}"),
    // ARRAY['a b', '']
    ("SELECT pg_array(pg_element(25, 'a b'), pg_element(25, ''))", "{\"a b\",\"\"}"),
    // ARRAY[ARRAY[1,2], ARRAY[3,4]]
    ("SELECT pg_array_of_arrays('{1,2}', '{3,4}')", "{{1,2},{3,4}}"),
    ("SELECT pg_array_of_arrays('{}', '{}')", "{}"),
    (
        "SELECT pg_array_of_arrays('{1}', '{1,2}')",
        "!2202E multidimensional arrays must have array expressions with matching dimensions",
    ),
    // (ARRAY[5,6,7])[2], outside, and of a matrix
    ("SELECT pg_subscript(1007, '{5,6,7}', 2)", "6"),
    ("SELECT pg_subscript(1007, '{5,6,7}', 4)", "NULL"),
    ("SELECT pg_subscript(1007, '[0:2]={5,6,7}', 0)", "5"),
    ("SELECT pg_subscript(1007, '{{1,2},{3,4}}', 2, 1)", "3"),
    ("SELECT pg_subscript(1007, '{{1,2},{3,4}}', 2)", "NULL"),
    ("SELECT pg_subscript(1022, '{1.5,NaN}', 2)", "NaN"),
    ("SELECT pg_subscript(1007, NULL, 2)", "NULL"),
    // (ARRAY[1,2,3,4])[2:3], [:2], [3:], [3:2]
    ("SELECT pg_slice(1007, '{1,2,3,4}', 2, 3)", "{2,3}"),
    ("SELECT pg_slice(1007, '{1,2,3,4}', '', 2)", "{1,2}"),
    ("SELECT pg_slice(1007, '{1,2,3,4}', 3, '')", "{3,4}"),
    ("SELECT pg_slice(1007, '{1,2,3,4}', 3, NULL)", "NULL"),
    ("SELECT pg_slice(1007, '{1,2,3,4}', 3, 2)", "{}"),
    ("SELECT pg_slice(1007, '{{1,2},{3,4}}', 1, 2, 2, 2)", "{{2},{4}}"),
    // Rows there and back
    (
        "SELECT v1, v2, v3, ordinality FROM pg_rows((SELECT pg_pack(column1, column2, column3) FROM (VALUES (1, 'a', NULL), (2.5, x'00ff', 'ä'))))",
        "1|a|NULL|1 / 2.5|x|ä|2",
    ),
    ("SELECT v1 FROM pg_rows((SELECT pg_pack(1) WHERE 0))", ""),
    // mode() WITHIN GROUP (ORDER BY x), also DESC
    ("SELECT pg_mode(23, column1, 0) FROM (VALUES (3), (1), (3), (1), (2), (NULL))", "1"),
    ("SELECT pg_mode(23, column1, 1) FROM (VALUES (3), (1), (3), (1), (2), (NULL))", "3"),
    ("SELECT pg_mode(23, column1, 0) FROM (VALUES (1)) WHERE 0", "NULL"),
    // percentile_disc(0.5), of an array, and DESC
    ("SELECT pg_percentile_disc(0.5, 23, column1, 0) FROM (VALUES (1), (2), (3), (4))", "2"),
    ("SELECT pg_percentile_disc(0.25, 23, column1, 1) FROM (VALUES (1), (2), (3), (4))", "4"),
    (
        "SELECT pg_percentile_disc_array('{0,0.5,NULL,1}', 23, column1, 0) FROM (VALUES (1), (2), (3), (4))",
        "{1,2,NULL,4}",
    ),
    (
        "SELECT pg_percentile_disc(2.0, 23, column1, 0) FROM (VALUES (1))",
        "!22003 percentile value 2 is not between 0 and 1",
    ),
    ("SELECT pg_percentile_disc(0.5, 1700, column1, 0) FROM (VALUES ('10'), ('9'), ('100'))", "10"),
    // percentile_cont(0.5), of an array, of intervals
    ("SELECT pg_percentile_cont(0.5, column1, 0) FROM (VALUES (1.0), (2.0), (4.0), (8.0))", "3"),
    ("SELECT pg_percentile_cont(NULL, column1, 0) FROM (VALUES (1.0))", "NULL"),
    (
        "SELECT pg_percentile_cont_array('{0.25,0.5}', column1, 0) FROM (VALUES (1.0), (2.0), (4.0), (8.0))",
        "{1.75,3}",
    ),
    ("SELECT pg_percentile_cont_interval(0.5, column1, 0) FROM (VALUES ('0 1 0'), ('0 3 0'))", "0 2 0"),
    // row_to_json(row), json_agg(row)
    (
        "SELECT pg_row_to_json('a', 23, 1, 'b', 25, NULL, 'c', 1007, '{1,2}')",
        "{\"a\":1,\"b\":null,\"c\":[1,2]}",
    ),
    (
        "SELECT pg_json_agg(pg_json_element(2249, pg_row_to_json('a', 23, column1))) FROM (VALUES (1), (2))",
        "[{\"a\":1}, \n {\"a\":2}]",
    ),
    ("SELECT pg_raise('21000', 'more than one row')", "!21000 more than one row"),
    // Aggregates over groups without rows, filtered, distinct and ordered
    (
        "SELECT pg_sum_int8(1), pg_array_agg('x'), pg_string_agg('a', ','), pg_json_agg('1') WHERE 0",
        "NULL|NULL|NULL|NULL",
    ),
    ("SELECT pg_string_agg(column1, ',' ORDER BY column1 DESC) FROM (VALUES ('a'), ('c'), ('b'))", "c,b,a"),
    ("SELECT pg_sum_int8(column1) FILTER (WHERE column1 > 1) FROM (VALUES (1), (2), (3))", "5"),
    (
        "SELECT pg_array_agg(DISTINCT pg_element(23, column1) ORDER BY pg_element(23, column1)) FROM (VALUES (2), (1), (2))",
        "{1,2}",
    ),
    // A window that grows is computed as it grows; one that moves needs the twin
    (
        "SELECT pg_sum_numeric(column1) OVER (ORDER BY column1) FROM (VALUES ('1.5'), ('2'), ('3.25'))",
        "1.5 / 3.5 / 6.75",
    ),
    (
        "SELECT pg_sum_numeric(column1) OVER (ORDER BY column1 ROWS 1 PRECEDING) FROM (VALUES ('1'), ('2'), ('3'))",
        "!0A000 this aggregate over a frame that moves is not supported",
    ),
    (
        "SELECT pg_sum_numeric_moving(column1) OVER (ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) FROM (VALUES ('1'), ('2'), ('3'))",
        "5 / 3 / NULL",
    ),
    (
        "SELECT pg_sum_float8(column1) OVER (ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM (VALUES (1.0), (2.0))",
        "2 / NULL",
    ),
    // The session
    (
        "SELECT pg_current_schema(), pg_current_schemas(1), pg_current_schemas(0)",
        "public|{pg_catalog,public}|{public}",
    ),
    ("SELECT pg_current_setting('TimeZone'), pg_current_setting('no.such', 1)", "Europe/Berlin|NULL"),
    ("SELECT pg_current_setting('no.such')", "!42704 unrecognized configuration parameter \"no.such\""),
    (
        "SELECT pg_format_type(1700, 655366), pg_format_type(1043, 14), pg_format_type(1042, -1), pg_format_type(1007, NULL)",
        "numeric(10,2)|character varying(10)|bpchar|integer[]",
    ),
    (
        "SELECT pg_regclass_text('pg_class'), pg_to_regclass('nope'), pg_text_regclass(1259)",
        "1259|NULL|pg_class",
    ),
    (
        "SELECT pg_regtype_text('integer'), pg_regtype_text('text[]'), pg_text_regtype(1009), pg_to_regtype('nope')",
        "23|1009|text[]|NULL",
    ),
    ("SELECT pg_regclass_text('nope')", "!42P01 relation \"nope\" does not exist"),
    (
        "SELECT pg_has_table_privilege('pg_class', 'SELECT'), pg_has_schema_privilege('public', 'USAGE, CREATE')",
        "1|1",
    ),
    ("SELECT pg_has_table_privilege('pg_class', 'FLY')", "!22023 unrecognized privilege type: \"FLY\""),
    ("SELECT length(pg_gen_random_uuid()), pg_random() < 1", "16|1"),
];

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(value) => std::str::from_utf8(value).unwrap().to_owned(),
        ValueRef::Blob(_) => "x".to_owned(),
    }
}

fn run(sql: &str, connection: &Connection, context: &Context) -> String {
    let query = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values: Vec<String> = (0..columns).map(|at| shown(row.get_ref(at).unwrap())).collect();
            Ok(values.join("|"))
        };
        statement.query_map([], row)?.collect()
    };
    match query() {
        Ok(rows) => rows.join(" / "),
        Err(error) => match context.take_error() {
            Some(error) => format!("!{} {}", error.state.as_str(), error.message),
            None => format!("!SQLite {error}"),
        },
    }
}

fn registered() -> (Connection, Context) {
    let (connection, context) = (Connection::open_in_memory().unwrap(), Context::default());
    register(&connection, &context).unwrap();
    context.enter(session::session());
    (connection, context)
}

#[test]
fn printed_calls_answer() {
    let (connection, context) = registered();
    let wrong: Vec<String> = ROWS
        .iter()
        .map(|(sql, expected)| (sql, expected, run(sql, &connection, &context)))
        .filter(|(_, expected, found)| found != *expected)
        .map(|(sql, expected, found)| format!("{sql}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn functions_of_the_session_are_not_deterministic() {
    let (connection, _) = registered();
    connection.execute_batch("CREATE TABLE t (a ANY) STRICT").unwrap();
    connection.execute_batch("CREATE INDEX i ON t (pg_lower(a))").unwrap();
    let refused = connection.execute_batch("CREATE INDEX j ON t (pg_text_timestamptz(a))");
    assert!(refused.unwrap_err().to_string().contains("non-deterministic"));
}

#[test]
fn without_a_session_its_functions_fail() {
    let (connection, context) = (Connection::open_in_memory().unwrap(), Context::default());
    register(&connection, &context).unwrap();
    let found = run("SELECT pg_now()", &connection, &context);
    assert_eq!(found, "!0A000 a function of the session in an index or check is not supported");
}
