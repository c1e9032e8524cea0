//! The tables by name. Built once, at the first question.

use std::collections::HashMap;
use std::sync::LazyLock;

use bole_sql_types::Type;

use super::{Cast, Function, Operator, aggregate, array, bole, casts, datetime, json, math, pattern, set};
use super::{system, text, window};

const FUNCTIONS: &[&[Function]] = &[
    math::FUNCTIONS,
    text::FUNCTIONS,
    pattern::FUNCTIONS,
    datetime::FUNCTIONS,
    json::FUNCTIONS,
    array::FUNCTIONS,
    aggregate::FUNCTIONS,
    window::FUNCTIONS,
    set::FUNCTIONS,
    system::FUNCTIONS,
    bole::FUNCTIONS,
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
    FUNCTIONS.iter().flat_map(|family| family.iter())
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
