//! Functions of windows; all are SQLite's own.

use super::Function;
use super::row::{ANYCOMPATIBLE, ANYELEMENT, FLOAT8, INT4, INT8, window};

/// Rows of `pg_proc`.
pub(super) const FUNCTIONS: &[Function] = &[
    window("row_number", &[], INT8, "row_number"),
    window("rank", &[], INT8, "rank"),
    window("dense_rank", &[], INT8, "dense_rank"),
    window("percent_rank", &[], FLOAT8, "percent_rank"),
    window("cume_dist", &[], FLOAT8, "cume_dist"),
    window("ntile", &[INT4], INT4, "ntile"),
    window("lag", &[ANYCOMPATIBLE, INT4, ANYCOMPATIBLE], ANYCOMPATIBLE, "lag"),
    window("lag", &[ANYELEMENT], ANYELEMENT, "lag"),
    window("lag", &[ANYELEMENT, INT4], ANYELEMENT, "lag"),
    window("lead", &[ANYCOMPATIBLE, INT4, ANYCOMPATIBLE], ANYCOMPATIBLE, "lead"),
    window("lead", &[ANYELEMENT], ANYELEMENT, "lead"),
    window("lead", &[ANYELEMENT, INT4], ANYELEMENT, "lead"),
    window("first_value", &[ANYELEMENT], ANYELEMENT, "first_value"),
    window("last_value", &[ANYELEMENT], ANYELEMENT, "last_value"),
    window("nth_value", &[ANYELEMENT, INT4], ANYELEMENT, "nth_value"),
];
