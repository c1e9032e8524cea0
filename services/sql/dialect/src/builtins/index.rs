//! The tables by name. Built once, at the first question.

use std::collections::HashMap;
use std::sync::LazyLock;

use bole_sql_types::Type;

use super::{Cast, Function, Operator, aggregate, array, bole, casts, datetime, json, math, pattern, set};
use super::{system, text, window};

/// The families of functions, each with what it is about.
pub(crate) const FAMILIES: &[(&str, &[Function])] = &[
    ("Numbers", math::FUNCTIONS),
    ("Text", text::FUNCTIONS),
    ("Patterns", pattern::FUNCTIONS),
    ("Date and time", datetime::FUNCTIONS),
    ("JSON", json::FUNCTIONS),
    ("Arrays and enums", array::FUNCTIONS),
    ("Aggregates", aggregate::FUNCTIONS),
    ("Window functions", window::FUNCTIONS),
    ("Functions that give rows", set::FUNCTIONS),
    ("Session, sequences, locks, catalog", system::FUNCTIONS),
    ("Only Bole's", bole::FUNCTIONS),
];

static FUNCTIONS_BY_NAME: LazyLock<HashMap<&str, Vec<&Function>>> = LazyLock::new(|| {
    let mut index: HashMap<&str, Vec<&Function>> = HashMap::new();
    for function in all_functions() {
        index.entry(function.name).or_default().push(function);
    }
    index
});

static OPERATORS_BY_NAME: LazyLock<HashMap<&str, Vec<&Operator>>> = LazyLock::new(|| {
    let mut index: HashMap<&str, Vec<&Operator>> = HashMap::new();
    for operator in all_operators() {
        index.entry(operator.name).or_default().push(operator);
    }
    index
});

static CASTS_BY_TYPES: LazyLock<HashMap<(Type, Type), &Cast>> =
    LazyLock::new(|| all_casts().map(|cast| ((cast.from, cast.to), cast)).collect());

/// All functions.
pub fn all_functions() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|(_, family)| family.iter())
}

/// All operators.
pub fn all_operators() -> impl Iterator<Item = &'static Operator> {
    super::operators::FAMILIES.iter().flat_map(|family| family.iter())
}

/// All casts.
pub fn all_casts() -> impl Iterator<Item = &'static Cast> {
    casts::CASTS.iter()
}

/// The functions of a name, which is PostgreSQL's, with its schema if that is not `pg_catalog`.
pub fn functions(name: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS_BY_NAME.get(name).into_iter().flatten().copied()
}

/// The operators of a name, prefix operators among them.
pub fn operators(name: &str) -> impl Iterator<Item = &'static Operator> {
    OPERATORS_BY_NAME.get(name).into_iter().flatten().copied()
}

/// The cast between two types. From a type to itself it is what applies the type's modifier (`numeric(10,2)`): it is called with the
/// value and the modifier, `varchar` and `bpchar` also with whether the cast is explicit (0 or 1).
pub fn cast(from: Type, to: Type) -> Option<&'static Cast> {
    CASTS_BY_TYPES.get(&(from, to)).copied()
}

/// Functions in SQLite that the binder prints by rules of its own: names and numbers of arguments, -1 for any. `pg_raise(state, message)`
/// fails; `pg_array(element, …)` takes elements as `pg_element(type, value)` gives them, `pg_array_of_arrays(array, …)` arrays;
/// `pg_array_typmod(type, array, modifier, explicit)` applies a type's modifier to each element; `pg_subscript(type, array, index, …)`; `pg_slice(type, array, lower, upper, …)`, where NULL is a bound that is left out;
/// `pg_pack(value, …)` is an aggregate that packs rows into a blob, which the table-valued `pg_rows(blob)` gives back in columns `v1` to
/// `v32`; `pg_call(name, argument, …)` is a call of a table-valued function, and `pg_in_step(call, …)` has the rows of such calls side by
/// side; `pg_mode(type, value, descending)`, `pg_percentile_disc(fraction, type, value, descending)`,
/// `pg_percentile_cont(fraction, value, descending)` and `pg_percentile_cont_interval` are the ordered-set aggregates, `…_array` those of
/// several fractions; `pg_row_to_json(name, type, value, …)` is a row.
///
/// Each aggregate whose name begins with `pg_` has a twin with `_moving` behind its name, for windows whose frame does not begin at
/// `UNBOUNDED PRECEDING`; the plain one refuses these.
pub const PRINTED: &[(&str, i64)] = &[
    ("pg_raise", 2),
    ("pg_element", 2),
    ("pg_array", -1),
    ("pg_array_of_arrays", -1),
    ("pg_array_typmod", 4),
    ("pg_subscript", -1),
    ("pg_slice", -1),
    ("pg_name_at", 2),
    ("pg_pack", -1),
    ("pg_call", -1),
    ("pg_mode", 3),
    ("pg_percentile_disc", 4),
    ("pg_percentile_disc_array", 4),
    ("pg_percentile_cont", 3),
    ("pg_percentile_cont_array", 3),
    ("pg_percentile_cont_interval", 3),
    ("pg_rank_within", 5),
    ("pg_dense_rank_within", 5),
    ("pg_percent_rank_within", 5),
    ("pg_cume_dist_within", 5),
    ("pg_row_to_json", -1),
];
