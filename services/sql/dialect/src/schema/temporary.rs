//! Temporary objects: where they are made, what may name them, and what becomes of them at COMMIT and at DISCARD.
//!
//! They are in SQLite's own schema `temp` of the session's connection, under the same names as other tables.

use bole_sql_types::{Error, Result, SqlState};

use super::change::Change;
use super::syntax::Name;
use crate::bind::Scope;
use crate::catalog::dependencies::Element;
use crate::catalog::temporary::{self, OnCommit, is_temporary};
use crate::catalog::{Catalog, Object, Rule, Table};
use crate::plan::{SchemaChange, Step};

/// The schema of SQLite's that a temporary table or index is made in; a table or index is found without it.
pub(super) const fn prefix(oid: u32) -> &'static str {
    if is_temporary(oid) { "temp." } else { "" }
}

/// What COMMIT does to the temporary tables of the scope's catalog that are not just kept. Errors: 0A000 where PostgreSQL has it.
pub fn at_commit(scope: &Scope) -> Result<SchemaChange> {
    let mut change = Change::new(scope);
    let of = |wanted: OnCommit| {
        let tables = scope.catalog.tables().filter(move |table| table.temporary && table.on_commit == wanted);
        tables.map(|table| table.oid).collect::<Vec<u32>>()
    };
    let dropped: Vec<Element> = of(OnCommit::Drop).into_iter().map(Element::Object).collect();
    change.drop_elements(&dropped, true)?;
    let emptied = of(OnCommit::DeleteRows);
    for oid in &emptied {
        let other = change.catalog.references_to(*oid).find(|(from, _)| !emptied.contains(&from.oid));
        if let Some((from, _)) = other {
            let name = change.catalog.object(*oid).map(Object::name).unwrap_or_default();
            let message = "unsupported ON COMMIT and foreign key combination";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(format!(
                "Table \"{}\" references \"{name}\", but they do not have the same ON COMMIT setting.",
                from.name
            )));
        }
    }
    change.empty(&emptied, false)?;
    Ok(SchemaChange { tag: String::new(), steps: change.steps, notices: Vec::new() })
}

/// Drops all temporary objects of the scope's catalog: `DISCARD TEMP`.
pub fn discard(scope: &Scope) -> Result<SchemaChange> {
    let mut change = Change::new(scope);
    let all = scope.catalog.in_schema(temporary::SCHEMA);
    let targets: Vec<Element> = all.map(|object| Element::Object(object.oid())).collect();
    change.drop_elements(&targets, true)?;
    Ok(SchemaChange { tag: String::new(), steps: change.steps, notices: Vec::new() })
}

fn invalid(message: &str) -> Error {
    Error::new(SqlState::INVALID_TABLE_DEFINITION, message)
}

/// What `ON COMMIT` says of a table in that schema. Errors: 42P16.
pub(super) fn on_commit(schema: u32, written: Option<OnCommit>) -> Result<OnCommit> {
    if written.is_some() && !is_temporary(schema) {
        return Err(invalid("ON COMMIT can only be used on temporary tables"));
    }
    Ok(written.unwrap_or_default())
}

/// That a foreign key does not lead from temporary to other tables, or the other way.
pub(super) fn check_same_persistence(from: &Table, to: &Table) -> Result<()> {
    match (from.temporary, to.temporary) {
        (true, false) => Err(invalid("constraints on temporary tables may reference only temporary tables")),
        (false, true) => Err(invalid("constraints on permanent tables may reference only permanent tables")),
        _ => Ok(()),
    }
}

impl Change<'_> {
    /// The schema that a relation with this name is made in, which exists afterwards. Errors: 42P16, and those of [`Change::schema_for`].
    pub(super) fn place_for(&mut self, name: &Name, is_temporary: bool) -> Result<u32> {
        let is_own = |schema: &String| schema == temporary::ALIAS || schema == temporary::NAME;
        let schema = match &name.schema {
            Some(schema) if is_own(schema) => temporary::SCHEMA,
            Some(schema) if is_temporary => {
                self.catalog.schema_oid(schema)?;
                return Err(invalid("cannot create temporary relation in non-temporary schema"));
            }
            None if is_temporary => temporary::SCHEMA,
            _ => self.schema_for(name)?,
        };
        if schema == temporary::SCHEMA && !self.catalog.has_temporary() {
            self.put(Catalog::temporary_schema());
        }
        Ok(schema)
    }

    /// SQL that changes SQLite's schema for a table or index.
    pub(super) fn ddl_of(&mut self, oid: u32, sql: String) {
        self.steps.push(if is_temporary(oid) { Step::Temporary(sql) } else { Step::Ddl(sql) });
    }

    /// That nothing permanent says something that only this session has. A view is temporary where it uses what is.
    pub(super) fn check_permanent(&self) -> Result<()> {
        let put = self.steps.iter().filter_map(|step| match step {
            Step::Put(object) if !is_temporary(object.oid()) => Some(object.as_ref()),
            _ => None,
        });
        let schema = format!("{}.", temporary::NAME);
        match put.into_iter().find(|object| texts(object).any(|text| text.contains(&schema))) {
            Some(object) => {
                let what = format!("{} \"{}\" that uses a temporary relation", object.noun(), object.name());
                Err(Error::unsupported(what))
            }
            None => Ok(()),
        }
    }
}

/// The texts of expressions and queries that are kept of an object.
fn texts(object: &Object) -> Box<dyn Iterator<Item = &String> + '_> {
    match object {
        Object::Table(table) => {
            let columns =
                table.columns.iter().flat_map(|column| column.default.iter().chain(&column.generated));
            let checks = table.constraints.iter().filter_map(|constraint| match &constraint.rule {
                Rule::Check { expression } => Some(expression),
                _ => None,
            });
            let query = table.materialized.iter().map(|materialized| &materialized.query);
            Box::new(columns.chain(checks).chain(query))
        }
        Object::Index(index) => {
            Box::new(index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate))
        }
        Object::View(view) => Box::new(std::iter::once(&view.query)),
        Object::Schema(_) | Object::Sequence(_) | Object::Enum(_) => Box::new(std::iter::empty()),
    }
}
