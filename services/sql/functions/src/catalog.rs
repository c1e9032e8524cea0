//! What clients ask about the catalog: visibility, descriptions, sizes, privileges, and names of what OIDs mean.
//!
//! There is one owner, who may do all, so every privilege on what exists is held.

pub(crate) mod names;
pub(crate) mod privileges;

use bole_sql_dialect::catalog::{Object, Table};
use bole_sql_types::{Error, Result, Value};

use crate::call::{Arguments, boolean, integer, text, text_or_null};
use crate::context::Session;
use crate::scalar::{Scalar, session, strict};
use names::{relation_name, visible};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_format_type", 2, |of, session| text_or_null(names::format_type(of, session)?))
        .called_on_null(),
    session(c"pg_get_userbyid", 1, |_, session| text(session.user.as_str())),
    session(c"pg_table_is_visible", 1, |of, session| {
        Ok(visible(session, of.integer(0)? as u32).map_or(Value::Null, |is| Value::Integer(is.into())))
    }),
    session(c"pg_type_is_visible", 1, |of, session| {
        Ok(names::type_visible(session, of.integer(0)? as u32)
            .map_or(Value::Null, |is| Value::Integer(is.into())))
    }),
    strict(c"pg_function_is_visible", 1, |_| boolean(true)),
    strict(c"pg_operator_is_visible", 1, |_| boolean(true)),
    strict(c"pg_collation_is_visible", 1, |_| boolean(true)),
    strict(c"pg_opclass_is_visible", 1, |_| boolean(true)),
    strict(c"pg_opfamily_is_visible", 1, |_| boolean(true)),
    strict(c"pg_conversion_is_visible", 1, |_| boolean(true)),
    strict(c"pg_statistics_obj_is_visible", 1, |_| boolean(true)),
    strict(c"pg_ts_config_is_visible", 1, |_| boolean(true)),
    strict(c"pg_ts_dict_is_visible", 1, |_| boolean(true)),
    strict(c"pg_ts_parser_is_visible", 1, |_| boolean(true)),
    strict(c"pg_ts_template_is_visible", 1, |_| boolean(true)),
    strict(c"pg_is_other_temp_schema", 1, |_| boolean(false)),
    session(c"pg_relation_is_publishable", 1, |of, session| {
        boolean(table(session, of.integer(0)? as u32).is_some_and(|table| !table.temporary))
    }),
    session(c"pg_obj_description", 1, |of, session| {
        text_or_null(comment(session, of.integer(0)? as u32).map(str::to_owned))
    })
    .optional(1),
    strict(c"pg_shobj_description", 2, |_| Ok(Value::Null)),
    session(c"pg_col_description", 2, |of, session| {
        let column = table(session, of.integer(0)? as u32).and_then(|table| {
            let number = of.integer(1).ok()?;
            table.columns.iter().find(|column| i64::from(column.number) == number)
        });
        text_or_null(column.and_then(|column| column.comment.clone()))
    }),
    strict(c"pg_encoding_to_char", 1, |of| text(if of.integer(0)? == UTF8 { "UTF8" } else { "" })),
    strict(c"pg_char_to_encoding", 1, |of| {
        let is_utf8 = matches!(of.text(0)?.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode");
        integer(if is_utf8 { UTF8 } else { -1 })
    }),
    strict(c"pg_get_expr", 2, |of| text(of.text(0)?)).optional(1),
    session(c"pg_get_serial_sequence", 2, serial_sequence),
    session(c"pg_relation_size", 1, |of, session| size(of, session, false)).optional(1),
    session(c"pg_table_size", 1, |of, session| size(of, session, false)),
    session(c"pg_total_relation_size", 1, |of, session| size(of, session, true)),
    session(c"pg_indexes_size", 1, |of, session| {
        integer(
            indexes(session, of.integer(0)? as u32)
                .map(|index| session.effects.relation_size(index))
                .sum::<i64>(),
        )
    }),
    session(c"pg_regclass_text", 1, |of, session| integer(names::relation(session, of.text(0)?)?)),
    session(c"pg_to_regclass", 1, |of, session| {
        Ok(names::find_relation(session, of.text(0)?)?.map_or(Value::Null, |oid| Value::Integer(oid.into())))
    }),
    session(c"pg_regtype_text", 1, |of, session| integer(names::type_named(session, of.text(0)?)?)),
    session(c"pg_to_regtype", 1, |of, session| {
        Ok(names::find_type(session, of.text(0)?)?.map_or(Value::Null, |oid| Value::Integer(oid.into())))
    }),
    session(c"pg_regnamespace_text", 1, |of, session| integer(names::schema(session, of.text(0)?)?)),
    session(c"pg_to_regnamespace", 1, |of, session| {
        Ok(names::find_schema(session, of.text(0)?).map_or(Value::Null, |oid| Value::Integer(oid.into())))
    }),
    session(c"pg_regproc_text", 1, |of, _| names::function_number(of.text(0)?)),
    session(c"pg_text_regclass", 1, |of, session| written(of, session, bole_sql_types::Type::REGCLASS)),
    session(c"pg_text_regtype", 1, |of, session| written(of, session, bole_sql_types::Type::REGTYPE)),
    session(c"pg_text_regnamespace", 1, |of, session| {
        written(of, session, bole_sql_types::Type::REGNAMESPACE)
    }),
    session(c"pg_text_regproc", 1, |of, session| written(of, session, bole_sql_types::Type::REGPROC)),
];

