//! What is there in every database: functions, operators and their like, by OID.

use bole_sql_types::{Error, Result, Value};

use crate::call::{Arguments, text_or_null};
use crate::context::Session;
use crate::scalar::{Scalar, session, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_function_is_visible", 1, |of, session| Ok(visible(session, "pg_proc", of.integer(0)?))),
    session(c"pg_operator_is_visible", 1, |of, session| Ok(visible(session, "pg_operator", of.integer(0)?))),
    session(c"pg_collation_is_visible", 1, |of, session| {
        Ok(visible(session, "pg_collation", of.integer(0)?))
    }),
    session(c"pg_opclass_is_visible", 1, |of, session| Ok(visible(session, "pg_opclass", of.integer(0)?))),
    session(c"pg_opfamily_is_visible", 1, |of, session| Ok(visible(session, "pg_opfamily", of.integer(0)?))),
    session(c"pg_get_function_arguments", 1, |of, session| part(of, session, 1)),
    session(c"pg_get_function_identity_arguments", 1, |of, session| part(of, session, 2)),
    session(c"pg_get_function_result", 1, |of, session| part(of, session, 3)),
    session(c"pg_get_function_arg_default", 2, default),
    session(c"pg_get_functiondef", 1, |of, session| match texts(session, of.integer(0)?) {
        None => Ok(Value::Null),
        Some(_) => Err(Error::unsupported("pg_get_functiondef of a function that is built in")),
    }),
    strict(c"pg_conversion_is_visible", 1, absent),
    strict(c"pg_statistics_obj_is_visible", 1, absent),
    strict(c"pg_ts_config_is_visible", 1, absent),
    strict(c"pg_ts_dict_is_visible", 1, absent),
    strict(c"pg_ts_parser_is_visible", 1, absent),
    strict(c"pg_ts_template_is_visible", 1, absent),
    strict(c"pg_get_partition_constraintdef", 1, absent),
    strict(c"pg_get_partkeydef", 1, absent),
    strict(c"pg_partition_root", 1, absent),
    strict(c"pg_get_ruledef", 1, absent).optional(1),
    strict(c"pg_get_statisticsobjdef", 1, absent),
    strict(c"pg_get_statisticsobjdef_columns", 1, absent),
    strict(c"pg_get_triggerdef", 1, absent).optional(1),
];

/// NULL is what PostgreSQL answers for the OID of none, and of these kinds there are none.
#[expect(clippy::unnecessary_wraps, reason = "it is a function of a table")]
fn absent(_: &Arguments<'_, '_>) -> Result<Value> {
    Ok(Value::Null)
}

/// Whether there is a built-in object of a relation.
pub(super) fn is_there(session: &Session, relation: &str, oid: i64) -> bool {
    session.effects.built_in(relation, oid as u32).is_some()
}

/// All are in `pg_catalog`, which is always in the search path; NULL where there is none.
fn visible(session: &Session, relation: &str, oid: i64) -> Value {
    if is_there(session, relation, oid) { Value::Integer(1) } else { Value::Null }
}

fn texts(session: &Session, oid: i64) -> Option<&'static str> {
    session.effects.built_in("functions", oid as u32)
}

fn part(of: &Arguments<'_, '_>, session: &Session, at: usize) -> Result<Value> {
    text_or_null(
        texts(session, of.integer(0)?).and_then(|texts| texts.split('\t').nth(at)).map(str::to_owned),
    )
}

/// Those that have defaults have no results among their arguments, and no commas in defaults.
fn default(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let arguments = texts(session, of.integer(0)?).and_then(|texts| texts.split('\t').nth(1));
    let at = usize::try_from(of.integer(1)?).ok().and_then(|at| at.checked_sub(1));
    let argument = arguments.zip(at).and_then(|(arguments, at)| arguments.split(", ").nth(at));
    text_or_null(argument.and_then(|it| it.split_once(" DEFAULT ")).map(|(_, default)| default.to_owned()))
}
