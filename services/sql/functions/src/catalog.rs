//! What clients ask about the catalog: visibility, descriptions, sizes, privileges, and names of what OIDs mean.
//!
//! There is one owner, who may do all, so every privilege on what exists is held.

pub(crate) mod built_in;
mod encodings;
mod enums;
pub(crate) mod names;
pub(crate) mod privileges;
pub(crate) mod sizes;

use bole_sql_dialect::catalog::system::with_oid;
use bole_sql_dialect::catalog::{Object, Rule, Table, definitions};
use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::{Arguments, boolean, integer, text, text_or_null};
use crate::context::Session;
use crate::scalar::{Scalar, session, strict};
use names::visible;

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_format_type", 2, |of, session| text_or_null(names::format_type(of, session)?))
        .called_on_null(),
    session(c"pg_enum_first", 2, |of, session| {
        Ok(enums::places(of, session)?.first().map_or(Value::Null, |place| Value::Integer(*place)))
    })
    .called_on_null(),
    session(c"pg_enum_last", 2, |of, session| {
        Ok(enums::places(of, session)?.last().map_or(Value::Null, |place| Value::Integer(*place)))
    })
    .called_on_null(),
    session(c"pg_enum_range", 2, enums::range).optional(2).called_on_null(),
    strict(c"pg_name_at", 2, |of| name_at(of.text(0)?, of.integer(1)?)),
    session(c"pg_acldefault", 2, privileges::default_list),
    session(c"pg_get_userbyid", 1, |of, session| match of.integer(0)? {
        OWNER => text(session.user.as_str()),
        oid => text(format!("unknown (OID={oid})")),
    }),
    session(c"pg_table_is_visible", 1, |of, session| {
        Ok(visible(session, of.integer(0)? as u32).map_or(Value::Null, |is| Value::Integer(is.into())))
    }),
    session(c"pg_type_is_visible", 1, |of, session| {
        Ok(names::type_visible(session, of.integer(0)? as u32)
            .map_or(Value::Null, |is| Value::Integer(is.into())))
    }),
    strict(c"pg_is_other_temp_schema", 1, |_| boolean(false)),
    session(c"pg_relation_is_publishable", 1, |of, session| {
        boolean(table(session, of.integer(0)? as u32).is_some_and(|table| !table.temporary))
    }),
    session(c"pg_obj_description", 1, |of, session| text_or_null(comment(session, of.integer(0)? as u32)))
        .optional(1),
    strict(c"pg_shobj_description", 2, |_| Ok(Value::Null)),
    session(c"pg_col_description", 2, |of, session| {
        let column = table(session, of.integer(0)? as u32).and_then(|table| {
            let number = of.integer(1).ok()?;
            table.columns.iter().find(|column| i64::from(column.number) == number)
        });
        text_or_null(column.and_then(|column| column.comment.clone()))
    }),
    strict(c"pg_encoding_to_char", 1, |of| text(encodings::name(of.integer(0)?))),
    strict(c"pg_char_to_encoding", 1, |of| integer(encodings::number(of.text(0)?))),
    // The first argument is what it is written like for those who did not ask for fewer parentheses.
    session(c"pg_get_expr", 2, |of, session| {
        let (written, table) = (of.text(0)?, table(session, of.integer(1)? as u32));
        text(if pretty(of, 2)? {
            definitions::expression(session.shown(), table, written, true)
        } else {
            written.to_owned()
        })
    })
    .optional(1),
    // All three arguments or the first alone are given.
    session(c"pg_get_indexdef", 1, index_definition).optional(2),
    session(c"pg_get_constraintdef", 1, |of, session| {
        let shown = definitions::pg_get_constraintdef(session.shown(), of.integer(0)? as u32, pretty(of, 1)?);
        text_or_null(shown)
    })
    .optional(1),
    // The second argument is a truth, or the column to wrap lines at, which also asks for fewer parentheses.
    session(c"pg_get_viewdef", 1, |of, session| {
        let pretty = of.len() > 1 && of.integer(1)? != 0;
        text_or_null(definitions::pg_get_viewdef(session.shown(), of.integer(0)? as u32, pretty))
    })
    .optional(1),
    session(c"pg_get_serial_sequence", 2, serial_sequence),
    session(c"pg_get_replica_identity_index", 1, |of, session| {
        let oid = of.integer(0)? as u32;
        if !is_relation(session, oid) {
            let message = format!("could not open relation with OID {oid}");
            return Err(Error::new(SqlState::INTERNAL_ERROR, message));
        }
        let index = replica_identity(session, oid);
        Ok(index.map_or(Value::Null, |oid| Value::Integer(oid.into())))
    }),
    session(c"pg_relation_size", 1, |of, session| {
        if of.len() > 1 && !is_main(of.text(1)?)? {
            // There are no such forks, but of relations that are.
            return Ok(if is_relation(session, of.integer(0)? as u32) {
                Value::Integer(0)
            } else {
                Value::Null
            });
        }
        size(of, session, false)
    })
    .optional(1),
    session(c"pg_table_size", 1, |of, session| size(of, session, false)),
    session(c"pg_total_relation_size", 1, |of, session| size(of, session, true)),
    session(c"pg_indexes_size", 1, |of, session| {
        let oid = of.integer(0)? as u32;
        if !is_relation(session, oid) {
            return Ok(Value::Null);
        }
        integer(sizes::of_relations(of, &indexes(session, oid).collect::<Vec<_>>())?)
    }),
    session(c"pg_database_size", 1, database_size),
    // The two that there are lie in the data directory.
    strict(c"pg_tablespace_location", 1, |of| match of.integer(0)? {
        0 | 1_663 | 1_664 => text(""),
        _ => Err(Error::unsupported("a tablespace of this OID")),
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
    session(c"pg_regproc_text", 1, |of, session| names::function_number(session, of.text(0)?)),
    session(c"pg_text_regclass", 1, |of, session| written(of, session, bole_sql_types::Type::REGCLASS)),
    session(c"pg_text_regtype", 1, |of, session| written(of, session, bole_sql_types::Type::REGTYPE)),
    session(c"pg_text_regnamespace", 1, |of, session| {
        written(of, session, bole_sql_types::Type::REGNAMESPACE)
    }),
    session(c"pg_text_regproc", 1, |of, session| written(of, session, bole_sql_types::Type::REGPROC)),
];

/// The OID of the user that logged in, who owns all.
pub(crate) const OWNER: i64 = 10;

/// A byte of a name, which has 64 of them; those behind its end are zero, which is an empty `"char"`.
fn name_at(name: &str, index: i64) -> Result<Value> {
    const NAME_BYTES: usize = 64;
    let Some(place) = usize::try_from(index).ok().filter(|place| *place < NAME_BYTES) else {
        return Ok(Value::Null);
    };
    match name.as_bytes().get(place) {
        Some(byte) if byte.is_ascii() => text(char::from(*byte)),
        Some(_) => Err(Error::unsupported("a byte of a name that is not ASCII")),
        None => text(""),
    }
}

fn written(of: &Arguments<'_, '_>, session: &Session, ty: bole_sql_types::Type) -> Result<Value> {
    text(names::written(ty, of.integer(0)? as u32, session)?)
}

fn table(session: &Session, oid: u32) -> Option<&Table> {
    session.catalog.table(oid)
}

/// The comment on an object, or on a constraint.
fn comment(session: &Session, oid: u32) -> Option<String> {
    let catalog = &session.catalog;
    match catalog.object(oid) {
        Some(object) => object.comment().cloned(),
        None => definitions::find_constraint(catalog, oid)?.1.comment.clone(),
    }
}

fn indexes(session: &Session, of: u32) -> impl Iterator<Item = u32> {
    session.catalog.objects.values().filter_map(move |object| match &**object {
        Object::Index(index) if index.table == of => Some(index.oid),
        _ => None,
    })
}

fn is_relation(session: &Session, oid: u32) -> bool {
    session.catalog.is_relation(oid) || with_oid(oid).is_some()
}

/// Whether a fork's name is that of the rows. Errors: 22023.
fn is_main(fork: &str) -> Result<bool> {
    if ["main", "fsm", "vm", "init"].contains(&fork) {
        return Ok(fork == "main");
    }
    let hint = "Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".";
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "invalid fork name").with_hint(hint))
}

