//! `SET CONSTRAINTS`.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::Constraint;
use bole_sql_types::{Error, Result, SqlState};

use super::tokens::Cursor;
use super::{Command, How};
use crate::session::{Done, Halt, Session, State};

/// `SET CONSTRAINTS {ALL | name, …} {DEFERRED | IMMEDIATE}`.
struct SetConstraints {
    /// Schema and name; `None` is `ALL`.
    names: Option<Vec<(Option<String>, String)>>,
    deferred: bool,
}

/// What comes after `SET CONSTRAINTS`.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let names = if cursor.accept(&["all"]) { None } else { Some(names(cursor)?) };
    let deferred = cursor.accept(&["deferred"]);
    if !deferred {
        cursor.expect(&["immediate"])?;
    }
    Ok(Some(Arc::new(SetConstraints { names, deferred })))
}

fn names(cursor: &mut Cursor<'_>) -> Result<Vec<(Option<String>, String)>> {
    let mut names = Vec::new();
    loop {
        let first = cursor.name()?;
        names.push(if cursor.accept_symbol('.') { (Some(first), cursor.name()?) } else { (None, first) });
        if !cursor.accept_symbol(',') {
            return Ok(names);
        }
    }
}

/// The constraints of a name: those of the first schema that has any.
fn find<'c>(
    catalog: &'c Catalog,
    path: &[u32],
    (schema, name): &(Option<String>, String),
) -> Result<Vec<&'c Constraint>> {
    let schemas = match schema {
        None => path.to_vec(),
        Some(schema) => vec![*catalog.schemas.get(schema).ok_or_else(|| {
            Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
        })?],
    };
    let of_schema = |schema: &u32| {
        let tables = catalog.tables().filter(|table| table.schema == *schema);
        let found: Vec<&Constraint> = tables
            .flat_map(|table| &table.constraints)
            .filter(|constraint| constraint.name == *name)
            .collect();
        (!found.is_empty()).then_some(found)
    };
    schemas.iter().find_map(of_schema).ok_or_else(|| {
        let schema = schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        Error::new(SqlState::UNDEFINED_OBJECT, format!("constraint \"{schema}{name}\" does not exist"))
    })
}

impl Command for SetConstraints {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if session.transaction.state != State::Block && !session.transaction.started {
            let message = "SET CONSTRAINTS can only be used in transaction blocks";
            session.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
        }
        let mut deferral = session.transaction.deferral.clone();
        match &self.names {
            None => deferral.set_all(self.deferred),
            Some(names) => {
                let catalog = session.catalog();
                let path = catalog.with_temporary(&session.search_path(&catalog));
                for name in names {
                    for constraint in find(&catalog, &path, name)? {
                        if self.deferred && !constraint.deferrable {
                            let message = format!("constraint \"{}\" is not deferrable", constraint.name);
                            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).into());
                        }
                        deferral.set(constraint.oid, self.deferred);
                    }
                }
            }
        }
        if let Some(writer) = session.transaction.writer.as_ref().filter(|_| !self.deferred) {
            writer.check_immediate(&deferral, (0, false))?;
        }
        session.transaction.deferral = deferral;
        Ok(Done::Tag("SET CONSTRAINTS".to_owned()))
    }
}
