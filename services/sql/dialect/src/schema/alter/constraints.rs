//! `ALTER TABLE`: constraints.

use bole_sql_types::{Error, Result, SqlState};

use super::super::binder::Use;
use super::super::change::Change;
use super::super::constraint::index_of;
use super::super::storage::{all_or_none, column_list};
use super::super::syntax::{ConstraintSpec, RuleSpec};
use super::Work;
use crate::catalog::dependencies::Element;
use crate::catalog::{Column, Constraint, Object, Rule, Table};

impl Change<'_> {
    fn find_constraint(&self, oid: u32, name: &str) -> Result<(Table, Constraint)> {
        let table = self.table(oid)?;
        let missing = || {
            let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
            Error::new(SqlState::UNDEFINED_OBJECT, message)
        };
        let constraint = table.constraint(name).cloned().ok_or_else(missing)?;
        Ok((table, constraint))
    }

    fn violated(&self, table: &Table, constraint: &Constraint, state: SqlState, message: String) -> Error {
        let mut error = Error::new(state, message);
        error.more().constraint = Some(constraint.name.clone());
        error.more().table = Some(table.name.clone());
        error.more().schema = self.catalog.schema_name(table.schema).map(str::to_owned);
        error
    }

    /// The check of the rows that there are for a condition.
    pub(super) fn check_of(
        &self,
        table: &Table,
        constraint: &Constraint,
        expression: &str,
    ) -> Result<(String, Error)> {
        let bound = self.kept_expression(Some(table.oid), expression, Use::Check, None)?;
        let message = format!(
            "check constraint \"{}\" of relation \"{}\" is violated by some row",
            constraint.name, table.name
        );
        let error = self.violated(table, constraint, SqlState::CHECK_VIOLATION, message);
        Ok((format!("SELECT 1 FROM {} WHERE NOT ({}) LIMIT 1", table.storage, bound.sql), error))
    }

    /// The checks of the rows that there are for a reference.
    fn checks_of_reference(&self, table: &Table, constraint: &Constraint) -> Result<Vec<(String, Error)>> {
        let Rule::ForeignKey { columns, target, target_columns, match_full, .. } = &constraint.rule else {
            return Ok(Vec::new());
        };
        let target = self.table(*target)?;
        let message = format!(
            "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
            table.name, constraint.name
        );
        let error = self.violated(table, constraint, SqlState::FOREIGN_KEY_VIOLATION, message);
        let set: Vec<String> = columns.iter().map(|number| format!("r1.c{number} IS NOT NULL")).collect();
        // The parent's side is on the left, so that its collation decides.
        let equal: Vec<String> = columns
            .iter()
            .zip(target_columns)
            .map(|(here, there)| format!("r2.c{there} = r1.c{here}"))
            .collect();
        let mut checks = vec![(
            format!(
                "SELECT 1 FROM {} AS r1 WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS r2 WHERE {}) LIMIT 1",
                table.storage,
                set.join(" AND "),
                target.storage,
                equal.join(" AND ")
            ),
            error.clone(),
        )];
        if *match_full && columns.len() > 1 {
            let detail = "MATCH FULL does not allow mixing of null and nonnull key values.";
            checks.push((
                format!(
                    "SELECT {} FROM {} WHERE NOT ({}) LIMIT 1",
                    column_list(columns),
                    table.storage,
                    all_or_none(columns)
                ),
                error.with_detail(detail),
            ));
        }
        Ok(checks)
    }

    pub(super) fn add_constraint(&mut self, work: &mut Work, spec: &ConstraintSpec) -> Result<()> {
        let oid = self.make_constraint(work.table, spec)?;
        let table = self.table(work.table)?;
        self.put(Object::Table(table.clone()));
        work.changed = true;
        let Some(constraint) = table.constraints.iter().find(|it| it.oid == oid).cloned() else {
            return Ok(());
        };
        match &constraint.rule {
            Rule::Check { .. } if constraint.not_valid => {
                Err(Error::unsupported("a check that is NOT VALID"))
            }
            Rule::Check { expression } => {
                work.checks.push(self.check_of(&table, &constraint, expression)?);
                Ok(())
            }
            Rule::ForeignKey { .. } => {
                if !constraint.not_valid {
                    work.checks.extend(self.checks_of_reference(&table, &constraint)?);
                }
                Ok(())
            }
            Rule::PrimaryKey { columns, index } | Rule::Unique { columns, index } => {
                if matches!(constraint.rule, Rule::PrimaryKey { .. }) {
                    let names = |column: &&Column| columns.contains(&column.number);
                    for column in table.live().filter(names) {
                        work.checks.push(self.no_null(work.table, column.number)?);
                    }
                }
                let has_index = matches!(spec.rule, RuleSpec::UsingIndex { .. });
                if let Some(index) = self.catalog.index(*index).filter(|_| !has_index) {
                    work.unique.push(index.clone());
                }
                Ok(())
            }
        }
    }

    pub(super) fn drop_constraint(
        &mut self,
        work: &mut Work,
        name: &str,
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        match self.find_constraint(work.table, name) {
            Ok((table, constraint)) => {
                let index = index_of(&constraint.rule);
                work.unique.retain(|it| Some(it.oid) != index);
                work.indexes.retain(|it| Some(it.oid) != index);
                self.drop_elements(&[Element::Constraint(table.oid, constraint.oid)], cascade)
            }
            Err(error) if if_exists => {
                self.skip(error.message);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn alter_constraint(
        &mut self,
        work: &mut Work,
        name: &str,
        deferrable: bool,
        deferred: bool,
    ) -> Result<()> {
        let (table, constraint) = self.find_constraint(work.table, name)?;
        if !matches!(constraint.rule, Rule::ForeignKey { .. }) {
            let message = format!(
                "constraint \"{name}\" of relation \"{}\" is not a foreign key constraint",
                table.name
            );
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
        }
        self.update_constraint(table.oid, constraint.oid, |it| {
            (it.deferrable, it.deferred) = (deferrable, deferred);
        });
        work.changed = true;
        Ok(())
    }

    pub(super) fn rename_constraint(&mut self, oid: u32, from: &str, to: &str) -> Result<()> {
        let table = self.table(oid)?;
        let Some(constraint) = table.constraint(from) else {
            let message = format!("constraint \"{from}\" for table \"{}\" does not exist", table.name);
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
        };
        if let Some(index) = index_of(&constraint.rule) {
            return self.rename(index, to);
        }
        if table.constraint(to).is_some() {
            let message = format!("constraint \"{to}\" for relation \"{}\" already exists", table.name);
            return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
        }
        self.update_constraint(oid, constraint.oid, |it| to.clone_into(&mut it.name));
        Ok(())
    }

    pub(super) fn validate_constraint(&mut self, work: &mut Work, name: &str) -> Result<()> {
        let (table, constraint) = self.find_constraint(work.table, name)?;
        match constraint.rule {
            Rule::ForeignKey { .. } | Rule::Check { .. } => {}
            Rule::PrimaryKey { .. } | Rule::Unique { .. } => {
                let message = format!(
                    "constraint \"{name}\" of relation \"{}\" is not a foreign key or check constraint",
                    table.name
                );
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
        }
        if constraint.not_valid {
            work.checks.extend(self.checks_of_reference(&table, &constraint)?);
            self.update_constraint(table.oid, constraint.oid, |it| it.not_valid = false);
        }
        Ok(())
    }
}
