//! Functions that give rows.

use super::Function;
use super::row::{
    ANYARRAY, ANYELEMENT, BOOL, INT2_ARRAY, INT4, INT8, INTERVAL, JSON, JSONB, JSONPATH, NUMERIC, RECORD,
    REGCLASS, TEXT, TEXT_ARRAY, TIMESTAMP, TIMESTAMPTZ, set,
};

/// Rows of `pg_proc`.
pub(super) const FUNCTIONS: &[Function] = &[
    set("generate_series", &[INT4, INT4], INT4, "pg_generate_series_int4"),
    set("generate_series", &[INT4, INT4, INT4], INT4, "pg_generate_series_int4"),
    set("generate_series", &[INT8, INT8], INT8, "pg_generate_series_int8"),
    set("generate_series", &[INT8, INT8, INT8], INT8, "pg_generate_series_int8"),
    set("generate_series", &[NUMERIC, NUMERIC], NUMERIC, "pg_generate_series_numeric"),
    set("generate_series", &[NUMERIC, NUMERIC, NUMERIC], NUMERIC, "pg_generate_series_numeric"),
    set("generate_series", &[TIMESTAMP, TIMESTAMP, INTERVAL], TIMESTAMP, "pg_generate_series_timestamp"),
    set(
        "generate_series",
        &[TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL],
        TIMESTAMPTZ,
        "pg_generate_series_timestamptz",
    )
    .stable(),
    set("generate_subscripts", &[ANYARRAY, INT4], INT4, "pg_generate_subscripts"),
    set("generate_subscripts", &[ANYARRAY, INT4, BOOL], INT4, "pg_generate_subscripts"),
    set("unnest", &[ANYARRAY], ANYELEMENT, "pg_unnest").typed(),
    // In select lists alone, for what drivers ask of keys: its rows are values, of which `bind/special.rs` takes the fields.
    set("information_schema._pg_expandarray", &[INT2_ARRAY], RECORD, "pg_expandarray"),
    set("json_array_elements", &[JSON], JSON, "pg_json_array_elements"),
    set("json_array_elements_text", &[JSON], TEXT, "pg_json_array_elements_text"),
    set("jsonb_array_elements", &[JSONB], JSONB, "pg_jsonb_array_elements"),
    set("jsonb_array_elements_text", &[JSONB], TEXT, "pg_jsonb_array_elements_text"),
    set("json_each", &[JSON], RECORD, "pg_json_each").columns(&[("key", TEXT), ("value", JSON)]),
    set("json_each_text", &[JSON], RECORD, "pg_json_each_text").columns(&[("key", TEXT), ("value", TEXT)]),
    set("jsonb_each", &[JSONB], RECORD, "pg_jsonb_each").columns(&[("key", TEXT), ("value", JSONB)]),
    set("jsonb_each_text", &[JSONB], RECORD, "pg_jsonb_each_text").columns(&[("key", TEXT), ("value", TEXT)]),
    set("jsonb_path_query", &[JSONB, JSONPATH, JSONB, BOOL], JSONB, "pg_jsonb_path_query").optional(2),
    set("pg_options_to_table", &[TEXT_ARRAY], RECORD, "pg_options_to_table")
        .columns(&[("option_name", TEXT), ("option_value", TEXT)]),
    set("pg_partition_ancestors", &[REGCLASS], REGCLASS, "pg_partition_ancestors"),
    set("json_object_keys", &[JSON], TEXT, "pg_json_object_keys"),
    set("jsonb_object_keys", &[JSONB], TEXT, "pg_jsonb_object_keys"),
    set("regexp_split_to_table", &[TEXT, TEXT], TEXT, "pg_regexp_split_to_table"),
    set("regexp_split_to_table", &[TEXT, TEXT, TEXT], TEXT, "pg_regexp_split_to_table"),
    set("regexp_matches", &[TEXT, TEXT], TEXT_ARRAY, "pg_regexp_matches"),
    set("regexp_matches", &[TEXT, TEXT, TEXT], TEXT_ARRAY, "pg_regexp_matches"),
    set("string_to_table", &[TEXT, TEXT], TEXT, "pg_string_to_table").called_on_null(),
    set("string_to_table", &[TEXT, TEXT, TEXT], TEXT, "pg_string_to_table").called_on_null(),
];
