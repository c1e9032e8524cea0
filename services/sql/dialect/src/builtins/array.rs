//! Arrays.

use super::Function;
use super::row::{
    ANYARRAY, ANYCOMPATIBLE, ANYCOMPATIBLEARRAY, ANYELEMENT, ANYENUM, BOOL, INT4, INT4_ARRAY, TEXT,
    immutable, stable,
};

/// Rows of `pg_proc`.
pub(super) const FUNCTIONS: &[Function] = &[
    immutable("array_append", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], ANYCOMPATIBLEARRAY, "pg_array_append")
        .called_on_null()
        .wrapped("pg_element"),
    immutable("array_prepend", &[ANYCOMPATIBLE, ANYCOMPATIBLEARRAY], ANYCOMPATIBLEARRAY, "pg_array_prepend")
        .called_on_null()
        .wrapped("pg_element"),
    immutable("array_cat", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLEARRAY], ANYCOMPATIBLEARRAY, "pg_array_cat")
        .called_on_null(),
    immutable("array_dims", &[ANYARRAY], TEXT, "pg_array_dims"),
    immutable("array_length", &[ANYARRAY, INT4], INT4, "pg_array_length"),
    immutable("array_lower", &[ANYARRAY, INT4], INT4, "pg_array_lower"),
    immutable("array_upper", &[ANYARRAY, INT4], INT4, "pg_array_upper"),
    immutable("array_ndims", &[ANYARRAY], INT4, "pg_array_ndims"),
    immutable("cardinality", &[ANYARRAY], INT4, "pg_cardinality"),
    immutable("trim_array", &[ANYARRAY, INT4], ANYARRAY, "pg_trim_array"),
    immutable("array_fill", &[ANYELEMENT, INT4_ARRAY], ANYARRAY, "pg_array_fill")
        .called_on_null()
        .wrapped("pg_element"),
    immutable("array_fill", &[ANYELEMENT, INT4_ARRAY, INT4_ARRAY], ANYARRAY, "pg_array_fill")
        .called_on_null()
        .wrapped("pg_element"),
    immutable("array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4, "pg_array_position")
        .called_on_null()
        .typed(),
    immutable("array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE, INT4], INT4, "pg_array_position")
        .called_on_null()
        .typed(),
    immutable("array_positions", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4_ARRAY, "pg_array_positions")
        .called_on_null()
        .typed(),
    immutable("array_remove", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], ANYCOMPATIBLEARRAY, "pg_array_remove")
        .called_on_null()
        .typed(),
    immutable(
        "array_replace",
        &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE, ANYCOMPATIBLE],
        ANYCOMPATIBLEARRAY,
        "pg_array_replace",
    )
    .called_on_null()
    .typed(),
    stable("enum_first", &[ANYENUM], ANYENUM, "pg_enum_first").called_on_null().typed(),
    stable("enum_last", &[ANYENUM], ANYENUM, "pg_enum_last").called_on_null().typed(),
    stable("enum_range", &[ANYENUM], ANYARRAY, "pg_enum_range").called_on_null().typed(),
    stable("enum_range", &[ANYENUM, ANYENUM], ANYARRAY, "pg_enum_range").called_on_null().typed(),
    immutable("arraycontains", &[ANYARRAY, ANYARRAY], BOOL, "pg_array_contains").typed(),
    immutable("arraycontained", &[ANYARRAY, ANYARRAY], BOOL, "pg_array_contained").typed(),
    immutable("arrayoverlap", &[ANYARRAY, ANYARRAY], BOOL, "pg_array_overlap").typed(),
];
