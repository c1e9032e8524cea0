//! JSON and jsonb: making, parts, changes, paths.

use super::Function;
use super::row::{
    ANY, ANYARRAY, ANYELEMENT, BOOL, INT4, JSON, JSONB, JSONPATH, RECORD, TEXT, TEXT_ARRAY, immutable, stable,
};

/// Rows of `pg_proc`.
pub(super) const FUNCTIONS: &[Function] = &[
    stable("to_json", &[ANYELEMENT], JSON, "pg_to_json").typed(),
    stable("to_jsonb", &[ANYELEMENT], JSONB, "pg_to_jsonb").typed(),
    stable("array_to_json", &[ANYARRAY], JSON, "pg_to_json").typed(),
    stable("array_to_json", &[ANYARRAY, BOOL], JSON, "pg_array_to_json").typed(),
    stable("row_to_json", &[RECORD], JSON, ""),
    stable("row_to_json", &[RECORD, BOOL], JSON, ""),
    stable("json_build_array", &[], JSON, "pg_json_build_array").called_on_null(),
    stable("json_build_array", &[ANY], JSON, "pg_json_build_array").variadic().called_on_null().typed(),
    stable("json_build_object", &[], JSON, "pg_json_build_object").called_on_null(),
    stable("json_build_object", &[ANY], JSON, "pg_json_build_object").variadic().called_on_null().typed(),
    stable("jsonb_build_array", &[], JSONB, "pg_jsonb_build_array").called_on_null(),
    stable("jsonb_build_array", &[ANY], JSONB, "pg_jsonb_build_array").variadic().called_on_null().typed(),
    stable("jsonb_build_object", &[], JSONB, "pg_jsonb_build_object").called_on_null(),
    stable("jsonb_build_object", &[ANY], JSONB, "pg_jsonb_build_object").variadic().called_on_null().typed(),
    immutable("json_object", &[TEXT_ARRAY], JSON, "pg_json_object"),
    immutable("json_object", &[TEXT_ARRAY, TEXT_ARRAY], JSON, "pg_json_object"),
    immutable("jsonb_object", &[TEXT_ARRAY], JSONB, "pg_jsonb_object"),
    immutable("jsonb_object", &[TEXT_ARRAY, TEXT_ARRAY], JSONB, "pg_jsonb_object"),
    immutable("json_array_length", &[JSON], INT4, "pg_json_array_length"),
    immutable("jsonb_array_length", &[JSONB], INT4, "pg_jsonb_array_length"),
    immutable("json_typeof", &[JSON], TEXT, "pg_json_typeof"),
    immutable("jsonb_typeof", &[JSONB], TEXT, "pg_jsonb_typeof"),
    immutable("json_strip_nulls", &[JSON], JSON, "pg_json_strip_nulls"),
    immutable("jsonb_strip_nulls", &[JSONB], JSONB, "pg_jsonb_strip_nulls"),
    immutable("jsonb_pretty", &[JSONB], TEXT, "pg_jsonb_pretty"),
    immutable("json_extract_path", &[JSON, TEXT], JSON, "pg_json_extract_path").variadic(),
    immutable("json_extract_path_text", &[JSON, TEXT], TEXT, "pg_json_extract_path_text").variadic(),
    immutable("jsonb_extract_path", &[JSONB, TEXT], JSONB, "pg_jsonb_extract_path").variadic(),
    immutable("jsonb_extract_path_text", &[JSONB, TEXT], TEXT, "pg_jsonb_extract_path_text").variadic(),
    immutable("json_array_element", &[JSON, INT4], JSON, "pg_json_array_element"),
    immutable("json_array_element_text", &[JSON, INT4], TEXT, "pg_json_array_element_text"),
    immutable("json_object_field", &[JSON, TEXT], JSON, "pg_json_object_field"),
    immutable("json_object_field_text", &[JSON, TEXT], TEXT, "pg_json_object_field_text"),
    immutable("jsonb_array_element", &[JSONB, INT4], JSONB, "pg_jsonb_array_element"),
    immutable("jsonb_array_element_text", &[JSONB, INT4], TEXT, "pg_jsonb_array_element_text"),
    immutable("jsonb_object_field", &[JSONB, TEXT], JSONB, "pg_jsonb_object_field"),
    immutable("jsonb_object_field_text", &[JSONB, TEXT], TEXT, "pg_jsonb_object_field_text"),
    immutable("jsonb_set", &[JSONB, TEXT_ARRAY, JSONB, BOOL], JSONB, "pg_jsonb_set").optional(1),
    immutable("jsonb_set_lax", &[JSONB, TEXT_ARRAY, JSONB, BOOL, TEXT], JSONB, "pg_jsonb_set_lax")
        .optional(2)
        .called_on_null(),
    immutable("jsonb_insert", &[JSONB, TEXT_ARRAY, JSONB, BOOL], JSONB, "pg_jsonb_insert").optional(1),
    immutable("jsonb_concat", &[JSONB, JSONB], JSONB, "pg_jsonb_concat"),
    immutable("jsonb_contains", &[JSONB, JSONB], BOOL, "pg_jsonb_contains"),
    immutable("jsonb_contained", &[JSONB, JSONB], BOOL, "pg_jsonb_contained"),
    immutable("jsonb_exists", &[JSONB, TEXT], BOOL, "pg_jsonb_exists"),
    immutable("jsonb_exists_all", &[JSONB, TEXT_ARRAY], BOOL, "pg_jsonb_exists_all"),
    immutable("jsonb_exists_any", &[JSONB, TEXT_ARRAY], BOOL, "pg_jsonb_exists_any"),
    immutable("jsonb_delete_path", &[JSONB, TEXT_ARRAY], JSONB, "pg_jsonb_delete_path"),
    immutable("jsonb_delete", &[JSONB, TEXT], JSONB, "pg_jsonb_delete_key"),
    immutable("jsonb_delete", &[JSONB, INT4], JSONB, "pg_jsonb_delete_element"),
    immutable("jsonb_path_exists", &[JSONB, JSONPATH, JSONB, BOOL], BOOL, "pg_jsonb_path_exists").optional(2),
    immutable("jsonb_path_match", &[JSONB, JSONPATH, JSONB, BOOL], BOOL, "pg_jsonb_path_match").optional(2),
    immutable("jsonb_path_query_array", &[JSONB, JSONPATH, JSONB, BOOL], JSONB, "pg_jsonb_path_query_array")
        .optional(2),
    immutable("jsonb_path_query_first", &[JSONB, JSONPATH, JSONB, BOOL], JSONB, "pg_jsonb_path_query_first")
        .optional(2),
];