/// What describes objects of kinds that there are none of: functions of users, triggers, rules, partitions, statistics. NULL is what
/// PostgreSQL answers for the OID of none.
pub(crate) const ABSENT: &[Scalar] = &[
    strict(c"pg_get_function_arg_default", 2, absent),
    strict(c"pg_get_function_arguments", 1, absent),
    strict(c"pg_get_function_identity_arguments", 1, absent),
    strict(c"pg_get_function_result", 1, absent),
    strict(c"pg_get_functiondef", 1, absent),
    strict(c"pg_get_partition_constraintdef", 1, absent),
    strict(c"pg_get_partkeydef", 1, absent),
    strict(c"pg_get_replica_identity_index", 1, absent),
    strict(c"pg_get_ruledef", 1, absent).optional(1),
    strict(c"pg_get_statisticsobjdef", 1, absent),
    strict(c"pg_get_statisticsobjdef_columns", 1, absent),
    strict(c"pg_get_triggerdef", 1, absent).optional(1),
];

#[expect(clippy::unnecessary_wraps, reason = "it is a function of a table")]
fn absent(_: &Arguments<'_, '_>) -> Result<Value> {
    Ok(Value::Null)
}

/// The number of UTF-8 in PostgreSQL's list of encodings.
const UTF8: i64 = 6;

fn written(of: &Arguments<'_, '_>, session: &Session, ty: bole_sql_types::Type) -> Result<Value> {
    text(names::written(ty, of.integer(0)? as u32, session)?)
}

fn object(session: &Session, oid: u32) -> Option<&Object> {
    session.catalog.objects.get(&oid).map(|object| &**object)
}

fn table(session: &Session, oid: u32) -> Option<&Table> {
    match object(session, oid) {
        Some(Object::Table(table)) => Some(table),
        _ => None,
    }
}

/// The comment on an object, or on a constraint.
fn comment(session: &Session, oid: u32) -> Option<&str> {
    let comment = match object(session, oid) {
        Some(Object::Schema(of)) => &of.comment,
        Some(Object::Table(of)) => &of.comment,
        Some(Object::Index(of)) => &of.comment,
        Some(Object::View(of)) => &of.comment,
        Some(Object::Sequence(of)) => &of.comment,
        Some(Object::Enum(of)) => &of.comment,
        None => {
            let constraints = session.catalog.objects.values().filter_map(|object| match &**object {
                Object::Table(table) => Some(&table.constraints),
                _ => None,
            });
            &constraints.flatten().find(|constraint| constraint.oid == oid)?.comment
        }
    };
    comment.as_deref()
}

fn indexes(session: &Session, of: u32) -> impl Iterator<Item = u32> {
    session.catalog.objects.values().filter_map(move |object| match &**object {
        Object::Index(index) if index.table == of => Some(index.oid),
        _ => None,
    })
}

fn size(of: &Arguments<'_, '_>, session: &Session, with_indexes: bool) -> Result<Value> {
    let oid = of.integer(0)? as u32;
    if oid >= bole_sql_types::Type::FIRST_USER && object(session, oid).is_none() {
        return Ok(Value::Null);
    }
    let of_indexes: i64 = if with_indexes {
        indexes(session, oid).map(|index| session.effects.relation_size(index)).sum()
    } else {
        0
    };
    integer(session.effects.relation_size(oid) + of_indexes)
}

/// The sequence of a serial or identity column, with its schema.
fn serial_sequence(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let oid = names::relation(session, of.text(0)?)?;
    let name = of.text(1)?;
    let missing = || {
        let message = format!(
            "column \"{name}\" of relation \"{}\" does not exist",
            relation_name(session, oid).unwrap_or("")
        );
        Error::new(bole_sql_types::SqlState::UNDEFINED_COLUMN, message)
    };
    let columns = table(session, oid).map_or(&[][..], |table| &table.columns);
    let number =
        columns.iter().find(|column| column.name == name && !column.dropped).ok_or_else(missing)?.number;
    let owned = session.catalog.objects.values().find_map(|object| match &**object {
        Object::Sequence(sequence) if sequence.owner == Some((oid, number)) => Some(sequence),
        _ => None,
    });
    let shown = owned.map(|sequence| {
        let schema = crate::session::schema_name(session, sequence.schema).unwrap_or("public");
        let quote = crate::text::quote::identifier;
        format!("{}.{}", quote(schema), quote(&sequence.name))
    });
    text_or_null(shown)
}
