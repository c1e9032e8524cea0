//! Schemas, comments and `TRUNCATE`.

use bole_sql_types::{Error, Result, SqlState};

use super::change::{Change, SUCCESS, wrong_kind};
use super::storage::Form;
use super::syntax::{CommentTarget, Kind, Name, Role};
use crate::catalog::{Object, Rule, Schema, Table};
use crate::plan::Step;

impl Change<'_> {
    pub(super) fn create_schema(
        &mut self,
        name: Option<&str>,
        if_not_exists: bool,
        owner: Option<&Role>,
    ) -> Result<()> {
        owner.map_or(Ok(()), |role| self.owner(role))?;
        let name = name.unwrap_or(&self.scope.user).to_owned();
        if name.starts_with("pg_") {
            let error = Error::new(SqlState(*b"42939"), format!("unacceptable schema name \"{name}\""));
            return Err(error.with_detail("The prefix \"pg_\" is reserved for system schemas."));
        }
        if self.catalog.schemas.contains_key(&name) {
            let message = format!("schema \"{name}\" already exists");
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_SCHEMA, message));
            }
            self.notice(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
            return Ok(());
        }
        let oid = self.catalog.allocate(0);
        self.put(Object::Schema(Schema { oid, name, comment: None }));
        Ok(())
    }

    pub(super) fn comment(&mut self, target: &CommentTarget, comment: Option<&String>) -> Result<()> {
        let comment = comment.cloned();
        match target {
            CommentTarget::Object(Kind::Schema, name) => {
                let oid = self.catalog.schema_oid(&name.name)?;
                if self.catalog.object(oid).is_none() {
                    let message = format!("must be owner of schema {}", name.name);
                    return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
                }
                self.update(oid, |object| object.set_comment(comment));
            }
            CommentTarget::Object(Kind::Type, name) => {
                let oid = self.find_enum(name)?;
                self.update(oid, |object| object.set_comment(comment));
            }
            CommentTarget::Object(kind, name) => {
                let Some(object) = self.find(name, false)? else { return Ok(()) };
                if object.noun() != kind.noun() {
                    return Err(wrong_kind(&name.name, *kind));
                }
                self.update(object.oid(), |object| object.set_comment(comment));
            }
            CommentTarget::Column(relation, column) => return self.comment_column(relation, column, comment),
            CommentTarget::Constraint(table, name) => {
                let table = self.find_table(table)?;
                let missing = || {
                    let message =
                        format!("constraint \"{name}\" for table \"{}\" does not exist", table.name);
                    Error::new(SqlState::UNDEFINED_OBJECT, message)
                };
                let oid = table.constraint(name).ok_or_else(missing)?.oid;
                self.update_constraint(table.oid, oid, |it| it.comment = comment);
            }
        }
        Ok(())
    }

    fn comment_column(&mut self, relation: &Name, column: &str, comment: Option<String>) -> Result<()> {
        let Some(mut object) = self.find(relation, false)? else { return Ok(()) };
        let columns = match &mut object {
            Object::Table(table) => &mut table.columns,
            Object::View(view) => &mut view.columns,
            other => {
                let error = Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("cannot set comment on relation \"{}\"", other.name()),
                );
                let kind = if other.noun() == "index" { "indexes" } else { "sequences" };
                return Err(error.with_detail(format!("This operation is not supported for {kind}.")));
            }
        };
        if let Some(it) = columns.iter_mut().find(|it| !it.dropped && it.name == column) {
            it.comment = comment;
        } else {
            let message = format!("column \"{column}\" of relation \"{}\" does not exist", object.name());
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
        }
        self.put(object);
        Ok(())
    }

    pub(super) fn truncate(&mut self, names: &[Name], restart_identity: bool, cascade: bool) -> Result<()> {
        let mut tables: Vec<u32> = Vec::new();
        for name in names {
            let table = self.find_table(name)?;
            if !tables.contains(&table.oid) {
                tables.push(table.oid);
            }
        }
        let mut at = 0;
        while let Some(target) = tables.get(at).copied() {
            at += 1;
            let outside: Vec<(u32, String)> = self
                .catalog
                .references_to(target)
                .filter(|(from, _)| !tables.contains(&from.oid))
                .map(|(from, _)| (from.oid, from.name.clone()))
                .collect();
            for (oid, name) in outside {
                if tables.contains(&oid) {
                    continue;
                }
                if !cascade {
                    return Err(self.referenced(&name, target));
                }
                self.notice(SUCCESS, format!("truncate cascades to table \"{name}\""));
                tables.push(oid);
            }
        }
        self.empty(&tables, restart_identity)
    }

    fn referenced(&self, from: &str, target: u32) -> Error {
        let target = self.catalog.table(target).map(|table| table.name.clone()).unwrap_or_default();
        let message = "cannot truncate a table referenced in a foreign key constraint";
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_detail(format!("Table \"{from}\" references \"{target}\"."))
            .with_hint(format!("Truncate table \"{from}\" at the same time, or use TRUNCATE ... CASCADE."))
    }

    /// Empties tables. References among them are not minded meanwhile, as none is left at the end.
    pub(super) fn empty(&mut self, tables: &[u32], restart_identity: bool) -> Result<()> {
        let references = |table: &&Table| {
            table
                .constraints
                .iter()
                .any(|it| matches!(&it.rule, Rule::ForeignKey { target, .. } if tables.contains(target)))
        };
        let all: Vec<Table> = tables.iter().filter_map(|oid| self.catalog.table(*oid)).cloned().collect();
        let loosened: Vec<u32> = all.iter().filter(references).map(|table| table.oid).collect();
        loosened.iter().try_for_each(|oid| self.retext(*oid, Form::Loose))?;
        for table in &all {
            if table.temporary {
                self.rows(format!("DELETE FROM {}", table.storage));
            } else {
                self.steps.push(Step::Empty(table.storage.clone()));
            }
        }
        loosened.iter().try_for_each(|oid| self.retext(*oid, Form::Full))?;
        if restart_identity {
            let owned = self
                .catalog
                .sequences()
                .filter(|it| it.owner.is_some_and(|(table, _)| tables.contains(&table)));
            let steps: Vec<Step> =
                owned.map(|sequence| Step::Sequence(sequence.oid, sequence.start, false)).collect();
            self.steps.extend(steps);
        }
        Ok(())
    }
}