fn size(of: &Arguments<'_, '_>, session: &Session, with_indexes: bool) -> Result<Value> {
    let oid = of.integer(0)? as u32;
    if !is_relation(session, oid) {
        return Ok(Value::Null);
    }
    let mut relations = vec![oid];
    if with_indexes {
        relations.extend(indexes(session, oid));
    }
    integer(sizes::of_relations(of, &relations)?)
}

/// The size of a database's file.
fn database_size(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    match privileges::database(of, session, 0)? {
        None => Ok(Value::Null),
        Some(name) if name != session.catalog.database => integer(session.effects.database_size(&name)?),
        Some(_) => integer(sizes::of_database(of)?),
    }
}

/// The index of the primary key: all tables have the default replica identity.
fn replica_identity(session: &Session, oid: u32) -> Option<u32> {
    table(session, oid)?.constraints.iter().find_map(|constraint| match constraint.rule {
        Rule::PrimaryKey { index, .. } => Some(index),
        _ => None,
    })
}

/// The sequence of a serial or identity column, with its schema.
fn serial_sequence(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let oid = names::relation(session, of.text(0)?)?;
    let name = of.text(1)?;
    let column = table(session, oid).and_then(|table| table.column(name)).ok_or_else(|| {
        let relation = session.catalog.object(oid).map_or("", Object::name);
        let message = format!("column \"{name}\" of relation \"{relation}\" does not exist");
        Error::new(SqlState::UNDEFINED_COLUMN, message)
    })?;
    text_or_null(definitions::pg_get_serial_sequence(&session.catalog, oid, column.number))
}

/// Whether an argument asks for fewer parentheses.
fn pretty(of: &Arguments<'_, '_>, at: usize) -> Result<bool> {
    Ok(of.len() > at && of.boolean(at)?)
}

fn index_definition(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let column = if of.len() > 1 { of.int4(1)? } else { 0 };
    let shown = definitions::pg_get_indexdef(session.shown(), of.integer(0)? as u32, column, pretty(of, 2)?);
    text_or_null(shown)
}
